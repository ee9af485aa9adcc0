"""Made-up records of a shipped study: its real plan, trained by nobody, with accuracies that follow known rules."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from search.planning.planner import Planner
from search.schema.space import load_space

from .planned_examples import write_examples, write_ranking

SPACES = Path(__file__).resolve().parents[2] / "spaces"
MEASURED = 12  # epochs
SEEDS = 2
COSTS = ({"epoch": 0, "seconds": 60.0}, {"final_seconds": 30.0})
TEST = 200  # images
CLASSES = 10
SIDES = {"easiest": 0.1, "hardest": -0.1, "friendly": 0.04, "problematic": -0.04}


@cache
def plan_study(study: str, overrides: tuple[str, ...] = (), name: str = "") -> str:
    """Return plan.json of a shipped study with two seeds, as text; each caller changes a copy."""
    seeds = () if study.endswith("friendly_networks") else (f"search.replicates={SEEDS}",)
    loaded = load_space(SPACES / f"{study}.yaml", [*seeds, *overrides])
    return json.dumps(Planner(loaded, lambda data: "any data").plan().to_json(name or Path(study).name))


def write_planned(
    folder: Path, study: str, overrides: Sequence[str] = (), name: str = "", examples: bool = False
) -> Path:
    """Write the plan and made-up records of a study, with those of its examples if asked, and return the folder."""
    plan = json.loads(plan_study(study, tuple(overrides), name))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps({key: value for key, value in plan.items() if key != "format"}))
    (folder / "space.yaml").write_text(f"study: {plan['study']}\n")
    for number, trial in enumerate(plan["trials"]):
        place = folder / "trials" / trial["id"]
        _train(place, plan, trial, np.random.default_rng(number))
        if examples:
            write_examples(place / "instances.npz", plan, trial, np.random.default_rng(1000 + number))
    for name in {trial["ranks"] for trial in plan["trials"] if examples and trial["ranks"]}:
        write_ranking(folder / "profile", name)
    return folder


def truth(config: Mapping[str, Any], fraction: float, evaluated: float) -> dict[str, float]:
    """Return the accuracies that a training tends to, by known rules.

    Easy subsets, larger ones and a smaller λ raise robust accuracy; so does a larger epsilon, which lowers the clean.
    With flipped labels robust accuracy falls by `fall` in the second half of training.
    """
    method, subset = config["method"], config["subset"]
    attack, weight = method.get("attack") or {}, method.get("weight") or {}
    robust = 0.5 + SIDES.get(subset.get("side", ""), 0.0) + 0.1 * fraction
    lam = float(weight["lam"]) if weight.get("lam") is not None else math.inf
    robust += 0.0 if math.isinf(lam) else 0.01 * (4 - lam)
    ratio = float(attack.get("epsilon") or 0.0) / evaluated
    fall = 0.1 if config["data"].get("label_noise") else 0.0
    return {"clean": 0.9 - 0.05 * ratio, "pgd": robust + 0.05 * ratio, "train": robust + 0.2, "fall": fall}


def masks_gradients(config: Mapping[str, Any]) -> bool:
    """Return whether AutoAttack finds more than PGD: for methods that weigh by κ."""
    return str((config["method"].get("weight") or {}).get("name")).startswith("gair")


def _train(place: Path, plan: Mapping[str, Any], trial: Mapping[str, Any], rng: np.random.Generator) -> None:
    place.mkdir(parents=True)
    (place / "config.yaml").write_text("seed: 0\n")
    true = truth(trial["config"], trial["fraction"], plan["evaluate"]["epsilon"])
    true = {name: value + 0.002 * rng.standard_normal() * (name != "fall") for name, value in true.items()}
    measured = set(np.linspace(0, trial["epochs"] - 1, MEASURED).astype(int).tolist())
    rows = [_row(plan, true, epoch, trial["epochs"], epoch in measured) for epoch in range(trial["epochs"])]
    (place / "epochs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "cost.jsonl").write_text("".join(json.dumps(row) + "\n" for row in COSTS))
    (place / "result.json").write_text(json.dumps(_result(plan, trial, true, rows)))


def _row(plan: Mapping[str, Any], true: Mapping[str, float], epoch: int, epochs: int, measured: bool) -> dict[str, Any]:
    rise = 1 - math.exp(-12 * (epoch + 1) / epochs)
    robust = true["pgd"] * rise - true["fall"] * max(0.0, 2 * (epoch + 1) / epochs - 1)
    row = {"epoch": epoch, "lr": 0.1, "train_loss": 1.0, "examples": 100, "updates": 1}
    row |= {"forwards": 1100, "backwards": 1000, "kappa_mean": 4 * rise, "kappa_median": 3.0}
    row |= {"train_robust_acc": true["train"] * rise}
    if not measured:
        return row
    row["train_clean_acc"] = 0.95 * rise
    if plan["evaluate"].get("train"):
        row["train_pgd_acc"] = true["train"] * rise
    for split in ("val", "test"):
        row |= {f"{split}_clean_acc": true["clean"] * rise, f"{split}_pgd_acc": robust}
    return row | {f"test_{name}_acc": robust - 0.02 * rise for name in plan["evaluate"].get("along") or {}}


def _result(
    plan: Mapping[str, Any], trial: Mapping[str, Any], true: Mapping[str, float], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    final = {"val_clean_acc": true["clean"], "val_pgd_acc": true["pgd"]}
    final |= {"test_clean_acc": true["clean"], "test_pgd_acc": true["pgd"]}
    for name, knobs in (plan["evaluate"].get("final") or {}).items():
        steps = knobs.get("steps") or (400 if masks_gradients(trial["config"]) else 200)
        final[f"test_{name}_acc"] = true["pgd"] - 0.0005 * steps
        final[f"test_{name}_clean_acc"] = true["clean"]
    by_class = {
        kind: (true[of] + 0.01 * np.arange(CLASSES) / CLASSES - drop).tolist()
        for kind, of, drop in (("clean", "clean", 0.0), ("pgd", "pgd", 0.0), ("aa", "pgd", 0.1))
    } | {"aa_gap": [0.1] * CLASSES}
    subset = {"size": round(trial["fraction"] * 1000), "class_counts": [10] * CLASSES, "hash": "ff"}
    return {
        "status": "completed",
        "epochs": trial["epochs"],
        "best": {"epoch": rows[-1]["epoch"], **final},
        "last": {"epoch": rows[-1]["epoch"], **{key: value - _fall(true, key) for key, value in final.items()}},
        "classes": dict.fromkeys(("best", "last", "mean"), by_class),
        "attacks": plan["attacks"],
        "data": {"train": 1000, "val": 100, "test": TEST, "classes": CLASSES, "flipped": 0},
        "subset": subset | {"flipped_in": 0, "flipped_out": 0},
        "chain": trial["chain"],
    }


def _fall(true: Mapping[str, float], metric: str) -> float:
    """Return by how much a metric is lower at the last epoch than at the best."""
    return 0.01 if "clean" in metric else true["fall"]
