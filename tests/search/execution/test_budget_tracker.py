"""A budget ends a sweep cleanly: what it paid for is done, what it did not is told, and a larger one goes on."""

from __future__ import annotations

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

import search.execution.compatibility
import search.planning.plan
import search.planning.planner
import search.run.driver
import search.status
from search.execution.in_process_backend import InProcessBackend
from search.run.__main__ import main
from search.store.lock import acquire_lock
from trainers.record_reader import read_json

from ..backends import DisturbedBackend
from ..helpers import Tiny, hash_files
from .test_reuse import burn_ins

COMMAND = "python -m search.run space.yaml"


def told(run: Tiny, command: str = COMMAND) -> int:
    code = run.sweep._summarize(None, command)
    run.sweep.conclude()
    return code


def impatient(run: Tiny) -> DisturbedBackend:
    """Return a backend of a sweep whose tracker looks at the records in each turn, as if a second had passed."""

    def disturb(backend: DisturbedBackend, turn: int) -> None:
        run.sweep.budget._next_check = 0.0

    return DisturbedBackend(2, disturb)


def ended(tmp_path: Path, **budget: Any) -> tuple[Tiny, int]:
    """Run a sweep until its budget is used up; return it, and how many trainings have a result."""
    run = Tiny(tmp_path / "sweep", burn_ins(search__budget=budget))
    assert run.serve(impatient(run)) == 0
    assert told(run) == 0
    return run, len(run.plan.trials) - len(run.sweep.unfinished())


@pytest.mark.parametrize(
    ("budget", "trained"),
    [
        ({"trials": 3}, 3),
        ({"epochs": 6}, 1),
        ({"epochs": 10}, 2),  # the second shares two epochs with the first
        ({"epochs": 9}, 1),
    ],
)
def test_a_plan_is_cut_to_its_budget(tmp_path: Path, budget: dict[str, int], trained: int) -> None:
    run, done = ended(tmp_path, **budget)
    assert done == trained
    assert run.trained() <= budget.get("epochs", 100)
    (unit, amount), *_ = budget.items()
    assert f"Ended: the budget of {amount} {'trainings' if unit == 'trials' else unit} is used up; " in run.said()
    assert "Raise it under `search: {budget: …}`" in run.said() and COMMAND in run.said()


@pytest.mark.long
def test_a_raised_budget_resumes_where_the_smaller_one_ended(tmp_path: Path) -> None:
    ended(tmp_path, trials=2)
    run = Tiny(tmp_path / "sweep", burn_ins(search__budget={"trials": 4}, search__keep="forks"))
    assert run.going(Random(0))
    assert told(run) == 0
    assert "budget" not in run.said()


@pytest.mark.parametrize("budget", [{"passes": 1}, {"wall": 0.001}])
def test_a_budget_of_passes_or_time_ends_the_sweep_during_the_run(tmp_path: Path, budget: dict[str, float]) -> None:
    run, done = ended(tmp_path, **budget)
    assert done < len(run.plan.trials)
    assert "Ended: the budget of " in run.said()


def test_a_sweep_with_an_exhausted_budget_trains_nothing_when_resumed(tmp_path: Path) -> None:
    Tiny(tmp_path / "sweep", burn_ins()).going(Random(0), slices=3)
    run = Tiny(tmp_path / "sweep", burn_ins(search__budget={"passes": 1}))
    backend = DisturbedBackend()
    assert run.serve(backend) == 0
    assert backend.epochs == 0
    assert "Ended: the budget of 1 forwards and backwards is used up" in run.said()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("--set search.budget.passes=1", "--set 'search.budget.passes=…'"),
        ("--set 'search.budget={passes: 1}'", "--set 'search.budget=…'"),
        ("--set='search.budget={wall: 8h, passes: 1}'", "'--set=search.budget=…'"),
        ("--set search.budget.wall=8h", None),
        ("--set 'search.budget={wall: 8h}'", None),
        ("--set trial.epochs=3", None),
    ],
)
def test_the_resume_command_lacks_the_exhausted_budget(tmp_path: Path, given: str, shown: str | None) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins(search__budget={"passes": 1}))
    assert run.serve(impatient(run)) == 0
    assert told(run, f"{COMMAND} {given} --name 'a b'") == 0
    how, command = run.said().splitlines()[-2:]
    assert ("Raise the value that --set gives it, here …" in how) == (shown is not None)
    assert ("Raise it under `search: {budget: …}`" in how) == (shown is None)
    assert command == f"  {COMMAND} {shown or given} --name 'a b'"


def test_a_sweep_ended_by_its_budget_is_not_called_finished_after_a_code_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", "")
    monkeypatch.setattr(search.run.driver, "subprocess", SimpleNamespace(run=lambda *given, **how: None))
    monkeypatch.setattr(
        search.run.driver, "acquire_lock", lambda folder: acquire_lock(folder)()
    )  # each command is a process of its own
    Path("space.yaml").write_text(burn_ins(search__budget={"trials": 1}))
    spent = "the budget of 1 trainings is used up"
    assert main(["space.yaml"], InProcessBackend(2)) == 0
    assert f"Ended: {spent}; 3 of 4 trainings have no result yet" in capsys.readouterr().out
    assert read_json(Path("results/space/provenance.json"))["runs"][-1]["spent"] == spent
    assert search.status.main(["results/space"]) == 1
    assert f"space  ended, {spent}" in capsys.readouterr().out

    for module in (search.planning.plan, search.planning.planner, search.execution.compatibility):
        monkeypatch.setattr(module, "training_code", lambda: "another")
    before = hash_files(Path("results/space"))
    assert main(["space.yaml"], InProcessBackend(2)) == 0
    printed = capsys.readouterr().out
    assert (
        f"space is not finished, its budget ended it: {spent}, 3 of 4 trainings without a result; the code in"
        in printed
    )
    assert main(["space.yaml", "--set", "search.budget.trials=2"], InProcessBackend(2)) == 2
    assert "the code in trainers/ has changed" in capsys.readouterr().err
    assert hash_files(Path("results/space")) == before


@pytest.mark.long
def test_a_sweep_within_its_budget_is_finished(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins(search__budget={"passes": 10**9}))
    run.going(Random(0), workers=2)
    assert told(run) == 0 and run.sweep.spent is None
