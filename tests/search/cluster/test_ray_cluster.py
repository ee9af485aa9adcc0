"""Two nodes, simulated on this machine: how they are checked, what is sent to them, and what they train."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from search import ROOT
from search.cluster.capacity import count_slots
from search.cluster.gpu_packing import resolve_gpus
from search.cluster.nodes import check_nodes
from search.cluster.ray_cluster import open_cluster
from search.exceptions import Infeasible
from search.schema.resources import Resources
from search.signals import Interrupt
from search.soak.process import SweepProcess, count_epochs, count_retrained, read_costs
from trainers.record_reader import read_json
from trainers.terminal.console import Console

from ..execution.test_sweep import main_here
from ..helpers import SMOKE, Tiny, hash_records, smoke

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

NODE = {"num_cpus": 2, "object_store_memory": 200 << 20, "include_dashboard": False}
CHUNK = 5 << 20  # bytes of an object that Ray sends at once
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@contextmanager
def simulated() -> Iterator[Cluster]:
    """Yield a head and another node, of two CPUs each."""
    from ray.cluster_utils import Cluster  # after search.ray_env, which gives Ray its token when it is imported first

    folder = tempfile.mkdtemp(prefix="rs-two-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_TMPDIR", folder)  # where Ray notes the address of the newest cluster, for any to join
        patched.setenv("RAY_debug_dump_period_milliseconds", "300")
        nodes = Cluster(initialize_head=True, head_node_args=NODE)
        nodes.add_node(**NODE, temp_dir=f"{folder}/other")
        yield nodes
        nodes.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def two() -> Iterator[Cluster]:
    with simulated() as nodes:
        yield nodes


@pytest.fixture
def odd(two: Cluster, tmp_path: Path) -> Iterator[Any]:
    """A third node with another numpy, and a GPU that only Ray knows."""
    metadata = tmp_path / "numpy-0.1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n")
    node = two.add_node(**NODE, num_gpus=1, env_vars={"PYTHONPATH": str(tmp_path)})
    yield node
    if node in two.worker_nodes:
        two.remove_node(node)


def test_equal_nodes_pass_and_a_different_one_is_refused(
    two: Cluster, odd: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep, auto, console = tmp_path / "sweep", Resources(gpus="auto"), Console(file=StringIO())
    sweep.mkdir()
    assert resolve_gpus(auto, two.address, console).gpus == "auto"
    assert main_here(SMOKE, "--results", tmp_path, "--address", two.address) == 2
    assert "error: not every node would train what was planned:\n  node " in capsys.readouterr().err
    assert not (tmp_path / "smoke").exists()
    with open_cluster(two.address, Interrupt()):
        with pytest.raises(Infeasible) as refused:
            check_nodes(two.address, sweep, Resources())
        with pytest.raises(Infeasible) as without_gpu:
            check_nodes(two.address, sweep, auto)  # of which the others cannot hold a trial
        two.remove_node(odd)
        first, second = check_nodes(two.address, sweep, Resources())
        assert count_slots(Resources()) == 4
    assert first.versions == second.versions
    header, problem = str(refused.value).splitlines()
    assert header == "not every node would train what was planned:"
    assert problem.startswith(f"  node {first.host} (")
    assert f"{odd.node_id[:6]}): numpy 0.1, the driver has {first.versions['numpy']}; install the same on" in problem
    assert "Ray counts 1 GPUs, torch can use 0" in str(without_gpu.value)
    assert list(sweep.iterdir()) == []
    assert resolve_gpus(auto, two.address, console).gpus == 0


def received(node: Any) -> int:
    """Return how many chunks of objects a node has received from others, as its log says after a while."""
    time.sleep(1)
    return int(re.findall("num chunks received total: ([0-9]+)", (logs(node) / "debug_state.txt").read_text())[0])


def workers(node: Any) -> int:
    """Return how many processes have worked on a node so far."""
    return len(list(logs(node).glob("worker-*.out")))


def logs(node: Any) -> Path:
    return Path(node.get_session_dir_path(), "logs")


@pytest.mark.slow
def test_losing_and_adding_a_node_loses_no_stored_epoch(
    tmp_path: Path,
) -> None:
    changes: dict[str, Any] = {"trial__epochs": 200, "evaluate__every": 100, "search__replicates": 4}
    (tmp_path / "smoke.yaml").write_text(smoke(**changes))
    folder = tmp_path / "smoke"
    token = {name: os.environ[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    with simulated() as nodes:
        arguments = (tmp_path / "smoke.yaml", "--results", tmp_path, "--address", nodes.address)
        driver = SweepProcess(*arguments, scratch=tmp_path / "tmp", **token)
        try:
            (other,) = nodes.worker_nodes
            driver.wait_until(lambda: workers(other) >= 2 and count_epochs(folder) > 100)
            before = read_costs(folder)
            nodes.remove_node(other, allow_graceful=False)
            again = nodes.add_node(**NODE, temp_dir=f"{os.environ['RAY_TMPDIR']}/again")
            assert driver.wait() == 0, driver.output
            assert workers(again) >= 2, "who came was given work"
        finally:
            driver.close()
    assert driver.output.count("retry: ") >= 2, "its node died, or does not answer any more"
    assert hash_records(folder) == hash_records(Tiny(tmp_path / "alone" / "smoke", **changes).all().store.folder)
    assert count_retrained(before, read_costs(folder)) <= 1


@pytest.mark.slow
def test_data_is_sent_once_to_each_node_and_records_are_those_of_any_run(two: Cluster, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60_000, 32, 32, 1), np.uint8)  # 61 MB, of which a trial uses little
    np.savez(tmp_path / "images.npz", x_train=images, y_train=rng.integers(0, 10, len(images)))
    data = {"name": "npz", "path": str(tmp_path / "images.npz"), "train": 96, "val": 60, "test": 60}
    space = smoke(trial__data=data, search__replicates=2)
    (tmp_path / "smoke.yaml").write_text(space)
    (other,) = two.worker_nodes
    before, started = received(other), workers(other)
    assert main_here(tmp_path / "smoke.yaml", "--results", tmp_path, "--address", two.address) == 0
    chunks = received(other) - before
    assert workers(other) - started >= 2
    assert chunks in (math.ceil(images.nbytes / CHUNK), math.ceil(images.nbytes / CHUNK) + 1)
    study = Tiny(tmp_path / "alone" / "smoke", trial__data=data, search__replicates=2).all()
    assert hash_records(tmp_path / "smoke") == hash_records(study.store.folder)
    (run,) = read_json(tmp_path / "smoke" / "provenance.json")["runs"]
    assert run["slots"] == 4
    assert [len(hosts) for hosts in run["nodes"].values()] == [2]


DROPS = """
import time
from search.cluster.ray_cluster import connect
from search.ray_env import ray
with connect(None):
    held = [ray.put(0) for _ in range(20_000)]
while held:
    held.pop()
    time.sleep(1e-4)
print("alive")
"""


def test_objects_of_ray_may_be_dropped_once_ray_has_ended() -> None:
    """Ray ends the process if one is dropped while it shuts down, as when the report was drawn beside its end."""
    ended = subprocess.run([sys.executable, "-c", DROPS], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.stdout == "alive\n", ended.stderr
