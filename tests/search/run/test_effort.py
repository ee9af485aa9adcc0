"""The number of examples a plan trains on: known for named data sets at once, for others once they are loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.run.__main__ import main
from search.run.estimate import ExampleCounts, count_examples
from search.schema.space import load_space

SUBSETS = {"all": "all", "few": {"name": "random", "size": 100}, "tenth": {"name": "random", "size": "10%"}}


def space(data: dict[str, Any], **trial: Any) -> str:
    axes = {"subset": {"grid": SUBSETS}}
    return str(yaml.safe_dump({"trial": {"data": data, "epochs": 3} | trial, "search": {"axes": axes}}))


def planned(folder: Path, text: str, fingerprint: Callable[..., str] = lambda data: "not here") -> Plan:
    (folder / "space.yaml").write_text(text)
    return Planner(load_space(folder / "space.yaml", []), fingerprint).plan()


@pytest.mark.parametrize(
    ("data", "n"),
    [
        ({"name": "cifar10", "val": 1000}, 49_000),
        ({"name": "cifar100", "val": 0}, 50_000),
        ({"name": "svhn", "val": 3257}, 70_000),
        ({"name": "mnist", "train": 500}, 500),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_a_named_data_set_has_its_published_size(tmp_path: Path, data: dict[str, Any], n: int) -> None:
    text = space(data).replace("search:\n", "search:\n  checkpoint: last\n")  # which validation need not select
    assert count_examples(planned(tmp_path, text), {}) == ExampleCounts(3 * (n + 100 + n // 10), 3 * 3 * n)


def test_a_count_of_training_examples_is_known_before_the_data_is_loaded(tmp_path: Path) -> None:
    plan = planned(tmp_path, space({"name": "digits", "train": 200, "val": 60, "test": 60}))
    assert count_examples(plan, {}) == ExampleCounts(3 * 320, 3 * 600)


def test_the_size_of_other_data_is_unknown_before_it_is_loaded(tmp_path: Path) -> None:
    sources = DatasetCache()
    plan = planned(tmp_path, space({"name": "digits", "val": 60, "test": 60}), sources.fingerprint)
    assert count_examples(plan, {}) is None
    data = dict.fromkeys((trial.data for trial in plan.trials), sources.prepare(plan.trials[0].config.data))
    left = 1797 - 60 - 60
    assert count_examples(plan, data) == ExampleCounts(3 * (left + 100 + 168), 3 * 3 * left)


def test_examples_of_shared_epochs_count_once(tmp_path: Path) -> None:
    gairat = {"base": "gairat", "weight": {"burn_in": 2}}
    axes = {"method": {"grid": {"pgd": "pgd-at", "gairat": gairat}}}
    tree = {"trial": {"data": {"name": "cifar10", "val": 1000}, "epochs": 3}, "search": {"axes": axes}}
    assert count_examples(planned(tmp_path, str(yaml.safe_dump(tree))), {}) == ExampleCounts(4 * 49_000, 4 * 49_000)


def test_a_dry_run_shows_what_subsets_save(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "space.yaml").write_text(space({"name": "digits", "train": 200, "val": 60, "test": 60}))
    assert main([str(tmp_path / "space.yaml"), "--dry-run", "--results", str(tmp_path / "none")]) == 0
    assert "examples 960 to train on, as many as in 5 epochs without subsets" in " ".join(
        capsys.readouterr().out.split()
    )
    (tmp_path / "space.yaml").write_text("trial: {data: {name: digits}, epochs: 3}\n")
    assert main([str(tmp_path / "space.yaml"), "--dry-run", "--results", str(tmp_path / "none")]) == 0
    assert "as many as in" not in capsys.readouterr().out
