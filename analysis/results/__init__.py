"""What a sweep recorded, as tables of its trials and arrays of its examples.

sweep, sweep_plan, trial_table    a sweep, its plan, one row a trial and one row an epoch
gaps                              the columns of overfitting, and the epochs that may be selected
axes, metrics                     names: of what varies between trials, of accuracies and attacks
instances, rankings               arrays of examples: of a training, of a ranking
diagnostics, lazy_arrays          arrays of a training after named epochs; arrays that are read when they are asked for
choice, selection, left_out       the trials of a figure: which it needs, which it shows, in words which it does not
page_cut                          the rows of a long table that a page shows, and in words what it leaves out
search_block, measurement_terms   what selects a configuration, and what accuracies may be compared
optuna_study                      axes and trials in the terms of Optuna
shared_trainings, pooled_sweeps   trainings that several sweeps hold: each counts once, and for all that hold it
table_files, remote_copy          tables as CSV and Parquet, copies of a sweep behind a URL
"""
