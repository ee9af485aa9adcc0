"""The status of a sweep: states, shared epochs, costs, time left and the front, from made-up records."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from search.exceptions import NoSweep
from search.monitor.cost_model import Costs, TimeLeft
from search.monitor.epoch_progress import EpochProgress
from search.monitor.heartbeat import Heartbeat
from search.monitor.reader import SweepReader
from search.monitor.screen import format_headline
from search.monitor.sweep_status import SweepStatus, compute_status
from trainers.record_io import append_rows, write_json
from trainers.record_reader import read_json

from ..made_up import MadeUp

EPOCH, FINAL = 3.0, 4.0  # seconds, as made up


def look(made: MadeUp, now: Heartbeat | None = None, is_running: bool = False) -> SweepStatus:
    reader = SweepReader(made.folder)
    reader.read_records(since=now.began if now else 0.0)
    return compute_status(reader, now, is_running)


def states(status: SweepStatus) -> dict[str, str]:
    return {training.planned.id.partition("-")[0]: training.state for training in status.trainings}


@pytest.fixture
def trunk(tmp_path: Path) -> MadeUp:
    """Three trainings of ten epochs with six in common: 30 asked, 18 distinct."""
    return MadeUp(tmp_path / "trunk", ["aaaaaabbbb", "aaaaaacccc", "aaaaaadddd"])


def test_the_status_before_any_training_has_begun(trunk: MadeUp) -> None:
    status = look(trunk)
    assert status.states == {"planned": 3}
    assert (status.asked_epochs, status.distinct_epochs, status.done_epochs) == (30, 18, 0)
    assert (status.seconds_left, status.time_left.unknown, status.points, status.billed.seconds) == (None, 3, [], 0.0)


def test_shared_epochs_count_once_and_are_billed_to_the_training_that_computed_them(trunk: MadeUp) -> None:
    trunk.train(1, 10)
    trunk.end(1)
    trunk.train(0, 8, taken=6)
    status = look(trunk)
    assert status.done_epochs == 10 + 2
    assert (status.billed.epochs, status.shared.epochs) == (12, 6)
    assert status.billed.seconds == 12 * EPOCH + FINAL
    assert status.shared.seconds == 6 * EPOCH
    assert status.time_left.seconds == (2 + 4) * EPOCH + 2 * FINAL
    assert status.longest_seconds == 4 * EPOCH + FINAL


def test_evaluations_are_timed_apart_from_the_epochs_before_the_first(tmp_path: Path) -> None:
    """Of ten epochs each fourth is evaluated, and the last: a training has three evaluations, of 5 s each."""
    made = MadeUp(tmp_path / "rare", ["aaaaaaaaaa", "bbbbbbbbbb"])
    made.plan["evaluate"]["every"] = 4
    write_json(made.folder / "plan.json", made.plan)
    now = Heartbeat(0.0, 1, running=(made.ids[0],))
    for epoch, evaluations, left in ((2, 0, 17 * 2.0), (3, 1, 16 * 2.0 + (2 + 3) * 5.0)):
        for before in range(epoch if evaluations else 0, epoch + 1):
            evaluate = 5.0 if before == 3 else 0.0
            cost = {"epoch": before, "seconds": 2.0, "evaluate_seconds": evaluate, "by": made.ids[0]}
            append_rows(made.place(0) / "cost.jsonl", [cost])
            append_rows(made.place(0) / "epochs.jsonl", [{"epoch": before, "train_loss": 1.0}])
        status = look(made, now, is_running=True)
        assert (status.billed.evaluations, status.time_left.seconds) == (evaluations, left)


def test_a_probe_tells_the_final_evaluation_until_one_like_it_is_recorded(trunk: MadeUp) -> None:
    """The first epochs of a kind are recorded long before its first final evaluation, here of 50 s by a probe."""
    costs = Costs(epochs=10, train=10.0, evaluate=5.0, evaluations=10, final=50.0, final_evaluations=1)
    now = Heartbeat(0.0, 1, running=(trunk.ids[0],), probed={trunk.ids[0]: costs})
    since = 0
    for epochs, left in ((0, 18 * 1.5 + 3 * 50.0), (1, 17 * EPOCH + 3 * 50.0), (10, 8 * EPOCH + 3 * 50.0)):
        trunk.train(0, epochs, since=since)
        since = epochs
        assert look(trunk, now, is_running=True).time_left.seconds == left
    trunk.end(0)
    assert look(trunk, now, is_running=True).time_left.seconds == 8 * EPOCH + 2 * FINAL


@pytest.mark.parametrize("status", ["stopped", "diverged"])
def test_the_end_of_a_training_that_was_not_evaluated_tells_no_final_evaluation(trunk: MadeUp, status: str) -> None:
    costs = Costs(epochs=10, train=10.0, evaluate=5.0, evaluations=10, final=50.0, final_evaluations=1)
    now = Heartbeat(0.0, 1, running=(trunk.ids[1],), probed={trunk.ids[0]: costs})
    trunk.train(0, 10)
    trunk.end(0, status)
    found = look(trunk, now, is_running=True)
    assert found.time_left.seconds == 8 * EPOCH + 2 * 50.0
    assert found.billed.final == FINAL, "it took that all the same"


def test_a_probe_noted_by_an_earlier_version_is_read(trunk: MadeUp) -> None:
    earlier = {"epochs": 10, "train": 10.0, "evaluate": 5.0, "final": 50.0, "final_evaluations": 1}
    write_json(trunk.folder / "now.json", {"began": 1.0, "slots": 2, "probed": {trunk.ids[0]: earlier}})
    found = Heartbeat.read(trunk.folder)
    assert found and found.probed[trunk.ids[0]] == Costs(**earlier)


def test_the_running_epoch_gives_an_estimate_before_the_first_one_ends(trunk: MadeUp) -> None:
    """A quarter of an epoch took 5 s, so that 15 s of it are left, and 17 other distinct epochs of 20 s."""
    now = Heartbeat(0.0, 1, running=(trunk.ids[0],))
    (trunk.place(0) / "epochs.jsonl").touch()
    assert look(trunk, now, is_running=True).seconds_left is None
    write_json(trunk.place(0) / "epoch.json", {"epoch": 0, "share": 0.25, "seconds": 5.0})
    status = look(trunk, now, is_running=True)
    assert status.seconds_left == pytest.approx(18 * 20 - 5)
    assert "0.2 of 18 epochs trained" in format_headline(status) and "not known" not in format_headline(status)
    assert status.running_epochs == EpochProgress(0.25, 5.0)


@pytest.mark.parametrize(
    "left",
    [{"epoch": 1, "share": 0.5, "seconds": 5.0}, {"epoch": 0, "share": 2, "seconds": 1}, {"epoch": 0}, [1], None],
)
def test_progress_left_by_a_killed_process_is_ignored(trunk: MadeUp, left: object) -> None:
    (trunk.place(0) / "epochs.jsonl").touch()
    write_json(trunk.place(0) / "epoch.json", left)
    status = look(trunk, Heartbeat(0.0, 1, running=(trunk.ids[0],)), is_running=True)
    assert (status.seconds_left, status.running_epochs) == (None, EpochProgress())


def test_complete_epochs_take_precedence_over_a_running_one(trunk: MadeUp) -> None:
    trunk.train(0, 1)
    write_json(trunk.place(0) / "epoch.json", {"epoch": 1, "share": 0.5, "seconds": 1.0})
    status = look(trunk, Heartbeat(0.0, 1, running=(trunk.ids[0],)), is_running=True)
    assert status.seconds_left == pytest.approx(17 * EPOCH - 1.0)


def test_the_longest_training_bounds_the_time_left_on_many_processes(trunk: MadeUp) -> None:
    trunk.train(0, 1)
    total = 17 * EPOCH  # no end was measured yet
    for slots, expected in ((1, total), (2, max(total / 2, 9 * EPOCH)), (64, 9 * EPOCH)):
        assert look(trunk, Heartbeat(0.0, slots), is_running=True).seconds_left == pytest.approx(expected)


def test_a_last_evaluation_whose_like_was_not_measured_has_no_estimate(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "all", ["aaaa", "bbbb"])
    made.train(0, 4)
    made.train(1, 4)
    assert look(made, Heartbeat(0.0, 2), is_running=True).seconds_left is None
    made.end(0)
    assert look(made, Heartbeat(0.0, 2), is_running=True).seconds_left == FINAL


def test_trainings_that_others_wait_for_come_first_in_the_time_left(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "ranked", ["aaaa", "bb"])
    made.plan["trials"][1] |= {"kind": "profile", "ranks": "a ranking"}
    write_json(made.folder / "plan.json", made.plan)
    made.train(0, 1)
    assert look(made, Heartbeat(0.0, 64), is_running=True).seconds_left == (3 + 2) * EPOCH


def test_states_of_trainings_while_a_process_runs_the_sweep(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "all", [letter * 4 for letter in "abcdefghij"])
    for i, status in ((0, "completed"), (1, "diverged"), (2, "stopped"), (9, "stopped")):
        made.train(i, 2)
        made.end(i, status)
    for i in (3, 4, 5):
        made.train(i, 1)
    began = time.time()
    made.fail(6, began + 1)
    made.fail(7, began - 9)
    left_out = (made.ids[5], made.ids[8])
    now = Heartbeat(began, 2, running=(made.ids[3], made.ids[9]), lost=(made.ids[5],), left_out=left_out)
    found = look(made, now, is_running=True)
    assert list(states(found).values()) == [
        "completed", "diverged", "stopped", "running", "paused", "lost", "failed", "planned", "left out", "running",
    ]  # fmt: skip
    assert found.time_left.seconds == (3 + 3 + 4 + 2) * EPOCH + 4 * FINAL  # of those that run, rest and are planned
    assert states(look(made))["lam=4"] == "begun"
    assert states(look(made, now))["lam=3"] == "begun"  # it is that of a run that is over


def test_stopped_and_failed_trainings_add_no_time(trunk: MadeUp) -> None:
    trunk.train(0, 10)
    trunk.end(0)
    trunk.train(1, 8, taken=6)
    trunk.end(1, "stopped")
    trunk.train(2, 7, taken=6)
    trunk.fail(2, time.time())
    status = look(trunk)
    assert (status.time_left, status.longest_seconds, status.seconds_left) == (TimeLeft(0.0, 0), 0.0, 0.0)
    assert (status.done_epochs, status.remaining_epochs, status.skipped_epochs) == (10 + 2 + 1, 0, 5)
    assert not status.all_ended


def test_the_front_is_of_means_over_the_seeds_that_ended(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "front", ["aaaa", "bbbb", "cccc", "dddd", "eeee"], seeds=2)
    measured = {0: (0.90, 0.40), 1: (0.92, 0.50), 2: (0.80, 0.60), 4: (0.95, 0.44), 6: (0.99, 0.99), 8: (0.80, 0.50)}
    for i, (clean, robust) in measured.items():
        made.train(i, 2, clean=clean - 0.01, robust=robust - 0.01)
        made.end(i, {4: "stopped", 6: "diverged"}.get(i, "completed"), clean, robust)
    found = {
        p.name.partition("-")[0]: (round(p.clean, 6), round(p.robust, 6), p.seeds, p.on_front)
        for p in look(made).points
    }
    assert found == {
        "lam=2": (0.95, 0.44, 1, True),
        "lam=0": (0.91, 0.45, 2, True),
        "lam=1": (0.80, 0.60, 1, True),
        "lam=4": (0.80, 0.50, 1, False),
    }


def test_a_constant_network_is_counted_and_on_no_front(tmp_path: Path) -> None:
    """At an epsilon that no network withstands it would be the most robust."""
    made = MadeUp(tmp_path / "front", ["aaaa", "bbbb"], seeds=2)
    for i in range(4):
        made.train(i, 2)
        made.end(i, robust=0.1 if i == 1 else 0.05)
    path = made.place(1) / "result.json"
    result = read_json(path)
    write_json(path, result | {"best": result["best"] | {"constant": 4}})
    found = look(made)
    assert (found.constant, found.states) == (1, {"completed": 4})
    assert [point.name.partition("-")[0] for point in found.points] == ["lam=1"]
    assert format_headline(found).startswith("4 of 4 trainings ended, 1 constant, ")


@pytest.mark.parametrize("worst", ["diverged", "failed", "lost"])
def test_a_configuration_with_a_failed_seed_is_not_shown(tmp_path: Path, worst: str) -> None:
    made, began = MadeUp(tmp_path / "front", ["aaaa", "bbbb"], seeds=2), time.time()
    for i, accuracy in enumerate((0.9, 0.9, 0.5, 0.5)):
        made.train(i, 2, clean=accuracy, robust=accuracy)
        if i != 1:
            made.end(i, "completed", accuracy, accuracy)
    if worst == "diverged":
        made.end(1, worst, 0.9, 0.9)
    elif worst == "failed":
        made.fail(1, began + 1)
    now = Heartbeat(began, 2, lost=(made.ids[1],)) if worst == "lost" else Heartbeat(began, 2)
    points = look(made, now, is_running=True).points
    assert [(point.name.partition("-")[0], point.seeds, point.on_front) for point in points] == [("lam=1", 2, True)]


def test_growing_records_and_a_growing_plan_are_followed(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "grows", ["aaaa"])
    reader = SweepReader(made.folder)
    made.train(0, 2)
    reader.read_records()
    assert (reader.progress[0].epochs, reader.progress[0].billed.epochs) == (2, 2)
    more = MadeUp(tmp_path / "grows", ["aaaa", "aabb"])
    made.train(0, 4, since=2)
    made.end(0)
    more.train(1, 3, taken=2)
    reader.read_plan()
    reader.read_records()
    assert [(seen.status, seen.epochs, seen.billed.epochs) for seen in reader.progress] == [
        ("completed", 4, 4),
        ("begun", 3, 1),
    ]
    assert (reader.asked_epochs, reader.distinct_epochs) == (8, 6)


def test_a_folder_without_a_plan_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(NoSweep, match=r"no sweep is stored there \(no plan.json\)"):
        SweepReader(tmp_path)
    (tmp_path / "plan.json").write_text('{"study": ')
    with pytest.raises(NoSweep, match=r"its plan\.json is damaged: it is no JSON"):
        SweepReader(tmp_path)


def test_the_newest_generation_is_known(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "asks", ["aaaa", "bbbb"])
    assert look(made).generation is None
    reader = SweepReader(made.folder)
    for i, generation in ((0, 0), (1, 1)):
        made.plan["trials"][i]["generation"] = generation
        write_json(made.folder / "plan.json", made.plan)
        reader.read_plan()
        assert compute_status(reader, None, is_running=False).generation == generation + 1


def test_the_throughput_is_that_of_running_trainings(trunk: MadeUp) -> None:
    trunk.train(0, 4)
    trunk.train(1, 4, seconds=4.0)
    assert look(trunk, Heartbeat(0.0, 2), is_running=True).throughput == (0.0, 0.0)
    both = look(trunk, Heartbeat(0.0, 2, running=tuple(trunk.ids)), is_running=True).throughput
    assert both == pytest.approx((1 / 3 + 1 / 6, 100 / 3 + 100 / 6))


def noisy(made: MadeUp, *places: int) -> None:
    """Give some trainings label noise in the same data."""
    for i in places:
        row = made.plan["trials"][i]
        row["config"] = row["config"] | {"data": row["config"]["data"] | {"label_noise": 0.1}}
    write_json(made.folder / "plan.json", made.plan)


def test_each_problem_has_its_own_front(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "two", ["aaaa", "bbbb", "cccc", "dddd"])
    noisy(made, 1, 3)
    measured = [(0.95, 0.80), (0.90, 0.75), (0.93, 0.70), (0.92, 0.60)]  # the first is better than all others
    for i, (clean, robust) in enumerate(measured):
        made.train(i, 2)
        made.end(i, "completed", clean, robust)
    found = [(p.name.partition("-")[0], p.problem, p.on_front) for p in look(made).points]
    assert found == [
        ("lam=0", "label_noise 0", True),
        ("lam=2", "label_noise 0", False),
        ("lam=3", "label_noise 0.1", True),
        ("lam=1", "label_noise 0.1", True),
    ]


def test_between_generations_a_search_is_not_finished(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "asks", ["aaaa", "bbbb"])
    for i in (0, 1):
        made.train(i, 4)
        made.end(i)
    now = look(made, is_running=True)
    assert now.all_ended and now.finished
    for row in made.plan["trials"]:
        row["generation"] = 0
    write_json(made.folder / "plan.json", made.plan)
    assert look(made, is_running=True).all_ended
    assert not look(made, is_running=True).finished
    assert look(made, is_running=False).finished
