"""Plans: ids that stay, replicates that belong together, rankings made once, and stages that several trials share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import search.planning.planner
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.schema.space import load_space
from search.store.plan_file import find_plan, write_plan
from trainers.record_io import Row
from trainers.state_chain import Surroundings

from ..helpers import SMOKE, smoke

Planned = Callable[..., Plan]


def planned_from(file: Path) -> Plan:
    return Planner(load_space(file, []), lambda data: "any data").plan()


def ids(plan: Plan, kind: str = "trial") -> list[str]:
    return [trial.id for trial in plan.trials if trial.kind == kind]


def test_ids_are_stable() -> None:
    """A stored sweep would not know its trials by others. A new knob moves them: its default is part of a trial."""
    plan = planned_from(SMOKE)
    assert ids(plan)[1] == "method=pgd,subset=friendly-e568a1,seed=0"
    assert ids(plan, "profile")[0] == "profile-f01bc7,seed=1000"


def test_training_code_changes_stages_and_not_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned_from(SMOKE)
    monkeypatch.setattr(search.planning.planner, "training_code", lambda: "another")
    after = planned_from(SMOKE)
    assert [trial.id for trial in after.trials] == [trial.id for trial in before.trials]
    assert not {trial.final for trial in after.trials} & {trial.final for trial in before.trials}


@pytest.mark.parametrize("what", ["torch", "threads", "data"])
def test_every_setting_that_changes_bits_changes_stages(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    before = planned_from(SMOKE)
    real = Surroundings.here
    other: dict[str, Any] = {"torch": "0.0", "threads": 7, "data": "other"}
    change = {what: other[what]}
    monkeypatch.setattr(Surroundings, "here", staticmethod(lambda *a: real(*a).model_copy(update=change)))
    assert not {t.final for t in planned_from(SMOKE).trials} & {t.final for t in before.trials}


def test_id_is_a_unique_folder_name(planned: Planned) -> None:
    names = {"a b": {"name": "random", "size": 50}, "a_b": {"name": "random", "size": 51}, "x" * 300: "all"}
    plan = planned(smoke(search__axes={"subset": {"grid": names}}, search__replicates=2, profile=None))
    assert len(set(ids(plan))) == len(ids(plan)) == 6
    assert all(len(name) < 256 and "/" not in name and " " not in name for name in ids(plan))


def test_long_names_with_a_common_prefix_differ(planned: Planned) -> None:
    names = {"x" * 300 + str(i): {"name": "random", "size": i + 1} for i in range(50)}
    plan = planned(smoke(search__axes={"subset": {"grid": names}}, profile=None))
    assert len(set(ids(plan))) == 50


def test_replicates_share_a_configuration_and_nothing_else(planned: Planned) -> None:
    plan = planned(smoke(search__replicates=[3, 5]))
    trials = [trial for trial in plan.trials if trial.kind == "trial"]
    assert len(trials) == 8
    assert [trial.replicate for trial in trials] == [trial.config.seed for trial in trials] == [3, 5] * 4
    assert len({trial.configuration for trial in trials}) == 4
    assert len({trial.final for trial in trials}) == 8
    assert all(trial.id == f"{trial.configuration},seed={trial.replicate}" for trial in trials)


def test_further_replicates_keep_ids(planned: Planned) -> None:
    assert set(ids(planned(smoke()))) < set(ids(planned(smoke(search__replicates=3))))


def test_further_values_keep_ids_and_stages(planned: Planned) -> None:
    before = {trial.id: trial.final for trial in planned(smoke()).trials}
    tree = yaml.safe_load(smoke())
    tree["search"]["axes"]["subset"]["grid"]["half"] = {"name": "random", "size": "50%"}
    after = {trial.id: trial.final for trial in planned(yaml.safe_dump(tree, sort_keys=False)).trials}
    assert before.items() < after.items()


def test_a_ranking_is_planned_once_for_each_block_of_data(planned: Planned) -> None:
    tree = yaml.safe_load(smoke())
    tree["search"]["axes"]["data.label_noise"] = {"grid": [0, 0.1]}
    plan = planned(yaml.safe_dump(tree, sort_keys=False))
    profiles = [trial for trial in plan.trials if trial.kind == "profile"]
    assert [(t.axes["data.label_noise"], t.config.seed) for t in profiles] == [
        ("0", 1000), ("0", 1001), ("0.1", 1000), ("0.1", 1001)
    ]  # fmt: skip
    assert plan.trials[:4] == profiles, "they are trained first"
    by_noise = {t.axes["data.label_noise"]: t.ranks for t in profiles}
    assert len(set(by_noise.values())) == 2
    for trial in plan.trials[4:]:
        wanted = by_noise[trial.axes["data.label_noise"]] if trial.axes["subset"] == "friendly" else None
        assert trial.ranks == wanted


def test_without_a_ranked_subset_no_ranking_is_made(planned: Planned) -> None:
    assert ids(planned(smoke(search__axes={"method": {"grid": ["pgd-at"]}})), "profile") == []


def test_a_ranking_is_part_of_the_stages_that_are_cut_by_it(planned: Planned) -> None:
    plans = [planned(smoke(profile__seeds=seeds)) for seeds in ([1000, 1001], [1000, 1002])]
    finals = [{t.axes["subset"]: t.final for t in plan.trials if t.axes.get("method") == "pgd"} for plan in plans]
    assert finals[0]["all"] == finals[1]["all"]
    assert finals[0]["friendly"] != finals[1]["friendly"]


def test_a_stage_that_several_trials_share_counts_once(planned: Planned) -> None:
    """Of 8 epochs, lr drops at 2 and 5 share 2, and no drop shares 5 with the drop at 5."""
    forks = {f"at {e}": {"name": "piecewise", "values": [0.1, 0.01], "drops": [e]} for e in (2, 5)} | {"never": 0.1}
    axes = {"optimizer.lr": {"grid": forks}}
    plan = planned(smoke(trial__epochs=8, trial__optimizer=None, search__axes=axes))
    assert (plan.tree.asked, plan.tree.distinct) == (24, 8 + 6 + 3)


def test_longer_training_shares_what_was_trained(planned: Planned) -> None:
    """An epoch that was measured only for being the last is another stage."""
    axes = {"epochs": {"grid": [4, 6, 9]}}
    plan = planned(smoke(trial__optimizer={"lr": 0.1}, search__axes=axes))  # measured every 3 epochs
    assert (plan.tree.asked, plan.tree.distinct) == (19, 9 + 1)


@pytest.mark.parametrize("change", [{}, {"search__replicates": 3}, {"trial__optimizer": {"lr": 0.1}}])
def test_distinct_epochs_are_at_most_those_asked(planned: Planned, change: dict[str, Any]) -> None:
    plan = planned(smoke(**change))
    assert 0 < plan.tree.distinct <= plan.tree.asked


def test_a_random_search_draws_points_and_grows_by_more(planned: Planned) -> None:
    text = smoke(
        search__strategy="random",
        search__trials=5,
        search__axes={"optimizer.lr": {"loguniform": [0.01, 0.5]}, "method": {"choice": ["pgd-at", "trades"]}},
    )
    five, nine = planned(text), planned(text, "search.trials=9")
    assert len(ids(five)) == 5
    assert ids(nine)[:5] == ids(five)


@pytest.mark.long
def test_a_plan_of_ten_thousand_trials_takes_seconds(planned: Planned, capsys: pytest.CaptureFixture[str]) -> None:
    axes = {
        "optimizer.weight_decay": {"grid": [i / 1e5 for i in range(100)]},
        "optimizer.momentum": {"grid": [i / 100 for i in range(10)]},
    }
    text = smoke(trial__epochs=100, search__axes=axes, search__replicates=10)
    began = time.process_time()  # other processes count for nothing
    plan = planned(text)
    seconds = time.process_time() - began
    with capsys.disabled():
        print(f"\n10,000 trials of 100 epochs planned in {seconds:.1f} s")
    assert len(set(ids(plan))) == 10_000
    assert seconds < 30


def _unsigned(plan: Row) -> Row:
    """Drop the checksums that the file has."""
    trials = [{key: value for key, value in trial.items() if key != "digest"} for trial in plan["trials"]]
    return {key: value for key, value in plan.items() if key not in ("head", "count")} | {"trials": trials}


def test_a_stored_plan_is_the_plan_a_line_a_training(planned: Planned, tmp_path: Path) -> None:
    plan = planned(smoke()).to_json("study")
    write_plan(tmp_path, plan)
    stored = find_plan(tmp_path)
    assert stored is not None and _unsigned(stored) == plan
    lines = (tmp_path / "plan.json").read_text().splitlines()
    assert sum(line.startswith('{"id": ') for line in lines) == len(plan["trials"]) > 1
