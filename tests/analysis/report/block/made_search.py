"""A made-up search of twelve configurations: a choice, a knob of one choice alone, and how each may end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...synthetic import Made, write_sweep

METHODS = ("pgd-at", "trades")
COUNT = 12
STOPPED, DIVERGED = 4, 7  # in the order drawn
SPACE = """
study: made_search
search:
  strategy: tpe
  axes:
    method: {grid: [pgd-at, trades]}
    optimizer.lr: {loguniform: [0.001, 1.0]}
    method.beta: {uniform: [0, 8], when: {method: trades}}
"""
STOP: dict[str, Any] = {"epoch": 8, "rule": "no new best", "reason": "no new best in 4 epochs"}
LOSS = {"epoch": 5, "why": "loss is nan at epoch 5, batch 1"}


def draw(number: int) -> dict[str, Any]:
    """Return the values of a configuration by its number in the order drawn; their order along an axis is another."""
    values: dict[str, Any] = {"method": METHODS[number % 2], "optimizer.lr": round(0.9 / (1 + (5 * number) % COUNT), 4)}
    return values | ({"method.beta": 0.25 * number} if number % 2 else {})


def write_search(folder: Path, **changes: Any) -> Path:
    """Write the search; `changes` are those of its plan. Records are of a sweep whose methods are numbers in words."""
    made = Made(
        study="made_search",
        noise=(0.0,),
        methods=tuple(f"drawn {number}" for number in range(COUNT)),
        subsets=("all",),
        faults=False,
        profile=False,
    )
    write_sweep(folder, made)
    plan = json.loads((folder / "plan.json").read_text())
    for trial in plan["trials"]:
        number = int(trial["axes"]["method"].removeprefix("drawn "))
        trial["generation"], trial["values"] = number // 4, draw(number)
        trial["axes"] = {path: str(value) for path, value in trial["values"].items()}
        _end(folder / "trials" / trial["id"] / "result.json", number, trial["replicate"])
    plan |= {"axes": ["method", "optimizer.lr", "method.beta"]} | changes
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "space.yaml").write_text(SPACE)
    return folder


def _end(path: Path, number: int, replicate: int) -> None:
    """Stop all seeds of one configuration, and let one seed of another diverge."""
    result = json.loads(path.read_text())
    if number == STOPPED:
        result |= {"status": "stopped", "stopped": STOP}
        rows = (path.parent / "epochs.jsonl").read_text().splitlines(keepends=True)
        (path.parent / "epochs.jsonl").write_text("".join(rows[: STOP["epoch"]]))
    if number == DIVERGED and replicate == 1:
        result |= {"status": "diverged", "diverged": LOSS}
    path.write_text(json.dumps(result))
