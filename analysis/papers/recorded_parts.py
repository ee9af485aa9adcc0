"""Parts that show what diagnostics and galleries recorded: flatness, bounds, features, logits, adversaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.exceptions import SweepError
from analysis.measures.diagnostic_curves import FLATNESS, LIPSCHITZ
from analysis.measures.figure_table import TidyTable
from analysis.measures.group_curves import measure_group_curves
from analysis.measures.group_means import GROUPS
from analysis.measures.median_features import MEDIAN
from analysis.measures.recorded_figures import (
    find_pairs,
    measure_components,
    measure_diagnostic_curves,
    measure_pairs,
    tabulate_bounds,
)
from analysis.papers.part import ADVERSARIES, COMPONENTS, GROUP_CURVES, LINES, TABLE
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep

ALONG = "[20%, 40%, 60%, 80%, 100%]"


def lack_diagnostics(sweep: Sweep, name: str, after: str) -> str:
    """Say whether no training of a sweep measured a diagnostic, and the `--set` that would."""
    for trial in sweep.completed["id"]:
        found = sweep.diagnostics(trial)
        if found is not None and f"{name}_epochs" in found:
            return ""
    return f"the diagnostic {name} (--set 'evaluate.diagnostics.{name}={{after: {after}}}')"


@dataclass(frozen=True)
class DiagnosticCurves:
    """Numbers of a diagnostic along training, by the name of their variant."""

    arrays: Mapping[str, str]
    title: str
    log: bool = False
    chart: str = LINES

    def measure(self, selection: Selection) -> TidyTable:
        """Average the numbers over seeds."""
        return measure_diagnostic_curves(selection, self.arrays, self.title, self.log)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether the diagnostic was not measured."""
        return lack_diagnostics(sweep, next(iter(self.arrays.values())).partition("_")[0], ALONG)


FLAT = tuple(DiagnosticCurves({"test": array}, f"input gradient, {point} points") for point, array in FLATNESS.items())
BOUNDS = DiagnosticCurves({"merged": LIPSCHITZ["merged"]}, "Lipschitz bound", log=True)


@dataclass(frozen=True)
class MedianFeatureCurves:
    """The norm of the median features of some difficulty groups; `own`: whether each training forms them itself."""

    own: bool = False
    groups: Sequence[int] = range(GROUPS)
    chart: str = GROUP_CURVES

    def measure(self, selection: Selection) -> TidyTable:
        """Average the norms over seeds."""
        return measure_group_curves(selection, MEDIAN, self.groups, self.own)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no features were recorded."""
        return lack_diagnostics(sweep, "features", ALONG)


@dataclass(frozen=True)
class LipschitzTable:
    """Bounds of the Lipschitz constant at the end of training."""

    chart: str = TABLE

    def measure(self, selection: Selection) -> TidyTable:
        """Average the bounds over seeds."""
        return tabulate_bounds(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no bound was measured."""
        return lack_diagnostics(sweep, "lipschitz", ALONG)


@dataclass(frozen=True)
class LogitComponents:
    """Logits on the plane of two classes; `pairs`, or all pairs whose first class is in `first`."""

    first: Sequence[int] = ()
    pairs: Sequence[tuple[int, int]] = ()
    chart: str = COMPONENTS

    def measure(self, selection: Selection) -> TidyTable:
        """Project the logits of one training."""
        return measure_components(selection, self.first, self.pairs)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no logits were recorded."""
        return lack_diagnostics(sweep, "logits", "[30%]")


@dataclass(frozen=True)
class GalleryPairs:
    """Images at the ends of a ranking beside their adversaries; `ends`: 0 the friendliest, 1 the most problematic."""

    score: str
    ends: Sequence[int] = field(default=(0, 1))
    chart: str = ADVERSARIES

    def measure(self, selection: Selection) -> TidyTable:
        """Tabulate what is predicted, and the difficulty of each example."""
        return measure_pairs(selection, self.score, self.ends)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no ranking has adversaries of its images."""
        try:
            find_pairs([sweep], self.score)
        except SweepError:
            return f"a ranking by {self.score} with adversaries of its images (a `profile:` whose last states are kept)"
        return ""
