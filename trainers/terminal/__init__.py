"""What all commands share: text, streams and consoles that show a user's words as they are; how a command ends.

It knows neither sweeps nor plots, so that what trains, what searches and what draws can all use it.
"""
