"""Figures that draw what measures compute. A chart reads no records.

`charts.plot_front(front)` returns a `Chart`, which a notebook shows and which saves itself: each chart is one such
call, and its module is read when it is first used. `size_…` returns its size in inches, and `draw_…` draws on a figure.
front, front_difference, curves, groups, overfitting, effects, sizes, grid, knobs, importance, classes, gallery,
adversaries
Of tidy tables: series (lines with bands), intervals (rows), points (one number against another), density (counts),
components (logits of pairs of classes)
Of figures of papers: lines, trade_off, bars (by class), matrix (seed against seed), table

styles, front_keys    colours, markers and dashes of names, equal in all figures of a page; those of a front's points
front_view, front_numbers  what of a front is in view, and the numbers of its members
rows, panels          layouts: a row per configuration, a panel per setting
text                  wrapped titles, legends, ticks in percent
chart                 a chart at a size, and its sheets
glyphs                fallbacks for letters that fonts lack
saving                the house style (house.mplstyle), PNG, SVG and PDF
"""

from __future__ import annotations

from analysis.public_names import publish_names

MODULES = {  # of the public names
    "adversaries": ("plot_adversaries",),
    "bars": ("plot_bars",),
    "classes": ("plot_classes",),
    "components": ("Components", "plot_components"),
    "curves": ("plot_curves",),
    "density": ("plot_density", "show_difficulty", "show_kappa", "show_ranks", "show_scatter"),
    "effects": ("plot_effects",),
    "front": ("plot_front",),
    "front_difference": ("plot_front_difference",),
    "gallery": ("plot_gallery",),
    "grid": ("plot_grid",),
    "groups": ("plot_groups",),
    "importance": ("plot_importance",),
    "intervals": ("Intervals", "plot_intervals"),
    "knobs": ("plot_knobs",),
    "lines": ("plot_lines",),
    "matrix": ("plot_matrix",),
    "overfitting": ("plot_gaps",),
    "points": ("compare_attacks", "compare_costs", "plot_points", "show_points"),
    "series": ("Series", "plot_series"),
    "sizes": ("plot_sizes",),
    "styles": ("build_register", "order_styles"),
    "table": ("plot_table",),
    "trade_off": ("plot_trade_off",),
}
__getattr__, __dir__ = publish_names(__name__, MODULES)
