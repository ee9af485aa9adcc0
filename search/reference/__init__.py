"""What a space may hold: methods, pieces, keys and the spaces that ship; for `search.list` and for spaces/KEYS.md.

entry       one thing of a list: its name, a line about it, its details
entries     the lists of methods, pieces and keys
spaces      the list of spaces, which needs no torch
sections    the models that read a space, by the path of their section
keys        the keys of a model: what each takes, its default and its comment
methods     the rows of the table of methods, with their comments: papers, budgets
wording     types and defaults in words
"""
