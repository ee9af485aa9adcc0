"""Train the front again with fresh seeds: `python -m search.confirm RUN`."""
