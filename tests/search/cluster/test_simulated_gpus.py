"""Trials on GPUs that only Ray knows: shares of them, several on a node, unlike ones, and one that is lost.

The trainings compute on the CPU, so that their records are those of a run without GPUs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from search.execution.devices import list_devices
from trainers.record_reader import read_json

from ..helpers import SweepProcess, Tiny, hash_records, smoke
from ..simulated_gpus import simulate

SHARED: dict[str, Any] = {"resources": {"cpus": 1, "gpus": 0.5}, "trial__compute": {"device": "cpu"}, "profile": None}
SHARED |= {"search__axes": {"batch_size": {"grid": [16, 24, 32]}}, "search__replicates": 3}
# Each worker notes its process and GPU at its first step, and waits there until all four are at work; the two GPUs are
# of unlike models. Once GPU BAD has trained 50 steps it fails for good, and the workers elsewhere wait until it did
STAND_IN = """
steps = 0


def fault():
    global steps
    steps += 1
    here = os.environ["CUDA_VISIBLE_DEVICES"]
    if steps == 1:
        import trainers.hardware
        trainers.hardware.describe_device.cache_clear()
        trainers.hardware.name_device = lambda device: f"model {here}"
        (FOLDER / f"{here}-{os.getpid()}").touch()
        wait(lambda: len(list(FOLDER.glob("?-*"))) >= 4)
    if here == BAD:
        with open(FOLDER / "work", "a") as file:
            file.write(".")
        if (FOLDER / "work").stat().st_size > 50:
            (FOLDER / f"lost-{os.getpid()}").touch()
            raise RuntimeError("CUDA error: uncorrectable ECC error encountered")
    elif BAD and steps == 40:
        wait(lambda: len(list(FOLDER.glob("lost-*"))) >= 4)


def wait(happened):
    until = time.monotonic() + 120
    while not happened() and time.monotonic() < until:
        time.sleep(0.1)
"""


def run(tmp_path: Path, bad: str = "") -> tuple[str, dict[str, set[str]]]:
    """Run a sweep on two simulated GPUs; return its output, and the processes of each GPU."""
    (tmp_path / "smoke.yaml").write_text(smoke(**SHARED))
    program = simulate(tmp_path / "faults", f"BAD = {bad!r}\n{STAND_IN}", gpus=2)
    driver = SweepProcess(tmp_path / "smoke.yaml", "--results", tmp_path, scratch=tmp_path / "tmp", program=program)
    try:
        assert driver.wait(400) == 0, driver.output
    finally:
        driver.close()
    workers: dict[str, set[str]] = defaultdict(set)
    for path in (tmp_path / "faults").glob("?-*"):
        gpu, _, process = path.name.partition("-")
        workers[gpu].add(process)
    return driver.output, workers


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return hash_records(Tiny(tmp_path_factory.mktemp("alone") / "smoke", **SHARED).all().store.folder)


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_trials_share_the_unlike_gpus_of_a_node_and_each_epoch_names_its_own(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    printed, workers = run(tmp_path)
    assert {gpu: len(processes) for gpu, processes in workers.items()} == {"0": 2, "1": 2}
    (ran,) = read_json(tmp_path / "smoke" / "provenance.json")["runs"]
    assert ran["slots"] == 4
    assert set(ran["devices"]) == {"model 0", "model 1"} and sum(ran["devices"].values()) == 9 * 6
    assert "note: it was trained on unlike devices" in printed
    trained = [list_devices(folder) for folder in (tmp_path / "smoke" / "trials").glob("*/")]
    assert {tuple(devices) for devices in trained} == {("model 0",), ("model 1",)}
    assert hash_records(tmp_path / "smoke") == undisturbed


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_gpu_lost_in_the_middle_with_the_trials_that_share_it_costs_no_result(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    """Both of its workers are lost at once, and each that takes their place; the trials go on on the other GPU."""
    printed, workers = run(tmp_path, bad="1")
    (named,) = re.findall(r"note: (GPU 1 of node .*) is no longer used: it lost 3 workers in a row", printed)
    assert named
    assert len(workers["1"]) >= 4 and len(workers["0"]) == 2
    assert hash_records(tmp_path / "smoke") == undisturbed
