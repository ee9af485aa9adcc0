"""Parts that show single examples: one quantity of the training examples against another."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.measures.example_quantities import QUANTITIES, REFERENCE, measure_example_scatter
from analysis.measures.figure_table import TidyTable
from analysis.papers.part import SCATTER, lack_arrays
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep


@dataclass(frozen=True)
class ExampleScatter:
    """One quantity of the training examples against another, by their names in `example_quantities`."""

    x: str
    y: str
    chart: str = SCATTER

    def measure(self, selection: Selection) -> TidyTable:
        """Count the examples of each line by both quantities."""
        return measure_example_scatter(selection, self.x, self.y)

    def find_lack(self, sweep: Sweep) -> str:
        """Say which array of its examples no training recorded."""
        return lack_arrays(sweep, [QUANTITIES[name].array for name in (self.x, self.y) if name != REFERENCE])
