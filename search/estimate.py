"""What a plan will cost: time from what the same training took before, storage from the sizes of its states."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from search.plan import Plan, Planned
from trainers.records import Place, Row, digest, read_json, read_rows

BYTES_PER_INSTANCE = (
    15  # of a training example and epoch: loss 4, correct 1, kappa 1, p_y 2, feature norm 2, and copies
)


def cost_key(config: Row) -> str:
    """Trainings with the same key take alike long per epoch and example."""
    parts = ("data", "model", "method", "batch_size", "compute")
    data = {k: v for k, v in config["data"].items() if k not in ("label_noise", "noise_seed", "split_seed")}
    return digest({part: config[part] for part in parts} | {"data": data})


def seconds_per_update(results: Place) -> dict[str, float]:
    """Mean seconds of an epoch, evaluation included, of every kind of training recorded under a results folder."""
    sums: dict[str, tuple[float, int]] = {}
    for folder in sorted(results.glob("*")):
        stored = read_json(folder / "plan.json")
        for row in stored["trials"] if isinstance(stored, dict) else ():
            costs = [c for c in read_rows(folder / "trials" / row["id"] / "cost.jsonl") if "seconds" in c]
            if costs:
                key = cost_key(row["config"])
                total, n = sums.get(key, (0.0, 0))
                sums[key] = total + sum(c["seconds"] + c["evaluate_seconds"] for c in costs), n + len(costs)
    return {key: total / n for key, (total, n) in sums.items()}


def time_estimate(plan: Plan, results: Place) -> tuple[float, int]:
    """Seconds of training on one process, and how many trainings have no measured kin and are not in it."""
    known = seconds_per_update(results)
    total, unknown = 0.0, 0
    for trial in plan.trials:
        per_epoch = known.get(cost_key(trial.config.model_dump(mode="json")))
        if per_epoch is None:
            unknown += 1
        else:
            total += per_epoch * trial.config.epochs
    return total, unknown


def storage_estimate(trials: Iterable[Planned], sizes: dict[str, tuple[int, int, int, int]]) -> int:
    """Bytes of states and per-instance arrays; sizes maps a data identity to (N, channels, size, classes)."""
    total = 0
    parameters: dict[str, int] = {}
    for trial in trials:
        if trial.data not in sizes:
            continue
        n, channels, size, classes = sizes[trial.data]
        key = digest([trial.config.model.model_dump(mode="json"), channels, size, classes])
        if key not in parameters:
            with torch.device("meta"):
                network = trial.config.model.build(channels, size, classes)
            parameters[key] = sum(parameter.numel() for parameter in network.parameters())
        states = 2 * 3 * 4 * parameters[key]  # two checkpoints of weights, momentum and best weights, fp32
        total += states + trial.config.epochs * n * BYTES_PER_INSTANCE
    return total
