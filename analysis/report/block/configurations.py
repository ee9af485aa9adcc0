"""What each configuration is: its names, its place on the front, how it ended, and the command that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.report.block.endings import describe_ending
from analysis.report.block.rows import CONSTANT, Rows
from analysis.report.progress import SETTLED
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED, DIVERGED
from trainers.run_commands import find_resume_command

NAMES = ("configuration", "name", "choice", "setting", "family", "subset_label", "sweep")
FLAGS = {"on_front": "on_front", "knee": "knee", "selected": "selected"}  # of the block -> of the points of a front


def build_configurations(rows: Rows) -> dict[str, list[Any]]:
    """Build the columns of all configurations.

    `on_front` is of the front of all sweeps together, and `knee` of that of a sweep. `holders` are the places of all
    sweeps that hold a configuration, of which `sweep` is the first. `n` counts completed seeds,
    and `constant` those of them whose network names one class for all images, at either checkpoint.
    """
    firsts, flags = rows.configurations, _read_flags(rows)
    groups = rows.group_seeds()
    endings = [describe_ending(rows.results, group) for group in groups]
    keys = [*zip(firsts["sweep"], firsts["configuration"], strict=True)]
    return {
        **{name: firsts[name].tolist() for name in NAMES},
        "holders": firsts["holders"].tolist(),
        "n": [_count(group, COMPLETED) for group in groups],
        "diverged": [_count(group, DIVERGED) for group in groups],
        "constant": [sum(map(_is_constant, group)) for group in groups],
        "status": [status for status, _ in endings],
        "reason": [reason for _, reason in endings],
        "epochs_done": [max(trial["epochs_done"] for trial in group) for group in groups],
        **{flag: [key in flags[flag] for key in keys] for flag in FLAGS},
        "command": [write_command(rows.results, group) for group in groups],
    }


def _count(trials: Sequence[Mapping[str, Any]], status: str) -> int:
    return sum(trial["status"] == status for trial in trials)


def _is_constant(trial: Mapping[str, Any]) -> bool:
    return trial["status"] == COMPLETED and any(pd.notna(trial.get(column)) for column in CONSTANT)


def _read_flags(rows: Rows) -> Mapping[str, set[tuple[int, str]]]:
    """Return the configurations, by sweep and id, that the points of the front mark."""
    panels = rows.front.panels if rows.front else ()
    places = {name: place for place, name in enumerate(rows.sweeps)}
    points = [panel.points for panel in panels]
    return {
        flag: {
            (places[sweep], str(name))
            for table in points
            for sweep, name in table.loc[table[column], ["sweep", "configuration"]].itertuples(index=False)
        }
        for flag, column in FLAGS.items()
    }


def write_command(sweeps: Sequence[Sweep], trials: Sequence[Mapping[str, Any]]) -> str:
    """Write the command that trains the first seed of a configuration again and compares all bits.

    Where that seed has not ended it is the command that goes on with the sweep; empty if none was recorded.
    """
    first = trials[0]
    sweep = sweeps[first["sweep"]]
    if first["status"] not in SETTLED:
        return find_resume_command(sweep.runs)
    return shlex.join(["python", "-m", "search.verify", sweep.where, "--trial", first["id"]])
