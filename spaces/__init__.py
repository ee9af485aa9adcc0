"""The spaces that ship with the package: one YAML file for each study. `python -m search.list spaces` lists them."""
