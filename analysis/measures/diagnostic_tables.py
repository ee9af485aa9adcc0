"""Diagnostics of a selection that no figure of a paper has, as tables of figures.

Each calls a measure of sweeps and names its rows by the panel and the line of their configuration.
"""

from __future__ import annotations

import pandas as pd

from analysis.measures.cost import COSTS, measure_cost
from analysis.measures.figure_table import POINTS, TidyTable, average_seeds, place_rows, stack_variants
from analysis.measures.final_accuracy import find_robust, name_attacks
from analysis.measures.generalization import measure_cross_generalization, measure_gap_curves
from analysis.measures.group_curves import choose_references, describe_grouping
from analysis.measures.groups import measure_learning_times
from analysis.measures.masking import tabulate_masking, tabulate_reversals
from analysis.measures.onset import find_onsets
from analysis.measures.own_attack import OWN_ATTACK, explain_own_attack
from analysis.measures.tidy import T_INTERVAL
from analysis.results.metrics import CHECKPOINTS, describe_metric, shorten_attack
from analysis.results.selection import Selection

BARS = ["x_lo", "x_hi", "ring"]  # further columns of a point with bars to both sides; `ring`: whether it has a ring
ONSET = {"onset": "onset epoch", "lr": "lr there / first lr", "first_drop": "first drop of the lr"}
TIMES = {
    "half": f"epoch of half the fall of the loss under {OWN_ATTACK}",
    "lag": f"epochs from the onset to half the fall of the loss under {OWN_ATTACK}",
}


def measure_onsets(selection: Selection) -> TidyTable:
    """Tabulate the onset of robust overfitting of each line that overfits, with the learning rate there.

    A trial counts in all columns or, if its configuration does not overfit, in none.
    """
    found = pd.concat([find_onsets(sweep).assign(sweep=number) for number, sweep in enumerate(selection.sweeps)])
    trials = selection.trials[["sweep", "id", "panel", "line"]].merge(found, on=["sweep", "id"])
    trials = trials[trials["onset"].notna()]
    values = stack_variants(trials, {title: name for name, title in ONSET.items()}, [0.0] * len(trials))
    points = average_seeds(values, T_INTERVAL)
    return TidyTable(
        points, "", "onset of robust overfitting", T_INTERVAL, attacks=("pgd",), plain=tuple(ONSET.values())
    )


def measure_gaps(selection: Selection) -> TidyTable:
    """Tabulate robust training less robust test accuracy, both under the attack of learning curves, by epoch."""
    rows = place_rows(selection, [measure_gap_curves(sweep) for sweep in selection.sweeps])
    points = _finish([rows.assign(variant="", x=rows["epoch"])] if len(rows) else [])
    attack = shorten_attack("pgd", selection.attacks)
    return TidyTable(points, "epoch", f"training − test accuracy, {attack}", attacks=("pgd",))


def tabulate_cross_gaps(selection: Selection) -> TidyTable:
    """Tabulate the cross-generalisation gap at both checkpoints: clean accuracy of standard − adversarial training."""
    rows = place_rows(selection, [measure_cross_generalization(sweep) for sweep in selection.sweeps])
    points = _finish([rows.assign(variant=rows["checkpoint"].map(CHECKPOINTS))] if len(rows) else [])
    note = "Clean test accuracy of standard training on the same examples less that of the row; below 0: attacks help."
    return TidyTable(points, "", "cross-generalisation gap", T_INTERVAL, notes=(note,))


def measure_masking_gaps(selection: Selection) -> TidyTable:
    """Tabulate accuracy under each PGD less that under the strongest attack on the same images, a column a PGD."""
    rows = place_rows(selection, [tabulate_masking(sweep) for sweep in selection.sweeps])
    points = _finish([rows.assign(variant=rows["attack"] + " − " + rows["against"])] if len(rows) else [])
    return TidyTable(points, "", "gradient-masking gap", T_INTERVAL, attacks=name_attacks([find_robust(selection)]))


def measure_masking_points(selection: Selection) -> TidyTable:
    """Tabulate accuracy under one PGD (x) and under the strongest attack (mean), on the same images.

    The PGD is that of learning curves where it can be compared, else the first final one.
    """
    rows = place_rows(selection, [tabulate_masking(sweep) for sweep in selection.sweeps])
    if rows.empty:
        return TidyTable(_finish([], BARS), "", "")
    rows = rows[rows["attack"] == rows["attack"].iloc[0]]
    titles = rows["attack"].where(rows["panel"] == "", rows["attack"] + "\n" + rows["panel"])
    rows = rows.assign(panel=titles, variant=rows["attack"], x=rows["weak"], ring=rows["alarm"], mean=rows["strong"])
    for axis, name in (("x_", "weak"), ("", "strong")):
        rows[f"{axis}lo"], rows[f"{axis}hi"] = (rows[name] + sign * rows[f"{name}_se"] for sign in (-1, 1))
    return TidyTable(
        _finish([rows], BARS),
        "accuracy under PGD",
        f"accuracy, {rows['against'].iloc[0]}",
        attacks=name_attacks([find_robust(selection)]),
    )


def measure_reversals(selection: Selection) -> TidyTable:
    """Tabulate the pairs that PGD and the strongest attack order differently by more than seeds explain.

    A row a pair, a column an attack: accuracy of the first less that of the second.
    """
    parts, robust = [], find_robust(selection)
    strongest = shorten_attack(name_attacks([robust])[0], selection.attacks)
    for sweep in selection.narrow():
        table = tabulate_reversals(sweep)
        if len(table):
            named = table.assign(panel=table["setting"], line=table["better"] + " − " + table["worse"])
            weak = named.assign(mean=named["weak"], lo=named["weak_lo"], hi=named["weak_hi"], variant=named["attack"])
            parts += [weak, named.assign(variant=strongest).drop_duplicates(["panel", "line"])]  # one for all PGDs
    return TidyTable(_finish(parts), "", "difference in accuracy", T_INTERVAL, attacks=name_attacks([robust]))


def measure_learning(selection: Selection, quantity: str) -> TidyTable:
    """Tabulate one of TIMES by difficulty group, 0 the hardest.

    PGD trainings of other seeds form the groups. Without any, each training forms them by its own losses.
    """
    references = choose_references(selection)
    tables = [measure_learning_times(sweep, one) for sweep, one in zip(selection.sweeps, references, strict=True)]
    rows = place_rows(selection, [table[table["quantity"] == quantity] if len(table) else table for table in tables])
    points = _finish([rows.assign(variant="", x=rows["group"])] if len(rows) else [])
    notes = (*describe_grouping(references), explain_own_attack(selection))
    return TidyTable(
        points, "group (0: hardest)", TIMES[quantity], T_INTERVAL, percent=False, notes=notes, of_test=False
    )


def measure_cost_points(selection: Selection, cost: str) -> TidyTable:
    """Tabulate robust accuracy (mean) against one of COSTS of a whole training (x)."""
    metric = find_robust(selection)
    rows = place_rows(selection, [measure_cost(sweep, metric) for sweep in selection.sweeps])
    rows = rows[rows["cost"] == cost] if len(rows) else rows
    points = _finish([rows.assign(variant="", ring=False)] if len(rows) else [], BARS)
    title = describe_metric(metric, selection.attacks)
    return TidyTable(points, COSTS[cost], title, attacks=name_attacks([metric]))


def _finish(parts: list[pd.DataFrame], further: list[str] | None = None) -> pd.DataFrame:
    """Join the parts of a table; a part without `x` is of a table, whose cells have none."""
    columns = [*POINTS, *(further or [])]
    if not parts:
        return pd.DataFrame(columns=columns)
    joined = pd.concat([part if "x" in part else part.assign(x=0.0) for part in parts], ignore_index=True)
    return joined[columns]
