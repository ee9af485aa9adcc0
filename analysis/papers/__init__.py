"""The figures and tables of three papers, and diagnostics, by name: a row says what each selects, measures and draws.

hard, gairat, profiling    the rows: Liu et al. 2021, Zhang et al. 2021, Dong et al. 2021
diagnostics                rows that belong to no paper
catalogue                  all rows by name
row                        what a row holds, and what a run lacks for it
part                       what a part of a figure is: its measure, its chart, and what it needs recorded
*_parts                    parts by what they show: curves, final accuracies, examples, groups, rankings, recordings
layout                     how each chart lays a figure out
drawing                    a row drawn from runs: the figure, its caption, its points
listing                    for every row: drawable from these runs, or what is lacking
overview                   what can be drawn from some runs at a glance, and the rest by reason
contact_sheet              all that can be drawn from some runs, as thumbnails on a page
"""
