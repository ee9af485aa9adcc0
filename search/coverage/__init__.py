"""Simulated studies: how often verdicts on a front are false, and what they cost.

__main__    the command and its tables
stored      a stored sweep as a world of which its means are the truth
studies     errors, seeds and optimism of simulated studies
worlds      true means and kinds of noise
"""
