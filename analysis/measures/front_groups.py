"""The groups of a sweep's trials that have a front each: a value of an axis, or of another part of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.exceptions import SweepError
from analysis.results.axes import ALL, SEPARATOR
from analysis.results.choice import list_configs, read_path
from analysis.results.sweep import Sweep
from trainers.formatting import format_list

ABSENT = "without"


def name_groups(sweep: Sweep, by: Sequence[str]) -> list[str]:
    """Name the group of each of `study_trials`, a name a trial, by the paths of `by`, such as ("subset.size",).

    A path, or the short name of an axis, names that axis and those under it: "method" also means method.attack.epsilon.
    Any other path names a part of the trials' configurations. Raises SweepError if a path has no value in any trial.
    """
    trials, configs = sweep.study_trials, dict(list_configs(sweep))
    parts = []
    for path in by:
        axes = [axis for axis in sweep.axes.paths if _is_axis(sweep, axis, path)]
        if axes:
            words = [sweep.axes.describe(row, axes) for row in trials.to_dict("records")]  # type: ignore[arg-type]
        else:
            values = [read_path(configs[trial], path) for trial in trials["id"]]
            words = ["" if value is None else f"{path.rpartition('.')[2]} {_write(value)}" for value in values]
        if not any(words):
            known = format_list([sweep.axes.short[axis] for axis in sweep.axes.paths])
            raise SweepError(
                f"{sweep.where}: --by {path} is neither an axis nor a part of any trial; the axes are {known}"
            )
        name = path.rpartition(".")[2]
        absent = ALL if path.partition(".")[0] == "subset" else f"{ABSENT} {name}"
        parts.append([word or absent for word in words])
    return [SEPARATOR.join(words) for words in zip(*parts, strict=True)]


def list_axes(sweep: Sweep, by: Sequence[str]) -> list[str]:
    """List the axes of a sweep that name its groups: along them no group varies."""
    return [axis for axis in sweep.axes.paths if any(_is_axis(sweep, axis, path) for path in by)]


def _is_axis(sweep: Sweep, axis: str, path: str) -> bool:
    return axis == path or axis.startswith(f"{path}.") or sweep.axes.short[axis] == path


def _write(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
