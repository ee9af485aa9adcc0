"""Whoever is not trained holds up nobody: twins, what a budget does not pay for, what waits for what cannot be made."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from trainers.record_reader import read_json, read_rows

from ..backends import DisturbedBackend
from ..execution.test_reuse import burn_ins
from ..helpers import Tiny, hash_records, smoke
from ..sampling.test_ask_tell import adaptive
from ..stopping.test_sweeps_that_stop import rivals

pytestmark = pytest.mark.long

STOPPING: dict[str, Any] = {"search__stopping": {"margin": 0.1}, "evaluate__every": 1, "trial__epochs": 20}


def ends(run: Tiny) -> dict[str, Any]:
    """Return how each training that has a result ended, and after how many epochs."""
    found = {trial.id: read_json(run.store.trial_folder(trial.id) / "result.json") for trial in run.plan.trials}
    return {name: (result["status"], result["epochs"]) for name, result in found.items() if result}


def trainers(run: Tiny) -> set[str]:
    return {
        row["by"] for trial in run.plan.trials for row in read_rows(run.store.trial_folder(trial.id) / "cost.jsonl")
    }


@pytest.mark.parametrize("changes", [STOPPING, {}], ids=["stopping", "none"])
def test_twins_are_trained_once_and_end_alike(tmp_path: Path, changes: dict[str, Any]) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins([1, "inf"], **changes)).all()
    twins = [trial.id for trial in run.plan.trials if "lam=inf" in trial.id]
    assert len(twins) == 2 and len({ends(run)[name] for name in twins}) == 1
    assert len(trainers(run)) == len(run.plan.trials) - 1


def test_twins_that_are_stopped_and_finished_after_all_end_alike(tmp_path: Path) -> None:
    stopping = {"margin": 0.0, "dominators": 1, "finish": 1.0}
    run = Tiny(tmp_path / "sweep", burn_ins([-2, -1, "inf"], **STOPPING | {"search__stopping": stopping})).all()
    decisions = [row["action"] for row in read_rows(run.store.folder / "stopping.jsonl")]
    assert "stop" in decisions and "finish" in decisions
    assert set(ends(run).values()) == {("completed", 20)}


def test_a_twin_makes_what_others_wait_for(tmp_path: Path) -> None:
    """The pretraining of a seed is the training that ranks."""
    run = Tiny(tmp_path / "sweep", smoke(profile={"seeds": [0]}, pretrain={}, search__replicates=1))
    makers = [trial for trial in run.plan.trials if trial.kind != "trial"]
    assert len(makers) == 2 and len({trial.final for trial in makers}) == 1
    run.all()


@pytest.mark.parametrize("budget", [{"trials": 6}, {"epochs": 130}])
def test_what_a_budget_does_not_pay_for_is_not_waited_for(tmp_path: Path, budget: dict[str, int]) -> None:
    run = Tiny(tmp_path / "sweep", rivals(search__budget=budget))
    run.going(Random(0))
    paid = run.sweep.budget.count_affordable(run.plan)
    assert 0 < paid < len(run.plan.trials)
    assert list(ends(run)) == [trial.id for trial in run.plan.trials[:paid]]


def test_states_that_it_does_not_pay_for_yet_are_kept(tmp_path: Path) -> None:
    text = burn_ins([1, 2], search__budget={"trials": 2})
    Tiny(tmp_path / "sweep", text).going(Random(0))
    run = Tiny(tmp_path / "sweep", burn_ins([1, 2])).all()
    assert run.trained() == run.plan.tree.distinct
    assert hash_records(run.store.folder) == hash_records(
        Tiny(tmp_path / "whole" / "sweep", burn_ins([1, 2])).all().store.folder
    )


@pytest.mark.parametrize("n", [9, 11])
def test_given_again_a_budget_pays_for_no_more(tmp_path: Path, n: int) -> None:
    text = adaptive(search__replicates={"min": 2, "max": 4}, search__budget={"trials": n}, search__constraints=[])
    first = Tiny(tmp_path / "sweep", text)
    first.going(Random(0))
    order = [trial.id for trial in first.plan.trials]
    again = Tiny(tmp_path / "sweep", text)
    assert [trial.id for trial in again.plan.trials] == order
    again.going(Random(0))
    assert len(ends(again)) == n


def test_what_waits_for_a_ranking_that_fails_is_not_waited_for(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**STOPPING))

    def disturb(backend: DisturbedBackend, turn: int) -> None:
        for task in list(backend.running):
            if run.plan.trials[backend.place(task)].kind == "profile":
                backend.fail(task, "it is broken")

    assert run.serve(DisturbedBackend(1, disturb)) == 1
    free = {trial.id for trial in run.plan.trials if trial.kind == "trial" and not trial.ranks}
    assert free and set(ends(run)) == free


def test_near_a_front_trials_are_finished_when_the_search_is_over(tmp_path: Path) -> None:
    stopping = {"margin": 0.05, "dominators": 1, "finish": 1.0}
    text = adaptive(search__stopping=stopping, trial__epochs=20, evaluate__every=1, search__replicates=1)
    run = Tiny(tmp_path / "sweep", text).all()
    actions = [row["action"] for row in read_rows(run.store.folder / "stopping.jsonl")]
    assert "finish" in actions
    assert {"pass"} >= set(actions[actions.index("finish") :]) - {"finish"}
    told = [outcome for row in read_rows(run.store.folder / "generations.jsonl") for outcome in row.get("told", ())]
    assert "stopped" in {outcome["status"] for outcome in told}
