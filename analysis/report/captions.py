"""The captions of the figures that scripts draw: what they show, of how many seeds, and what they cannot show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from analysis.measures.constant_networks import describe_left_out
from analysis.measures.front import FrontData
from analysis.measures.front_members import count_attaining, list_seed_counts
from analysis.measures.stats import POINTS, format_seed_counts
from analysis.report.data import ReportData
from analysis.results.axes import ALL
from analysis.results.metrics import EPOCH_METRIC
from trainers.certificate.words import describe_assessment

HANDLING = "Hover for numbers; click or Enter to keep a configuration; arrows walk along."


def describe_front(front: FrontData, several: bool = False) -> str:
    """Describe the figure of the front."""
    counts = format_seed_counts(n for panel in front.panels for n in panel.points["n"])
    bars = " ± 1 s.e." if any((panel.points["n"] > 1).any() for panel in front.panels) else ""
    parts = [
        f"Each mark is a configuration, mean of {counts}{bars}{'' if bars else '.'}",
        "Line: front of the means" + (" of all sweeps together." if several else "."),
        *(_describe_band(n) for n in list_seed_counts(front)),
        *_describe_missing(front),
        "The front over test accuracies describes and is never used for selection.",
        HANDLING,
    ]
    return " ".join(parts)


def describe_certainty(front: FrontData) -> list[str]:
    """Say for each panel what its seeds prove of its front, and then what holds of all; nothing without two seeds."""
    texts = [(panel.title, describe_assessment(panel.assessment)) for panel in front.panels]
    several = len(front.panels) > 1
    proven = [" ".join([f"{title}:"] * bool(title and several) + lines) for title, lines in texts if lines]
    shared = front.explain_verdicts()
    return proven + [" ".join(shared)] * bool(shared)


def _describe_missing(front: FrontData) -> list[str]:
    """Say what panels lack, once if it is the same in all."""
    texts = [panel.missing for panel in front.panels]
    if len(set(texts)) > 1:
        texts = [f"{panel.title}: {text}" for panel, text in zip(front.panels, texts, strict=True) if text]
    elif len(texts) > 1 and texts[0]:
        texts = [f"In each panel {texts[0]}"]
    return [f"N{text[1:]}" if text.startswith("not ") else text for text in dict.fromkeys(texts) if text]


def _describe_band(n: int) -> str:
    low, middle, high = count_attaining(n)
    return f"Shaded: between what at least {low} and at least {high} of {n} seeds attain; dotted: at least {middle}."


def describe_curves(found: ReportData, drops: str) -> str:
    """Describe the figure of learning curves, given the description of the drops that it marks."""
    mean = f"mean of {found.seeds_text}" if found.seeds else "mean of its trainings, none of which completed"
    bars, median = ("", "") if found.seeds == 1 else (" with ± 1 standard error", " (median)")
    chosen = f"; the mark is the epoch that validation selected{median}" if found.results.selects else ""
    return f"One line a configuration, {mean}. Kept ones in full colour{bars}{chosen}.{drops} Epochs count from 0."


def describe_drops(block: Mapping[str, Any]) -> str:
    """Say that the figure of learning curves marks where the learning rate drops; empty if it marks none."""
    return " Dashed verticals: the learning rate drops." * any(block["curves"]["drops"].values())


def compares_subsets(found: ReportData) -> bool:
    """Return whether subsets are trained on beside all examples."""
    kinds = set(found.counts["subset"]) if len(found.counts) else set()
    return ALL in kinds and len(kinds) > 1


def describe_classes(found: ReportData) -> str:
    """Describe the figure of accuracy by class, and below which difference it shows chance alone."""
    text = (
        f"Accuracy minus that of training on all examples, in points, mean of {found.seeds_text}; beside it the share "
        "of each class's training examples left out."
        if compares_subsets(found)
        else f"Test accuracy by class in percent, mean of {found.seeds_text}."
    )
    classes, column = found.results.outcomes, f"{found.results.checkpoint}_{found.robust or EPOCH_METRIC}"
    sizes = [outcome.get("data", {}).get("classes") for outcome in classes.values()]
    known = [int(size) for size in sizes if isinstance(size, int)]
    share = float(found.results.completed[column].mean()) if column in found.results.completed else math.nan
    if known and math.isfinite(found.results.test_examples) and math.isfinite(share):
        images = found.results.test_examples / known[0]
        chance = POINTS * math.sqrt(2 * share * (1 - share) / images)
        text += f" A class has about {images:.0f} test images: differences under {chance:.0f} points may be chance."
    return text


def describe_constant(block: Mapping[str, Any]) -> str:
    """Say how many configurations of a page are left out, as their networks name one class; empty without any."""
    return describe_left_out(_count_constant(block))


def describe_lost(block: Mapping[str, Any]) -> str:
    """Say why configurations in the history of a search have no value."""
    if _count_constant(block):
        return "stopped, diverged or failed, so without a value, or constant: a network that names one class for all."
    return "stopped, diverged or failed, so without a value."


def _count_constant(block: Mapping[str, Any]) -> int:
    return sum(count > 0 for count in block["configurations"]["constant"])


def describe_stopping(found: ReportData) -> str:
    """Say how much of the planned training was done."""
    trials = found.results.study_trials
    planned, done = float(trials["epochs_planned"].sum()), float(trials["epochs_done"].sum())
    share = f" ({POINTS * done / planned:.0f} %)" if planned else ""
    return f"{done:,.0f} of {planned:,.0f} epochs were trained{share}."
