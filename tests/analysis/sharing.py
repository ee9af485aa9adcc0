"""Two made-up sweeps that hold some of the same trainings."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from .synthetic import Made, write_sweep

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
