"""Adaptive search: the same proposals however a sweep was run, a study that Optuna reads, samplers that learn."""

from __future__ import annotations

import errno
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import moocore
import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization.matplotlib import plot_pareto_front

from search.exceptions import SpaceError
from search.sampling import optuna_journal
from search.sampling.outcomes import Outcome
from search.sampling.study import AskTellStudy
from search.schema.axes import AxisPoint, draw_random_points
from search.schema.blocks import Search
from trainers.record_reader import read_rows

from ..helpers import ROOT, hash_files

pytestmark = pytest.mark.long

SLOW_GP = pytest.param("gp", marks=pytest.mark.slow)  # half a second a proposal
STRATEGIES = ["tpe", "nsga2", SLOW_GP, "random", "qmc"]
AXES: dict[str, Any] = {
    "method.loss.beta": {"uniform": [0, 10], "when": {"method": ["trades", "own"]}},  # before what it depends on
    "method": {"choice": {"pgd-at": "pgd-at", "trades": "trades", "own": {"base": "trades", "loss": {"beta": 3}}}},
    "optimizer.lr": {"loguniform": ["1e-4", 1]},
    "method.attack.steps": {"int": [1, 10]},
}
FAILS = ("failed", "diverged")


def searching(strategy: str = "tpe", trials: int = 12, **knobs: Any) -> Search:
    knobs = {"generation": 4, "constraints": ["val_clean_acc >= 0.5"], "axes": AXES} | knobs
    return Search.model_validate({"strategy": strategy, "trials": trials} | knobs)


def measured(point: AxisPoint) -> dict[str, float]:
    """Return a trade-off by beta, best at an lr of 0.06 and many steps."""
    value = {path: choice.value for path, choice in point.items()}
    beta, steps = value.get("method.loss.beta", 0) / 10, value.get("method.attack.steps", 10) / 10
    quality = 1 - 0.15 * (math.log10(value.get("optimizer.lr", 0.06)) + 1.2) ** 2 - 0.2 * (1 - steps)
    return {"val_clean_acc": quality * (0.95 - 0.35 * beta), "val_pgd_acc": quality * (0.3 + 0.25 * beta**0.5)}


def outcome(search: Search, point: AxisPoint, i: int) -> Outcome:
    """Make up an outcome: every fifth training fails or diverges, every seventh is stopped."""
    status = FAILS[i % 2] if i % 5 == 4 else "stopped" if i % 7 == 3 else "completed"
    if status in FAILS:
        return Outcome(f"c{i}", status, (0, 1))
    values = measured(point)
    violations = {
        str(constraint): constraint.measure_violation(values[constraint.metric]) for constraint in search.constraints
    }
    kept = {name: values[name] for name in search.objectives}
    return Outcome(f"c{i}", status, (0, 1), kept, dict.fromkeys(kept, 0.01), violations)


def told(asker: AskTellStudy, search: Search, most: int | None = None) -> None:
    points = asker.list_points()
    waiting = range(len(points) - len(asker.list_waiting()), len(points))
    asker.tell([outcome(search, points[i], i) for i in waiting][:most])


def run(search: Search, folder: Path) -> list[AxisPoint]:
    """Run a whole search, begun or carried on."""
    asker = AskTellStudy(search, folder)
    while asker.list_waiting() or asker.ask():
        told(asker, search)
    return asker.list_points()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, list[AxisPoint]]]:
    """A finished search of a strategy: its folder and its points."""
    done: dict[str, tuple[Path, list[AxisPoint]]] = {}

    def finished(strategy: str) -> tuple[Path, list[AxisPoint]]:
        if strategy not in done:
            folder = tmp_path_factory.mktemp(strategy) / "study"
            done[strategy] = (folder, run(searching(strategy), folder))
        return done[strategy]

    return finished


Undisturbed = Callable[[str], tuple[Path, list[AxisPoint]]]


@pytest.fixture(params=STRATEGIES)
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_search_asks_exactly_its_trials_and_none_twice(strategy: str, undisturbed: Undisturbed) -> None:
    points = undisturbed(strategy)[1]
    assert len(points) == 12
    assert len({str(point) for point in points}) == 12


def test_points_lie_on_their_axes_and_conditions_hold(strategy: str, undisturbed: Undisturbed) -> None:
    for point in undisturbed(strategy)[1]:
        assert [path for path in AXES if path in point] == list(point), "in the order written, as names are"
        assert ("method.loss.beta" in point) == (point["method"].label != "pgd-at")
        assert point["method"].value == AXES["method"]["choice"][point["method"].label]
        assert 1e-4 <= point["optimizer.lr"].value <= 1
        assert point["optimizer.lr"].label == f"{point['optimizer.lr'].value:.4g}"
        assert isinstance(point["method.attack.steps"].value, int)
        assert 1 <= point["method.attack.steps"].value <= 10


def test_other_seeds_propose_other_points(strategy: str, tmp_path: Path) -> None:
    other = AskTellStudy(searching(strategy, seed=1), tmp_path / "other").ask()
    assert other != AskTellStudy(searching(strategy), tmp_path / "study").ask()


def test_points_of_a_random_search_are_stable(undisturbed: Undisturbed) -> None:
    search = searching("random")
    assert undisturbed("random")[1] == draw_random_points(search.axes, 12, 0)


@pytest.mark.parametrize("strategy", ["random", "qmc"])
def test_non_adaptive_strategy_is_asked_all_at_once(strategy: str, tmp_path: Path) -> None:
    assert len(AskTellStudy(searching(strategy), tmp_path / "study").ask()) == 12


def test_opening_and_reading_a_study_write_nothing(tmp_path: Path, undisturbed: Undisturbed) -> None:
    asker = AskTellStudy(searching(), tmp_path / "nowhere")
    assert (asker.list_points(), asker.list_waiting()) == ([], [])
    assert not (tmp_path / "nowhere").exists()
    folder = undisturbed("tpe")[0]
    before = hash_files(folder)
    asker = AskTellStudy(searching(), folder)
    assert (len(asker.list_points()), asker.list_waiting(), asker.ask()) == (12, [], [])
    assert hash_files(folder) == before


# however it was run


@settings(max_examples=15, deadline=None)
@given(parts=st.lists(st.integers(0, 4), max_size=12))
def test_proposals_do_not_depend_on_the_process_or_the_size_of_tells(
    undisturbed: Undisturbed, parts: list[int]
) -> None:
    """Each call by a process of its own, a generation told in parts: as a sweep that is killed between any two."""
    search, points = searching(), undisturbed("tpe")[1]
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "study"
        for most in parts:
            if not AskTellStudy(search, folder).list_waiting():
                AskTellStudy(search, folder).ask()
            told(AskTellStudy(search, folder), search, most)
            asked = AskTellStudy(search, folder).list_points()
            assert asked == points[: len(asked)]
        assert run(search, folder) == points


def test_every_strategy_continues_as_if_uninterrupted(strategy: str, tmp_path: Path, undisturbed: Undisturbed) -> None:
    search, folder = searching(strategy), tmp_path / "study"
    while AskTellStudy(search, folder).list_waiting() or AskTellStudy(search, folder).ask():
        told(AskTellStudy(search, folder), search, 3)
    assert AskTellStudy(search, folder).list_points() == undisturbed(strategy)[1]


def test_gp_with_conditions_and_constraints_continues_as_if_uninterrupted(tmp_path: Path) -> None:
    """Quickly: two proposals of its model."""
    search = searching("gp", trials=6, generation=4)
    whole = run(search, tmp_path / "whole")
    for parts in (1, 3, 2):
        asker = AskTellStudy(search, tmp_path / "study")
        if not asker.list_waiting():
            asker.ask()
        told(asker, search, parts)
    assert run(search, tmp_path / "study") == whole


def test_another_process_asks_the_same(tmp_path: Path, undisturbed: Undisturbed) -> None:
    """Python hashes words otherwise in each process, which moves whatever goes through sets of them."""
    code = "from tests.search.sampling.test_study import *\n" + "".join(
        f"run(searching({strategy!r}), Path({str(tmp_path / strategy)!r}))\n" for strategy in ("tpe", "nsga2")
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=120)
    for strategy in ("tpe", "nsga2"):
        assert AskTellStudy(searching(strategy), tmp_path / strategy).list_points() == undisturbed(strategy)[1]


class Killed(BaseException):
    """As a process that is gone: nothing catches it."""


@pytest.mark.parametrize("at", range(13))
def test_a_kill_in_the_midst_of_asking_telling_or_writing_changes_nothing(
    at: int, tmp_path: Path, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three generations are twelve files written, two whenever one is asked or told: killed before the at-th."""
    search, folder, written = searching(), tmp_path / "study", iter(range(100))
    write = optuna_journal.write_atomic

    def killed(path: Path, content: str) -> None:
        if next(written) == at:
            raise Killed
        write(path, content)

    monkeypatch.setattr("search.sampling.optuna_journal.write_atomic", killed)
    if at < 12:
        with pytest.raises(Killed):
            run(search, folder)
    monkeypatch.setattr("search.sampling.optuna_journal.write_atomic", write)
    assert run(search, folder) == undisturbed("tpe")[1]
    assert states(folder) == states(undisturbed("tpe")[0])


def test_a_full_disk_records_nothing_and_the_same_is_asked_once_there_is_room(
    tmp_path: Path, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    search, points = searching(), undisturbed("tpe")[1]
    asker = AskTellStudy(search, tmp_path / "study")
    for step, waiting in ((asker.ask, 0), (lambda: told(asker, search), 4)):
        with monkeypatch.context() as patched:
            patched.setattr("search.sampling.optuna_journal.write_atomic", full)
            with pytest.raises(OSError, match="No space"):
                step()
        assert len(asker.list_waiting()) == waiting
        step()
    assert asker.list_points() == points[:4]
    assert run(search, tmp_path / "study") == points


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_kill_during_sampling_changes_nothing(
    share: float, tmp_path: Path, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, calls = tmp_path / "study", iter(range(10**6))
    append = optuna_journal.InMemoryJournal.append_logs
    total = len((undisturbed("tpe")[0] / "journal.log").read_text().splitlines())

    def killed(self: optuna_journal.InMemoryJournal, logs: list[dict[str, Any]]) -> None:
        if next(calls) == int(share * total):
            raise Killed
        append(self, logs)

    monkeypatch.setattr(optuna_journal.InMemoryJournal, "append_logs", killed)
    with pytest.raises(Killed):
        run(searching(), folder)
    monkeypatch.undo()
    assert run(searching(), folder) == undisturbed("tpe")[1]


@settings(max_examples=20, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", ["generations.jsonl", "journal.log"])
@pytest.mark.parametrize("strategy", ["tpe", "nsga2"])
def test_torn_lost_or_altered_file_is_rebuilt_equal(
    name: str, strategy: str, data: st.DataObject, undisturbed: Undisturbed
) -> None:
    done, points = undisturbed(strategy)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "study"
        shutil.copytree(done, folder)
        content = (folder / name).read_bytes()
        at = data.draw(st.integers(0, len(content) - 1), "byte")
        how = data.draw(st.sampled_from(["cut", "lost", "garbage", "altered"]), "how")
        if how == "lost":
            (folder / name).unlink()
        else:
            tail = {
                "cut": b"",
                "garbage": b'\xff\x00{"a":1}\n',
                "altered": bytes([content[at] ^ 1]) + content[at + 1 :],
            }
            (folder / name).write_bytes(content[:at] + tail[how])
        asker = AskTellStudy(searching(strategy), folder)
        assert asker.list_points() == points[: len(asker.list_points())]
        assert run(searching(strategy), folder) == points
        assert states(folder) == states(done)


def test_unreadable_content_is_kept_aside(tmp_path: Path, undisturbed: Undisturbed) -> None:
    shutil.copytree(undisturbed("tpe")[0], tmp_path / "study")
    memory = tmp_path / "study" / "generations.jsonl"
    torn = memory.read_bytes()[:-9]
    memory.write_bytes(torn)
    run(searching(), tmp_path / "study")
    assert memory.with_suffix(".damaged").read_bytes() == torn


def test_extended_search_equals_a_search_of_that_length(
    strategy: str, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    """6 trials are a generation and a half: the rest of the second is run when more are asked for."""
    assert len(run(searching(strategy, trials=6), tmp_path / "study")) == 6
    assert run(searching(strategy, trials=12), tmp_path / "study") == undisturbed(strategy)[1]


@pytest.mark.parametrize(
    ("change", "told_of"),
    [
        ({"strategy": "nsga2"}, "search.strategy: begun with tpe, now nsga2"),
        ({"seed": 3}, "search.seed: begun with 0, now 3"),
        ({"generation": 5}, "search.generation: begun with 4, now 5"),
        ({"checkpoint": "last"}, "search.checkpoint: begun with best, now last"),
        ({"constraints": []}, "search.constraints: begun with ['val_clean_acc >= 0.5'], now []"),
        (
            {"objectives": {"val_pgd_acc": "max"}},
            "search.objectives: begun with {'val_clean_acc': 'max', 'val_pgd_acc': 'max'}, now {'val_pgd_acc': 'max'}",
        ),
        (
            {"axes": AXES | {"method.attack.steps": {"int": [1, 9]}}},
            "search.axes.method.attack.steps: begun with ['int', [['1', 1], ['10', 10]], {}],"
            " now ['int', [['1', 1], ['9', 9]], {}]",
        ),
    ],
)
def test_changed_search_settings_are_refused(change: dict[str, Any], told_of: str, undisturbed: Undisturbed) -> None:
    folder = undisturbed("tpe")[0]
    with pytest.raises(SpaceError) as error:
        AskTellStudy(searching(**change), folder)
    *lines, hint = error.value.problems
    assert lines == [told_of]
    assert hint.startswith(f"{folder}: a search continues with its first settings; ")


def test_ask_before_tell_is_refused(tmp_path: Path) -> None:
    search, asker = searching(), AskTellStudy(searching(), tmp_path / "study")
    asker.ask()
    told(asker, search, 3)
    with pytest.raises(RuntimeError, match="before the last one is told"):
        asker.ask()
    with pytest.raises(ValueError, match="2 outcomes for 1 waiting configurations"):
        asker.tell([Outcome("a", "failed")] * 2)


# points that were asked before


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_exhausted_space_ends_the_search_without_repeats(strategy: str, tmp_path: Path) -> None:
    axes = {"method": {"choice": ["pgd-at", "trades"]}, "batch_size": {"choice": [32, 64, 128]}}
    search, folder = searching(strategy, trials=40, axes=axes), tmp_path / "study"
    points = run(search, folder)
    assert len({(point["method"].label, point["batch_size"].value) for point in points}) == len(points) == 6
    before = hash_files(folder)
    assert run(search, folder) == points
    assert hash_files(folder) == before, "asking in vain leaves no trace"


def test_repeated_proposal_names_the_first(tmp_path: Path) -> None:
    axes = {"method": {"choice": ["pgd-at", "trades"]}, "batch_size": {"choice": [32, 64, 128]}}
    run(searching(trials=40, axes=axes), tmp_path / "study")
    trials = study(tmp_path / "study").trials
    repeats = [trial for trial in trials if "repeats" in trial.user_attrs]
    assert repeats, "else this shows nothing"
    for trial in repeats:
        assert trial.state == TrialState.FAIL
        assert trials[trial.user_attrs["repeats"]].params == trial.params


# what Optuna's own tools see


def study(folder: Path) -> optuna.Study:
    storage = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    return optuna.load_study(study_name=None, storage=storage)


def asked(folder: Path) -> Iterator[FrozenTrial]:
    """Yield the trials that are configurations."""
    numbers = [number for row in read_rows(folder / "generations.jsonl") for number in row.get("trials", ())]
    return (study(folder).trials[number] for number in numbers)


def states(folder: Path) -> list[Any]:
    return [
        (trial.number, trial.state, trial.params, trial.values, trial.user_attrs, trial.constraints)
        for trial in study(folder).trials
    ]


def test_optuna_loads_the_study_with_all_told_outcomes(strategy: str, undisturbed: Undisturbed) -> None:
    folder, points = undisturbed(strategy)
    found = study(folder)
    assert found.study_name == "study"
    assert found.metric_names == ["val_clean_acc", "val_pgd_acc"]
    assert [direction.name for direction in found.directions] == ["MAXIMIZE", "MAXIMIZE"]
    assert found.user_attrs == {"strategy": strategy, "seed": 0, "checkpoint": "best"}
    trials = list(asked(folder))
    assert len(trials) == 12
    for i, (trial, point) in enumerate(zip(trials, points, strict=True)):
        expected = outcome(searching(), point, i)
        assert trial.state == (TrialState.COMPLETE if expected.values else TrialState.FAIL)
        assert trial.values == (list(expected.values.values()) if expected.values else None)
        assert trial.constraints == (expected.violations or {})
        assert {key: trial.user_attrs[key] for key in ("configuration", "status", "seeds", "censored")} == {
            "configuration": f"c{i}", "status": expected.status, "seeds": [0, 1],
            "censored": expected.status == "stopped",
        }  # fmt: skip
        assert ("standard error of val_pgd_acc" in trial.user_attrs) == (expected.values is not None)
        assert trial.params.keys() == point.keys()
    assert {"completed", "stopped", "failed", "diverged"} <= {trial.user_attrs["status"] for trial in trials}


@pytest.mark.filterwarnings("ignore:.*plot_pareto_front is experimental")
def test_optuna_draws_the_front(undisturbed: Undisturbed) -> None:
    folder, points = undisturbed("tpe")
    found = study(folder)
    values = np.array([list(measured(points[i]).values()) for i in range(12) if i % 5 != 4])
    feasible = values[values[:, 0] >= 0.5]
    front = feasible[moocore.is_nondominated(feasible, maximise=True)]
    assert sorted(trial.values for trial in found.best_trials) == sorted(front.tolist())
    assert plot_pareto_front(found).get_xlabel() == "val_clean_acc"


def test_directions_of_objectives_reach_optuna(tmp_path: Path) -> None:
    search = searching(trials=4, objectives={"val_pgd_acc": "min"}, constraints=[])
    run(search, tmp_path / "study")
    found = study(tmp_path / "study")
    assert found.direction.name == "MINIMIZE"
    assert found.metric_names == ["val_pgd_acc"]
    assert found.best_value == min(trial.value for trial in found.trials if trial.value is not None)
