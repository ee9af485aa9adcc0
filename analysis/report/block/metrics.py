"""The accuracies of a block: which there are, their names, and the attacks they were measured under."""

from __future__ import annotations

from typing import Any

from analysis.report.block.rows import Rows
from analysis.results.metrics import (
    CLEAN,
    EPOCH_METRIC,
    describe_images,
    describe_metric,
    parse_attack,
    shorten_attack,
)


def list_metrics(rows: Rows) -> list[str]:
    """List the accuracies that some training has: on test clean, under the final attacks and along training first."""
    known = {
        column.removeprefix("last_")
        for column in map(str, rows.trials)
        if column.startswith("last_") and column.endswith("_acc") and rows.trials[column].notna().any()
    }
    finals = [f"test_{name}{end}_acc" for name in rows.attacks if name != "pgd" for end in ("", "_clean")]
    first = [metric for metric in (CLEAN, *finals, EPOCH_METRIC) if metric in known]
    return list(dict.fromkeys([*first, *sorted(known)]))


def describe_metrics(rows: Rows, curves: list[str]) -> dict[str, dict[str, Any]]:
    """Describe each accuracy; `curves` are the columns of learning curves."""
    return {
        metric: {
            "title": f"{describe_metric(metric, rows.attacks)}, %",
            "short": shorten_title(metric, rows.attacks),
            "better": 1,
            "attack": rows.attacks.get(parse_attack(metric) or "", ""),
            "curve": metric if metric in curves else None,
        }
        for metric in list_metrics(rows)
    }


def shorten_title(metric: str, attacks: dict[str, str]) -> str:
    """Name an accuracy in a few words that no other accuracy has: "PGD-20 epsilon 0.1", "clean, validation"."""
    attack = parse_attack(metric)
    title = describe_metric(metric, attacks)
    if attack in attacks:
        words = shorten_attack(attack, attacks) + describe_images(metric, attacks)
    else:
        words = (
            title.replace(" test accuracy", "").replace(" validation accuracy", "").replace(" training accuracy", "")
        )
    split = metric.partition("_")[0]
    return words + {"val": ", validation", "train": ", training"}.get(split, "")
