"""A made-up search on disk: many configurations over four knobs, of which one is conditional and one a choice."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

AXES = {
    "method.loss.beta": {"loguniform": [0.3, 30]},
    "optimizer.lr": {"loguniform": [0.003, 0.3]},
    "method.name": {"choice": ["trades", "mart"]},
    "optimizer.momentum": {"uniform": [0.0, 0.95], "when": {"method.name": "trades"}},
}
ATTACKS = {"pgd": "PGD-10, linf, epsilon 0.1, step epsilon/4", "pgd20": "PGD-20, linf, epsilon 0.1, step epsilon/4"}
CURVES = 24  # distinct files of curves, which all trainings share
RUN = {
    "started": "2026-01-02T03:04:05+00:00",
    "ended": "2026-01-02T03:09:05+00:00",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "command": "python -m search.run spaces/searched.yaml",
    "host": "laptop",
    "exit": 0,
    "wall_seconds": 300.0,
    "slots": 2,
}


@dataclass(frozen=True)
class Searched:
    """How large a search to make; every seventh configuration was stopped, and every fortieth diverged."""

    count: int = 60
    seeds: int = 2
    epochs: int = 20
    study: str = "searched"


def write_search(folder: Path, made: Searched = Searched()) -> Path:
    """Write a search and return its folder."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    configurations = [_draw(rng, number) for number in range(made.count)]
    trials = [
        _plan(made, number, drawn, seed) for number, drawn in enumerate(configurations) for seed in range(made.seeds)
    ]
    plan = {
        "study": made.study,
        "question": "Which beta and learning rate give the best trade-off?",
        "objectives": {"val_clean_acc": "max", "val_pgd_acc": "max"},
        "evaluate": {"epsilon": 0.1},
        "attacks": ATTACKS,
        "axes": list(AXES),
        "trials": trials,
    }
    space = {"search": {"strategy": "tpe", "trials": made.count, "axes": AXES}}
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "space.yaml").write_text(yaml.safe_dump(space))
    (folder / "provenance.json").write_text(json.dumps({"runs": [RUN]}))
    whole = _write_curves(folder / "curves", made, made.epochs)
    cut = _write_curves(folder / "cut_curves", made, made.epochs // 2)
    for place, trial in enumerate(trials):
        number = place // made.seeds
        curve = (cut if _is_stopped(number) else whole)[place % CURVES]
        _train(folder / "trials" / trial["id"], made, number, trial, curve)
    return folder


def _draw(rng: np.random.Generator, number: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "method.loss.beta": float(f"{0.3 * 100 ** rng.random():.3g}"),
        "optimizer.lr": float(f"{0.003 * 100 ** rng.random():.3g}"),
        "method.name": ("trades", "mart")[number % 2],
    }
    if values["method.name"] == "trades":
        values["optimizer.momentum"] = float(f"{0.95 * rng.random():.3g}")
    return values


def _plan(made: Searched, number: int, values: dict[str, Any], seed: int) -> dict[str, Any]:
    configuration = f"searched-{number:04d}-ab12cd"
    return {
        "id": f"{configuration},seed={seed}",
        "kind": "trial",
        "configuration": configuration,
        "replicate": seed,
        "seed": seed,
        "generation": number // 8,
        "axes": {path: str(value) for path, value in values.items()},
        "values": values,
        "config": {"data": {"name": "shapes"}},
        "ranks": None,
        "chain": f"{number:032d}{seed:032d}",
        "epochs": made.epochs,
    }


def _is_stopped(number: int) -> bool:
    return number % 7 == 6 and number % 40 != 39


def _write_curves(folder: Path, made: Searched, epochs: int) -> list[Path]:
    folder.mkdir()
    paths = []
    for place in range(CURVES):
        rng = np.random.default_rng(place)
        rows = []
        for epoch in range(epochs):
            rise = 1 - math.exp(-8 * (epoch + 1) / made.epochs)
            row = {"epoch": epoch, "lr": 0.1 if epoch < made.epochs // 2 else 0.01, "train_loss": 1 - 0.9 * rise}
            for split in ("val", "test"):
                row[f"{split}_clean_acc"] = round((0.8 + 0.005 * place) * rise + 0.004 * rng.standard_normal(), 4)
                row[f"{split}_pgd_acc"] = round((0.6 + 0.005 * place) * rise + 0.004 * rng.standard_normal(), 4)
            rows.append(json.dumps(row) + "\n")
        paths.append(folder / f"{place}.jsonl")
        paths[-1].write_text("".join(rows))
    return paths


def _train(place: Path, made: Searched, number: int, trial: dict[str, Any], curve: Path) -> None:
    place.mkdir(parents=True)
    os.link(curve, place / "epochs.jsonl")
    (place / "config.yaml").write_text("seed: 0\n")
    (place / "result.json").write_text(json.dumps(_result(made, number, trial)))


def _result(made: Searched, number: int, trial: dict[str, Any]) -> dict[str, Any]:
    values, rng = trial["values"], np.random.default_rng(1000 * trial["seed"] + number)
    beta, lr = math.log10(values["method.loss.beta"]), math.log10(values["optimizer.lr"])
    clean = 0.93 - 0.04 * beta - 0.03 * (lr + 1.5) ** 2 + 0.003 * rng.standard_normal()
    robust = 0.76 + 0.05 * beta - 0.04 * (lr + 1.2) ** 2 + 0.003 * rng.standard_normal()
    final = {"val_clean_acc": clean, "val_pgd_acc": robust, "test_clean_acc": clean, "test_pgd_acc": robust}
    final["test_pgd20_acc"] = robust - 0.01
    last = {name: value - 0.01 for name, value in final.items()}
    result = {
        "status": "completed",
        "epochs": made.epochs,
        "best": {"epoch": made.epochs // 2, **final},
        "last": {"epoch": made.epochs - 1, **last},
        "attacks": ATTACKS,
        "data": {"train": 100, "val": 50, "test": 200, "classes": 10, "flipped": 0},
        "subset": {"size": 100, "class_counts": [10] * 10, "flipped_in": 0, "flipped_out": 0, "hash": "ff"},
        "chain": trial["chain"],
    }
    if number % 40 == 39:
        del result["last"]
        return result | {"status": "diverged", "diverged": {"epoch": 5, "why": "loss is nan at epoch 5, batch 1"}}
    if _is_stopped(number):
        stop = {"epoch": made.epochs // 2, "rule": "dominated", "reason": "by more than half of the configurations"}
        return result | {"status": "stopped", "stopped": stop}
    return result
