"""The tables of a report's page, as HTML.

front, effects, overfitting    what is compared
examples, trainings            the training examples; what trials start from, and what did not complete
cells                          what the tables share
"""
