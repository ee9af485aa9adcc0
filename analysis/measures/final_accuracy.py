"""Accuracies of a selection at the end of training: against a number, against each other, and as a table."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.measures.figure_table import TidyTable, average_seeds, stack_variants
from analysis.measures.stats import estimate_groups
from analysis.results.choice import SIZES
from analysis.results.metrics import (
    CHECKPOINTS,
    CLEAN,
    EPOCH_METRIC,
    describe_metric,
    find_clean_metric,
    find_strongest,
    parse_attack,
    shorten_attack,
    shorten_metric,
)
from analysis.results.selection import Selection
from analysis.results.trial_table import DIVERGED, mark_constant
from trainers.formatting import format_count
from trainers.objectives import non_dominated

BOTH = ("best", "last")
COSTS = {"passes": "passes an example", "epochs": "epochs", "minutes": "minutes"}
SHORT = {"best": "selected", "last": "last"}
START = "none"  # as a column: the training that a trial starts from, before any epoch of its own


def list_metrics(selection: Selection) -> list[str]:
    """Return the test accuracies that every sweep of a selection measured at the last epoch."""
    common = [set(sweep.final_metrics()) for sweep in selection.sweeps]
    return [m for m in selection.sweeps[0].final_metrics() if all(m in names for names in common)]


def find_robust(selection: Selection, attack: str = "") -> str:
    """Return the accuracy under the named attack, or under the strongest that every sweep has."""
    known = list_metrics(selection)
    wanted = f"test_{attack}_acc"
    strongest = find_strongest(known, selection.attacks, selection.trials)
    return wanted if attack and wanted in known else strongest or EPOCH_METRIC


def name_attacks(metrics: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the attacks of some accuracies."""
    return tuple(attack for metric in metrics if (attack := parse_attack(metric)))


def list_checkpoints(selection: Selection) -> tuple[str, ...]:
    """Return the checkpoints of a selection: both, or the last alone where validation selected none."""
    return BOTH if selection.trials["best_epoch"].notna().all() else ("last",)


def measure_final(
    selection: Selection, x: str, metrics: tuple[str, ...] = (), checkpoints: tuple[str, ...] = BOTH
) -> TidyTable:
    """Measure test accuracy against an axis of numbers or the subset's size: a variant a checkpoint, or an attack.

    Without `metrics` the accuracy is that under the strongest attack.
    """
    shown = metrics or (find_robust(selection),)
    here = [name for name in checkpoints if name in list_checkpoints(selection)]
    columns = {}
    for checkpoint in here:
        for metric in shown:
            words = [shorten_metric(metric, selection.attacks)] * (len(shown) > 1)
            words += [CHECKPOINTS[checkpoint]] * (len(here) > 1 or not words)
            columns[", ".join(words)] = f"{checkpoint}_{metric}"
    points = average_seeds(stack_variants(selection.trials, columns, selection.trials["at"]))
    points = points.sort_values("x", kind="stable")
    title = describe_metric(shown[0], selection.attacks) if len(shown) == 1 else "test accuracy"
    name = "training examples" if x == SIZES else x.rpartition(".")[2].replace("_", " ")
    return TidyTable(points, name, title, attacks=name_attacks(shown))


def measure_trade_off(selection: Selection, robust: str = "") -> TidyTable:
    """Measure clean against robust test accuracy: a point a configuration, a line along what runs along x.

    The columns besides those of a tidy table are `x_lo`, `x_hi`, `label` (the place on the line) and `on_front`: no
    other point of the panel is better in both. A point of which a seed diverged, names one class for all images or has
    no value is on no front, and dominates nothing: its other seeds would flatter it.
    """
    metric = find_robust(selection, robust)
    clean = find_clean_metric(metric, selection.attacks, max(sweep.test_examples for sweep in selection.sweeps))
    checkpoint = list_checkpoints(selection)[0]
    trials = selection.trials
    columns = pd.DataFrame({"x": trials[f"{checkpoint}_{clean}"], "mean": trials[f"{checkpoint}_{metric}"]})
    keys = [trials["panel"], trials["line"], trials["place"].rename("label")]
    unranked = columns.isna().any(axis=1) | mark_constant(trials, (checkpoint,)) | _find_diverged(selection)
    left_out = unranked.groupby(keys, sort=False).any().rename("left_out")
    found = estimate_groups(columns, keys).join(left_out).reset_index()
    points = found.assign(variant="", n=found["mean_n"])
    for name, lo, hi in (("x", "x_lo", "x_hi"), ("mean", "lo", "hi")):
        points[lo], points[hi] = (found[name] + sign * found[f"{name}_se"] for sign in (-1, 1))
    points["on_front"] = False
    for _, group in points[~points["left_out"]].groupby("panel", sort=False):
        best = non_dominated(group[["x", "mean"]].to_numpy(float))
        points.loc[group.index[best], "on_front"] = True
    names = ["panel", "line", "variant", "label", "x", "x_lo", "x_hi", "mean", "lo", "hi", "n", "on_front"]
    x, y = (describe_metric(name, selection.attacks) for name in (clean, metric))
    notes = [f"Points are at the {CHECKPOINTS[checkpoint]}; numbers stand at the ends of each curve."]
    if count := int(points["left_out"].sum()):
        why = "as a seed diverged, names one class for all images or has no value"
        notes.append(f"{format_count(count, 'point')} never on a front, {why}.")
    return TidyTable(points[names], x, y, attacks=name_attacks([metric]), notes=tuple(notes))


def _find_diverged(selection: Selection) -> pd.Series:
    """Return for each trial of a selection whether a seed of its configuration diverged."""
    diverged = {
        (place, name)
        for place, sweep in enumerate(selection.sweeps)
        for name in sweep.study_trials.loc[sweep.study_trials["status"] == DIVERGED, "configuration"]
    }
    pairs = zip(selection.trials["sweep"], selection.trials["configuration"], strict=True)
    return pd.Series([pair in diverged for pair in pairs], selection.trials.index, dtype=bool)


def measure_table(
    selection: Selection,
    metrics: tuple[str, ...] = (),
    checkpoints: tuple[str, ...] = BOTH,
    costs: tuple[str, ...] = (),
    start: bool = False,
) -> TidyTable:
    """Measure a table of test accuracies: a row a line, a column (`variant`) a checkpoint and accuracy.

    `start` puts the accuracies of the pretraining before them, with the weights that the trials start from. Without
    `metrics` the columns are clean accuracy and that under every final attack. `costs` are further columns:
    "passes" through the network (forwards and backwards) for an example and epoch, "epochs", and "minutes" of a
    training by itself, evaluation included.
    """
    known = list_metrics(selection)
    finals = [n for n in known if n.startswith("test_") and parse_attack(n) in selection.attacks and n != EPOCH_METRIC]
    shown = metrics or (CLEAN, *(finals or [EPOCH_METRIC]))
    here = [name for name in checkpoints if name in list_checkpoints(selection)]
    titles = {metric: _shorten(metric, selection.attacks) for metric in shown}
    columns = {f"{SHORT[c]}: {titles[metric]}": f"{c}_{metric}" for c in here for metric in shown}
    trials, plain = selection.trials.assign(**_measure_costs(selection)), {COSTS[cost]: cost for cost in costs}
    if start:
        trials = trials.join(_read_starts(selection, shown))
        columns = {f"{START}: {titles[metric]}": f"{START}_{metric}" for metric in shown} | columns
    points = average_seeds(stack_variants(trials, columns | plain, [0.0] * len(trials)))
    notes = (f"Columns {START} are the pretraining's own, with the weights that fine-tuning starts from.",) * start
    return TidyTable(points, "", "test accuracy", attacks=name_attacks(shown), plain=tuple(plain), notes=notes)


def _read_starts(selection: Selection, metrics: Iterable[str]) -> pd.DataFrame:
    """Return the accuracies that each trial starts from, a column `none_<metric>` each; NaN without a pretraining."""
    rows = []
    for number, trial in selection.trials[["sweep", "id"]].itertuples(index=False):
        sweep = selection.sweeps[number]
        start = next((planned.get("start") or {} for planned in sweep.plan["trials"] if planned["id"] == trial), {})
        made = sweep.pretrainings[sweep.pretrainings["id"] == start.get("training")]
        columns = {metric: f"{start.get('weights')}_{metric}" for metric in metrics}
        known = {f"{START}_{metric}": made[column].iloc[0] for metric, column in columns.items() if len(made)}
        rows.append(known)
    return pd.DataFrame(rows, selection.trials.index, [f"{START}_{metric}" for metric in metrics], dtype=float)


def _measure_costs(selection: Selection) -> dict[str, pd.Series]:
    """Return what each trial cost, by the names in COSTS."""
    trials, epochs = selection.trials, selection.epochs
    known = {name: epochs.get(name, pd.Series(np.nan, epochs.index)) for name in ("forwards", "backwards", "examples")}
    passes = (known["forwards"] + known["backwards"]) / known["examples"]
    mean = passes.groupby([epochs["sweep"], epochs["id"]]).mean().rename("passes")
    placed = trials[["sweep", "id"]].merge(mean.reset_index(), how="left")["passes"]
    return {
        "passes": placed.set_axis(trials.index),
        "epochs": trials["epochs_done"],
        "minutes": trials["seconds_alone"] / 60,
    }


def _shorten(metric: str, attacks: dict[str, str]) -> str:
    return "clean" if metric == CLEAN else shorten_attack(metric.removeprefix("test_").removesuffix("_acc"), attacks)
