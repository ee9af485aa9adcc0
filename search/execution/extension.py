"""Why trainings of more epochs are not those stored, gone on with."""

from __future__ import annotations

from collections.abc import Iterator

from search.planning.plan import Plan
from trainers.knobs import Knobs, to_epochs
from trainers.record_io import Row, canonical
from trainers.schedules import Curve, Piecewise, schedule_in_epoch

DURATIONS = ("burn_in", "epoch", "from")  # knobs that may be shares of the epochs


def why_not_extendable(rows: list[Row], plan: Plan) -> list[str]:
    """What changes epochs that trainings have in common with longer ones, which differ from them in nothing else."""
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
        found |= dict.fromkeys(_moved(config, "", before, config.epochs))
        for key, every in plan.evaluation.rhythms().items():
            if before % every:
                rhythm = f"every {every} epochs does not come to it"
                found[f"{key}: epoch {before}, the last before, is measured, and {rhythm}"] = None
    return [f"  {each}" for each in found]


def _moved(piece: Knobs, path: str, before: int, after: int) -> Iterator[str]:
    """The knobs of a piece that act otherwise in epochs in common, and what to write instead."""
    for field, value in piece:
        name = type(piece).model_fields[field].alias or field
        knob = f"{path}{name}"
        if isinstance(value, Curve):
            if any(
                schedule_in_epoch(value, epoch, before) != schedule_in_epoch(value, epoch, after)
                for epoch in range(before)
            ):
                yield f"{knob}: {_shared(value, before)}"
        elif isinstance(value, Knobs):
            yield from _moved(value, f"{knob}.", before, after)
        elif name in DURATIONS and str(value).endswith("%") and to_epochs(value, before) != to_epochs(value, after):
            yield f"{knob}: {value} of {after} epochs is another than of {before}; write {to_epochs(value, before)}"


def _shared(value: Curve, epochs: int) -> str:
    others = "so that more of them change those in common"
    if not isinstance(value, Piecewise):
        return f"{getattr(value, 'name', 'it')} spans all epochs, {others}; a number or drops in epochs would not"
    drops = ", ".join(f"{drop * epochs:g}" for drop in value.drops)
    return f"its drops are shares of the epochs, {others}; `drops: [{drops}]`, in epochs, would not"
