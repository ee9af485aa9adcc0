"""Every key and array of a training is described in trainers.records or record_arrays, and each of them recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from search.execution.session import Session
from trainers.columns import described, expanded, main
from trainers.record_arrays import (
    ADVERSARY_ARRAYS,
    DIAGNOSTIC_ARRAYS,
    DIAGNOSTIC_PATTERNS,
    IMAGE_ARRAYS,
    INSTANCE_ARRAYS,
    INSTANCE_PATTERNS,
    RANKING_ARRAYS,
    RANKING_PATTERNS,
    ArrayDoc,
)
from trainers.record_reader import read_json, read_rows
from trainers.records import (
    CHECKPOINT_PATTERNS,
    EPOCH_PATTERNS,
    CheckpointRecord,
    CostRecord,
    DataSummary,
    Divergence,
    Doc,
    EpochRecord,
    Stop,
    SubsetSummary,
    TrialResult,
)
from trainers.scores import SCORES

from .helpers import Tiny, local

ATTACK = {"epsilon": 0.1, "steps": 2}
SAMPLED = {"name": "pgd", "steps": 1, "images": 20}
EVALUATE = {
    "epsilon": 0.1,
    "steps": 2,
    "every": 2,
    "train": True,
    "entropy": True,
    "gradient_norm": True,
    "by_class": True,
    "test_losses": True,
    "train_losses": True,
    "loss_attacks": {"fgsm": {"name": "fgsm"}},
    "along": {"whole": {"name": "pgd", "steps": 1}, "few": SAMPLED},
    "final": {
        "aa": {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce"]},
        "wide": {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce"], "epsilon": 0.2, "images": 20},
    },
    "min_perturbation": {"step": 0.05, "limit": 0.1},
    "diagnostics": {
        "flatness": {"after": [1, "100%"], "images": 20, "steps": 2, "step_size": "epsilon"},
        "lipschitz": {"after": [1, "100%"]},
        "logits": {"after": [1, "100%"], "images": 20},
        "features": {"after": [1, "100%"], "images": 20},
    },
}
METHODS: dict[str, Any] = {  # together they record all that any method does
    "standard": "standard",
    "gairat": {"base": "gairat", "attack": ATTACK, "weight": {"burn_in": 1}},
    "self-adaptive": {"base": "self-adaptive", "attack": ATTACK, "target": {"burn_in": 1}},
    "iat": {"base": "iat", "attack": {"epsilon": 0.1, "gamma": 0.01, "steps": 2, "burn_in": 1}},
}
Described = Mapping[str, Doc | ArrayDoc]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A sweep with every measurement that there is, of which some trainings diverge and one is stopped."""
    folder = tmp_path_factory.mktemp("columns")
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (120, 8, 8), np.uint8), np.arange(120) % 10
    np.savez(folder / "set.npz", x_train=x[:80], y_train=y[:80], x_test=x[80:], y_test=y[80:])
    np.save(folder / "fog.npy", np.full((200, 8, 8), 255, np.uint8))
    np.save(folder / "labels.npy", np.tile(y[80:], 5))
    data = {"name": "npz", "path": str(folder / "set.npz"), "val": 20, "label_noise": 0.1}
    data["corruptions"] = {"path": str(folder), "names": ["fog"], "severity": 5}
    subset = {"name": "ranked", "side": "friendly", "size": "75%"}
    trial = {"data": data, "subset": subset, "model": {"name": "mlp", "hidden": [16]}, "epochs": 3}
    axes = {"method": {"grid": METHODS}, "optimizer.lr": {"grid": {"usual": 0.05, "huge": 1e30}}}
    space = {
        "trial": trial | {"select": {"from": "burn-in"}},
        "profile": {"seeds": [7, 8], "trial": {"method": {"base": "pgd-at", "attack": ATTACK}, "select": {"from": 0}}},
        "search": {"checkpoint_seconds": 0, "axes": axes},
        "evaluate": EVALUATE,
    }
    made = Tiny(folder / "sweep", yaml.safe_dump(space)).all()
    stopped = next(i for i in ended(made, "completed") if made.plan.trials[i].kind == "trial")
    stop = {"epoch": 2, "rule": "dominated", "reason": "by two others"}
    assert Session(replace(made.job(stopped), until=2, stop=stop), made.data(stopped)).advance(inf) == "stopped"
    return made


def ended(tiny: Tiny, status: str) -> list[int]:
    """Return the trainings that ended so."""
    return [i for i in range(len(tiny.plan.trials)) if result(tiny, i)["status"] == status]


def result(tiny: Tiny, i: int) -> Any:
    return read_json(tiny.folder(i) / "result.json")


def docs(record: type) -> dict[str, Doc]:
    return {key: doc for key, (_, doc) in described(record).items()}


def named(tiny: Tiny, patterns: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the patterns stand for in this study, by the evaluation as plan.json has it."""
    return expanded(patterns, read_json(tiny.store.folder / "plan.json")["evaluate"], ["fog"])


def check(records: Sequence[Mapping[str, Any]], known: Described, but: Set[str] = frozenset()) -> None:
    """Fail unless all known keys but `but` are recorded and no other, and each record has those that always are."""
    assert {key for record in records for key in record} == known.keys() - but
    always = {key for key, doc in known.items() if doc.when == "always"}
    assert all(record.keys() >= always for record in records)


@pytest.mark.long
def test_rows_of_epochs_and_costs(tiny: Tiny) -> None:
    folders = [tiny.folder(i) for i in range(len(tiny.plan.trials))]
    epochs, costs = (
        [row for folder in folders for row in read_rows(folder / name)] for name in ("epochs.jsonl", "cost.jsonl")
    )
    check(epochs, docs(EpochRecord) | named(tiny, EPOCH_PATTERNS))
    check(costs, docs(CostRecord))


def test_results(tiny: Tiny) -> None:
    results = [result(tiny, i) for i in range(len(tiny.plan.trials))]
    assert {record["status"] for record in results} == {"completed", "diverged", "stopped"}
    check(results, docs(TrialResult))
    check([record["data"] for record in results], docs(DataSummary))
    check([record["subset"] for record in results], docs(SubsetSummary))
    check([record["diverged"] for record in results if "diverged" in record], docs(Divergence))
    check([record["stopped"] for record in results if "stopped" in record], docs(Stop))
    checkpoints = [record[name] for record in results for name in ("best", "last") if name in record]
    known = docs(CheckpointRecord) | named(tiny, CHECKPOINT_PATTERNS)
    check(checkpoints, known, but={"bounds", "constant", "warnings", "margin_order"})
    trainer = tiny.session(0).trainer
    trainer.net.module.head.weight.data.zero_()
    trainer.net.module.head.bias.data[:] = torch.arange(10) == 7
    last = trainer.final()[0]["last"]
    assert last["constant"] == 7
    assert last["warnings"].keys() == {"aa", "wide"}  # these logits look like probabilities


def test_arrays(tiny: Tiny) -> None:
    """Shapes and dtypes too."""
    instances = [dict(np.load(tiny.folder(i) / "instances.npz")) for i in ended(tiny, "completed")]
    known = INSTANCE_ARRAYS | named(tiny, INSTANCE_PATTERNS)
    sizes = {"T": 3, "M": 40, "C": 10, "images": 20}
    check(instances, known)
    for arrays in instances:
        check_arrays([arrays], known, sizes | {"N": len(arrays["index"])})


def check_arrays(records: Sequence[Mapping[str, Any]], known: Mapping[str, ArrayDoc], sizes: Mapping[str, int]) -> None:
    """Fail unless the arrays are known, of the dtype and the shape that the documentation gives."""
    for arrays in records:
        assert {name: values.dtype for name, values in arrays.items()} == {name: known[name].dtype for name in arrays}
        shapes = {name: [sizes[at] for at in re.findall(r"\w+", known[name].shape)] for name in arrays}
        assert {name: list(values.shape) for name, values in arrays.items()} == shapes


def test_diagnostics(tiny: Tiny) -> None:
    records = [dict(np.load(tiny.folder(i) / "diagnostics.npz")) for i in ended(tiny, "completed")]
    known = DIAGNOSTIC_ARRAYS | named(tiny, DIAGNOSTIC_PATTERNS)
    check(records, known)
    check_arrays(records, known, {"E": 2, "n": 20, "C": 10, "F": 16})


def test_rankings(tiny: Tiny) -> None:
    (ranks,) = tiny.plan.rankings
    ranking = dict(np.load(local(tiny.store.ranking_path(ranks))))
    scores = {pattern.format(score=score): doc for pattern, doc in RANKING_PATTERNS.items() for score in SCORES}
    known = RANKING_ARRAYS | scores
    check([ranking], known)
    assert all(known[name].dtype in str(values.dtype.type) for name, values in ranking.items())
    for kind, docs in (("images", IMAGE_ARRAYS), ("adversaries", ADVERSARY_ARRAYS)):
        arrays = dict(np.load(local(tiny.store.folder / "profile" / f"{ranks}.{kind}.npz")))
        check([arrays], docs)
        assert all(docs[name].dtype in str(values.dtype.type) for name, values in arrays.items())


def test_the_tables_name_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    for key in ("train_loss", "test_{along}_acc", "final_seconds", "status", "test_{autoattack}_gap", "rank_{score}"):
        assert f"\n| `{key}` | " in printed
    assert all(line.count("|") == 6 for line in printed.splitlines() if line.startswith("|"))
