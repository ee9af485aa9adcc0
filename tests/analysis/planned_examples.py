"""Made-up arrays of examples and rankings for the plan of a study: all trainings find the same examples hard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = 60
CLASSES = 10
NOISE = 0.1  # of the hardness that a training sees, which is between 0 and 1


def draw_hardness() -> np.ndarray:
    """Return the true hardness of the examples, (EXAMPLES,), in [0, 1)."""
    return np.random.default_rng(7).random(EXAMPLES)


def write_examples(path: Path, plan: Mapping[str, Any], trial: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Write the arrays that a training records of its examples.

    κ falls with hardness, and so do the probability of the label and the least perturbation; the first epoch in which
    an example is right rises. Weights follow eq. 6 of Zhang et al. 2021, whatever their name, from the burn-in on.
    """
    method, evaluate = trial["config"]["method"], plan["evaluate"]
    hardness = (draw_hardness() + NOISE * rng.standard_normal(EXAMPLES)).clip(0, 1)
    shape = (trial["epochs"], EXAMPLES)
    progress = np.linspace(0, 1, trial["epochs"])[:, None]
    correct = (progress >= hardness).astype(np.uint8)
    arrays = {
        "index": np.arange(EXAMPLES) + 1000,
        "y": np.arange(EXAMPLES) % CLASSES,
        "y_clean": np.arange(EXAMPLES) % CLASSES,
        "loss": (2.3 * hardness * np.ones(shape)).astype(np.float32),
        "correct": correct,
        "p_y": np.broadcast_to(1 - hardness, shape).astype(np.float16),
        "best_clean_p_y": (1 - hardness).astype(np.float16),
    }
    if evaluate.get("train"):
        arrays["withstood"] = correct
    if evaluate.get("min_perturbation"):
        arrays["min_perturbation"] = (0.3 * (1 - hardness)).astype(np.float32)
    steps = (method.get("attack") or {}).get("steps")
    if steps:
        kappa = np.round(steps * (1 - hardness) * np.ones(shape)).astype(np.uint8)
        arrays["kappa"] = kappa
        weight = method.get("weight") or {}
        lam = weight.get("lam", 0.0)
        if weight.get("name", "uniform") != "uniform" and lam != "inf":
            omega = (1 + np.tanh(lam + 5 * (1 - 2 * kappa / steps))) / 2
            omega /= omega.mean(1, keepdims=True)
            omega[: trial["epochs"] // 2] = np.nan
            arrays["weight"] = omega.astype(np.float16)
    np.savez(path, **arrays)


def write_ranking(folder: Path, name: str) -> None:
    """Write the file of a ranking, by instability, with ties nowhere."""
    hardness, index = draw_hardness(), np.arange(EXAMPLES) + 1000
    y = np.arange(EXAMPLES) % CLASSES
    rank = (np.argsort(np.argsort(hardness)) + 0.5) / EXAMPLES
    folder.mkdir(exist_ok=True)
    np.savez(
        folder / f"{name}.npz", index=index, y=y, y_clean=y, instability=hardness, rank_instability=rank,
        provenance=json.dumps({"ranks": name, "trials": []}),
    )  # fmt: skip
