"""The machines that Ray runs on.

ray_cluster         start Ray on this machine, or join a cluster
nodes, node_report  check that every node would train what the driver planned
capacity            how many trials the machines can hold
gpu_packing         how many trials share a GPU (`gpus: auto`), measured by gpu_probe
private_folder      temporary folders that only this process can use
"""
