"""The referee: what it lets train, what it decides, and that neither order nor kills change it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.exceptions import DamagedJournal
from search.schema.stopping import RobustStopping
from search.stopping.controller import JOURNAL, Referee
from search.stopping.curves import Candidate, Entry
from search.stopping.decisions import SEAL, Decision, DecisionState
from search.stopping.robust_rule import decide, ends, near_front
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.reading import read_rows
from trainers.record_io import Row

from ..made_curves import OBJECTIVES, Accuracies, flat

EPOCHS = 20
KNOBS = RobustStopping(rungs=(2, 5), patience=3)
Trainings = dict[str, dict[str, Accuracies]]  # configuration -> training -> curve; a short one diverges at its end


def entries(trainings: Trainings, **more: str) -> list[Entry]:
    """PGD trainings whose learning rate drops after 10 and 15 epochs, each configuration of another weight decay."""
    found = []
    for i, (name, seeds) in enumerate(trainings.items()):
        config = TrialConfig.model_validate(
            {"epochs": EPOCHS, "optimizer": {"name": "sgd", "weight_decay": 1e-4 * (i + 1)}}
        )
        found += [Entry(training, name, config, classes=10, **more) for training in seeds]  # type: ignore[arg-type]
    return found


def rows(curve: Accuracies, start: int, end: int) -> list[Row]:
    return [{"epoch": e, "val_clean_acc": curve[e][0], "val_pgd_acc": curve[e][1]} for e in range(start, end)]


def referee(folder: Path, trainings: Trainings, knobs: RobustStopping = KNOBS) -> Referee:
    it = Referee(folder, knobs, Evaluation(), OBJECTIVES)
    it.enter(entries(trainings))
    return it


class Driver:
    """Trains what the referee lets train, some epochs of one training after another."""

    def __init__(self, folder: Path, trainings: Trainings, knobs: RobustStopping) -> None:
        self.folder, self.trainings, self.knobs = folder, trainings, knobs
        self.curves = {name: curve for seeds in trainings.values() for name, curve in seeds.items()}
        self.done = dict.fromkeys(self.curves, 0)
        self.referee = referee(folder, trainings, knobs)

    def open(self) -> list[str]:
        """Trainings that may go on."""
        alive = (name for name in self.done if not self.diverged(name))
        return [name for name in alive if self.done[name] < self.referee.limit(name)]

    def diverged(self, name: str) -> bool:
        return self.done[name] == len(self.curves[name]) < EPOCHS

    def train(self, name: str, epochs: int) -> None:
        start, curve = self.done[name], self.curves[name]
        self.done[name] = min(start + epochs, self.referee.limit(name), len(curve))
        self._tell(name, start)

    def kill(self) -> None:
        """What was in memory is gone; the records and the journal stand."""
        self.referee = referee(self.folder, self.trainings, self.knobs)
        for name in self.done:
            self._tell(name, 0)

    def _tell(self, name: str, start: int) -> None:
        diverged = self.done[name] if self.diverged(name) else None
        self.referee.heard(name, rows(self.curves[name], start, self.done[name]), diverged)


def whole(trainings: Trainings, knobs: RobustStopping) -> tuple[list[Decision], list[Candidate]]:
    """What is decided of the whole curves at once."""
    with TemporaryDirectory() as folder:
        it = referee(Path(folder), trainings, knobs)
        for seeds in trainings.values():
            for name, curve in seeds.items():
                it.heard(name, rows(curve, 0, len(curve)), len(curve) if len(curve) < EPOCHS else None)
        contest = list(it._contestants.values())
    found = decide(contest, ends(contest, knobs, OBJECTIVES), DecisionState(), knobs, OBJECTIVES)
    return found + near_front(contest, DecisionState(found), knobs, OBJECTIVES), contest


def by_name(decisions: Sequence[Decision] | list[Row]) -> list[str]:
    dumped = [it.model_dump() if isinstance(it, Decision) else it for it in decisions]
    return sorted(json.dumps(it, sort_keys=True) for it in dumped)


LEVEL = st.tuples(st.integers(2, 18), st.integers(2, 18))
STEP = st.tuples(st.integers(-2, 2), st.integers(-2, 2))


@st.composite
def made(draw: st.DrawFn) -> Trainings:
    seeds = draw(st.integers(1, 3))
    found: Trainings = {}
    for i in range(draw(st.integers(1, 4))):
        found[f"c{i}"] = {}
        for seed in range(seeds):
            steps = [draw(LEVEL), *draw(st.lists(STEP, min_size=EPOCHS - 1, max_size=EPOCHS - 1))]
            curve = np.clip(np.cumsum(steps, axis=0) / 20, 0, 1)
            length = draw(st.sampled_from([EPOCHS] * 9 + [4, 12]))
            found[f"c{i}"][f"c{i},seed={seed}"] = [(float(c), float(r)) for c, r in curve[:length]]
    return found


@given(made(), st.data())
@settings(max_examples=60, deadline=None)
def test_neither_the_order_of_trainings_nor_kills_decide_anything(trainings: Trainings, data: st.DataObject) -> None:
    knobs = data.draw(st.sampled_from([KNOBS, RobustStopping(rungs=(), patience=2, skip_later_drops=True)]))
    expected, contest = whole(trainings, knobs)
    with TemporaryDirectory() as place:
        driver = Driver(Path(place), trainings, knobs)
        told: list[Decision] = []
        finishing = False
        while True:
            if open_ := driver.open():
                driver.train(data.draw(st.sampled_from(open_)), data.draw(st.integers(1, 6)))
                told += driver.referee.decisions()
            elif not finishing:
                finishing = True
                told += driver.referee.finish()
            else:
                break
            if data.draw(st.integers(0, 7)) == 0:
                driver.kill()
                assert driver.referee.decisions() == []  # what could be decided was, and is not told again
        taken = DecisionState(expected)
        assert by_name(told) == by_name(expected) == by_name(journaled(Path(place) / JOURNAL))
        for each in contest:
            for name in trainings[each.name]:
                enough = min(taken.reached(each.name, EPOCHS), len(driver.curves[name]))
                assert driver.done[name] >= enough
                if not any(it.configuration == each.name and it.rule == "collapsed" for it in expected):
                    assert driver.done[name] == enough or each.diverged is not None


GOOD, BETTER, BAD = flat(0.8, 0.5, EPOCHS), flat(0.82, 0.52, EPOCHS), flat(0.6, 0.3, EPOCHS)
THREE: Trainings = {"a": {"a0": GOOD, "a1": GOOD}, "b": {"b0": BETTER, "b1": BETTER}, "dud": {"d0": BAD, "d1": BAD}}


def test_a_rung_is_decided_when_all_have_come_there(tmp_path: Path) -> None:
    it = referee(tmp_path, THREE)
    assert {it.limit(name) for name in ("a0", "b0", "d1")} == {2}
    for name in ("a0", "a1", "b0", "b1", "d0"):
        it.heard(name, rows(GOOD if name[0] == "a" else BETTER if name[0] == "b" else BAD, 0, 2))
        assert it.decisions() == []
    it.heard("d1", rows(BAD, 0, 2))
    assert [(d.action, d.configuration, d.epochs) for d in it.decisions()] == [
        ("pass", "a", 2), ("pass", "b", 2), ("stop", "dud", 2),
    ]  # fmt: skip
    assert it.decisions() == []
    assert it.stopped == {"dud": 2}
    assert [it.limit(name) for name in ("a0", "d0")] == [5, 2]


def journaled(path: Path) -> list[Decision]:
    return [
        Decision.model_validate({key: value for key, value in row.items() if key != SEAL}) for row in read_rows(path)
    ]


def test_what_is_told_is_on_disk_and_a_torn_line_is_not(tmp_path: Path) -> None:
    it = referee(tmp_path, THREE)
    for name, curve in (("a0", GOOD), ("a1", GOOD), ("b0", BETTER), ("b1", BETTER), ("d0", BAD), ("d1", BAD)):
        it.heard(name, rows(curve, 0, 2))
    told = it.decisions()
    journal = tmp_path / JOURNAL
    assert journaled(journal) == told
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])  # killed while the last one was written
    again = referee(tmp_path, THREE)
    assert again.stopped == {} and len(read_rows(journal)) == 2
    for name, curve in (("a0", GOOD), ("a1", GOOD), ("b0", BETTER), ("b1", BETTER), ("d0", BAD), ("d1", BAD)):
        again.heard(name, rows(curve, 0, 2))
    assert again.decisions() == told[-1:]
    assert journal.read_bytes() == b"".join(lines)


def test_a_journal_of_another_kind_is_refused_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"action":"halt"}\n')
    with pytest.raises(DamagedJournal, match=rf"{JOURNAL}: line 1 is no decision"):
        referee(tmp_path, THREE)


def test_configurations_that_come_later_are_judged_by_those_there_were(tmp_path: Path) -> None:
    """Extending a sweep changes nothing that was decided."""
    it = referee(tmp_path, {"a": THREE["a"], "dud": THREE["dud"]})
    for name, curve in (("a0", GOOD), ("a1", GOOD), ("d0", BAD), ("d1", BAD)):
        it.heard(name, rows(curve, 0, 2))
    assert {d.action for d in it.decisions()} == {"pass"}  # one alone makes no dud
    late = {"b": THREE["b"], "dud-2": {"e0": BAD}}
    it.enter(entries(late))
    for name, curve in (("b0", BETTER), ("b1", BETTER), ("e0", BAD)):
        it.heard(name, rows(curve, 0, 2))
    assert {(d.action, d.configuration) for d in it.decisions()} == {("pass", "b"), ("stop", "dud-2")}


def test_a_further_seed_goes_as_far_as_the_others_went(tmp_path: Path) -> None:
    """Seeds that are added when the first ones have ended change no decision, whatever they measure."""
    falling = [(0.8, 0.5 if e == 12 else 0.4) for e in range(EPOCHS)]
    rising = [(0.8, 0.2 + 0.01 * e) for e in range(EPOCHS)]
    it = referee(tmp_path, {"whole": {"w0": rising}, "short": {"s0": falling}})
    it.heard("w0", rows(rising, 0, EPOCHS))
    it.heard("s0", rows(falling, 0, 19))
    assert {d.configuration: (d.action, d.epochs) for d in it.decisions() if d.epochs > 5} == {
        "whole": ("pass", EPOCHS), "short": ("stop", 19),
    }  # fmt: skip
    for again in (it, referee(tmp_path, {"whole": {"w0": rising}, "short": {"s0": falling}})):
        again.enter(entries({"whole": {"w1": falling}, "short": {"s1": rising}}))
        assert (again.limit("w1"), again.limit("s1")) == (EPOCHS, 19)
        again.heard("w1", rows(falling, 0, 19))
        again.heard("s1", rows(rising, 0, 4), diverged=4)
        assert again.decisions() == [] and again.limit("w1") == EPOCHS
    it.enter(entries({"new": {"n0": rising}}))
    it.heard("n0", rows(rising, 0, 2))
    assert [(d.configuration, d.epochs) for d in it.decisions()] == [("new", 2)]


def test_a_lost_training_holds_up_no_one(tmp_path: Path) -> None:
    it = referee(tmp_path, THREE)
    for name, curve in (("a0", GOOD), ("b0", BETTER), ("b1", BETTER), ("d0", BAD), ("d1", BAD)):
        it.heard(name, rows(curve, 0, 2))
    it.lost("a1")
    assert {(d.action, d.configuration) for d in it.decisions()} == {("pass", "b"), ("pass", "dud")}
    assert it.limit("a0") == EPOCHS  # nothing is decided of what cannot be compared


@pytest.mark.parametrize(
    ("field", "value"),
    [("group", "generation 1"), ("fresh", False), ("data", {"name": "digits", "label_noise": 0.1}), ("epochs", 21)],
)
def test_only_alike_are_compared(tmp_path: Path, field: str, value: object) -> None:
    it = referee(tmp_path, {"a": THREE["a"], "b": THREE["b"]})
    config: Row = {"epochs": EPOCHS} | ({field: value} if field in ("data", "epochs") else {})
    more = {field: value} if field in ("group", "fresh") else {}
    it.enter([Entry("d0", "dud", TrialConfig.model_validate(config), 10, **more)])  # type: ignore[arg-type]
    for name, curve in (("a0", GOOD), ("a1", GOOD), ("b0", BETTER), ("b1", BETTER), ("d0", BAD)):
        it.heard(name, rows(curve, 0, 2))
    assert {d.action for d in it.decisions()} == {"pass"}


def test_finishing_compares_generations_and_lengths_that_share_a_front(tmp_path: Path) -> None:
    fall = [(0.8, 0.5 if e == 12 else 0.4) for e in range(EPOCHS)]
    it = Referee(tmp_path, KNOBS, Evaluation(), OBJECTIVES)
    it.enter(entries({"near": {"n0": fall}, "far": {"f0": [(0.7, r - 0.1) for _, r in fall]}}, group="0"))
    it.enter(entries({"front": {"g0": [(0.81, 0.51)] * EPOCHS}}, group="1"))
    for name, curve in (("n0", fall), ("f0", [(0.7, r - 0.1) for _, r in fall]), ("g0", [(0.81, 0.51)] * EPOCHS)):
        it.heard(name, rows(curve, 0, EPOCHS))
    it.decisions()
    assert it.stopped.keys() == {"near", "far", "front"}
    assert {d.configuration for d in it.finish()} == {"near", "front"}
    assert it.finish() == [] and it.limit("n0") == EPOCHS and it.limit("f0") == 19 and it.stopped == {"far": 19}
