"""Ray's machines: connection, machines, nodes, nodereport; a share of a GPU: packing, probe."""
