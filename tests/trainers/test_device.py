"""Trainings keep to their device: no operation has tensors of two, and a host seldom waits for what a GPU computes.

On a GPU each read by the host waits until all that was launched is done, and each upload from a host may wait too. The
table says where a training does either, and how often at most; no other place may.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.device_cases import CASES, MISTAKES

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
Answers = dict[str, Any]
K = 10  # steps of an attack
# one of each kind of loss, attack, weight, average, subset and measurement; the others are tried with -m slow
FEW = ("pgd-at", "trades", "fat", "gairat", "awp", "swa", "drop unlearned", "everything measured")
REST = tuple(name for name in CASES if name not in FEW)

# (phase, function, kind): how often at most in such a phase, over all cases; MLPs have 6 parameters and buffers,
# digits_cnn has 16
ALLOWED = {
    # FAT asks at each step of its attack how many examples go on
    ("first step", "trainers.attacks.PGD._climb_until_wrong", "read"): K,
    ("step", "trainers.attacks.PGD._climb_until_wrong", "read"): K,
    # the order of an epoch's examples, and who is judged unlearned
    ("first step", "trainers.examples.Examples.draw_batches", "upload"): 2,
    ("first step", "trainers.subsets.DropUnlearned.judge", "read"): 1,
    # the losses and records of an epoch
    ("end of epoch", "trainers.trainer.Trainer._mean_loss", "read"): 2,
    ("end of epoch", "trainers.recording.Observations.summary", "read"): 6,
    ("end of epoch", "trainers.recording._mean", "read"): 2,
    ("end of epoch", "trainers.recording.Observations.arrays", "read"): 13,
    # what is measured after an epoch
    ("end of epoch", "trainers.trainer.Trainer.run_epoch", "read"): 1,
    ("end of epoch", "trainers.measure.evaluate_epoch", "read"): 6,
    ("end of epoch", "trainers.measure.evaluate_further", "read"): 2,
    ("end of epoch", "trainers.measure.evaluate_training", "read"): 3,
    ("end of epoch", "trainers.measure.evaluate_training", "upload"): 1,
    ("end of epoch", "trainers.measure.accuracy_by_class", "read"): 8,
    ("end of epoch", "trainers.measure._losses", "read"): 5,
    ("end of epoch", "trainers.data.Split.to", "upload"): 2,
    ("end of epoch", "trainers.sampling.draw_images", "read"): 1,
    ("end of epoch", "trainers.sampling.take_images", "upload"): 2,
    # at the end of training, of the last checkpoint and the best
    ("final", "trainers.measure.evaluate_final", "read"): 10,
    ("final", "trainers.measure.clean_p_y", "read"): 1,
    ("final", "trainers.accuracy.measure_accuracy", "read"): 2,
    ("final", "trainers.accuracy._margins", "read"): 2,
    ("final", "trainers.min_perturbation.MinimumPerturbation._radii", "read"): 25,
    ("final", "trainers.min_perturbation.MinimumPerturbation.measure", "read"): 1,
    ("final", "trainers.averaging.temporary_weights", "upload"): 16,
    ("final", "trainers.data.Split.to", "upload"): 4,
    ("final", "trainers.sampling.draw_images", "read"): 1,
    # network, examples, splits; of corrupted test sets nothing
    ("start", "trainers.trainer.Trainer.__init__", "upload"): 16,
    ("start", "trainers.examples.Examples.__init__", "upload"): 2,
    ("start", "trainers.data.Split.to", "upload"): 4,
    # a checkpoint
    ("save", "search.store.checkpoint_writer.copy_to_cpu", "read"): 57,
    ("load", "trainers.trainer.Trainer.load_state_dict", "upload"): 40,
    ("load", "trainers.state.InstanceState.load_state_dict", "upload"): 3,
}


def ask(names: Sequence[str], folder: Path) -> Answers:
    """Run cases in a process of their own: a device is registered for the whole process.

    Parallel workers of one run share the answers.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    path = folder.parent / f"device-{len(names)}-{run}.json"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
            command = [sys.executable, "-m", "tests.trainers.device_cases", str(path), *names]
            subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, check=True, timeout=580)
    found: Answers = json.loads(path.read_text())
    return found


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return ask((*FEW, *MISTAKES), tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return ask(REST, tmp_path_factory.getbasetemp())


@pytest.fixture
def answer(request: pytest.FixtureRequest) -> Answers:
    """What the case of a test answered."""
    name = request.getfixturevalue("name")
    found: Answers = request.getfixturevalue("few" if name in FEW else "rest")[name]
    return found


each_case = pytest.mark.parametrize("name", [*FEW, *(pytest.param(name, marks=pytest.mark.slow) for name in REST)])


def crossings(answer: Answers) -> list[tuple[Counter[tuple[str, str, str]], dict[tuple[str, str, str], str]]]:
    """Return for each phase of a case how often each place crosses, and a line of each."""
    phases = []
    for phase, crossed in answer["phases"]:
        places = [((phase, function, kind), line) for function, kind, line in crossed]
        phases.append((Counter(place for place, _ in places), dict(places)))
    return phases


def forbidden(answer: Answers) -> list[str]:
    """Return where a case crosses between the devices more often than the table allows."""
    return [
        f"{kind} in {phase}, {times} times where {ALLOWED.get((phase, function, kind), 0)} are allowed: {line}"
        for counts, lines in crossings(answer)
        for (phase, function, kind), times in counts.items()
        for line in [lines[phase, function, kind]]
        if times > ALLOWED.get((phase, function, kind), 0)
    ]


@each_case
def test_training_keeps_to_its_device_and_waits_only_where_the_table_says(answer: Answers, name: str) -> None:
    assert answer["error"] is None
    assert forbidden(answer) == []


@each_case
def test_training_on_the_device_has_the_records_of_one_on_the_cpu(answer: Answers, name: str) -> None:
    """Stopped after an epoch and resumed, on both; the device computes on the CPU."""
    assert answer["same"]


@pytest.mark.slow
def test_only_an_attack_that_stops_early_waits_within_a_step(few: Answers, rest: Answers) -> None:
    answers = few | rest
    waits = {name for name in CASES for phase, crossed in answers[name]["phases"] if phase == "step" and crossed}
    assert waits == {"fat", "gair-fat", "fat to the end", "fat, first failure"}


@pytest.mark.slow
def test_every_row_of_the_table_is_met(few: Answers, rest: Answers) -> None:
    most: Counter[tuple[str, str, str]] = Counter()
    for name in CASES:
        for counts, _ in crossings((few | rest)[name]):
            most |= counts
    assert most == Counter(ALLOWED)


def test_a_new_read_by_the_host_is_told_with_its_line(few: Answers) -> None:
    assert few["reads back"]["error"] is None
    steps = [told for told in forbidden(few["reads back"]) if "in step" in told]
    assert steps and all(told.startswith("read in step, 1 times where 0 are allowed: ") for told in steps)
    assert all(_line_of("bool(x.any())") in told for told in steps)


def test_an_operation_on_two_devices_is_told_with_its_line(few: Answers) -> None:
    assert few["mixes devices"]["error"].startswith("MixedDevices")
    assert _line_of("torch.full((1, 1, 1, 1), 255.0)") in few["mixes devices"]["error"]


def _line_of(code: str) -> str:
    """Return the place of a piece of code in the module of the cases, as file:line."""
    path = Path("tests/trainers/device_cases.py")
    (line,) = (number for number, text in enumerate((ROOT / path).read_text().splitlines(), 1) if code in text)
    return f"{path}:{line}"
