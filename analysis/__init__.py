"""Tables, figures and reports from the records of sweeps.

results     what was recorded, as tables and arrays
measures    numbers computed from results: data, never drawn
charts      figures that draw what measures compute
papers      the figures and tables of three papers, by name
report      the page of a sweep, and its summary on a terminal
Commands: report, figure, pareto, agreement, choose, markdown, export, mirror, theory; `python -m analysis` lists them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.results.sweep import Sweep


def load(run: Path | str) -> Sweep:
    """Return the results of a sweep from its folder, such as results/friendly_k.

    Raises SweepError if the folder holds no sweep.
    """
    from analysis.results.sweep import load_sweep  # pandas takes a while, and listing commands needs none

    return load_sweep(run)
