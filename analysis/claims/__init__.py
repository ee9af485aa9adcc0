"""Claims of papers, judged by the records of sweeps: a claim is a selection of trainings, a metric and an expectation.

metric         a number of a training, as a claim writes it: sums and quotients of terms such as `best pgd20`
expectation    the values that a claim expects, and the verdict of an interval against them
claim          what a claim holds
reading        claims read from a file, with its mistakes in words
curves         a curve around the first drop of its learning rate
examples       means and correlations over the examples of each training
trainings      the terms of a metric, read from the records of each training
agreement      how alike trainings of different seeds rank examples, a number a seed
rankings       how finely the trainings of a profiling rank the examples together
statistics     one number a seed: levels, differences and ratios of selections, and reductions along an axis
second_attack  the attack that stands beside PGD
judging        the verdicts on claims from the runs that have their data, and what the runs lack for the others
tables         verdicts as rows of text, for a terminal, a page and Markdown
__main__       the command
"""
