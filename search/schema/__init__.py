"""What a space's YAML may say, and how it is read.

Its blocks         blocks, of: axes (labels), first (trained before the trials), objectives, replicates, stopping,
                   budget, resources, loggers
From text to one   files, reading, yamlfile (of files that extend others), overrides (--set), merging, space
Refused            problems, limits
"""
