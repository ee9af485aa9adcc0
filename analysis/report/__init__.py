"""The report of a sweep: a page of figures, tables and findings, and a summary on a terminal.

page, comparison, watch              the page of a sweep, that of several, and one that is written again and again
context, rendering, html             what its templates show, and how; `web` has templates, style, fonts and scripts
block                                the data that the scripts of the page draw from
data                                 all that the page shows, computed once
figures, drawings, captions, tables  figures with captions, as files and on the page, and a package of tables
answers, findings                    what the numbers say, in words
search_answers, notices              what a search says, and what a reader has to know before all that
progress                             how far a sweep is
setting, provenance                  what was trained, and where the numbers come from
configurations                       every configuration as a row of numbers, for tables in other formats
masked, names                        signs of masked gradients, and names, in sentences
summary, matrices                    tables on a terminal
"""
