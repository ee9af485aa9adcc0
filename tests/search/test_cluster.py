"""Two nodes, simulated on this machine: what is checked of them, what travels to them, and what they train."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from search.cluster import Infeasible, cluster, short
from search.interrupt import Interrupt
from search.machines import slots
from search.nodes import examined
from search.resources import Resources

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def two() -> Iterator[Cluster]:
    """A head and another node, of one CPU each."""
    folder = tempfile.mkdtemp(prefix="rs-two-", dir=short())
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_TMPDIR", folder)  # where Ray notes the address of the newest cluster, for any to join
        nodes = Cluster(initialize_head=True, head_node_args=NODE)
        nodes.add_node(**NODE)
        yield nodes
        nodes.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def test_nodes_alike_pass_and_one_with_another_numpy_is_refused(two: Cluster, tmp_path: Path) -> None:
    metadata = tmp_path / "numpy-0.1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n")
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    with cluster(two.address, Interrupt()):
        first, second = examined(two.address, sweep, Resources())
        assert first.versions == second.versions
        assert slots(Resources()) == 2
        odd = two.add_node(**NODE, env_vars={"PYTHONPATH": str(tmp_path)})
        try:
            with pytest.raises(Infeasible) as refused:
                examined(two.address, sweep, Resources())
        finally:
            two.remove_node(odd)
    header, problem = str(refused.value).splitlines()
    assert header == "not every node would train what was planned:"
    assert problem.startswith(f"  node {first.host} (")
    assert f"{odd.node_id[:6]}): numpy 0.1, the driver has {first.versions['numpy']}; install the same on" in problem
    assert list(sweep.iterdir()) == []
