"""Ray's machines: connection, ownfolder (Ray's), machines, nodes, nodereport; a share of a GPU: packing, probe."""
