"""Made-up curves, so that the right decisions about them are known; as objects, as records and as random groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from search.stopping.curves import Candidate, Curve, Point
from search.stopping.phases import Phases
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.record_io import append_rows, write_json

SHORT = 20  # epochs of the candidates in a random group
ACCURACY = st.integers(0, 20).map(lambda k: k / 20)
OBJECTIVES = {"val_clean_acc": "max", "val_pgd_acc": "max"}
Accuracies = Sequence[tuple[float, float]]  # clean and robust after each epoch trained


def made_candidate(
    name: str,
    *seeds: Accuracies,
    epochs: int = 100,
    drops: tuple[int, ...] = (50, 75),
    switches: tuple[int, ...] = (),
    selects: int = 0,
    every: int = 1,
    diverged: Mapping[int, int] | None = None,  # seed -> epoch
    adversarial: bool = True,
) -> Candidate:
    """Return a candidate with ten classes, trained for as many epochs as there are accuracies."""
    evaluation = Evaluation(every=every)
    measured = tuple(epoch for epoch in range(epochs) if evaluation.due(epoch, epochs))
    curves = tuple(
        Curve(
            tuple(
                Point(e, seed[e][1], tuple(seed[e]), None if adversarial else seed[e][0])
                for e in measured
                if e < len(seed)
            ),
            (diverged or {}).get(i),
        )
        for i, seed in enumerate(seeds)
    )
    return Candidate(name, Phases(epochs, drops, switches, selects), measured, curves, OBJECTIVES, 0.1)


def flat(clean: float, robust: float, epochs: int = 100) -> list[tuple[float, float]]:
    """Return a training whose accuracies are constant."""
    return [(clean, robust)] * epochs


def synthetic_study(seed: int = 0) -> dict[str, list[list[tuple[float, float]]]]:
    """Make SYNTHETIC: 37 trainings of 200 epochs, one seed each, learning rate drops after 100 and 150.

    Shaped as the 200-epoch CIFAR-10 trainings published with Rice et al. 2020 (arXiv:2002.11569) were measured to be:
    the robust accuracy before the first drop anti-correlates with the final best, the best comes shortly after a drop
    (of one in five the second), and falls by some 4 points until the end; six never come near. It shows that rules
    behave as described, not how well they do on real trainings.
    """
    rng, epoch = np.random.default_rng(seed), np.arange(200)
    study = {}
    for i in range(37):
        hopeless, late = i >= 31, rng.random() < 0.2
        quality, trade, fall = rng.random(), rng.random(), rng.uniform(0.005, 0.088)
        best = 0.24 if hopeless else 0.46 + 0.07 * quality
        before = 0.17 if hopeless else 0.40 - 0.04 * quality + 0.03 * rng.standard_normal()
        peak = int(rng.integers(151, 157) if late else rng.integers(101, 107))
        robust = before * (1 - np.exp(-(epoch + 1) / 8))
        robust += np.clip((epoch - 99) / 2, 0, 1) * (best - 0.02 * late - before) * (epoch >= 100)
        robust += 0.02 * late * (epoch >= 150) - fall * np.clip((epoch - peak) / (199 - peak), 0, 1)
        clean = (0.35 if hopeless else 0.74 - 0.04 * quality - 0.12 * trade) * (1 - np.exp(-(epoch + 1) / 8))
        clean += 0.08 * np.clip((epoch - 99) / 4, 0, 1) + 0.02 * epoch / 200
        curve = np.stack([clean, robust], axis=1) + 0.003 * rng.standard_normal((200, 2))
        study[f"{'hopeless' if hopeless else 'late' if late else 'early'}-{i:02d}"] = [
            [(float(c), float(r)) for c, r in curve]
        ]
    return study


def write_sweep(
    folder: Path,
    trainings: Mapping[str, Sequence[Accuracies]],
    every: int = 1,
    diverged: Mapping[str, int] | None = None,  # trial -> epoch
    knobs: Mapping[str, dict[str, Any]] | None = None,  # configuration -> of its trial, beside the epochs
) -> Path:
    """Write the records of a finished sweep on ten classes: a configuration a name, a trial a seed of it."""
    evaluation, trials = Evaluation(every=every), []
    for i, (name, seeds) in enumerate(trainings.items()):
        for seed, accuracies in enumerate(seeds):
            trial, epochs = f"{name},seed={seed}", len(accuracies)
            own = (knobs or {}).get(name, {"optimizer": {"name": "sgd", "weight_decay": 1e-4 * (i + 1)}})
            config = TrialConfig.model_validate({"epochs": epochs, "seed": seed} | own)
            trials.append(
                {
                    "id": trial, "kind": "trial", "configuration": name, "replicate": seed, "seed": seed, "axes": {},
                    "config": config.model_dump(mode="json"), "ranks": None, "start": None, "data": "d", "chain": trial,
                    "epochs": epochs,
                }
            )  # fmt: skip
            end = (diverged or {}).get(trial, epochs)
            rows = [
                {"epoch": e} | ({"val_clean_acc": c, "val_pgd_acc": r} if evaluation.due(e, epochs) else {})
                for e, (c, r) in enumerate(accuracies[:end])
            ]
            place = folder / "trials" / trial
            place.mkdir(parents=True)
            append_rows(place / "epochs.jsonl", rows)
            ended = {"status": "diverged", "diverged": {"epoch": end}} if end < epochs else {"status": "completed"}
            write_json(place / "result.json", ended | {"data": {"classes": 10}, "chain": trial})
    plan = {"study": folder.name, "objectives": OBJECTIVES, "evaluate": evaluation.model_dump(mode="json")}
    write_json(folder / "plan.json", plan | {"trials": trials})
    return folder


@st.composite
def made_groups(draw: st.DrawFn, least: int = 1) -> list[Candidate]:
    """Draw whole curves of up to six configurations with equally many seeds, some of which diverge."""
    seeds = draw(st.integers(1, 2))
    found = []
    for i in range(draw(st.integers(least, 6))):
        lines: list[Accuracies] = []
        diverged = {}
        for seed in range(seeds):
            level = draw(st.tuples(ACCURACY, ACCURACY))
            steps = draw(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=SHORT, max_size=SHORT))
            line = np.clip(np.cumsum([level, *(np.array(steps[1:]) / 20)], axis=0), 0, 1)
            if draw(st.integers(0, 9)) == 0:
                diverged[seed] = draw(st.integers(0, SHORT - 1))
            lines.append([(float(c), float(r)) for c, r in line[: diverged.get(seed, SHORT)]])
        drops = draw(st.sampled_from([(), (8,), (8, 14), (14,)]))
        switches = draw(st.sampled_from([(), (3,), (12,)]))
        found.append(made_candidate(f"c{i}", *lines, epochs=SHORT, drops=drops, switches=switches, diverged=diverged))
    return found
