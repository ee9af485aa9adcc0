"""Train a sample of a sweep's trials again, and compare the bits: `python -m search.verify RUN`.

comparison   train and compare
"""
