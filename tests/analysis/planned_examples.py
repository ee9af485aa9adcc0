"""Made-up arrays of the examples of a trial, that follow its configuration: what is hard is the same for all trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = 120
FIRST = 1000  # index of the first example
CLASSES = 10


def draw_hardness() -> np.ndarray:
    """Return how hard each example is, (N,) in [0, 1]."""
    return np.random.default_rng(7).permutation(EXAMPLES) / (EXAMPLES - 1)


def write_examples(path: Path, trial: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Write instances.npz of a trial: what its method records, by rules that hold for every example.

    The loss of easy examples falls first and furthest. Hard ones have small weights, radii, feature norms and targets.
    """
    config, epochs = trial["config"], trial["epochs"]
    kept = _choose(config["subset"], trial["fraction"])
    h = draw_hardness()[kept]
    progress = np.linspace(0, 1, epochs)[:, None]
    shape = (epochs, len(kept))
    late = 0.2 + 0.6 * h  # the share of training at which half of the fall of an example's loss is made
    loss = 0.3 + 2 / (1 + np.exp(12 * (progress - late))) + 0.4 * h + 0.05 * rng.random(shape)
    correct = (rng.random(shape) < 0.1 + 0.85 * progress * (1 - h)).astype(np.uint8)
    y = np.arange(EXAMPLES)[kept] % CLASSES
    arrays = {
        "index": kept + FIRST,
        "y": y,
        "y_clean": y,
        "loss": loss.astype(np.float32),
        "correct": correct,
        "p_y": np.exp(-loss).astype(np.float16),
        "feature_norm": (5 + 3 * progress * (1 - h)).astype(np.float16),
    }
    np.savez(path, **arrays, **_write_pieces(config["method"], h, y, correct, progress, rng))


def _write_pieces(
    method: Mapping[str, Any], h: np.ndarray, y: np.ndarray, correct: np.ndarray, progress: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return what the pieces of a method record beside losses."""
    shape, found = correct.shape, dict[str, np.ndarray]()
    noise = 0.02 * rng.random(shape)
    name = {piece: (method.get(piece) or {}).get("name") for piece in ("attack", "weight", "target")}
    if name["attack"] == "pgd":
        found["kappa"] = np.round((1 - h) * 7 * np.minimum(1, 0.3 + progress)).astype(np.uint8)
    if name["attack"] == "iat":
        found["epsilon"] = (0.1 * (1 - 0.8 * progress * h) + 0.1 * noise).astype(np.float16)
    if name["weight"] not in ("uniform", None):
        found["weight"] = (1 - 0.8 * progress * h + noise).astype(np.float16)
    if name["target"] not in ("given", None):
        t_y = 1 - 0.55 * progress * h
        found["t_y"] = (t_y - noise).astype(np.float16)
        found["t_max"] = np.maximum(t_y, 1 - t_y).astype(np.float16)
        found["t_class"] = np.where(t_y >= 0.5, y, (y + 1) % CLASSES).astype(np.uint8)
        found["t_correct"] = np.maximum(correct, rng.random(shape) < 0.6 * progress).astype(np.uint8)
        found["clean_correct"] = np.maximum(correct, rng.random(shape) < 0.5).astype(np.uint8)
    return found


def _choose(subset: Mapping[str, Any], fraction: float) -> np.ndarray:
    """Return the positions of a subset's examples, in order."""
    h = draw_hardness()
    order = {"easiest": np.argsort(h), "hardest": np.argsort(-h)}
    random = np.random.default_rng(5).permutation(EXAMPLES)
    return np.sort(order.get(subset.get("side") or "", random)[: round(fraction * EXAMPLES)])
