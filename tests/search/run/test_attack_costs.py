"""The passes of AutoAttack in a plan, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.planning.datasets import DatasetCache
from search.planning.planner import Planner
from search.run.attack_costs import BY_FRONT, BY_MARGIN, count_attack_cost, list_attack_costs
from search.run.dry_run import list_splits
from search.schema.space import load_space
from trainers.attack_runs import AutoAttackRun

from ..helpers import smoke

AA = {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce", "apgd-t"], "images": 20}
DIGITS = {"name": "digits", "train": 96, "val": 60, "test": 60}


def count(folder: Path, **changes: object) -> tuple[object, list[tuple[str, str]]]:
    (folder / "space.yaml").write_text(smoke(evaluate__final={"aa": AA}, **changes))
    loaded, sources = load_space(folder / "space.yaml", []), DatasetCache(download=False)
    plan = Planner(loaded, sources.fingerprint).plan()
    attack = plan.evaluation.final["aa"]
    assert isinstance(attack, AutoAttackRun)
    splits = list_splits(plan, sources)
    return count_attack_cost(plan, attack, splits), [*list_attack_costs(plan, splits)]


def test_each_training_is_attacked_whole_at_both_checkpoints(tmp_path: Path) -> None:
    """Four trials and two profiles, 20 images: a look, 100 steps of APGD-CE and 900 of its targeted twin."""
    found, rows = count(tmp_path)
    assert found == (6 * 2 * 20 * 1001, 6 * 2 * 20 * 1000, 6, pytest.approx(4 / 6))
    ((label, text),) = rows
    assert label == "passes: aa" and "2.4e+05 forwards, 2.4e+05 backwards to attack 6 trainings whole" in text
    assert f"{BY_MARGIN:.0%} of it with `order: margin`, {BY_FRONT * 4 / 6:.0%} with `for: front`" in text


def test_without_validation_there_is_one_checkpoint(tmp_path: Path) -> None:
    data = DIGITS | {"val": 0}
    found, _ = count(tmp_path, trial__data=data, search__checkpoint="last", profile=None, search__axes={})
    assert found == (20 * 1001, 20 * 1000, 1, 1)


def test_published_sizes_stand_for_data_that_is_not_here(tmp_path: Path) -> None:
    data = {"name": "cifar10", "root": str(tmp_path / "nowhere"), "classes": [0, 1, 2, 3, 4]}
    found, _ = count(tmp_path, trial__data=data, profile=None, search__axes={})
    assert found == (2 * 20 * (1 + 100 + 400), 2 * 20 * (100 + 400), 1, 1)
