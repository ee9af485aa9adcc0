"""A made-up sweep with the layout of a real one, whose true effects are known."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from trainers.extremes import list_gallery

ATTACKS = {
    "pgd": "PGD-10, linf, epsilon 0.1, step epsilon/4",
    "pgd20": "PGD-20, linf, epsilon 0.1, step epsilon/4",
    "aa": "AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 0.1 on 300 images drawn by class",
}
CLASSES = 10
DIAGNOSED = (5, 11, 23)  # the epochs after which diagnostics are measured


@dataclass(frozen=True)
class Made:
    """What to make; the defaults are a small friendly-k sweep with every kind of ending."""

    study: str = "made_up"
    noise: tuple[float, ...] = (0.0, 0.1)
    methods: tuple[str, ...] = ("AT 0.10", "TRADES 0.10")
    subsets: tuple[str, ...] = ("all", "friendly 108", "random 108")
    replicates: int = 3
    epochs: int = 24
    every: int = 2
    examples: int = 120
    profile: bool = True
    finished: bool = True
    faults: bool = True  # the last trial crashed, the one before is torn, the one before that diverged
    attacks: dict[str, str] = field(default_factory=lambda: dict(ATTACKS))
    lift: float = 0.0  # added to every robust accuracy
    train: bool = False  # robust training accuracy too is measured under the attack of the curves
    instances: bool = False  # trials too record their examples, with κ, weights, radii and targets
    diagnostics: bool = False  # and what `evaluate.diagnostics` measures after DIAGNOSED of their epochs


def write_sweep(folder: Path, made: Made = Made()) -> Path:
    """Write a sweep and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    trials = [
        _planned(made, noise, method, subset, replicate)
        for noise in made.noise
        for method in made.methods
        for subset in made.subsets
        for replicate in range(made.replicates)
    ]
    profiles = [_profile(made, noise, replicate) for noise in made.noise for replicate in range(2)]
    plan = {
        "study": made.study,
        "objectives": {"val_clean_acc": "max", "val_pgd_acc": "max"},
        "evaluate": {"epsilon": 0.1},
        "attacks": made.attacks,
        "axes": ["data.label_noise", "method", "subset"],
        "trials": (profiles if made.profile else []) + trials,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "space.yaml").write_text(f"study: {made.study}\n")
    (folder / "provenance.json").write_text(json.dumps({"runs": [RUN]}))
    for number, planned in enumerate([*trials, *profiles][: len(plan["trials"])]):
        _train(folder, made, planned, number)
    if made.faults and made.finished:
        _diverge(folder / "trials" / trials[-3]["id"])
        _tear(folder / "trials" / trials[-2]["id"])
        _crash(folder / "trials" / trials[-1]["id"])
    if made.profile:
        for noise in made.noise:
            _rank(folder, made, noise)
    return folder


def write_study(
    folder: Path, path: str, values: tuple[Any, ...], made: Made = Made(noise=(0.1,), subsets=("all",))
) -> Path:
    """Write a sweep without faults whose methods differ in one knob, listed as a space lists its values."""
    made = replace(made, methods=tuple(map(str, values)), faults=False, profile=False)
    plan = json.loads((write_sweep(folder, made) / "plan.json").read_text())
    plan["axes"][1] = path
    for trial in plan["trials"]:
        label = trial["axes"].pop("method")
        trial["axes"][path], trial["values"][path] = label, dict(zip(made.methods, values, strict=True))[label]
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


RUN = {
    "started": "2026-01-02T03:04:05+00:00",
    "ended": "2026-01-02T03:09:05+00:00",
    "python": "3.11.7",
    "versions": {"torch": "2.9.0", "ray": "2.50.0"},
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "host": "laptop",
    "command": "python -m search.run spaces/made_up.yaml",
    "exit": 0,
    "wall_seconds": 300.0,
    "slots": 2,
}


def _planned(made: Made, noise: float, method: str, subset: str, replicate: int) -> dict[str, Any]:
    labels = {"data.label_noise": str(noise), "method": method, "subset": subset}
    configuration = ",".join(f"{path.rpartition('.')[2]}={label}" for path, label in labels.items()) + "-ab12cd"
    configuration = re.sub(r"[\s/]", "_", configuration)
    kind, _, size = subset.partition(" ")
    chosen = {"name": "ranked", "side": kind, "score": None} if kind == "friendly" else {"name": kind}
    return {
        "id": f"{configuration},seed={replicate}",
        "kind": "trial",
        "configuration": configuration,
        "replicate": replicate,
        "seed": replicate,
        "axes": labels,
        "values": {
            "data.label_noise": noise,
            "method": {"name": method},
            "subset": chosen | {"size": int(size or made.examples)},
        },
        "config": {"data": {"name": "shapes", "label_noise": noise}, "subset": chosen},
        "ranks": _ranks(noise) if kind == "friendly" and made.profile else None,
        "chain": sha256(f"{made}, {configuration}, {replicate}".encode()).hexdigest(),
        "epochs": made.epochs,
    }


def _profile(made: Made, noise: float, replicate: int) -> dict[str, Any]:
    planned = _planned(made, noise, "AT 0.10", "all", replicate)
    configuration = f"profile,label_noise={noise}-ab12cd"
    return planned | {
        "id": f"{configuration},seed={replicate}",
        "ranks": _ranks(noise),
        "configuration": configuration,
        "kind": "profile",
        "axes": {"data.label_noise": str(noise)},
        "values": {"data.label_noise": noise},
    }


def _ranks(noise: float) -> str:
    return f"ranks-{int(1000 * noise):012x}"


def truth(noise: float, method: str, subset: str) -> dict[str, float]:
    """Return the accuracies a made-up trial tends to, and by how much robust accuracy falls after its peak."""
    kind = subset.partition(" ")[0]
    trades = method.startswith("TRADES")
    clean, robust = (0.953, 0.79) if trades else (0.952, 0.76)
    fall = 0.03 if noise and not trades else 0.0
    if kind == "friendly":
        clean, robust, fall = clean + (0.005 if noise else -0.013), robust + (0.02 if noise else -0.03), 0.0
    if kind == "random":
        clean, robust = clean - 0.001, robust - 0.01
    return {"clean": clean, "robust": robust + (0.0 if noise else 0.03), "fall": fall}


def _train(folder: Path, made: Made, planned: dict[str, Any], number: int) -> None:
    """Write one trial's records: curves that rise and, where the truth says so, fall."""
    place = folder / "trials" / planned["id"]
    place.mkdir(parents=True)
    (place / "config.yaml").write_text("seed: 0\n")
    if not made.finished:
        return
    rng = np.random.default_rng(number)
    noise = planned["values"]["data.label_noise"]
    subset = planned["axes"].get("subset", "all")
    rows = _curve(made, truth(noise, planned["axes"].get("method", "AT"), subset), rng, made.lift)
    (place / "epochs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    costs = [{"epoch": row["epoch"], "seconds": 0.5, "evaluate_seconds": 0.25} for row in rows]
    (place / "cost.jsonl").write_text("".join(json.dumps(c) + "\n" for c in [*costs, {"final_seconds": 1.0}]))
    (place / "result.json").write_text(json.dumps(_result(made, planned, rows, rng)))
    if planned["kind"] == "profile":
        _write_instances(place / "instances.npz", made, noise, rng)
    elif made.instances:
        _write_instances(place / "instances.npz", made, noise, np.random.default_rng(1000 + number), subset)
    if made.diagnostics and planned["kind"] == "trial":
        _write_diagnostics(place, made, noise, np.random.default_rng(2000 + number))


def _curve(made: Made, true: dict[str, float], rng: np.random.Generator, lift: float) -> list[dict[str, Any]]:
    rows = []
    seed_effect = 0.004 * rng.standard_normal()
    for epoch in range(made.epochs):
        progress = (epoch + 1) / made.epochs
        rise = 1 - np.exp(-12 * progress)
        robust = true["robust"] * rise - true["fall"] * max(0.0, (progress - 0.4) / 0.6) + seed_effect + lift
        row = {"epoch": epoch, "lr": 0.1, "train_loss": 2.3 * (1 - 0.9 * rise), "examples": made.examples}
        row |= {"updates": 3, "forwards": 33, "backwards": 33}
        if (epoch + 1) % made.every == 0 or epoch == made.epochs - 1:
            row["train_clean_acc"] = 0.99 * rise
            row["train_robust_acc"] = min(1.0, 0.95 * rise + true["fall"])
            for split, scatter in (("val", 0.006), ("test", 0.003)):
                row[f"{split}_clean_acc"] = true["clean"] * rise + 0.002 * rng.standard_normal()
                row[f"{split}_pgd_acc"] = robust + scatter * rng.standard_normal()
            if made.instances:
                row |= {"kappa_mean": 7 * rise + seed_effect, "kappa_median": float(round(8 * rise))}
                row |= {"weight_min": 0.0, "weight_max": 1.1} if epoch >= made.epochs // 2 else {}
            if made.train:
                row["train_pgd_acc"] = min(1.0, (true["robust"] + 0.25 * progress) * rise + seed_effect)
        rows.append({key: float(v) if isinstance(v, np.floating) else v for key, v in row.items()})
    return rows


def _result(made: Made, planned: dict[str, Any], rows: list[dict[str, Any]], rng: np.random.Generator) -> Any:
    evaluated = [row for row in rows if "val_pgd_acc" in row]
    best, last = max(evaluated, key=lambda row: row["val_pgd_acc"]), evaluated[-1]
    noise, subset = planned["values"]["data.label_noise"], planned["axes"].get("subset", "all")
    flipped = int(noise * made.examples)
    size = int(subset.partition(" ")[2] or made.examples)
    kept = {"friendly": max(0, flipped - (made.examples - size)), "all": flipped}
    inside = kept.get(subset.partition(" ")[0], round(flipped * size / made.examples))
    counts = np.bincount(rng.integers(0, CLASSES, size), minlength=CLASSES)
    return {
        "status": "completed",
        "epochs": made.epochs,
        "best": _final(made, best),
        "last": _final(made, last),
        "attacks": made.attacks,
        "data": {"train": made.examples, "val": 120, "test": 360, "classes": CLASSES, "flipped": flipped},
        "subset": {
            "size": size,
            "class_counts": counts.tolist(),
            "flipped_in": inside,
            "flipped_out": flipped - inside,
            "hash": "ff",
        },
        "chain": planned["chain"],
    }


def _final(made: Made, row: dict[str, Any]) -> dict[str, Any]:
    keys = ("epoch", "val_clean_acc", "val_pgd_acc", "test_clean_acc", "test_pgd_acc")
    drops = {"pgd20": 0.01, "aa": 0.03}
    finals = {f"test_{a}_acc": row["test_pgd_acc"] - drop for a, drop in drops.items() if a in made.attacks}
    some = [name for name, text in made.attacks.items() if text.endswith(" images drawn by class")]
    return (
        {key: row[key] for key in keys} | finals | {f"test_{a}_clean_acc": row["test_clean_acc"] - 0.01 for a in some}
    )


def _labels(made: Made, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labels, labels before flipping, and a true difficulty in [0, 1] under which flipped ones are hard."""
    rng = np.random.default_rng(7)
    y_clean = np.arange(made.examples) % CLASSES
    y, flipped = y_clean.copy(), rng.permutation(made.examples)[: int(noise * made.examples)]
    y[flipped] = (y[flipped] + 1) % CLASSES
    hardness = 0.8 * rng.random(made.examples)
    hardness[flipped] += 0.5
    return y, y_clean, hardness


def _write_instances(path: Path, made: Made, noise: float, rng: np.random.Generator, subset: str | None = None) -> None:
    """Return the arrays of examples: those of a profiling, or with `subset` all arrays of a trial on it."""
    y, y_clean, hardness = _labels(made, noise)
    kept = _members(hardness, subset)
    y, y_clean, hardness = y[kept], y_clean[kept], hardness[kept]
    shape = (made.epochs, len(kept))
    progress = np.linspace(0, 1, made.epochs)[:, None]
    loss = 2.3 * np.exp(-3 * progress * (1 - hardness)) + 0.05 * rng.random(shape)
    correct = (rng.random(shape) > 0.9 * hardness * (1 - 0.5 * progress)).astype(np.uint8)
    loss[0, :3], correct[0, :3] = np.nan, 255  # not trained on in the first epoch
    kappa = (10 * (1 - hardness.clip(0, 1)) * np.ones(shape)).astype(np.uint8)
    arrays = {
        "index": kept + 1000,
        "y": y,
        "y_clean": y_clean,
        "loss": loss.astype(np.float32),
        "correct": correct,
        "kappa": kappa,
        "p_y": np.exp(-loss).astype(np.float16),
        "feature_norm": (5 + 3 * progress * (1 - hardness)).astype(np.float16),
        "best_clean_p_y": np.exp(-loss[-1]).astype(np.float16),
    }
    if subset is not None:
        arrays |= _write_knobs(y, hardness, kappa, progress, rng)
    np.savez_compressed(path, **arrays)


def _write_diagnostics(place: Path, made: Made, noise: float, rng: np.random.Generator) -> None:
    """Return diagnostics of the examples of a trial, whose instances are there, in the layout of diagnostics.npz.

    Logits favour the label, and less so those of hard examples; activations shrink with the place of their dimension.
    """
    with np.load(place / "instances.npz") as instances:
        y, kappa = instances["y"], instances["kappa"][0]
    epochs = np.array(DIAGNOSED, np.int32)
    progress = (epochs[:, None] + 1) / made.epochs
    rows = np.arange(0, len(y), 2, dtype=np.int32)
    logits = 0.5 * rng.standard_normal((len(epochs), len(rows), CLASSES))
    logits[:, np.arange(len(rows)), y[rows]] += 1 + progress * kappa[rows]
    features = np.abs(rng.standard_normal((len(epochs), len(rows), 6))) * np.arange(6, 0, -1)
    lengths = rng.gamma(4.0, 0.1, (2, len(epochs), 40)) * (1 + progress)
    merged = 40 * np.exp(3 * progress[:, 0] + 0.1 * rng.standard_normal())
    arrays = {
        "flatness_epochs": epochs,
        "flatness_images": np.arange(40, dtype=np.int32),
        "flatness_friendly": lengths[0].astype(np.float32),
        "flatness_adversarial": 2 * lengths[1].astype(np.float32),
        "lipschitz_epochs": epochs,
        "lipschitz_naive": 3 * merged,
        "lipschitz_merged": merged,
        "logits_epochs": epochs,
        "logits_rows": rows,
        "logits_values": logits.astype(np.float32),
        "features_epochs": epochs,
        "features_rows": rows,
        "features_values": features.astype(np.float16),
    }
    np.savez_compressed(place / "diagnostics.npz", **arrays)


def _write_knobs(
    y: np.ndarray, hardness: np.ndarray, kappa: np.ndarray, progress: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return what methods with weights, radii and targets record; weights act from the second half of training on."""
    weight = (1 + np.tanh(-1 + 5 * (1 - kappa / 5))) / 2 + 0.05 * rng.random(kappa.shape)
    weight[: len(weight) // 2] = np.nan
    t_y = 1 - 0.5 * progress * hardness.clip(0, 1)
    correct = rng.random(kappa.shape) < 0.95
    return {
        "weight": weight.astype(np.float16),
        "epsilon": (0.1 * (1 - progress * hardness.clip(0, 1))).astype(np.float16),
        "t_y": t_y.astype(np.float16),
        "t_max": np.maximum(t_y, 1 - t_y).astype(np.float16),
        "t_class": np.where(t_y >= 0.6, y, (y + 1) % CLASSES).astype(np.uint8),
        "t_correct": correct.astype(np.uint8),
        "clean_correct": (rng.random(kappa.shape) > 0.2 * hardness).astype(np.uint8),
    }


def _members(hardness: np.ndarray, subset: str | None) -> np.ndarray:
    """Return the positions of a subset's examples, in order."""
    kind, _, size = (subset or "all").partition(" ")
    order = {"all": np.arange(len(hardness)), "friendly": np.argsort(hardness, kind="stable")}
    shuffled = np.random.default_rng(5).permutation(len(hardness))
    return np.sort(order.get(kind, shuffled)[: int(size or len(hardness))])


def _rank(folder: Path, made: Made, noise: float) -> None:
    """Write the ranking files: scores, ranks in [0, 1] (0 = friendliest) and the images."""
    rng = np.random.default_rng(3)
    y, y_clean, hardness = _labels(made, noise)
    noisy = hardness + 0.05 * rng.standard_normal(made.examples)
    ranks = {"instability": _unit_rank(hardness), "difficulty": _unit_rank(noisy)}
    place = folder / "profile"
    place.mkdir(exist_ok=True)
    trials = [_profile(made, noise, replicate)["id"] for replicate in range(2)]
    index = np.arange(made.examples) + 1000
    np.savez(
        place / f"{_ranks(noise)}.npz",
        index=index,
        y=y,
        y_clean=y_clean,
        instability=hardness,
        difficulty=2.3 * noisy.clip(0),
        provenance=json.dumps({"ranks": _ranks(noise), "trials": trials}),
        **{f"rank_{name}": rank for name, rank in ranks.items()},
    )
    grid = np.add.outer(np.arange(8), np.arange(8))
    x = (127 + 120 * np.sin(grid[None] * (1 + y[:, None, None]) / 3 + hardness[:, None, None])).astype(np.uint8)
    np.savez(place / f"{_ranks(noise)}.images.npz", x=x[..., None], index=index)
    shown = list_gallery(ranks.values(), y)
    moved = x[shown].astype(int) + rng.integers(-25, 26, x[shown].shape)
    np.savez(
        place / f"{_ranks(noise)}.adversaries.npz",
        index=index[shown],
        x=moved.clip(0, 255).astype(np.uint8)[..., None],
        predicted=np.where(hardness[shown] > 0.5, (y[shown] + 1) % CLASSES, y[shown]),
        trial=trials[0],
        attack=made.attacks["pgd"],
    )


def _unit_rank(score: np.ndarray) -> np.ndarray:
    return (np.argsort(np.argsort(score)) + 0.5) / len(score)


def _diverge(place: Path) -> None:
    result = json.loads((place / "result.json").read_text())
    result |= {"status": "diverged", "diverged": {"epoch": 5, "why": "loss is nan at epoch 5, batch 1"}}
    del result["last"]
    (place / "result.json").write_text(json.dumps(result))


def _tear(place: Path) -> None:
    lines = (place / "epochs.jsonl").read_text().splitlines(keepends=True)
    (place / "epochs.jsonl").write_text("".join(lines[:3]) + lines[3][:20])
    (place / "result.json").unlink()


def _crash(place: Path) -> None:
    (place / "result.json").unlink()
    (place / "error.txt").write_text("Traceback (most recent call last):\nRuntimeError: out of memory\n")


def name_one_class(folder: Path, trial: str, checkpoint: str, explicit: bool = True) -> None:
    """Let the network of some trials, by a glob, name class 3 whatever the image; `explicit`: and say so."""
    for path in folder.glob(f"trials/{trial}/result.json"):
        result = json.loads(path.read_text())
        share = 1 / CLASSES  # whatever the attack
        result[checkpoint] |= {key: share for key in result[checkpoint] if key.endswith("_acc")}
        if explicit:
            result[checkpoint]["constant"] = 3
        else:
            alone = [float(label == 3) for label in range(CLASSES)]
            result.setdefault("classes", {})[checkpoint] = {"clean": alone, "pgd": alone, "aa": alone}
        path.write_text(json.dumps(result))
