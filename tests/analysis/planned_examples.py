"""Made-up arrays of the examples of a trial, that follow its configuration: what is hard is the same for all trials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = 120
FIRST = 1000  # index of the first example
CLASSES = 10
EASY = ("easiest", "friendly")


def draw_hardness() -> np.ndarray:
    """Return how hard each example is, (N,) in [0, 1]."""
    return np.random.default_rng(7).permutation(EXAMPLES) / (EXAMPLES - 1)


def write_examples(path: Path, plan: Mapping[str, Any], trial: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Write instances.npz of a trial: what its method and the evaluation record, by rules that hold for every example.

    The loss of easy examples falls first and furthest. Hard ones have small radii, feature norms and targets, and small
    weights unless these go by κ, which is small for hard ones.
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
    if plan["evaluate"].get("train"):
        arrays["withstood"] = correct
    arrays["best_clean_p_y"] = (1 - 0.8 * h - 0.1 * rng.random(len(h))).astype(np.float16)
    if plan["evaluate"].get("min_perturbation"):
        arrays["min_perturbation"] = (0.3 * (1 - h) + 0.03 * rng.random(len(h))).astype(np.float32)
    arrays |= _draw_test_losses(plan["evaluate"], config["data"], epochs, rng)
    np.savez(path, **arrays, **_write_pieces(config["method"], h, y, correct, progress, rng))


def _draw_test_losses(
    evaluate: Mapping[str, Any], data: Mapping[str, Any], epochs: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return losses of test images, clean, attacked and corrupted, if the plan asks for them."""
    if not evaluate.get("test_losses"):
        return {}
    corrupted = (data.get("corruptions") or {}).get("names") or ()
    names = ("", "pgd_", *(f"{name}_" for name in (*(evaluate.get("loss_attacks") or {}), *corrupted)))
    h = np.random.default_rng(8).permutation(EXAMPLES) / (EXAMPLES - 1)
    return {
        f"test_{name}loss": (0.3 + 2 * h + 0.3 * rng.random((epochs, EXAMPLES))).astype(np.float16) for name in names
    }


def _write_pieces(
    method: Mapping[str, Any], h: np.ndarray, y: np.ndarray, correct: np.ndarray, progress: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return what the pieces of a method record beside losses."""
    shape, found = correct.shape, dict[str, np.ndarray]()
    noise = 0.02 * rng.random(shape)
    name = {piece: (method.get(piece) or {}).get("name") for piece in ("attack", "weight", "target")}
    if name["attack"] == "pgd":
        steps = method["attack"]["steps"]
        found["kappa"] = np.round((1 - h - 3 * noise).clip(0) * steps * np.minimum(1, 0.3 + progress)).astype(np.uint8)
    if name["attack"] == "iat":
        found["epsilon"] = (0.1 * (1 - 0.8 * progress * h) + 0.1 * noise).astype(np.float16)
    lam = (method.get("weight") or {}).get("lam", 0.0)
    if (name["weight"] or "").startswith("gair"):
        if lam != "inf":
            found["weight"] = _weigh(found["kappa"] / steps, lam)
    elif name["weight"] not in ("uniform", None):
        found["weight"] = (1 - 0.8 * progress * h + noise).astype(np.float16)
    if name["target"] not in ("given", None):
        t_y = 1 - 0.55 * progress * h
        found["t_y"] = (t_y - noise).astype(np.float16)
        found["t_max"] = np.maximum(t_y, 1 - t_y).astype(np.float16)
        found["t_class"] = np.where(t_y >= 0.5, y, (y + 1) % CLASSES).astype(np.uint8)
        found["t_correct"] = np.maximum(correct, rng.random(shape) < 0.6 * progress).astype(np.uint8)
        found["clean_correct"] = np.maximum(correct, rng.random(shape) < 0.5).astype(np.uint8)
    return found


def _weigh(share: np.ndarray, lam: float) -> np.ndarray:
    """Return weights by κ / K, (T, N): eq. 6 of Zhang et al. 2021, scaled to mean 1, after a burn-in of half of T."""
    omega = (1 + np.tanh(lam + 5 * (1 - 2 * share))) / 2
    omega /= omega.mean(1, keepdims=True)
    omega[: len(omega) // 2] = np.nan
    return omega.astype(np.float16)


def write_ranking(folder: Path, name: str) -> None:
    """Write the file of a ranking: by instability, and without ties."""
    h, y = draw_hardness(), np.arange(EXAMPLES) % CLASSES
    rank = (np.argsort(np.argsort(h)) + 0.5) / EXAMPLES
    folder.mkdir(exist_ok=True)
    np.savez(
        folder / f"{name}.npz", index=np.arange(EXAMPLES) + FIRST, y=y, y_clean=y, instability=h, rank_instability=rank,
        provenance=json.dumps({"ranks": name, "trials": []}),
    )  # fmt: skip


def _choose(subset: Mapping[str, Any], fraction: float) -> np.ndarray:
    """Return the positions of a subset's examples, in order."""
    h = draw_hardness()
    order = {side: np.argsort(h if side in EASY else -h) for side in (*EASY, "hardest", "problematic")}
    random = np.random.default_rng(5).permutation(EXAMPLES)
    return np.sort(order.get(subset.get("side") or "", random)[: round(fraction * EXAMPLES)])
