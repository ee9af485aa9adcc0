"""The fronts of sweeps: a point per configuration over its seeds, the members, what validation picks.

Accuracies are compared within one problem (one `data` block); each has its own front. A configuration of which a seed
diverged, or names one class whatever the image, is shown and on no front. The front over the test
accuracies describes; it never selects. What validation would select is reported beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.front_keys import Keys, by_scale, keys, scale_of
from analysis.metrics import (
    CHECKPOINTS,
    CLEAN,
    attack_of,
    attack_title,
    clean_beside,
    descriptions,
    looked_at,
    on_images,
    strongest,
    title,
    told,
)
from analysis.pareto import attainment, hypervolume, non_dominated
from analysis.results import COMPLETED, DIVERGED, Results, SweepError
from analysis.selection import SELECT, decisive, selected
from analysis.stats import Estimate, estimate, seeds_of
from analysis.styles import register
from trainers.records import problem_titles

REFERENCE = (0.0, 0.0)


@dataclass(frozen=True)
class Panel:
    """One problem: its configurations, its single trials, and per sweep the surfaces that seeds attain."""

    title: str  # what tells this problem from the others; empty where there is one only
    points: pd.DataFrame  # one row a configuration: sweep, name, x, x_se, y, y_se, n, on_front, selected, …
    trials: pd.DataFrame  # one row a completed trial: sweep, x, y
    surfaces: dict[str, dict[int, np.ndarray]]  # sweep -> percentile -> corners (m, 2)
    volume: dict[str, Estimate]  # sweep -> hypervolume over seeds, above REFERENCE
    compared: dict[str, int]  # sweep -> the configurations behind surfaces and volume: those that all these seeds have


@dataclass(frozen=True)
class Front:
    """What a figure and a table of fronts need."""

    x: str
    y: str
    checkpoint: str
    x_title: str
    y_title: str
    sweeps: tuple[str, ...]
    panels: tuple[Panel, ...]
    note: str  # seeds, attack and checkpoint, in words
    keys: Keys  # how its points look

    @property
    def members(self) -> pd.DataFrame:
        """The configurations on a front, of all panels."""
        return pd.concat([panel.points[panel.points["on_front"]] for panel in self.panels])


def front(
    results: Sequence[Results], x: str | None = None, y: str | None = None, checkpoint: str | None = None
) -> Front:
    """The fronts of some sweeps, at the best checkpoint, or at the last where none of them has a best one.

    y: the strongest attack unless given; x: clean accuracy on the images that y was measured on.
    Raises SweepError where nothing is completed, a metric is missing, both were measured on different images, one name
    means two attacks, some sweep has no best checkpoint, or a sweep is there twice: its seeds would count twice.
    """
    folders = [found.folder.resolve() for found in results]
    if again := next((folder for folder in folders if folders.count(folder) > 1), None):
        raise SweepError(f"{again}: given twice; a front compares different sweeps")
    common = _common_metrics(results)
    checkpoint = checkpoint or ("best" if any(found.selects for found in results) else "last")
    if checkpoint == "best" and (without := [str(found.folder) for found in results if not found.selects]):
        raise SweepError(
            f"{', '.join(without)}: trainings without validation (data.val: 0) have no best checkpoint; take "
            "--checkpoint last"
        )
    attacks = {key: text for found in results for key, text in found.attacks.items()}
    paired = [metric for metric in common if _clean_beside(metric, results) in common]
    y = y or strongest(paired, results[0].attacks)
    x = x or (_clean_beside(y, results) if y in common else CLEAN)
    for option, metric in (("--y", y), ("--x", x)):
        if metric not in common:
            raise SweepError(_missing(results, option, metric, common))
    assert y is not None  # it is in `common`
    _refuse_other_images(results, x, y)
    names = _sweep_names(results)
    scale = scale_of(results)
    trials = pd.concat(
        [by_scale(found, scale).assign(sweep=name) for name, found in zip(names, results, strict=True)],
        ignore_index=True,
    )
    trials["subset_label"] = trials["subset_label"].where(trials["subset_label"] != "", trials["subset_kind"])
    trials["x"], trials["y"] = trials[f"{checkpoint}_{x}"], trials[f"{checkpoint}_{y}"]
    panels = []
    titles = problem_titles(trials["problem"].unique())
    for problem, here in trials.groupby("problem", sort=False):
        if (here["status"] == COMPLETED).any():
            _refuse_mixture(here, results, (x, y))
            name = here["setting"].iloc[0] if len(results) == 1 else titles[str(problem)]
            panels.append(_panel(name, here, dict(zip(names, results, strict=True)), y, checkpoint))
    note = _note(panels, y, attacks, checkpoint)
    if (left := strongest(common, results[0].attacks)) not in paired and y != left:
        note += f" {_left_out(left or '', attacks)}"
    points, shared = pd.concat([panel.points for panel in panels]), register([found.sweep for found in results], names)
    looks = keys(points, names, scale, shared)
    return Front(x, y, checkpoint, title(x, attacks), title(y, attacks), names, tuple(panels), note, looks)


def _common_metrics(results: Sequence[Results]) -> list[str]:
    kept = [found.final_metrics() for found in results]
    for found, metrics in zip(results, kept, strict=True):
        if not metrics:
            raise SweepError(f"{found.folder}: no completed trial yet, so there is no front to draw")
    return [metric for metric in kept[0] if all(metric in others for others in kept)]


def _clean_beside(metric: str, results: Sequence[Results]) -> str:
    """The clean accuracy on the images of a robust one, where some sweep did not look at all of its test set."""
    found = {clean_beside(metric, its.attacks, its.test_examples) for its in results}
    return CLEAN if found == {CLEAN} else min(found - {CLEAN})


def _refuse_other_images(results: Sequence[Results], x: str, y: str) -> None:
    """Both accuracies of a point must be of the same images."""
    for found in results:
        of = {metric: looked_at(metric, found.attacks, found.test_examples) for metric in (x, y)}
        if of[x] != of[y]:
            words = [f"{name} on {'' if drawn else 'the first '}{n:.0f}" for name, (n, drawn) in of.items()]
            raise SweepError(
                f"{found.folder}: a front takes both accuracies of the same test images, and these were measured "
                f"{' and '.join(words)}; take --x {_clean_beside(y, results)} if it was recorded, or another --y"
            )


def _missing(results: Sequence[Results], option: str, metric: str | None, common: list[str]) -> str:
    folders = ", ".join(str(found.folder) for found in results)
    asked = f"{metric} is not measured" if metric else "no robust test accuracy is measured"
    return f"{folders}: {asked} at the end of every completed trial; {option} can be {', '.join(common)}"


def _sweep_names(results: Sequence[Results]) -> tuple[str, ...]:
    """The studies' names; folders where two studies share one."""
    studies = [found.study for found in results]
    return tuple(
        study if studies.count(study) == 1 else str(found.folder) for study, found in zip(studies, results, strict=True)
    )


def _refuse_mixture(here: pd.DataFrame, results: Sequence[Results], metrics: Sequence[str]) -> None:
    """One name must mean one attack before two accuracies may share a front."""
    ids = set(here.loc[here["status"] == COMPLETED, "id"])
    named = [
        (f"{found.folder} ({trial})", told(outcome.get("attacks", {})))
        for found in results
        for trial, outcome in found.outcomes.items()
        if trial in ids
    ]
    for metric in metrics:
        meanings = descriptions(metric, named)
        if len(meanings) > 1:
            means = " but ".join(f'"{text}" in {who[0]}' for text, who in meanings.items())
            raise SweepError(
                f"{metric} cannot be on one front: it is {means}; evaluate both at one budget "
                "(the evaluate: block of the space), or draw them apart"
            )


def _panel(name: str, here: pd.DataFrame, results: Mapping[str, Results], metric: str, checkpoint: str) -> Panel:
    done = here[here["status"] == COMPLETED]
    by = {sweep: decisive(found) for sweep, found in results.items()}
    groups = here.groupby(["sweep", "configuration"], sort=False)
    rows = [_point(group, by[str(sweep)], metric, checkpoint) for (sweep, _), group in groups]
    points = pd.DataFrame([row for row in rows if row["n"]])
    points["on_front"] = False
    points["selected"] = False
    for sweep, group in points.groupby("sweep", sort=False):
        whole = group[(group["diverged"] == 0) & (group["constant"] == 0)]  # the seeds that survive would flatter
        points.loc[whole.index, "on_front"] = non_dominated(whole[["x", "y"]].to_numpy())
        if results[str(sweep)].selects:
            points.loc[whole.index, "selected"] = selected(whole, results[str(sweep)])
    alive = done[done[f"{checkpoint}_constant"].isna()]
    menus = {str(sweep): _same_menu(group) for sweep, group in alive.groupby("sweep", sort=False)}
    surfaces = {sweep: _surfaces(menu) for sweep, menu in menus.items()}
    compared = {sweep: menu["configuration"].nunique() for sweep, menu in menus.items()}
    volume = {sweep: _volume(menu) for sweep, menu in menus.items()}
    return Panel(name, points, done[["sweep", "configuration", "replicate", "x", "y"]], surfaces, volume, compared)


def _point(group: pd.DataFrame, by: str, metric: str, checkpoint: str) -> dict[str, object]:
    """A configuration's mean over its completed seeds, of validation at the checkpoint that selects."""
    done, first = group[group["status"] == COMPLETED], group.iloc[0]
    x, y = estimate(done["x"]), estimate(done["y"])
    columns = ("sweep", "configuration", "name", "choice", "setting", "family", "subset_label", "scale", "rest")
    row: dict[str, object] = {column: first[column] for column in columns}
    row |= {"x": x.mean, "x_se": x.se, "y": y.mean, "y_se": y.se, "n": y.n}
    last = estimate(done.get(f"last_{metric}", []))
    row |= {"y_last": last.mean, "y_last_se": last.se}
    row["diverged"] = int((group["status"] == DIVERGED).sum())
    row["constant"] = int(done[[f"{checkpoint}_constant", f"{by}_constant"]].notna().any(axis=1).sum())
    for metric, axis in SELECT.items():
        row[axis] = estimate(done.get(f"{by}_{metric}", [])).mean
    return row


def _same_menu(done: pd.DataFrame) -> pd.DataFrame:
    """The trials of some seeds and of the configurations that all of these completed: each seed has the same choice.

    Of the sets of seeds that configurations completed the one that keeps most trials, and of these the larger.
    """
    have = {str(name): frozenset(its) for name, its in done.groupby("configuration")["replicate"]}
    kept = {seeds: [name for name, its in have.items() if seeds <= its] for seeds in have.values()}
    seeds = max(kept, key=lambda its: (len(its) * len(kept[its]), len(its), sorted(its)))
    return done[done["replicate"].isin(seeds) & done["configuration"].isin(kept[seeds])]


def _surfaces(menu: pd.DataFrame) -> dict[int, np.ndarray]:
    if menu["replicate"].nunique() < 2:
        return {}
    return attainment(menu[["x", "y"]].to_numpy(), menu["replicate"].to_numpy())


def _volume(menu: pd.DataFrame) -> Estimate:
    by_seed = [its[["x", "y"]].to_numpy() for _, its in menu.groupby("replicate")]
    return estimate([hypervolume(found, REFERENCE) for found in by_seed])


def _note(panels: Sequence[Panel], y: str, attacks: dict[str, str], checkpoint: str) -> str:
    counts = pd.concat([panel.points["n"] for panel in panels])
    text = f"Each point is a configuration, the mean of {seeds_of(counts)}, at the {CHECKPOINTS[checkpoint]}."
    if counts.max() == 1:
        text += " One seed has no standard error: a demonstration, not evidence."
    attack = attack_of(y)
    return f"{text} Attack: {attacks[attack]}." if attack in attacks else text


def _left_out(metric: str, attacks: Mapping[str, str]) -> str:
    attack = attack_title(attack_of(metric) or "", attacks) + on_images(metric, attacks)
    return f"{attack} is left out: no clean accuracy was measured on these images alone."
