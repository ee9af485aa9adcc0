"""The fronts of sweeps: a point per configuration over its seeds, the members, what validation picks.

Accuracies share a front where they were taken on the same terms (`analysis.terms`); each other terms have a front of
their own. A configuration of which a seed diverged, or names one class whatever the image, is shown, on no front. The
front over the test accuracies describes; it never selects. What validation would select is reported beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from analysis.copies import describe_shared_trainings, refuse_copies
from analysis.dominance import attainment, hypervolume, non_dominated
from analysis.exceptions import SweepError
from analysis.front_keys import PointKeys, add_scale, assign_keys, find_scale
from analysis.gaps import describe_checkpoint
from analysis.metrics import (
    CLEAN,
    describe_images,
    describe_metric,
    find_clean_metric,
    find_strongest,
    parse_attack,
    parse_images,
    shorten_attack,
)
from analysis.results import Results
from analysis.selection import SELECT, find_selected
from analysis.stats import Estimate, estimate, estimate_groups, format_count, format_seed_counts
from analysis.styles import build_register
from analysis.terms import Terms, read_terms, title_terms
from analysis.trial_table import COMPLETED, DIVERGED, STOPPED

REFERENCE = (0.0, 0.0)
ENDED = (COMPLETED, DIVERGED, STOPPED)


@dataclass(frozen=True)
class FrontPanel:
    """What was taken on the same terms: configurations, single trials, and per sweep the surfaces that seeds attain."""

    title: str  # what tells these terms from the others; empty where there are no others
    terms: Terms
    x_title: str
    y_title: str
    note: str  # seeds, attack and checkpoint, in words
    missing: str  # what was planned and is not there, or not ranked; empty where all is
    points: pd.DataFrame  # one row a configuration: sweep, name, x, x_se, y, y_se, n, on_front, selected, …
    trials: pd.DataFrame  # one row a completed trial: sweep, x, y
    surfaces: dict[str, dict[int, np.ndarray]]  # sweep -> percentile -> corners (m, 2)
    volume: dict[str, Estimate]  # sweep -> hypervolume over seeds, above REFERENCE
    compared: dict[str, int]  # sweep -> the configurations behind surfaces and volume: those that all these seeds have


@dataclass(frozen=True)
class FrontData:
    """What a figure and a table of fronts need."""

    x: str
    y: str
    checkpoint: str
    sweeps: tuple[str, ...]
    panels: tuple[FrontPanel, ...]
    keys: PointKeys  # how its points look

    @property
    def y_title(self) -> str:
        """The robust accuracy in words, of a front that has one; each panel has its own."""
        return self.panels[0].y_title

    @property
    def note(self) -> str:
        """What stands behind the points, once where that is the same of all panels, and what is missing."""
        notes = {panel.note: None for panel in self.panels}
        missing = [_of(panel, panel.missing) for panel in self.panels if panel.missing]
        return " ".join([*(notes if len(notes) == 1 else (_of(panel, panel.note) for panel in self.panels)), *missing])

    @property
    def members(self) -> pd.DataFrame:
        """The configurations on a front, of all panels."""
        return pd.concat([panel.points[panel.points["on_front"]] for panel in self.panels])


def _of(panel: FrontPanel, text: str) -> str:
    return f"{panel.title}: {text}" if panel.title else text


def compute_fronts(
    results: Sequence[Results], x: str | None = None, y: str | None = None, checkpoint: str | None = None
) -> FrontData:
    """The fronts of some sweeps, one for all configurations that were measured on the same terms.

    They are at the best checkpoint, or at the last where no sweep has a best one; y: the strongest attack unless given;
    x: clean accuracy on the images that y was measured on. Raises SweepError where nothing is completed, a metric is
    missing or asked for twice, both were measured on different images, some sweep has no best checkpoint, or a sweep or
    a copy of it is there twice: its seeds would count twice.
    """
    refuse_copies(results)
    common = _common_metrics(results)
    checkpoint = checkpoint or ("best" if any(found.selects for found in results) else "last")
    if checkpoint == "best" and (without := [str(found.folder) for found in results if not found.selects]):
        raise SweepError(
            f"{', '.join(without)}: trainings without validation (data.val: 0) have no best checkpoint; take "
            "--checkpoint last"
        )
    paired = [metric for metric in common if _clean_beside(metric, results) in common]
    y = y or find_strongest(paired, results[0].attacks)
    x = x or (_clean_beside(y, results) if y in common else CLEAN)
    for option, metric in (("--y", y), ("--x", x)):
        if metric not in common:
            raise SweepError(_missing(results, option, metric, common))
    assert y is not None  # it is in `common`
    if x == y:
        raise SweepError(f"--x and --y are both {x}; a front has two metrics")
    _refuse_other_images(results, x, y)
    names = _sweep_names(results)
    sweeps, scale = dict(zip(names, results, strict=True)), find_scale(results)
    taken = [its for found in results for its in read_terms(found, x, y)]
    scaled = [add_scale(found, scale).assign(sweep=name) for name, found in sweeps.items()]
    trials = pd.concat(scaled, ignore_index=True)
    number = {its: place for place, its in enumerate(dict.fromkeys(taken))}
    trials["terms"] = [number[its] for its in taken]
    trials["subset_label"] = trials["subset_label"].where(trials["subset_label"] != "", trials["subset_kind"])
    trials["x"], trials["y"] = trials[f"{checkpoint}_{x}"], trials[f"{checkpoint}_{y}"]
    alike = {its: trials[trials["terms"] == place] for its, place in number.items()}
    done = {its: here for its, here in alike.items() if (here["status"] == COMPLETED).any()}
    called = title_terms({its: tuple(here["sweep"].unique()) for its, here in done.items()}, names)
    panels = []
    left = find_strongest(common, results[0].attacks)
    unpaired = _unpaired(left, results) if left and left not in paired and y != left else ""
    remark = f"{unpaired} {describe_shared_trainings(results, names)}".strip()
    for its, here in done.items():
        name = called[its] if len(results) > 1 or len(done) > trials["problem"].nunique() else here["setting"].iloc[0]
        panel = _panel(name, here, sweeps, its, (x, y), list(done), checkpoint)
        panels.append(replace(panel, note=f"{panel.note} {remark}".strip()))
    points, shared = (
        pd.concat([panel.points for panel in panels]),
        build_register([found.sweep for found in results], names),
    )
    return FrontData(x, y, checkpoint, names, tuple(panels), assign_keys(points, names, scale, shared))


def _common_metrics(results: Sequence[Results]) -> list[str]:
    kept = [found.final_metrics() for found in results]
    for found, metrics in zip(results, kept, strict=True):
        if not metrics:
            raise SweepError(f"{found.folder}: no completed trial yet, so there is no front to draw")
    return [metric for metric in kept[0] if all(metric in others for others in kept)]


def _clean_beside(metric: str, results: Sequence[Results]) -> str:
    """The clean accuracy on the images of a robust one, where some sweep did not look at all of its test set."""
    found = {find_clean_metric(metric, its.attacks, its.test_examples) for its in results}
    return CLEAN if found == {CLEAN} else min(found - {CLEAN})


def _refuse_other_images(results: Sequence[Results], x: str, y: str) -> None:
    """Both accuracies of a point must be of the same images."""
    for found in results:
        of = {metric: parse_images(metric, found.attacks, found.test_examples) for metric in (x, y)}
        if of[x] != of[y]:
            words = [f"{name} on {'' if drawn else 'the first '}{n:.0f}" for name, (n, drawn) in of.items()]
            raise SweepError(
                f"{found.folder}: a front takes both accuracies of the same test images, and these were measured "
                f"{' and '.join(words)}; take --x {_clean_beside(y, results)} if it was recorded, or another --y"
            )


def _missing(results: Sequence[Results], option: str, metric: str | None, common: list[str]) -> str:
    folders = ", ".join(str(found.folder) for found in results)
    asked = f"{metric} is not measured" if metric else "no robust test accuracy is measured"
    near = get_close_matches(metric or "", common, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{folders}: {asked} at the end of every completed trial; {hint}{option} can be {', '.join(common)}"


def _sweep_names(results: Sequence[Results]) -> tuple[str, ...]:
    """The studies' names; folders where two studies share one."""
    studies = [found.study for found in results]
    return tuple(
        study if studies.count(study) == 1 else str(found.folder) for study, found in zip(studies, results, strict=True)
    )


def _panel(
    name: str, here: pd.DataFrame, results: Mapping[str, Results], its: Terms, metrics: tuple[str, str],
    others: Sequence[Terms], checkpoint: str,
) -> FrontPanel:  # fmt: skip
    done = here[here["status"] == COMPLETED]
    points = _points(here, its.rule[0], metrics[1], checkpoint)
    whole = points[(points["diverged"] == 0) & (points["constant"] == 0)]  # the seeds that survive would flatter
    points["on_front"] = points["on_own_front"] = points["selected"] = False
    points.loc[whole.index, "on_front"] = non_dominated(whole[["x", "y"]].to_numpy())
    for sweep, group in whole.groupby("sweep", sort=False):
        points.loc[group.index, "on_own_front"] = non_dominated(group[["x", "y"]].to_numpy())
        if results[str(sweep)].selects:
            points.loc[group.index, "selected"] = find_selected(group, results[str(sweep)])
    alive = done[done[f"{checkpoint}_constant"].isna()]
    menus = {str(sweep): _same_menu(group) for sweep, group in alive.groupby("sweep", sort=False)}
    theirs = {name: text for sweep in here["sweep"].unique() for name, text in results[str(sweep)].attacks.items()}
    attacks = theirs | its.attacks(others)  # a title tells an attack from all that stand beside it
    return FrontPanel(
        title=name,
        terms=its,
        x_title=describe_metric(metrics[0], attacks),
        y_title=describe_metric(metrics[1], attacks),
        note=_note(points, its, describe_checkpoint(checkpoint, here)),
        missing=" ".join(_left_out(points, here)),
        points=points,
        trials=done[["sweep", "configuration", "replicate", "x", "y"]],
        surfaces={sweep: _surfaces(menu) for sweep, menu in menus.items()},
        volume={sweep: _volume(menu) for sweep, menu in menus.items()},
        compared={sweep: menu["configuration"].nunique() for sweep, menu in menus.items()},
    )


def _points(here: pd.DataFrame, by: str, metric: str, checkpoint: str) -> pd.DataFrame:
    """Each configuration's means over its completed seeds, of validation at the checkpoint that selects (`by`)."""
    one = ["sweep", "configuration"]
    done = here[here["status"] == COMPLETED]
    last = done.get(f"last_{metric}", pd.Series(math.nan, done.index))
    columns = {"x": done["x"], "y": done["y"], "y_last": last, "y_fall": done["y"] - last}  # the last paired by seed
    columns |= {axis: done.get(f"{by}_{name}", pd.Series(math.nan, done.index)) for name, axis in SELECT.items()}
    found = estimate_groups(pd.DataFrame(columns), [done[key] for key in one])
    words = ["name", "choice", "setting", "family", "subset_label", "scale", "rest"]
    named = here.groupby(one, sort=False)[words].first()
    diverged = (here["status"] == DIVERGED).groupby([here[key] for key in one], sort=False).sum()
    one_class = done[[f"{checkpoint}_constant", f"{by}_constant"]].notna().any(axis=1)
    constant = one_class.groupby([done[key] for key in one], sort=False).sum()
    points = named.join(found).join(diverged.rename("diverged").astype(int)).join(constant.rename("constant"))
    points = points.rename(columns={"y_n": "n"}).drop(columns=[f"{name}_n" for name in columns if name != "y"])
    return points[points["n"] > 0].astype({"n": int, "constant": int}).reset_index()


def _same_menu(done: pd.DataFrame) -> pd.DataFrame:
    """The trials of some seeds and of the configurations that all of these completed: each seed has the same choice.

    Of the sets of seeds that configurations completed the one that keeps most trials, and of these the larger.
    """
    have = {str(name): frozenset(its) for name, its in done.groupby("configuration")["replicate"]}
    kept = {seeds: [name for name, its in have.items() if seeds <= its] for seeds in set(have.values())}
    seeds = max(kept, key=lambda its: (len(its) * len(kept[its]), len(its), sorted(its)))
    return done[done["replicate"].isin(seeds) & done["configuration"].isin(kept[seeds])]


def _surfaces(menu: pd.DataFrame) -> dict[int, np.ndarray]:
    if menu["replicate"].nunique() < 2:
        return {}
    return attainment(menu[["x", "y"]].to_numpy(), menu["replicate"].to_numpy())


def _volume(menu: pd.DataFrame) -> Estimate:
    by_seed = [its[["x", "y"]].to_numpy() for _, its in menu.groupby("replicate")]
    return estimate([hypervolume(found, REFERENCE) for found in by_seed])


def _note(points: pd.DataFrame, its: Terms, when: str) -> str:
    text = f"Each point is a configuration, the mean of {format_seed_counts(points['n'])}, at the {when}."
    if points["n"].max() == 1:
        text += " One seed has no standard error: a demonstration, not evidence."
    return f"{text} Attack: {its.y}." if its.y else text


def _left_out(points: pd.DataFrame, here: pd.DataFrame) -> Iterator[str]:
    """What a front does not show, or shows and does not rank, sweep by sweep."""
    for sweep, trials in here.groupby("sweep", sort=False):
        whose = f"{sweep}: " if here["sweep"].nunique() > 1 else ""
        missing = int((~trials["status"].isin(ENDED)).sum())
        if missing:
            yield f"{whose}not finished: {missing} of {format_count(len(trials), 'trial')} without a result."
        mine = points[points["sweep"] == sweep]
        dropped = trials["configuration"].nunique() - len(mine)
        if dropped:
            yield f"{whose}{format_count(dropped, 'configuration')} left out that completed no seed."
        diverged = int((mine["diverged"] > 0).sum())
        if diverged:
            yield f"{whose}{format_count(diverged, 'configuration')} never on a front, as a seed diverged."
        constant = int(((mine["constant"] > 0) & (mine["diverged"] == 0)).sum())
        if constant:
            count = format_count(constant, "configuration")
            yield f"{whose}{count} never on a front, as a seed names one class for all."


def _unpaired(metric: str, results: Sequence[Results]) -> str:
    named = [
        shorten_attack(parse_attack(metric) or "", it.attacks) + describe_images(metric, it.attacks) for it in results
    ]
    where = " in every sweep" if len(results) > 1 else ""
    return (
        f"{' or '.join(dict.fromkeys(named))} is left out: clean accuracy on the same images was not measured{where}."
    )
