"""The report of a sweep: a page of figures, tables and findings, and a summary on a terminal.

page                                 the whole page; html renders its elements, report.css styles them
data                                 all that the page shows, computed once
block                                the same as one block of JSON, which the scripts of the page draw from
figures, tables                      figures with captions, and a package of tables
answers, findings                    what the numbers say, in words
setting, provenance                  what was trained, and where the numbers come from
configurations                       every configuration as a row of numbers, for tables in other formats
summary, matrices                    tables on a terminal
"""
