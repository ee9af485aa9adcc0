"""Write a first space for a data set: `python -m search.new SPACE --data DATA`.

data_block   find the data set that --data names
inspection   what a person should look at before anything is trained on the data
choices      a network, an epsilon and sizes that fit the data
space_text   the commented YAML
refusal      why nothing is written
writer       the work of the command
"""
