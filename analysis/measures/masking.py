"""Differences between the strongest attack and the PGD of learning curves: masked gradients and reversed orders.

The gradient-masking gap is accuracy under PGD minus accuracy under AutoAttack. It is always positive to some extent. A
method whose gap is much larger than that of plain PGD training is robust against PGD alone (Athalye, Carlini and Wagner
2018; for GAIRAT: Hitaj et al. 2021); AutoAttack may then also reverse the order of methods under PGD.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.stats import Estimate, estimate, estimate_last_axis, t_quantile
from analysis.measures.tidy import T_INTERVAL
from analysis.results.metrics import EPOCH_METRIC, find_strongest, is_comparable, parse_attack, shorten_attack
from analysis.results.sweep import Sweep
from analysis.results.trial_table import mark_constant

LARGE = 0.03  # accuracy; a gap is large if it exceeds that of plain PGD training by this
MAX_REVERSALS = 4  # listed by name
PLAIN = {"loss": "ce", "weight": "uniform", "target": "given"}  # the pieces of plain PGD training


class Reversal(NamedTuple):
    """Two configurations whose order under PGD the strongest attack reverses."""

    better: str  # under PGD
    worse: str
    weak: Estimate  # the difference under PGD, above zero
    strong: Estimate  # under the strongest attack, below zero


class Reversals(NamedTuple):
    """Counts of the pairs of configurations whose order under PGD the strongest attack reverses."""

    pairs: int  # with both differences known
    reversed: int
    certain: int  # reversed pairs whose two intervals exclude zero, or whose two differences of one seed exceed LARGE
    widest: list[Reversal]  # the certain pairs with the largest change


def measure_masking(results: Sweep, robust: str | None, pgd: str = EPOCH_METRIC) -> pd.DataFrame:
    """Measure accuracy under PGD and under the strongest attack on the same images, in a row per configuration.

    `robust` is the test accuracy under the strongest attack, and `pgd` that under a PGD: of learning curves, or final.
    The checkpoint is the selected epoch, or the last epoch if none is selected. The columns are `weak`, `strong` and
    `gap`, their difference, each with `_se`, and `plain`: whether the configuration is plain PGD training. The table is
    empty if the strongest attack is this PGD or had another budget, or if PGD was not measured on its images.
    """
    strong, test = f"{results.checkpoint}_{robust}", results.completed
    if robust is None or robust == pgd or strong not in test:
        return pd.DataFrame()
    pairs = test.assign(strong=test[strong], weak=_match_images(test, results, robust, pgd))
    alive = ~mark_constant(pairs, (results.checkpoint,))  # a network that names one class withstands every attack
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


def _match_images(trials: pd.DataFrame, results: Sweep, robust: str, pgd: str) -> pd.Series:
    """Return the accuracy under a PGD on the images of the strongest attack; NaN if unknown."""
    weak, strong = (results.attacks.get(parse_attack(metric) or "", "") for metric in (pgd, robust))
    if is_comparable(weak, strong, float(trials["test_examples"].max())):
        return trials[f"{results.checkpoint}_{pgd}"]
    gap = f"{results.checkpoint}_gradient_masking_gap"
    if pgd == EPOCH_METRIC and strong.startswith("AutoAttack") and gap in trials:
        return trials[f"{results.checkpoint}_{robust}"] + trials[gap]
    return pd.Series(np.nan, trials.index)


def is_plain(config: Mapping[str, Any]) -> bool:
    """Return whether a configuration is plain PGD training: cross-entropy on PGD examples, all with weight one.

    The attack is that of Madry et al. 2018: several steps from a fresh start, not stopped early, with no target. FGSM,
    fast AT, ATTA, FAT and targeted attacks are not.
    """
    method = config.get("method")
    if not isinstance(method, Mapping) or method.get("awp"):
        return False
    named = {piece: (method.get(piece) or {}).get("name") for piece in PLAIN}
    return named == PLAIN and _is_madry_attack(method.get("attack") or {})


def _is_madry_attack(attack: Mapping[str, Any]) -> bool:
    start = attack.get("start")
    continues = isinstance(start, Mapping) and start.get("name") == "previous"  # from the last visit's perturbation
    other = attack.get("tau") is not None or attack.get("toward") is not None  # stopped early, or targeted
    return attack.get("name") == "pgd" and attack.get("steps", 0) > 1 and not continues and not other


def find_plain_training(table: pd.DataFrame) -> pd.Series | None:
    """Find the reference row for the gaps of a problem: plain PGD training on the most examples with the largest gap.

    Returns None if the study has no plain PGD training.
    """
    plain = table[table["plain"]]
    plain = plain[plain["size"].isna() | (plain["size"] == plain["size"].max())]
    return None if plain.empty else plain.sort_values("gap").iloc[-1]


def select_masked(table: pd.DataFrame, least: float) -> pd.DataFrame:
    """Select rows whose gap minus the half-width of its 95 % t-interval exceeds `least` by LARGE, largest gap first."""
    width = table["gap_se"].fillna(0.0) * [t_quantile(n) if n > 1 else 0.0 for n in table["n"]]
    return table[table["gap"] - width > least + LARGE].sort_values("gap", ascending=False)


def find_reversals(
    results: Sweep, table: pd.DataFrame, robust: str, pgd: str = EPOCH_METRIC, most: int | None = MAX_REVERSALS
) -> Reversals:
    """Find the pairs of rows of a problem whose order the strongest attack reverses, paired by seed.

    `most` limits the pairs in `widest`; None: all certain ones.
    """
    done = results.completed
    done = done.assign(weak=_match_images(done, results, robust, pgd), strong=done[f"{results.checkpoint}_{robust}"])
    names = table["configuration"].tolist()
    both = np.stack(
        [
            done.pivot(index="configuration", columns="replicate", values=c).reindex(names).to_numpy(float)
            for c in ("weak", "strong")
        ]
    )  # (2, configurations, seeds)
    both[:, ~np.isfinite(both).all(axis=0)] = np.nan
    known, turned, sure = 0, 0, list[tuple[float, int, int]]()
    for one in range(len(names)):  # one row at a time: all pairs of thousands of rows would not fit memory
        differences = both[:, one, None] - both[:, one + 1 :]
        means, errors, (counts, _) = estimate_last_axis(differences)
        is_turned = means[0] * means[1] < 0
        width = np.array([t_quantile(int(n)) if n > 1 else np.nan for n in range(both.shape[2] + 1)])[counts]
        least = np.where(counts > 1, errors * width, LARGE)
        certain = is_turned & (np.abs(means) > least).all(axis=0)
        known, turned = known + int((counts > 0).sum()), turned + int(is_turned.sum())
        sure += [(-float(np.ptp(means[:, n])), one, one + 1 + int(n)) for n in np.flatnonzero(certain)]
    widest = [_build_reversal(table, one, other, both) for _, one, other in sorted(sure)[:most]]
    return Reversals(known, turned, len(sure), widest)


def list_weak_attacks(results: Sweep, robust: str | None) -> list[str]:
    """List the test accuracies under PGD that can be compared with the strongest attack: of curves first, then final.

    Each had the budget and the images of the strongest attack, or its accuracy on these images was recorded.
    """
    found = []
    for metric in dict.fromkeys((EPOCH_METRIC, *results.final_metrics())):
        text = results.attacks.get(parse_attack(metric) or "", "PGD" if metric == EPOCH_METRIC else "")
        if metric.startswith("test_") and text.startswith("PGD") and len(measure_masking(results, robust, metric)):
            found.append(metric)
    return found


def tabulate_masking(results: Sweep) -> pd.DataFrame:
    """Tabulate the gradient-masking gap: a row a configuration and PGD, with its 95 % t-interval over seeds.

    `attack` is the PGD and `against` the strongest attack that every training has; `weak` and `strong` are the
    accuracies under them, each with `_se`. `alarm` marks a gap that exceeds that of plain PGD training, or the smallest
    gap without any, by more than LARGE and the half-width of its interval.
    """
    robust = find_strongest(results.final_metrics(), results.attacks, results.completed)
    tables = []
    for pgd in list_weak_attacks(results, robust):
        for _, table in measure_masking(results, robust, pgd).groupby("setting", sort=False):
            plain = find_plain_training(table)
            least = float(table["gap"].min() if plain is None else plain["gap"])
            half = table["gap_se"] * [t_quantile(n) for n in table["n"]]
            ends = {"mean": table["gap"], "lo": table["gap"] - half, "hi": table["gap"] + half}
            alarm = table["configuration"].isin(select_masked(table, least)["configuration"])
            names = {
                name: shorten_attack(parse_attack(metric) or "", results.attacks)
                for name, metric in (("attack", pgd), ("against", str(robust)))
            }
            tables.append(table.assign(**names, alarm=alarm, **ends, interval=T_INTERVAL))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def tabulate_reversals(results: Sweep) -> pd.DataFrame:
    """Tabulate the pairs of configurations that a PGD and the strongest attack order differently by more than seeds.

    A row a pair and PGD (`attack`): the difference `better` minus `worse` under it (`weak`) and under the strongest
    attack (`mean`, below zero), with 95 % t-intervals over the `n` seeds of both. A pair of one seed has no
    interval; it counts if both differences exceed LARGE.
    """
    robust = find_strongest(results.final_metrics(), results.attacks, results.completed)
    rows = []
    for pgd in list_weak_attacks(results, robust):
        for setting, table in measure_masking(results, robust, pgd).groupby("setting", sort=False):
            for pair in find_reversals(results, table, str(robust), pgd, None).widest:
                (weak, low, high), (mean, lo, hi) = (
                    (found.mean, found.mean - found.half_width, found.mean + found.half_width)
                    for found in (pair.weak, pair.strong)
                )
                row = {"setting": setting, "attack": shorten_attack(parse_attack(pgd) or "", results.attacks)}
                row |= {"better": pair.better, "worse": pair.worse, "weak": weak, "weak_lo": low, "weak_hi": high}
                rows.append(row | {"mean": mean, "lo": lo, "hi": hi, "n": pair.strong.n, "interval": T_INTERVAL})
    return pd.DataFrame(rows)


def _build_reversal(table: pd.DataFrame, one: int, other: int, both: np.ndarray) -> Reversal:
    choices = table["choice"].iloc[[one, other]].tolist()
    weak, strong = (estimate(values[one] - values[other]) for values in both)
    if weak.mean < 0:
        choices, weak, strong = choices[::-1], weak._replace(mean=-weak.mean), strong._replace(mean=-strong.mean)
    return Reversal(choices[0], choices[1], weak, strong)
