"""The two accuracies and the checkpoint of a front over some sweeps; what cannot be compared is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from analysis.exceptions import SweepError
from analysis.results.metrics import (
    CLEAN,
    describe_images,
    find_clean_metric,
    find_strongest,
    parse_attack,
    parse_images,
    shorten_attack,
)
from analysis.results.sweep import Sweep
from trainers.formatting import did_you_mean


class FrontMetrics(NamedTuple):
    """The metrics of a front."""

    x: str
    y: str
    left_out: str  # a sentence on the strongest attack if it has no clean accuracy beside it; else empty


def find_common_metrics(results: Sequence[Sweep]) -> list[str]:
    """Return the metrics that all completed trials have, or of which they have an upper bound.

    Raises SweepError if a sweep has no completed trial.
    """
    kept = [[*sweep.final_metrics(), *sweep.bounded_metrics()] for sweep in results]
    for sweep, metrics in zip(results, kept, strict=True):
        if not metrics:
            raise SweepError(f"{sweep.folder}: no completed trial, so there is no front to draw")
    return [metric for metric in kept[0] if all(metric in others for others in kept)]


def choose_checkpoint(results: Sequence[Sweep], checkpoint: str | None) -> str:
    """Return the given checkpoint, else the best, or the last if no sweep has a best one.

    Raises SweepError if it is the best and some sweep has none.
    """
    checkpoint = checkpoint or ("best" if any(sweep.selects for sweep in results) else "last")
    if checkpoint == "best" and (without := [str(sweep.folder) for sweep in results if not sweep.selects]):
        raise SweepError(
            f"{', '.join(without)}: trainings without validation (data.val: 0) select no epoch; take --checkpoint last"
        )
    return checkpoint


def choose_metrics(results: Sequence[Sweep], common: list[str], x: str | None, y: str | None) -> FrontMetrics:
    """Choose the metrics of a front among those that all sweeps have in common.

    y: the strongest attack unless given; x: clean accuracy on the images that y was measured on unless given. Raises
    SweepError if a metric is missing, both are the same, or both were measured on different images.
    """
    paired = [metric for metric in common if _clean_metric(metric, results) in common]
    trials = pd.concat([sweep.completed for sweep in results])
    y = y or find_strongest(paired, results[0].attacks, trials)
    x = x or (_clean_metric(y, results) if y in common else CLEAN)
    for option, metric in (("--y", y), ("--x", x)):
        if metric not in common:
            raise SweepError(_explain_missing(results, option, metric, common))
    assert y is not None  # it is in `common`
    if x == y:
        raise SweepError(f"--x and --y are both {x}; a front has two metrics")
    _refuse_other_images(results, x, y)
    strongest = find_strongest(common, results[0].attacks, trials)
    left_out = strongest and strongest not in paired and y != strongest
    return FrontMetrics(x, y, _describe_left_out(strongest, results) if strongest and left_out else "")


def _clean_metric(metric: str, results: Sequence[Sweep]) -> str:
    """Return the clean accuracy on the images of a robust one, if some sweep attacked only a part of its test set."""
    found = {find_clean_metric(metric, sweep.attacks, sweep.test_examples) for sweep in results}
    return CLEAN if found == {CLEAN} else min(found - {CLEAN})


def _refuse_other_images(results: Sequence[Sweep], x: str, y: str) -> None:
    """Raise SweepError if both accuracies of a point are of different images."""
    for sweep in results:
        images = {metric: parse_images(metric, sweep.attacks, sweep.test_examples) for metric in (x, y)}
        if images[x] != images[y]:
            words = [f"{name} on {'' if drawn else 'the first '}{n:.0f}" for name, (n, drawn) in images.items()]
            raise SweepError(
                f"{sweep.folder}: a front takes both accuracies of the same test images, and these were measured "
                f"{' and '.join(words)}; take --x {_clean_metric(y, results)} if it was recorded, or another --y"
            )


def _explain_missing(results: Sequence[Sweep], option: str, metric: str | None, common: list[str]) -> str:
    folders = ", ".join(str(sweep.folder) for sweep in results)
    missing = f"{metric} is not measured" if metric else "no robust test accuracy is measured"
    hint = did_you_mean(metric or "", common) or ";"
    return f"{folders}: {missing} at the end of every completed trial{hint} {option} can be {', '.join(common)}"


def _describe_left_out(metric: str, results: Sequence[Sweep]) -> str:
    attack = parse_attack(metric) or ""
    names = [shorten_attack(attack, sweep.attacks) + describe_images(metric, sweep.attacks) for sweep in results]
    where = " in every sweep" if len(results) > 1 else ""
    return (
        f"{' or '.join(dict.fromkeys(names))} is left out: clean accuracy on the same images was not measured{where}."
    )
