"""What a space's YAML may say: space, axes, first (blocks trained before its trials), objectives, replicates, stopping,
budget, resources, loggers, together the blocks; how it is read (files, reading, yamlfile, merging) and refused
(problems, limits)."""
