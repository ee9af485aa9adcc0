"""Finds why trainings of more epochs cannot continue the stored ones."""

from __future__ import annotations

from collections.abc import Iterator

from search.planning.plan import Plan
from trainers.knobs import Knobs, to_epochs
from trainers.record_io import Row, canonical
from trainers.schedules import Curve, Piecewise, schedule_in_epoch

DURATION_KNOBS = ("burn_in", "epoch", "from", "start", "window")  # knobs that may be percentages of the epochs


def find_extension_problems(rows: list[Row], plan: Plan) -> list[str]:
    """List the knobs that change stored epochs of trainings whose longer versions differ in the epochs alone."""
    now = {(trial.kind, trial.replicate, canonical(trial.axes)): trial.config for trial in plan.trials}
    found: dict[str, None] = {}
    for row in rows:
        config, before = now.get((row["kind"], row["replicate"], canonical(row["axes"]))), row["epochs"]
        if config is None or config.epochs <= before:
            continue
        if config.model_dump(mode="json", exclude={"epochs", "compute"}) != {
            key: value for key, value in row["config"].items() if key not in ("epochs", "compute")
        }:
            continue
        found |= dict.fromkeys(_find_moved(config, "", before, config.epochs))
        for key, every in plan.evaluation.rhythms().items():
            if before % every:
                found[f"{key}: the stored epoch {before} was measured, and every {every} epochs would skip it"] = None
    return [f"  {problem}" for problem in found]


def _find_moved(piece: Knobs, path: str, before: int, after: int) -> Iterator[str]:
    """Yield the knobs of a piece that act differently in the stored epochs, with the remedy."""
    for field, value in piece:
        name = type(piece).model_fields[field].alias or field
        knob = f"{path}{name}"
        if isinstance(value, Curve):
            if any(
                schedule_in_epoch(value, epoch, before) != schedule_in_epoch(value, epoch, after)
                for epoch in range(before)
            ):
                yield f"{knob}: {_describe_curve(value, before)}"
        elif isinstance(value, Knobs):
            yield from _find_moved(value, f"{knob}.", before, after)
        elif (
            name in DURATION_KNOBS and str(value).endswith("%") and to_epochs(value, before) != to_epochs(value, after)
        ):
            yield f"{knob}: {value} of {after} epochs differs from that of {before}; write {to_epochs(value, before)}"


def _describe_curve(value: Curve, epochs: int) -> str:
    effect = "so that more epochs change the stored ones"
    if not isinstance(value, Piecewise):
        return f"{getattr(value, 'name', 'it')} spans all epochs, {effect}; a number or drops in epochs would not"
    drops = ", ".join(f"{drop * epochs:g}" for drop in value.drops)
    return f"its drops are fractions of the epochs, {effect}; `drops: [{drops}]`, in epochs, would not"
