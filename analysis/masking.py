"""Where the strongest attack says something else than the PGD of training curves: masked gradients, changed orders.

What PGD leaves and AutoAttack does not is the gradient-masking gap. Some of it is always there; a method whose gap is
much larger than that of plain PGD training is robust against PGD alone (Athalye, Carlini and Wagner 2018; for GAIRAT:
Hitaj et al. 2021), and then PGD may also put methods in an order that AutoAttack reverses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.metrics import EPOCH_METRIC, is_comparable, parse_attack
from analysis.results import Results
from analysis.stats import Estimate, estimate, estimate_last_axis, t_quantile

LARGE = 0.03  # of accuracy, by which a gap exceeds that of plain PGD training before it is called large
MOST = 4  # reversals that are named
PLAIN = {"loss": "ce", "weight": "uniform", "target": "given"}  # the pieces of plain PGD training


class Reversal(NamedTuple):
    """Two configurations that PGD puts in one order and the strongest attack in the other."""

    better: str  # under PGD
    worse: str
    weak: Estimate  # the difference under PGD, above zero
    strong: Estimate  # under the strongest attack, below zero


class Reversals(NamedTuple):
    """How far the strongest attack changes PGD's order of some configurations."""

    pairs: int  # with both differences known
    reversed: int
    certain: int  # of them: both intervals exclude zero, or both differences of one seed exceed LARGE
    widest: list[Reversal]  # the first few of these


def masking(results: Results, robust: str | None) -> pd.DataFrame:
    """One row a configuration: accuracy under PGD and the strongest attack, on the same images, at the selected epoch.

    Where nothing is selected, at the last. Columns `weak`, `strong` and `gap`, their difference, each with `_se`;
    `plain`: whether it is plain PGD training. Empty where the strongest attack is that PGD, or had another budget, or
    nobody knows what PGD did on its images.
    """
    strong, test = f"{results.checkpoint}_{robust}", results.completed
    if robust is None or robust == EPOCH_METRIC or strong not in test:
        return pd.DataFrame()
    pairs = test.assign(strong=test[strong], weak=_on_its_images(test, results, robust))
    alive = pairs[f"{results.checkpoint}_constant"].isna()  # a network that names one class withstands every attack
    pairs = pairs[pairs["weak"].notna() & pairs["strong"].notna() & alive]
    configs = {trial["configuration"]: trial.get("config", {}) for trial in results.plan["trials"]}
    rows = []
    for name, seeds in pairs.groupby("configuration", sort=False):
        row = {column: seeds[column].iloc[0] for column in ("configuration", "name", "choice", "setting", "family")}
        row |= {"plain": is_plain(configs.get(name, {})), "n": len(seeds), "size": seeds["subset_size"].mean()}
        for column, values in (
            ("weak", seeds["weak"]), ("strong", seeds["strong"]), ("gap", seeds["weak"] - seeds["strong"]),
        ):  # fmt: skip
            found = estimate(values)
            row |= {column: found.mean, f"{column}_se": found.se}
        rows.append(row)
    return pd.DataFrame(rows)


def _on_its_images(trials: pd.DataFrame, results: Results, robust: str) -> pd.Series:
    """The accuracy under the PGD of training curves, on the images that the strongest attack had."""
    weak, strong = results.attacks.get("pgd", ""), results.attacks.get(parse_attack(robust) or "", "")
    if is_comparable(weak, strong, float(trials["test_examples"].max())):
        return trials[f"{results.checkpoint}_{EPOCH_METRIC}"]
    gap = f"{results.checkpoint}_gradient_masking_gap"
    if strong.startswith("AutoAttack") and gap in trials:
        return trials[f"{results.checkpoint}_{robust}"] + trials[gap]
    return pd.Series(np.nan, trials.index)


def is_plain(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is plain PGD training: cross-entropy on PGD's adversaries, each of weight one."""
    method = config.get("method")
    if not isinstance(method, Mapping) or method.get("awp"):
        return False
    named = {piece: (method.get(piece) or {}).get("name") for piece in PLAIN}
    return named == PLAIN and (method.get("attack") or {}).get("name") == "pgd"


def reference(table: pd.DataFrame) -> pd.Series | None:
    """The row of one problem that gaps are held against: plain PGD training on the most examples, its largest gap.

    None where the study has no plain PGD training.
    """
    plain = table[table["plain"]]
    plain = plain[plain["size"].isna() | (plain["size"] == plain["size"].max())]
    return None if plain.empty else plain.sort_values("gap").iloc[-1]


def masked(table: pd.DataFrame, least: float) -> pd.DataFrame:
    """The rows whose gap, less the half-width of its 95 % t-interval, exceeds `least` by LARGE; largest gap first."""
    width = table["gap_se"].fillna(0.0) * [t_quantile(n) if n > 1 else 0.0 for n in table["n"]]
    return table[table["gap"] - width > least + LARGE].sort_values("gap", ascending=False)


def reversals(results: Results, table: pd.DataFrame, robust: str) -> Reversals:
    """Pairs of the rows of one problem whose order the strongest attack reverses, paired by seed."""
    done = results.completed
    done = done.assign(weak=_on_its_images(done, results, robust), strong=done[f"{results.checkpoint}_{robust}"])
    names = table["configuration"].tolist()
    both = np.stack(
        [
            done.pivot(index="configuration", columns="replicate", values=c).reindex(names).to_numpy(float)
            for c in ("weak", "strong")
        ]
    )  # (2, configurations, seeds)
    both[:, ~np.isfinite(both).all(axis=0)] = np.nan
    known, turned, sure = 0, 0, list[tuple[float, int, int]]()
    for one in range(len(names)):  # a row at a time: all pairs of thousands would not fit memory
        differences = both[:, one, None] - both[:, one + 1 :]
        means, errors, (counts, _) = estimate_last_axis(differences)
        is_turned = means[0] * means[1] < 0
        width = np.array([t_quantile(int(n)) if n > 1 else np.nan for n in range(both.shape[2] + 1)])[counts]
        least = np.where(counts > 1, errors * width, LARGE)
        certain = is_turned & (np.abs(means) > least).all(axis=0)
        known, turned = known + int((counts > 0).sum()), turned + int(is_turned.sum())
        sure += [(-float(np.ptp(means[:, n])), one, one + 1 + int(n)) for n in np.flatnonzero(certain)]
    widest = [_reversal(table, one, other, both) for _, one, other in sorted(sure)[:MOST]]
    return Reversals(known, turned, len(sure), widest)


def _reversal(table: pd.DataFrame, one: int, other: int, both: np.ndarray) -> Reversal:
    choices = table["choice"].iloc[[one, other]].tolist()
    weak, strong = (estimate(values[one] - values[other]) for values in both)
    if weak.mean < 0:
        choices, weak, strong = choices[::-1], weak._replace(mean=-weak.mean), strong._replace(mean=-strong.mean)
    return Reversal(choices[0], choices[1], weak, strong)
