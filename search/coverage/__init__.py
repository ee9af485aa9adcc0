"""Simulated studies: how often verdicts on a front are false, and what they cost.

tables      the work of the command: its tables
methods     the table of methods of trainers/README.md as a world
stored      a stored sweep as a world of which its means are the truth
studies     errors, seeds and optimism of simulated studies
worlds      true means and kinds of noise
"""
