"""Made-up diagnostics and galleries of a shipped study, beside the records of `planned`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from trainers.extremes import list_gallery

EXAMPLES, CLASSES, IMAGES, DIMENSIONS = 200, 10, 30, 4
BOUNDS = {"easiest": 10.0, "hardest": 1000.0}  # of the Lipschitz constant; 100 of others


def write_recordings(folder: Path) -> None:
    """Write what `evaluate.diagnostics` of the plan asks for, and the rankings of its profile trainings."""
    plan = json.loads((folder / "plan.json").read_text())
    asked = {name: knobs for name, knobs in (plan["evaluate"].get("diagnostics") or {}).items() if knobs}
    for number, trial in enumerate(plan["trials"]):
        if asked:
            arrays = _diagnose(asked, trial, np.random.default_rng(number))
            np.savez(folder / "trials" / trial["id"] / "diagnostics.npz", **arrays)
            np.savez(folder / "trials" / trial["id"] / "instances.npz", **_list_examples(trial))
        if trial["kind"] == "profile":
            _rank(folder / "profile", trial["ranks"], trial["id"])


def _diagnose(asked: dict[str, Any], trial: dict[str, Any], rng: np.random.Generator) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, knobs in asked.items():
        shares = [float(moment.removesuffix("%")) / 100 for moment in knobs["after"]]
        found[f"{name}_epochs"] = epochs = (np.array(shares) * trial["epochs"]).astype(np.int32) - 1
        grown = 1 + epochs / trial["epochs"] + 0.01 * rng.standard_normal(len(epochs))
        if name == "flatness":
            found["flatness_images"] = np.arange(IMAGES, dtype=np.int32)
            lengths = (grown[:, None] * np.ones(IMAGES)).astype(np.float32)
            found |= {"flatness_friendly": lengths, "flatness_adversarial": 2 * lengths}
        elif name == "lipschitz":
            bound = BOUNDS.get(trial["config"]["subset"].get("side", ""), 100.0) * grown
            found |= {"lipschitz_merged": bound, "lipschitz_naive": 3 * bound}
        elif name == "logits":
            found["logits_rows"] = rows = np.arange(EXAMPLES, dtype=np.int32)
            logits = rng.standard_normal((len(epochs), EXAMPLES, CLASSES))
            logits[:, rows, rows % CLASSES] += 5
            found["logits_values"] = logits.astype(np.float32)
        elif name == "features":
            found["features_rows"] = np.arange(EXAMPLES, dtype=np.int32)
            scale = (1 + np.arange(EXAMPLES)[:, None]) * np.ones(DIMENSIONS)  # the last example is the hardest
            found["features_values"] = (grown[:, None, None] * scale / EXAMPLES).astype(np.float16)
    return found


def _list_examples(trial: dict[str, Any]) -> dict[str, np.ndarray]:
    epochs, index = trial["epochs"], np.arange(EXAMPLES)
    kappa = np.broadcast_to(index % 11, (epochs, EXAMPLES)).astype(np.uint8)
    loss = np.broadcast_to(2 + index / EXAMPLES, (epochs, EXAMPLES)).astype(np.float16)
    found: dict[str, np.ndarray] = {
        "index": index,
        "y": index % CLASSES,
        "y_clean": index % CLASSES,
        "kappa": kappa,
        "loss": loss,
    }
    weight = (trial["config"]["method"].get("weight") or {}).get("name") or "uniform"
    return found if weight == "uniform" else found | {"weight": (1.5 - 0.1 * kappa).astype(np.float16)}


def _rank(place: Path, ranks: str, trial: str) -> None:
    """Rank examples in their order, from friendly to problematic; the second half is predicted wrong."""
    place.mkdir(exist_ok=True)
    index = np.arange(EXAMPLES)
    y, rank = index % CLASSES, (index + 0.5) / EXAMPLES
    scores = {"rank_instability": rank, "rank_difficulty": rank}
    np.savez(place / f"{ranks}.npz", index=index, y=y, y_clean=y, provenance=json.dumps({"trials": [trial]}), **scores)
    x = np.random.default_rng(0).integers(0, 256, (EXAMPLES, 8, 8, 3), dtype=np.uint8)
    np.savez(place / f"{ranks}.images.npz", index=index, x=x)
    shown = list_gallery([rank], y)
    predicted = np.where(shown < EXAMPLES // 2, y[shown], (y[shown] + 1) % CLASSES)
    np.savez(
        place / f"{ranks}.adversaries.npz", index=shown, x=x[shown], predicted=predicted, trial=trial, attack="PGD-10"
    )
