"""A sweep's folder.

States, records    store, stages, segments, writing; planfile, rankfiles, provenance; storage (bytes used and freed)
Read as they grow  tails, seen, pace; partial (of the running epoch)
On what            ground (where one may lie), filesystem, remote (URLs), locking, lease, leftovers (of killed writers)
"""
