"""Two made-up sweeps that hold some of the same trainings."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from .synthetic import CLASSES, Made, write_sweep

MADE = Made(noise=(0.1,), methods=("AT",), replicates=3, profile=False, faults=False)


def write_sharing(folder: Path, subsets: tuple[str, ...] = ("all", "random 108"), replicates: int = 3) -> list[Path]:
    """Write `first` with all and friendly examples, and `second`, which holds its trainings on all examples too."""
    first = write_sweep(folder / "first", replace(MADE, study="first", subsets=("all", "friendly 108")))
    second = write_sweep(folder / "second", replace(MADE, study="second", subsets=subsets, replicates=replicates))
    copy_trainings(first, second)
    return [first, second]


def copy_trainings(source: Path, target: Path) -> None:
    """Give the trainings of `target` that have the id of one of `source` its state and records."""
    plan = json.loads((target / "plan.json").read_text())
    known = {row["id"]: row["chain"] for row in json.loads((source / "plan.json").read_text())["trials"]}
    for row in plan["trials"]:
        if row["id"] in known:
            row["chain"] = known[row["id"]]
            shutil.copytree(source / "trials" / row["id"], target / "trials" / row["id"], dirs_exist_ok=True)
    (target / "plan.json").write_text(json.dumps(plan))


def add_classes(folder: Path) -> None:
    """Record accuracy by class and the gap to AutoAttack, which are other numbers for each training."""
    for path in folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        result["classes"] = {}
        for checkpoint in ("best", "last"):
            found = result[checkpoint]
            robust, clean = found["test_aa_acc"], found["test_clean_acc"]
            kinds = {"clean": clean, "pgd": robust + 0.03, "aa": robust}
            result["classes"][checkpoint] = {
                kind: [value * (1 - label / 40) for label in range(CLASSES)] for kind, value in kinds.items()
            }
            found["test_aa_gap"] = 0.02 + robust / 10
        path.write_text(json.dumps(result))


def drop_seed(folder: Path, replicate: int) -> None:
    """Remove the trainings of a seed from a sweep."""
    plan = json.loads((folder / "plan.json").read_text())
    for row in plan["trials"]:
        if row["replicate"] == replicate:
            shutil.rmtree(folder / "trials" / row["id"])
    plan["trials"] = [row for row in plan["trials"] if row["replicate"] != replicate]
    (folder / "plan.json").write_text(json.dumps(plan))
