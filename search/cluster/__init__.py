"""Ray's machines.

ray_cluster        start Ray here, or join a cluster
nodes, node_report check that every node would train what the driver planned
capacity           how many trials the machines hold
gpu_packing        how many trials share a GPU (`gpus: auto`), measured by gpu_probe
private_folder     temporary folders of this process alone
"""
