"""Estimates of what a plan costs, against what it did cost and against closed forms."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from search.execution.reuse import RemainingWork, count_remaining
from search.execution.simulated_backend import compute_unshared_makespan, simulate_schedule
from search.monitor.cost_model import Costs, TimeLeft
from search.monitor.disk_usage import measure_size
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan, PlannedTrial
from search.planning.planner import Planner
from search.run.__main__ import main
from search.run.dry_run import print_plan
from search.run.estimate import estimate_remaining_time, estimate_storage
from search.schema.space import load_space
from trainers.record_io import write_json
from trainers.terminal.console import Console

from ..execution.test_reuse import burn_ins
from ..helpers import Tiny, local, smoke
from ..made_up import MadeUp
from ..trees import FIGURES, planned_space

pytestmark = pytest.mark.long

TREE = {
    "model": {"name": "mlp", "hidden": [256]},
    "method": {"base": "gairat", "attack": {"epsilon": 0.1, "steps": 2}},
    "optimizer": {"lr": 0.1},
    "epochs": 8,
}
AXES = {"method.weight.lam": {"grid": [0, 1]}, "method.weight.burn_in": {"grid": [4, 6]}}


@pytest.fixture
def sharing(tmp_path: Path) -> Tiny:
    """Four trainings of 8 epochs: 32 asked, 18 distinct."""
    space = {"profile": None, "search__axes": AXES, "search__keep": "best"}
    return Tiny(tmp_path / "sweep", **{f"trial__{key}": value for key, value in TREE.items()}, **space)


def test_the_time_counts_shared_epochs_once_by_comparable_trainings(sharing: Tiny, tmp_path: Path) -> None:
    plan = sharing.plan
    assert (plan.tree.asked, plan.tree.distinct) == (32, 18)
    results = tmp_path / "results"
    nothing = count_remaining(None, plan)
    assert estimate_remaining_time(plan, results, nothing) == TimeLeft(0.0, 4)
    before = MadeUp(results / "before", ["aa"], **plan.trials[0].config.model_dump(mode="json"))
    before.plan["evaluate"] = plan.evaluation.model_dump(mode="json")
    before.plan["trials"][0] |= {key: plan.trials[0].to_row()[key] for key in ("passes", "fraction")}
    write_json(before.folder / "plan.json", before.plan)
    before.train(0, 2, seconds=2.0)
    before.end(0)
    expected = TimeLeft(18 * 2.0 + (3 + 2 + 2 + 1) * 2.0 + 4 * 4.0, 0, final=4 * 4.0)
    assert plan.evaluation.every == 3, "after epochs 3, 6 and 8; that of two epochs was after the second, and took 2 s"
    assert estimate_remaining_time(plan, results, nothing) == expected
    MadeUp(results / "strange", ["aa"], model={"name": "another"}).train(0, 2)
    assert estimate_remaining_time(plan, results, nothing) == expected


def test_the_storage_estimate_is_near_the_measured_size(sharing: Tiny) -> None:
    sizes = {trial.data: (96, 1, 8, 10) for trial in sharing.plan.trials}
    none, best, forks = (estimate_storage(sharing.plan, sizes, keep, 1) for keep in ("none", "best", "forks"))
    assert none and best and forks
    assert none.in_the_end < best.in_the_end < forks.in_the_end <= forks.at_once == best.at_once
    for i in range(4):
        assert sharing.run(i) == "completed"
    took = sum(path.stat().st_size for path in local(sharing.store.stages_folder).rglob("*.pt"))
    states = forks.in_the_end - none.in_the_end  # nobody has forgotten any yet
    assert states == (4 + 2) * 12 * (64 * 256 + 256 + 256 * 10 + 10)
    assert best.in_the_end - none.in_the_end == states * 4 / 6
    assert states < took < 1.1 * states
    assert estimate_storage(sharing.plan, {}, "best", 1) is None


def test_stored_epochs_are_not_in_the_remaining_time(sharing: Tiny, tmp_path: Path) -> None:
    """Burn-ins of 4 and 6 of 8 epochs, two lambdas each: 4 epochs are common to all, 2 more to the latter two."""
    plan, store, elsewhere = sharing.plan, sharing.store, tmp_path / "elsewhere"
    assert count_remaining(store.folder, plan) == ([False] * 4, [8, 4, 4, 2], 0)
    order = sorted(range(4), key=lambda i: plan.trials[i].axes["method.weight.burn_in"])
    assert sharing.run(order[0]) == "completed"
    left = count_remaining(store.folder, plan)
    assert [left.ended[i] for i in order] == [True, False, False, False]
    assert [left.epochs[i] for i in order] == [0, 4, 4, 2]
    assert sum(count_remaining(elsewhere, plan).epochs) == 18
    lent = count_remaining(elsewhere, plan, [store.folder])
    assert lent.ended == [False] * 4, "its states alone are lent"
    assert lent.epochs == left.epochs
    pace = estimate_remaining_time(plan, tmp_path, lent)
    assert pace.unknown == 0
    assert 0 < estimate_remaining_time(plan, tmp_path, left).seconds < pace.seconds, "without its final evaluation"
    for i in order[1:]:
        assert sharing.run(i) == "completed"
    assert count_remaining(store.folder, plan) == ([True] * 4, [0] * 4, 0)


SEARCHED = """
trial: {data: {name: digits}, model: mlp, epochs: 10}
search:
  strategy: tpe
  trials: 6
  generation: 3
  replicates: {min: 2, max: 5}
  objectives: {val_pgd_acc: max, val_clean_acc: max}
  constraints: [val_clean_acc >= 0.8]
  stopping: {patience: 20%}
  budget: {epochs: 45, wall: 2h}
  axes:
    optimizer.lr: {loguniform: [0.01, 1]}
    batch_size: {int: [16, 64]}
    method: {choice: [pgd-at, trades]}
"""


@pytest.mark.parametrize(
    ("block", "rule"), [("{patience: 20%}", "robust"), ("median", "median"), ("{name: median, least: 3}", "median")]
)
def test_a_dry_run_shows_the_objectives_and_limits_of_a_search(
    block: str, rule: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    (here / "space.yaml").write_text(SEARCHED.replace("{patience: 20%}", block))
    assert main(["space.yaml", "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = dict(re.split(r" {2,}", line.rstrip(), maxsplit=1) for line in printed if "  " in line.strip())
    assert rows["axis optimizer.lr"] == "loguniform, 0.01 to 1"
    assert rows["axis batch_size"] == "int, 16 to 64"
    assert rows["axis method"] == "pgd-at, trades"
    assert rows["objectives"] == "val_pgd_acc (max), val_clean_acc (max), val_clean_acc >= 0.8"
    assert rows["seeds"] == "up to 5 for a configuration in doubt; all figures here are for 2"
    assert rows["stopping"] == f"{rule}: trainings may end sooner than counted here"
    assert rows["budget"] == "45 epochs, 2 h 00 min of wall time: suffices for 4 of the 12 trainings counted here"


def test_the_unshared_makespan_is_that_of_the_fullest_process() -> None:
    plan = planned_space(FIGURES[0].text)
    assert [compute_unshared_makespan(plan, workers) for workers in (1, 4, 8, 16, 64)] == [2800, 700, 400, 200, 100]
    assert simulate_schedule(plan, 8).makespan == 220


def test_the_unshared_makespan_has_needed_trainings_first(planned: Callable[..., Plan]) -> None:
    assert compute_unshared_makespan(planned(smoke()), 2) == 6 + 2 * 6


def test_a_dry_run_shows_where_an_axis_acts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An extended space may limit an axis: without it in the plan a new method is trained with another epsilon."""
    text = smoke(search__axes__epochs={"grid": [4, 6], "when": {"method": ["pgd", "trades"]}})
    (here / "space.yaml").write_text(text)
    plan, space = planned_space(text), load_space(here / "space.yaml", []).space
    print_plan(Console(width=200), plan, space, here / "results", DatasetCache(), count_remaining(None, plan))
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "axis epochs 4, 6; where method is pgd or trades" in printed
    assert "axis method pgd, trades" in printed


def test_a_dry_run_shows_what_sharing_saves_and_what_is_unknown(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def printed() -> str:
        plan = planned_space(text)
        print_plan(Console(width=200), plan, space, here / "results", sources, count_remaining(None, plan))
        return " ".join(capsys.readouterr().out.split())

    text = FIGURES[0].text
    (here / "space.yaml").write_text(text)
    space, sources = load_space(here / "space.yaml", []).space, DatasetCache()
    sources.fingerprint(planned_space(text).trials[0].config.data)
    first = printed()
    assert "epochs 2,800 asked, 1,480 to train: 1,320 (47.1%) saved by sharing" in first
    assert re.search(r"time [\d hmins]+ on one process, .*estimated from a few training steps on this machine", first)
    assert "in the end (keep: best), at most " in first
    row = planned_space(text).trials[0].to_row()
    before = MadeUp(here / "results" / "before", ["aa"], **row["config"])
    before.plan["trials"][0] |= {key: row[key] for key in ("passes", "fraction")}
    write_json(before.folder / "plan.json", before.plan)
    before.train(0, 2, seconds=2.0)
    later = printed()
    trainings = f"{len(planned_space(text).trials)} trainings"
    probed = f"the evaluation of {trainings} estimated from a few training steps on this machine, final attacks at most"
    assert f", as measured in {here / 'results'}, {probed} storage" in later
    assert "final attacks, as measured" in later and "time 49 min 20 s" not in later
    monkeypatch.setattr("search.run.dry_run.list_splits", lambda *of: {})
    without = printed()
    assert "time 49 min 20 s on one process" in without  # 1,480 x 2 s; another evaluation is none of the same
    assert f", not counting the evaluation of {trainings} of kinds that were not timed yet storage" in without


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({"subset": {"grid": ["all", {"name": "random", "size": 60}]}},
         "subset; subsets with a `start` do not part them before it"),
        ({"subset": {"grid": ["all", {"name": "random", "size": 60, "start": 3}]}}, ""),
        ({"model.hidden": {"grid": [[8], [16]]}}, "model.hidden"),
        ({"method": {"grid": ["pgd-at", "trades"]}, "method.loss.beta": {"grid": [1, 6], "when": {"method": "trades"}}},
         "method, method.loss.beta"),
        ({"optimizer.lr.drops": {"grid": [[2], [3]]}}, ""),
    ],
)  # fmt: skip
def test_a_dry_run_says_which_axes_let_nothing_be_shared(
    here: Path, capsys: pytest.CaptureFixture[str], axes: dict[str, Any], words: str
) -> None:
    text = smoke(search__axes=axes, profile=None)
    (here / "space.yaml").write_text(text)
    plan, space = planned_space(text), load_space(here / "space.yaml", []).space
    print_plan(Console(width=200), plan, space, here / "results", DatasetCache(), count_remaining(None, plan))
    printed = " ".join(capsys.readouterr().out.split())
    why = f"not shared trainings part in their first epoch if they differ in {words}"
    assert (why in printed) if words else "not shared" not in printed


def test_a_dry_run_shows_how_often_attacks_are_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    along = {"fgsm": {"name": "fgsm"}, "rare": {"name": "fgsm", "every": 6, "images": 50}}
    text = smoke(evaluate__every=3, evaluate__along=along)
    (here / "space.yaml").write_text(text)
    plan, space = planned_space(text), load_space(here / "space.yaml", []).space
    print_plan(Console(width=200), plan, space, here / "results", DatasetCache(), count_remaining(None, plan))
    printed = " ".join(capsys.readouterr().out.split())
    assert "evaluate: fgsm FGSM, linf, epsilon 0.1; every 3 epochs, and after the last" in printed
    assert (
        "evaluate: rare FGSM, linf, epsilon 0.1 on 50 images drawn by class; every 6 epochs, and after the" in printed
    )
    assert "on 30 images drawn by class resources 1 CPU" in printed, (
        "an attack that runs once at the end has no frequency"
    )


def test_the_last_training_takes_as_long_on_many_processes(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("search.run.dry_run.count_local_slots", lambda resources: 4)
    monkeypatch.setattr("search.run.dry_run.estimate_remaining_time", lambda *of: TimeLeft(8.0, 0, final=6.0))
    (here / "space.yaml").write_text(FIGURES[0].text)
    plan, space = planned_space(FIGURES[0].text), load_space(here / "space.yaml", []).space
    count = len(plan.trials)
    left = RemainingWork([True] * (count - 1) + [False], [0] * (count - 1) + [8])
    print_plan(Console(width=200), plan, space, here / "results", DatasetCache(), left)
    printed = " ".join(capsys.readouterr().out.split())
    assert "8 s on one process, about 8 s on 4 processes, 75% of it for the final attacks" in printed


def test_duplicates_alone_give_no_time(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A duplicate adds no epoch and takes no time; the other training has no comparable one."""
    (here / "space.yaml").write_text(burn_ins([1, "inf"]))
    plan, sources = planned_space(burn_ins([1, "inf"])), DatasetCache()
    print_plan(
        Console(width=200),
        plan,
        load_space(here / "space.yaml", []).space,
        here / "results",
        sources,
        count_remaining(None, plan),
    )
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        "time no estimate: no comparable training is recorded in this results folder yet, and the data is not"
        in printed
    )


def test_a_part_without_a_record_is_probed_and_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two trainings of 8 epochs: one network is recorded at 2 s an epoch, the other is probed at 0.5 s."""
    models = "{small: {name: mlp, hidden: [8]}, large: mlp}"
    text = f"trial: {{data: digits, epochs: 8}}\nsearch: {{axes: {{model: {{grid: {models}}}}}}}\n"
    (here / "space.yaml").write_text(text)
    loaded, sources = load_space(here / "space.yaml", []), DatasetCache()
    plan = Planner(loaded, sources.fingerprint).plan()
    row = plan.trials[0].to_row()
    before = MadeUp(here / "results" / "before", ["aa"], **row["config"])
    before.plan["evaluate"] = plan.evaluation.model_dump(mode="json")
    before.plan["trials"][0] |= {key: row[key] for key in ("passes", "fraction")}
    write_json(before.folder / "plan.json", before.plan)
    before.train(0, 2, seconds=2.0)
    before.end(0)
    probed: list[str] = []

    def probe(plan: Plan, trials: Iterable[PlannedTrial], datas: object) -> dict[str, Costs]:
        probed.extend(trial.id for trial in trials)
        return {
            trial.configuration: Costs(8, 4.0, final_evaluations=1, evaluations=8)
            for trial in plan.trials
            if trial.id in probed
        }

    monkeypatch.setattr("search.run.estimate.probe_costs", probe)
    print_plan(Console(width=400), plan, loaded.space, here / "results", sources, count_remaining(None, plan))
    printed = " ".join(capsys.readouterr().out.split())
    assert probed == [plan.trials[1].id]
    assert re.search(r"time 32 s on one process, .*, as measured in \S+, 1 training estimated from a few", printed), (
        printed
    )


def test_without_its_data_a_part_goes_by_the_passes_of_others(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PGD training is recorded at 2.3 s an epoch, in which it makes 23 passes; standard training makes 3."""
    text = "trial: {data: digits, epochs: 8}\nsearch: {axes: {method: {grid: {a: pgd-at, b: standard, c: trades}}}}\n"
    (here / "space.yaml").write_text(text)
    loaded, sources = load_space(here / "space.yaml", []), DatasetCache()
    plan = Planner(loaded, sources.fingerprint).plan()
    before = MadeUp(here / "results" / "before", ["aa"])
    before.plan["evaluate"] = plan.evaluation.model_dump(mode="json")
    row = plan.trials[0].to_row()
    before.plan["trials"][0] |= {key: row[key] for key in ("config", "passes", "fraction")}
    write_json(before.folder / "plan.json", before.plan)
    before.train(0, 2, seconds=2.3)
    left = RemainingWork([False, False, True], [8, 8, 0])
    assert estimate_remaining_time(plan, here / "results", left) == pytest.approx(
        TimeLeft(8 * (2.3 + 1.15) + 8 * (0.3 + 1.15), 0, unmeasured=2, by_passes=1)
    )
    monkeypatch.setattr("search.run.dry_run.list_splits", lambda *of: {})
    print_plan(Console(width=400), plan, loaded.space, here / "results", DatasetCache(download=False), left)
    printed = " ".join(capsys.readouterr().out.split())
    assert re.search(
        r"as measured in \S+, 1 training by the passes of others, not counting the evaluation of 2 ", printed
    ), printed


def test_files_that_vanish_have_no_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_bytes(b"123")
    assert measure_size(tmp_path) == 8
    shutil.rmtree(tmp_path / "b")
    assert measure_size(tmp_path) == 5
    assert measure_size(tmp_path / "b") == 0
