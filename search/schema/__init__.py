"""The schema of a space's YAML, and its reader.

Reading    document (files, `extends`, `--set`), space_files (those of bare words), yaml_tree, merging, overrides,
           messages (mistakes in words), synonyms (words of other programs), limits
Blocks     space (the whole), blocks, axes, labels, prerequisites (what is trained first), ranking_file, objectives,
           replicates, stopping, budget, resources, loggers
"""
