"""The type of figures: House Sans, the letters of DejaVu Sans that a figure writes.

A PDF embeds the letters that it uses. To pick them from DejaVu Sans, with its 6,000 letters and rules for their layout,
takes a tenth of a second for each figure and weight; from this one it takes a hundredth. Any other letter comes from
DejaVu Sans itself. `python -m analysis.charts.fonts` made the files from those that matplotlib has.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

FAMILY = "House Sans"
WEIGHTS = {"house-sans.ttf": "DejaVuSans.ttf", "house-sans-bold.ttf": "DejaVuSans-Bold.ttf"}  # file -> its source


@cache
def register_fonts() -> None:
    """Make the type known to matplotlib, once; the house style names it."""
    from matplotlib.font_manager import fontManager

    for name in WEIGHTS:
        with as_file(files("analysis.charts.fonts") / name) as path:
            fontManager.addfont(path)
