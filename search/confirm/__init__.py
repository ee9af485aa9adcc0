"""Train the front of validation again with fresh seeds: `python -m search.confirm RUN`."""
