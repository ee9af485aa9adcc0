"""The stopping controller: limits and decisions, which neither order nor kills change; a rule for each test."""

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
from search.execution.stopping_controller import StoppingController
from search.planning.plan import Plan
from search.stopping.base import StoppingRule
from search.stopping.curves import Candidate, TrialInfo
from search.stopping.decisions import JOURNAL, SEAL, Decision, DecisionState
from search.stopping.median_rule import MedianStopping
from search.stopping.robust_rule import RobustStopping
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.record_io import Row
from trainers.record_reader import read_rows

from ..made_curves import OBJECTIVES, Accuracies, flat

EPOCHS = 20
RULE = RobustStopping(rungs=(2, 5), patience=3)
RULES_OF_ALL_KINDS = [
    RULE,
    RobustStopping(rungs=(), patience=2, skip_later_drops=True),
    MedianStopping(rungs=(2, 5, 12), least=2),
]
Trainings = dict[str, dict[str, Accuracies]]  # configuration -> training -> curve; a short one diverges at its end


def infos(trainings: Trainings, **more: str) -> list[TrialInfo]:
    """Return PGD trainings whose learning rate drops after epochs 10 and 15, a weight decay for each configuration."""
    found = []
    for i, (name, seeds) in enumerate(trainings.items()):
        config = TrialConfig.model_validate(
            {"epochs": EPOCHS, "optimizer": {"name": "sgd", "weight_decay": 1e-4 * (i + 1)}}
        )
        found += [TrialInfo(training, name, config, classes=10, **more) for training in seeds]  # type: ignore[arg-type]
    return found


def rows(curve: Accuracies, start: int, end: int) -> list[Row]:
    return [{"epoch": e, "val_clean_acc": curve[e][0], "val_pgd_acc": curve[e][1]} for e in range(start, end)]


def control(folder: Path, trainings: Trainings, rule: StoppingRule = RULE) -> StoppingController:
    controller = empty_controller(folder, rule)
    controller.add(infos(trainings))
    return controller


def empty_controller(folder: Path, rule: StoppingRule = RULE) -> StoppingController:
    plan = Plan(evaluation=Evaluation(), objectives=OBJECTIVES, axes=[], threads=1, code="", stopping=rule)
    return StoppingController(folder, plan, lambda trial: 10)


def stopped(controller: StoppingController) -> dict[str, int]:
    """Return after how many epochs configurations stop, without those that are finished after all."""
    stops = {name: controller.stop_of(name) for name in controller.state.stops}
    return {name: stop.epochs for name, stop in stops.items() if stop}


class Driver:
    """Trains within the limits of the controller, some epochs of one training after another."""

    def __init__(self, folder: Path, trainings: Trainings, rule: StoppingRule) -> None:
        self.folder, self.trainings, self.rule = folder, trainings, rule
        self.curves = {name: curve for seeds in trainings.values() for name, curve in seeds.items()}
        self.done = dict.fromkeys(self.curves, 0)
        self.controller = control(folder, trainings, rule)

    def open(self) -> list[str]:
        """Return trainings that may go on."""
        alive = (name for name in self.done if not self.diverged(name))
        return [name for name in alive if self.done[name] < self.controller.limit(name)]

    def diverged(self, name: str) -> bool:
        return self.done[name] == len(self.curves[name]) < EPOCHS

    def train(self, name: str, epochs: int) -> None:
        start, curve = self.done[name], self.curves[name]
        self.done[name] = min(start + epochs, self.controller.limit(name), len(curve))
        self._tell(name, start)

    def kill(self) -> None:
        """Drop what is in memory; the records and the journal stand."""
        self.controller = control(self.folder, self.trainings, self.rule)
        for name in self.done:
            self._tell(name, 0)

    def _tell(self, name: str, start: int) -> None:
        diverged = self.done[name] if self.diverged(name) else None
        self.controller.observe(name, rows(self.curves[name], start, self.done[name]), diverged)


def whole(trainings: Trainings, rule: StoppingRule) -> tuple[list[Decision], list[Candidate]]:
    """Decide by the whole curves at once."""
    with TemporaryDirectory() as folder:
        controller = control(Path(folder), trainings, rule)
        for seeds in trainings.values():
            for name, curve in seeds.items():
                controller.observe(name, rows(curve, 0, len(curve)), len(curve) if len(curve) < EPOCHS else None)
        group = list(controller._candidates.values())
    found = rule.decide(group, DecisionState())
    return found + rule.resume_stopped(group, DecisionState(found)), group


def by_name(decisions: Sequence[Decision] | list[Row]) -> list[str]:
    dumped = [row.model_dump() if isinstance(row, Decision) else row for row in decisions]
    return sorted(json.dumps(row, sort_keys=True) for row in dumped)


LEVEL = st.tuples(st.integers(2, 18), st.integers(2, 18))
STEP = st.tuples(st.integers(-2, 2), st.integers(-2, 2))


@st.composite
def random_trainings(draw: st.DrawFn) -> Trainings:
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


@pytest.mark.long
@given(random_trainings(), st.data())
@settings(max_examples=60, deadline=None)
def test_order_of_reports_and_kills_change_no_decision(trainings: Trainings, data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULES_OF_ALL_KINDS))
    expected, group = whole(trainings, rule)
    with TemporaryDirectory() as place:
        driver = Driver(Path(place), trainings, rule)
        made: list[Decision] = []
        finishing = False
        while True:
            if open_ := driver.open():
                driver.train(data.draw(st.sampled_from(open_)), data.draw(st.integers(1, 6)))
                made += driver.controller.decide()
            elif not finishing:
                finishing = True
                made += driver.controller.resume_stopped()
            else:
                break
            if data.draw(st.integers(0, 7)) == 0:
                driver.kill()
                assert driver.controller.decide() == []  # what could be decided was, and is not returned again
        state = DecisionState(expected)
        assert by_name(made) == by_name(expected) == by_name(journaled(Path(place) / JOURNAL))
        for candidate in group:
            for name in trainings[candidate.name]:
                enough = min(state.reached(candidate.name, EPOCHS), len(driver.curves[name]))
                assert driver.done[name] >= enough
                if not any(d.configuration == candidate.name and d.rule == "collapsed" for d in expected):
                    assert driver.done[name] == enough or candidate.diverged is not None


GOOD, BETTER, BAD = flat(0.8, 0.5, EPOCHS), flat(0.82, 0.52, EPOCHS), flat(0.6, 0.3, EPOCHS)
THREE: Trainings = {"a": {"a0": GOOD, "a1": GOOD}, "b": {"b0": BETTER, "b1": BETTER}, "dud": {"d0": BAD, "d1": BAD}}


def test_rung_is_decided_when_all_trials_have_arrived(tmp_path: Path) -> None:
    controller = control(tmp_path, THREE)
    assert {controller.limit(name) for name in ("a0", "b0", "d1")} == {2}
    for name in ("a0", "a1", "b0", "b1", "d0"):
        controller.observe(name, rows(GOOD if name[0] == "a" else BETTER if name[0] == "b" else BAD, 0, 2))
        assert controller.decide() == []
    controller.observe("d1", rows(BAD, 0, 2))
    assert [(d.action, d.configuration, d.epochs) for d in controller.decide()] == [
        ("pass", "a", 2), ("pass", "b", 2), ("stop", "dud", 2),
    ]  # fmt: skip
    assert controller.decide() == []
    assert stopped(controller) == {"dud": 2}
    assert [controller.limit(name) for name in ("a0", "d0")] == [5, 2]


def journaled(path: Path) -> list[Decision]:
    return [
        Decision.model_validate({key: value for key, value in row.items() if key != SEAL}) for row in read_rows(path)
    ]


def test_decision_is_on_disk_when_returned_and_a_torn_line_is_decided_again(tmp_path: Path) -> None:
    controller = control(tmp_path, THREE)
    for name, curve in (("a0", GOOD), ("a1", GOOD), ("b0", BETTER), ("b1", BETTER), ("d0", BAD), ("d1", BAD)):
        controller.observe(name, rows(curve, 0, 2))
    made = controller.decide()
    journal = tmp_path / JOURNAL
    assert journaled(journal) == made
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])  # killed while the last one was written
    again = control(tmp_path, THREE)
    assert stopped(again) == {} and len(read_rows(journal)) == 2
    for name, curve in (("a0", GOOD), ("a1", GOOD), ("b0", BETTER), ("b1", BETTER), ("d0", BAD), ("d1", BAD)):
        again.observe(name, rows(curve, 0, 2))
    assert again.decide() == made[-1:]
    assert journal.read_bytes() == b"".join(lines)


def test_journal_of_another_kind_is_refused_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"action":"halt"}\n')
    with pytest.raises(DamagedJournal, match=rf"{JOURNAL}: line 1 is no decision"):
        control(tmp_path, THREE)


def test_later_configurations_are_compared_with_the_earlier_ones(tmp_path: Path) -> None:
    """Extending a sweep changes nothing that was decided."""
    controller = control(tmp_path, {"a": THREE["a"], "dud": THREE["dud"]})
    for name, curve in (("a0", GOOD), ("a1", GOOD), ("d0", BAD), ("d1", BAD)):
        controller.observe(name, rows(curve, 0, 2))
    assert {d.action for d in controller.decide()} == {"pass"}  # one alone makes no dud
    late = {"b": THREE["b"], "dud-2": {"e0": BAD}}
    controller.add(infos(late))
    for name, curve in (("b0", BETTER), ("b1", BETTER), ("e0", BAD)):
        controller.observe(name, rows(curve, 0, 2))
    assert {(d.action, d.configuration) for d in controller.decide()} == {("pass", "b"), ("stop", "dud-2")}


def test_further_seed_trains_as_far_as_the_earlier_seeds(tmp_path: Path) -> None:
    """Seeds that are added when the first ones have ended change no decision, whatever they measure."""
    falling = [(0.8, 0.5 if e == 12 else 0.4) for e in range(EPOCHS)]
    rising = [(0.8, 0.2 + 0.01 * e) for e in range(EPOCHS)]
    controller = control(tmp_path, {"whole": {"w0": rising}, "short": {"s0": falling}})
    controller.observe("w0", rows(rising, 0, EPOCHS))
    controller.observe("s0", rows(falling, 0, 19))
    assert {d.configuration: (d.action, d.epochs) for d in controller.decide() if d.epochs > 5} == {
        "whole": ("pass", EPOCHS), "short": ("stop", 19),
    }  # fmt: skip
    for again in (controller, control(tmp_path, {"whole": {"w0": rising}, "short": {"s0": falling}})):
        again.add(infos({"whole": {"w1": falling}, "short": {"s1": rising}}))
        assert (again.limit("w1"), again.limit("s1")) == (EPOCHS, 19)
        again.observe("w1", rows(falling, 0, 19))
        again.observe("s1", rows(rising, 0, 4), diverged=4)
        assert again.decide() == [] and again.limit("w1") == EPOCHS
    controller.add(infos({"new": {"n0": rising}}))
    controller.observe("n0", rows(rising, 0, 2))
    assert [(d.configuration, d.epochs) for d in controller.decide()] == [("new", 2)]


def test_failed_trial_blocks_no_other_trial(tmp_path: Path) -> None:
    controller = control(tmp_path, THREE)
    for name, curve in (("a0", GOOD), ("b0", BETTER), ("b1", BETTER), ("d0", BAD), ("d1", BAD)):
        controller.observe(name, rows(curve, 0, 2))
    controller.discard("a1")
    assert {(d.action, d.configuration) for d in controller.decide()} == {("pass", "b"), ("pass", "dud")}
    assert controller.limit("a0") == EPOCHS  # nothing is decided of what cannot be compared


@pytest.mark.parametrize(
    ("field", "value"),
    [("generation", "1"), ("fresh", False), ("data", {"name": "digits", "label_noise": 0.1}), ("epochs", 21)],
)
def test_only_comparable_configurations_are_compared(tmp_path: Path, field: str, value: object) -> None:
    controller = control(tmp_path, {"a": THREE["a"], "b": THREE["b"]})
    config: Row = {"epochs": EPOCHS} | ({field: value} if field in ("data", "epochs") else {})
    more = {field: value} if field in ("generation", "fresh") else {}
    controller.add([TrialInfo("d0", "dud", TrialConfig.model_validate(config), 10, **more)])  # type: ignore[arg-type]
    for name, curve in (("a0", GOOD), ("a1", GOOD), ("b0", BETTER), ("b1", BETTER), ("d0", BAD)):
        controller.observe(name, rows(curve, 0, 2))
    assert {d.action for d in controller.decide()} == {"pass"}


def test_finished_configurations_are_near_the_front_of_all_generations(tmp_path: Path) -> None:
    fall = [(0.8, 0.5 if e == 12 else 0.4) for e in range(EPOCHS)]
    controller = empty_controller(tmp_path)
    controller.add(infos({"near": {"n0": fall}, "far": {"f0": [(0.7, r - 0.1) for _, r in fall]}}, generation="0"))
    controller.add(infos({"front": {"g0": [(0.81, 0.51)] * EPOCHS}}, generation="1"))
    for name, curve in (("n0", fall), ("f0", [(0.7, r - 0.1) for _, r in fall]), ("g0", [(0.81, 0.51)] * EPOCHS)):
        controller.observe(name, rows(curve, 0, EPOCHS))
    controller.decide()
    assert stopped(controller).keys() == {"near", "far", "front"}
    assert {d.configuration for d in controller.resume_stopped()} == {"near", "front"}
    assert controller.resume_stopped() == []
    assert (controller.limit("n0"), controller.limit("f0"), stopped(controller)) == (EPOCHS, 19, {"far": 19})
