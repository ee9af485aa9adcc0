"""Figures that draw what measures compute. A chart reads no records.

Each chart has `size_…`, which returns its size in inches, and `draw_…`, which draws on a figure:
front, front_difference, curves, groups, overfitting, effects, sizes, grid, knobs, importance, classes, gallery,
adversaries
Of tidy tables: series (lines with bands), intervals (rows), points (one number against another), density (counts),
components (logits of pairs of classes)
Of figures of papers: lines, trade_off, bars (by class), matrix (seed against seed), table

styles, front_keys    colours, markers and dashes of names, equal in all figures of a page; those of a front's points
rows, panels          layouts: a row per configuration, a panel per setting
text                  wrapped titles, legends, ticks in percent
glyphs                fallbacks for letters that fonts lack
saving                the house style (house.mplstyle), PNG, SVG and PDF
"""
