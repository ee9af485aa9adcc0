"""Confirmation: fresh seeds for the front, which chose nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.confirm import chosen, main
from search.sweep import Sweep
from trainers.records import read_json, write_json

from .helpers import Tiny, smoke

pytestmark = pytest.mark.sweeps

AXES = {"method.attack.epsilon": {"grid": [0.05, 0.1, 0.3]}}


@pytest.fixture
def run(tmp_path: Path) -> Tiny:
    text = smoke(profile=None, search__axes=AXES, search__replicates=2, trial__method={"attack": {"steps": 2}})
    return Tiny(tmp_path / "sweep", text).all()


def test_the_front_is_the_one_of_validation_means(run: Tiny) -> None:
    plan = read_json(run.store.folder / "plan.json")
    results = {name: it.values for name, (it, _) in chosen(run.store, plan, run.sweep.space.search).items()}
    everyone: dict[str, list[dict]] = {}
    for trial in run.plan.trials:
        everyone.setdefault(trial.configuration, []).append(run.store.result(trial.id, trial.final) or {})
    means = {
        name: tuple(sum(row["best"][key] for row in rows) / 2 for key in ("val_clean_acc", "val_pgd_acc"))
        for name, rows in everyone.items()
    }
    front = {
        name for name, it in means.items()
        if not any(all(a >= b for a, b in zip(other, it, strict=True)) and other != it for other in means.values())
    }  # fmt: skip
    assert set(results) == front


def test_it_trains_the_front_with_seeds_that_chose_nothing(
    run: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def trained(sweep: Sweep, address: str | None, command: str) -> int:
        for trial in sweep.plan.trials:
            best = {"val_clean_acc": 0.5, "val_pgd_acc": 0.25}
            result = {"status": "completed", "chain": trial.final, "best": best, "last": best}
            write_json(sweep.store.trial(trial.id) / "result.json", result)
        return 0

    monkeypatch.setattr(Sweep, "run", trained)
    monkeypatch.setattr(Sweep, "ended", lambda sweep: False)
    assert main([str(run.store.folder), "--seeds", "3"]) == 0
    folder = run.store.folder.with_name("sweep.confirmed")
    plan = read_json(folder / "plan.json")
    front = chosen(run.store, read_json(run.store.folder / "plan.json"), run.sweep.space.search)
    assert {row["configuration"] for row in plan["trials"]} == set(front)
    assert {row["seed"] for row in plan["trials"]} == {2, 3, 4}
    assert "50.0 ± 0.0 (3)" in capsys.readouterr().out


def test_what_cannot_be_confirmed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    it = Tiny(tmp_path / "sweep")
    assert main([str(it.store.folder)]) == 2
    said = capsys.readouterr().err
    assert "no sweep is stored there" in said
    assert "no configuration of it has all its seeds" in said
    assert not (tmp_path / "sweep.confirmed").exists()
