"""What AutoAttack took in a sweep, and what attacking everything would have taken: `order: margin` and `for: front`.

A training keeps how far its attacks came, image by image, with the passes through the network (`attacked.json`). What
was left out is known from the records: survivors of cheaper attacks that an order of the margin did not reach, and all
survivors where only the bound is recorded. Each would have taken what an attacked image took on average, or rather
more, as those left out mostly withstand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from analysis.measures.stats import POINTS
from analysis.results.metrics import CHECKPOINTS, count_images
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED
from trainers.formatting import format_count
from trainers.record_io import Row
from trainers.record_reader import read_json
from trainers.records import ATTACKED, VERDICT_CODES


class Savings(NamedTuple):
    """The passes of AutoAttack over all trainings of a sweep, in examples."""

    forwards: int
    backwards: int
    attacked: int  # images, over trainings and checkpoints
    by_margin: int  # images that an order of the margin left out
    by_front: int  # images of trainings that cannot be on the front, or make rankings and weights alone
    spared: int  # trainings that were not attacked

    @property
    def share(self) -> float:
        """Return about what share was taken of what attacking everything would have taken."""
        return self.attacked / (self.attacked + self.by_margin + self.by_front)


def measure_savings(sweep: Sweep) -> Savings | None:
    """Sum up what AutoAttack took in a sweep, each training once; None if it left nothing out or took nothing."""
    taken = count_attacks(sweep)
    by_margin = by_front = spared = 0
    for trials in _group_trainings(sweep):
        outcome = sweep.outcomes[trials[0]]
        by_margin += _count_left_by_margin(outcome)
        left = _count_left_by_front(sweep, outcome)
        by_front, spared = by_front + left, spared + bool(left)
    if not taken.images or not by_margin + by_front:
        return None
    return Savings(taken.forwards, taken.backwards, taken.images, by_margin, by_front, spared)


class Taken(NamedTuple):
    """What AutoAttack took, over all trainings and checkpoints of a sweep."""

    forwards: int
    backwards: int
    images: int  # that it attacked


def count_attacks(sweep: Sweep) -> Taken:
    """Count what AutoAttack took in a sweep, each training once."""
    found = [row for trials in _group_trainings(sweep) for row in _read_attacked(sweep, trials)]
    images = sum(code not in VERDICT_CODES[:2] for row in found for code in row["by"])
    return Taken(sum(row["forwards"] for row in found), sum(row["backwards"] for row in found), images)


def _group_trainings(sweep: Sweep) -> Iterable[list[str]]:
    """Group trials by training, of which one was attacked and the others have copies of its records."""
    same = defaultdict(list)
    for trial, outcome in sweep.outcomes.items():
        if outcome["status"] == COMPLETED:
            same[outcome["chain"]].append(trial)
    return same.values()


def _read_attacked(sweep: Sweep, trials: Iterable[str]) -> list[Row]:
    stored: Row = {}
    for trial in trials:
        stored |= read_json(sweep.folder / "trials" / trial / ATTACKED) or {}
    return [row for row in stored.values() if isinstance(row, dict) and {"by", "forwards", "backwards"} <= row.keys()]


def _list_measured(outcome: Row) -> list[Row]:
    """Return the checkpoints that were measured: one if the best epoch is the last."""
    found = [outcome[checkpoint] for checkpoint in CHECKPOINTS if outcome.get(checkpoint)]
    return found[-1:] if len({record.get("epoch") for record in found}) == 1 else found


def _count_left_by_margin(outcome: Row) -> int:
    """Count the survivors that orders did not reach; an order that failed its audit went on to all of them."""
    orders = [order for record in _list_measured(outcome) for order in record.get("margin_order", {}).values()]
    return sum(order["survivors"] - order["attacked"] - order["audited"] for order in orders if not order["hits"])


def _count_left_by_front(sweep: Sweep, outcome: Row) -> int:
    """Count the survivors of cheaper attacks, where AutoAttack has not run."""
    examples = float(outcome.get("data", {}).get("test", 0))
    return sum(
        round(bound * count_images(sweep.attacks.get(name, ""), examples))
        for record in _list_measured(outcome)
        for name, bound in record.get("bounds", {}).items()
        if name not in outcome["attacks"]
    )


def describe_savings(sweep: Sweep) -> str:
    """Say what AutoAttack took and what it saved; empty if it saved nothing."""
    found = measure_savings(sweep)
    if found is None:
        return ""
    total = found.attacked + found.by_margin + found.by_front
    ways = [("order: margin", found.by_margin), ("for: front", found.by_front)]
    saved = ", ".join(f"`{way}` saves {POINTS * left / total:.0f} %" for way, left in ways if left)
    spared = f" ({format_count(found.spared, 'training')} not attacked)" * bool(found.spared)
    return (
        f"AutoAttack took {found.forwards:,} forwards and {found.backwards:,} backwards, about "
        f"{POINTS * found.share:.0f} % of attacking every training whole: {saved}{spared}."
    )
