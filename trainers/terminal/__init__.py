"""Terminal output of all commands: text, streams and consoles that show user text literally, and exit codes.

The package knows neither sweeps nor plots, so that trainers, search and analysis can all use it.
"""
