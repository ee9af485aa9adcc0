"""The report of a sweep: a page of figures, tables and findings, and a summary on a terminal.

page, comparison, watch              the page of a sweep, that of several, and one that is written again and again
context, rendering, html             what its templates show, and how; `web` has templates, style, fonts and scripts
block                                the data that the scripts of the page draw from
data                                 all that the page shows, computed once
figures, drawings, captions, tables  figures with captions, as files and on the page, and a package of tables
answers, search_answers, notices,    what the numbers say, in words; of a search; what to know before; and the rest
findings
setting, provenance                  what was trained, and where the numbers come from
configurations                       every configuration as a row of numbers, for tables in other formats
summary, matrices                    tables on a terminal
"""
