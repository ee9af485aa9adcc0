"""The fronts of sweeps: a point per configuration over its seeds, the members, what validation selects.

Accuracies share a front if they were measured on the same terms (`results.measurement_terms`); all others have a front
of their own. A configuration with a seed that diverged, or that names one class whatever the image, is shown but is on
no front. A training that several sweeps hold counts once, and the front of each of them has it. The front over test
accuracies describes and never selects. What validation would select is reported beside it. A configuration that was not
attacked, as its bound is dominated, has the bound (y_bound) and no robust accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.measures.front_certainty import asks_for_certificate, assess_points, collect_seeds, read_family
from analysis.measures.front_curves import Curve, list_curves, list_held
from analysis.measures.front_groups import list_axes, name_groups
from analysis.measures.front_metrics import FrontMetrics, choose_checkpoint, choose_metrics, find_common_metrics
from analysis.measures.front_notes import describe_bounded, describe_points, list_missing
from analysis.measures.front_scale import Scale, add_scale, find_scale
from analysis.measures.front_seeds import Volume, attain_surfaces, balance_seeds, bootstrap_volume
from analysis.measures.stats import estimate_groups
from analysis.measures.validation_choice import SELECT, find_selected
from analysis.results.axes import join_parts
from analysis.results.gaps import describe_checkpoint
from analysis.results.measurement_terms import Terms, explain_split, read_terms, title_terms
from analysis.results.metrics import describe_metric, name_bound
from analysis.results.shared_trainings import (
    IDENTITY,
    describe_shared_trainings,
    join_trials,
    refuse_copies,
    share_trainings,
)
from analysis.results.sweep import Sweep, name_sweeps
from analysis.results.trial_table import COMPLETED, DIVERGED, mark_constant
from trainers.certificate.assessment import Assessment
from trainers.certificate.verdicts import Family
from trainers.certificate.words import explain_assessments
from trainers.objectives import non_dominated


@dataclass(frozen=True)
class FrontPanel:
    """Accuracies on the same terms: configurations, single trials, and the surfaces that the seeds of a curve attain.

    A curve is the front of a sweep, or of one of its groups.
    """

    title: str  # the difference to the terms of other panels; empty if there are no others
    terms: Terms
    x_title: str
    y_title: str
    note: str  # seeds, attack and checkpoint, in words
    missing: str  # the planned trials that are not there or not ranked, in words; empty if there are none
    points: pd.DataFrame  # one row a configuration: sweep, curve, name, x, x_se, y, y_se, n, on_front, selected, …
    trials: pd.DataFrame  # one row a completed trial: sweep, x, y
    held: Mapping[str, pd.Index]  # sweep -> the points that it holds; several may hold one
    curves: Mapping[str, Curve]  # curve -> its points
    balanced: dict[str, pd.DataFrame]  # curve -> the trials of configurations that the same seeds completed
    surfaces: dict[str, dict[int, np.ndarray]]  # sweep -> percentile -> corners (m, 2) of what `balanced` attains
    volume: dict[str, Volume]  # curve -> hypervolume
    seeds: np.ndarray  # (configurations, seeds, 2), in points, those of `points` first: see `collect_seeds`
    family: Family  # of the statements on all panels

    @cached_property
    def assessment(self) -> Assessment:
        """Return what the seeds say of the front: verdicts, corrected values, and how likely it is the true one."""
        return assess_points(self.seeds, self.family, self.points)

    @property
    def surely_on(self) -> np.ndarray:
        """Return for each of `points` whether it is surely on the front and no seed of it collapsed."""
        certificate = self.assessment.certificate
        if certificate is None:
            return np.zeros(len(self.points), bool)
        sure = certificate.on & (self.assessment.samples.collapsed == 0)
        return np.asarray(sure[: len(self.points)])


@dataclass(frozen=True)
class FrontData:
    """The data of a figure and a table of fronts."""

    x: str
    y: str
    checkpoint: str
    sweeps: tuple[str, ...]
    curves: tuple[str, ...]  # the names of all curves, in order; `sweeps` without groups
    panels: tuple[FrontPanel, ...]
    scale: Scale | None  # along which points are joined, all else equal
    certified: bool = False  # whether a sweep gave seeds until verdicts were sure
    remark: str = ""  # sentences on all panels: an attack that is left out, shared trainings, why fronts are several

    @property
    def y_title(self) -> str:
        """The robust accuracy in words, of the first panel; each panel has its own."""
        return self.panels[0].y_title

    @property
    def note(self) -> str:
        """The notes of the panels, once if they are all the same, the remark, and what is missing."""
        notes = {panel.note: None for panel in self.panels}
        missing = [_with_title(panel, panel.missing) for panel in self.panels if panel.missing]
        titled = [_with_title(panel, panel.note) for panel in self.panels]
        return " ".join(filter(None, [*(notes if len(notes) == 1 else titled), self.remark, *missing]))

    def explain_verdicts(self, suggest: bool = True) -> list[str]:
        """Say with what error the verdicts hold and, of several sweeps, why they may be weaker than those of one.

        `suggest`: name the key that gives seeds until verdicts are sure, unless a sweep has it.
        """
        judged = [panel.assessment for panel in self.panels]
        lines = explain_assessments(judged, self.certified or not suggest)
        if len(self.sweeps) > 1 and any(one.certificate is not None for one in judged):
            lines.append(
                f"They are over the {self.panels[0].family.configurations} configurations of all {len(self.sweeps)} "
                "sweeps: the more there are, the more seeds a verdict needs, so that a configuration which is surely "
                "on or off the front of its own sweep may be open here."
            )
        return lines

    @property
    def members(self) -> pd.DataFrame:
        """The configurations on a front, of all panels."""
        return pd.concat([panel.points[panel.points["on_front"]] for panel in self.panels])


def _with_title(panel: FrontPanel, text: str) -> str:
    return f"{panel.title}: {text}" if panel.title else text


def compute_fronts(
    results: Sequence[Sweep],
    x: str | None = None,
    y: str | None = None,
    checkpoint: str | None = None,
    by: Sequence[str] = (),
) -> FrontData:
    """Compute the fronts of some sweeps, one for all configurations that were measured on the same terms.

    Each sweep has a front of its own beside the joint one. With `by`, each of its groups has one (`name_groups`): with
    ("method", "subset.size"), one for each method and size of the subset. Points say with `on_own_front` and `knee`
    whether they are on it, and its knee.

    The checkpoint is the best, or the last if no sweep has a best one. y: the strongest attack unless given; x: clean
    accuracy on the images that y was measured on unless given. Raises SweepError if nothing is completed, a metric is
    missing or given twice, both were measured on different images, some sweep has no best checkpoint, a sweep has no
    groups as given, or a sweep or a copy of it is given twice.
    """
    refuse_copies(results)
    common = find_common_metrics(results)
    checkpoint = choose_checkpoint(results, checkpoint)
    metrics = choose_metrics(results, common, x, y)
    names = name_sweeps(results)
    sweeps = dict(zip(names, results, strict=True))
    scale = find_scale(results, [axis for sweep in results for axis in list_axes(sweep, by)])
    planned = _group_by_terms(sweeps, scale, metrics, checkpoint, by)
    problems = {problem for group in planned.values() for problem in group["problem"]}
    groups = {key: group for key, group in planned.items() if (group["status"] == COMPLETED).any()}
    term_titles = title_terms({key: tuple(group["holder"].unique()) for key, group in groups.items()}, names)
    split = explain_split(list(groups)) if len(results) > 1 else ""
    shared = [describe_shared_trainings(group) for group in groups.values()]
    remark = " ".join(filter(None, (metrics.left_out, split, *dict.fromkeys(shared))))
    asked = sum(len(group[IDENTITY].drop_duplicates()) for group in groups.values())
    panels, family = [], read_family(results, asked, (metrics.x, metrics.y))
    for key, group in groups.items():
        title = term_titles[key] if len(results) > 1 or len(groups) > len(problems) else group["setting"].iloc[0]
        panels.append(_build_panel(title, group, sweeps, key, metrics, list(groups), checkpoint, family))
    curves = tuple(dict.fromkeys(curve for panel in panels for curve in panel.curves)) if by else names
    certified = asks_for_certificate(results)
    return FrontData(metrics.x, metrics.y, checkpoint, names, curves, tuple(panels), scale, certified, remark)


def _group_by_terms(
    sweeps: Mapping[str, Sweep], scale: Scale | None, metrics: FrontMetrics, checkpoint: str, by: Sequence[str]
) -> dict[Terms, pd.DataFrame]:
    """Group the trials of all sweeps by their terms, with sweep, curve, accuracies, and a name for every subset.

    Trainings that several sweeps hold are marked, as `share_trainings` does.
    """
    tables = []
    for name, results in sweeps.items():
        groups = name_groups(results, by) if by else [""] * len(results.study_trials)
        named = [join_parts(name if len(sweeps) > 1 else "", group) or name for group in groups]
        tables.append(add_scale(results, scale).assign(curve=named))
    trials = join_trials([*sweeps.values()], tables, [*sweeps])
    trials["subset_label"] = trials["subset_label"].where(trials["subset_label"] != "", trials["subset_kind"])
    trials["x"], trials["y"] = trials[f"{checkpoint}_{metrics.x}"], trials[f"{checkpoint}_{metrics.y}"]
    trials["y_bound"] = trials.get(f"{checkpoint}_{name_bound(metrics.y)}", pd.Series(math.nan, trials.index))
    found = [key for results in sweeps.values() for key in read_terms(results, metrics.x, metrics.y)]
    number = {key: place for place, key in enumerate(dict.fromkeys(found))}
    places = np.array([number[key] for key in found])
    return {key: share_trainings(trials[places == place]) for key, place in number.items()}


def _build_panel(
    title: str, group: pd.DataFrame, results: Mapping[str, Sweep], key: Terms, metrics: FrontMetrics,
    others: Sequence[Terms], checkpoint: str, family: Family,
) -> FrontPanel:  # fmt: skip
    """Build the panel of the trials with the same terms, `key`; `others`: the terms of all panels."""
    once = group[group["counts"]]
    completed = once[once["status"] == COMPLETED]
    points = _build_points(group, key.rule[0], metrics.y, checkpoint)
    # the seeds that survive a divergence would flatter a configuration
    alive = points[(points["diverged"] == 0) & (points["constant"] == 0) & (points["unknown"] == 0)]
    whole = alive[alive["y_bound"].isna()]
    held, curves = list_held(points, group, "holder"), list_curves(points, whole, group)
    points["on_front"] = points["on_own_front"] = points["knee"] = points["selected"] = False
    points.loc[whole.index, "on_front"] = non_dominated(whole[["x", "y"]].to_numpy())
    for curve in curves.values():
        points.loc[curve.members, "on_own_front"] = True
        points.loc[[] if curve.knee is None else [curve.knee], "knee"] = True
    for sweep, places in held.items():
        rows = alive.loc[alive.index.intersection(places)]
        if len(rows) and results[sweep].selects:
            points.loc[rows.index[find_selected(rows, results[sweep])], "selected"] = True
    ended = group[group["status"] == COMPLETED]  # copies included, for the curves of all sweeps that hold them
    seen = ended[~mark_constant(ended, (checkpoint,)) & ended[["x", "y"]].notna().all(axis=1)]
    balanced = {str(curve): balance_seeds(rows) for curve, rows in seen.groupby("curve", sort=False)}
    ranked = seen[seen["configuration"].isin(whole["configuration"])]
    used = {name: text for sweep in held for name, text in results[sweep].attacks.items()}
    attacks = used | key.attacks(others)  # a title distinguishes an attack from all others that are shown
    return FrontPanel(
        title=title,
        terms=key,
        x_title=describe_metric(metrics.x, attacks),
        y_title=describe_metric(metrics.y, attacks),
        note=describe_points(points, key, describe_checkpoint(checkpoint, group)),
        missing=" ".join([*list_missing(points, once), *describe_bounded(alive, curves)]),
        points=points,
        trials=completed.loc[completed["y_bound"].isna(), ["sweep", "curve", "configuration", "replicate", "x", "y"]],
        held=held,
        curves=curves,
        balanced={curve: rows[["configuration", "replicate", "x", "y"]] for curve, rows in balanced.items()},
        surfaces={curve: attain_surfaces(rows) for curve, rows in balanced.items() if curve in results},
        volume={str(curve): bootstrap_volume(rows) for curve, rows in ranked.groupby("curve", sort=False)},
        seeds=collect_seeds(once, points, (checkpoint, key.rule[0])),
        family=family,
    )


def _build_points(group: pd.DataFrame, by: str, metric: str, checkpoint: str) -> pd.DataFrame:
    """Average each configuration over its completed seeds; validation at the checkpoint that selects, `by`."""
    identity, trials = IDENTITY, group[group["counts"]]
    done = trials[trials["status"] == COMPLETED]
    last = done.get(f"last_{metric}", pd.Series(math.nan, done.index))
    columns = {"x": done["x"], "y": done["y"], "y_last": last, "y_fall": done["y"] - last}  # y_fall is paired by seed
    columns |= {"y_bound": done["y_bound"]}
    columns |= {axis: done.get(f"{by}_{name}", pd.Series(math.nan, done.index)) for name, axis in SELECT.items()}
    means = estimate_groups(pd.DataFrame(columns), [done[key] for key in identity])
    words = ["curve", "name", "choice", "setting", "family", "subset_label", "scale", "rest"]
    named = group.groupby(identity, sort=False)[words].first()
    named["also"] = group.groupby(identity, sort=False)["holder"].agg(_list_others)
    diverged = (trials["status"] == DIVERGED).groupby([trials[key] for key in identity], sort=False).sum()
    constant = mark_constant(done, (checkpoint, by)).groupby([done[key] for key in identity], sort=False).sum()
    unread = done["x"].isna() | (done["y"].isna() & done["y_bound"].isna())
    unknown = unread.groupby([done[key] for key in identity], sort=False).sum()
    points = named.join(means).join(diverged.rename("diverged").astype(int))
    points = points.join(constant.rename("constant")).join(unknown.rename("unknown"))
    points["y_n"] = points[["y_n", "y_bound_n"]].max(axis=1)
    points = points.rename(columns={"y_n": "n"}).drop(columns=[f"{name}_n" for name in columns if name != "y"])
    return points[points["n"] > 0].astype({"n": int, "constant": int, "unknown": int}).reset_index()


def _list_others(holders: pd.Series) -> str:
    """Return the sweeps that hold a configuration besides the first."""
    return ", ".join(holders.unique()[1:])
