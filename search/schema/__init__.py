"""What a space's YAML may say: space, axes, first (blocks trained before its trials), objectives, replicates, stopping,
budget, resources, loggers; how it is read and refused: yamlfile, problems."""
