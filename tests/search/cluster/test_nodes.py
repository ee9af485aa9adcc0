"""A node that would train something else than was planned is refused, by name and with what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import search.cluster.node_report
import search.cluster.nodes
from search.cluster.node_report import NodeReport, report
from search.cluster.nodes import check_nodes, differences, kinds, notes
from search.schema.resources import Resources

pytestmark = pytest.mark.sweeps

HERE = NodeReport(
    "head", "3.11", {"torch": "2.9.0", "ray": "2.60.0", "numpy": "2.4.0"}, "c0de" * 16, "EPYC", free=1 << 40
)
H100, A100 = ("NVIDIA H100", 80 << 30), ("NVIDIA A100", 40 << 30)


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """What the driver left in the folder for the nodes to find."""
    (tmp_path / ".mark.tmp").touch()
    return "mark"


def test_a_node_like_the_driver_is_fine() -> None:
    assert differences(replace(HERE, host="other", free=1, gpus=[H100]), HERE) == []


@pytest.mark.parametrize(
    ("theirs", "complaint"),
    [
        (replace(HERE, python="3.12"), "Python 3.12, the driver has 3.11; install the same on every node"),
        (replace(HERE, versions=HERE.versions | {"torch": "2.8.0"}), "torch 2.8.0, the driver has 2.9.0; install the"),
        (replace(HERE, versions={"ray": "2.60.0", "torch": "2.9.0"}), "numpy is not there, the driver has 2.4.0; inst"),
        (replace(HERE, training_code="f00d" * 16), "training code f00df00df00d, the driver has c0dec0dec0de; install "),
        (replace(HERE, trouble=["sees no folder"]), "sees no folder"),
    ],
)
def test_what_differs_is_told_with_both_sides(theirs: NodeReport, complaint: str) -> None:
    (found,) = differences(theirs, HERE)
    assert found.startswith(complaint)


def test_all_that_differs_is_told_at_once() -> None:
    other = replace(HERE, python="3.12", versions=dict.fromkeys(HERE.versions, "1"), training_code="f00d")
    assert len(differences(other, HERE)) == 1 + 3 + 1


def test_other_hardware_is_allowed_and_said() -> None:
    nodes = [
        replace(HERE, host="a", gpus=[H100, H100]),
        replace(HERE, host="b", gpus=[A100]),
        replace(HERE, host="c", gpus=[H100, H100]),
        replace(HERE, host="d", cpu="Xeon"),
    ]
    assert kinds(nodes) == {"EPYC, 2 NVIDIA H100": ["a", "c"], "EPYC, 1 NVIDIA A100": ["b"], "Xeon": ["d"]}
    (note,) = notes(nodes)
    assert note.startswith(
        "the nodes differ, and the last bits of a trial may with the kind of node it runs on (a, c: "
    )
    assert notes([nodes[0], nodes[2]]) == []


def test_a_nearly_full_disk_is_said() -> None:
    assert notes([replace(HERE, host="b", free=700 << 20)]) == ["b: only 700 MB are free where the sweep is stored"]


def test_idle_gpus_are_said() -> None:
    assert notes([HERE, replace(HERE, host="b", idle="its CPUs are few")]) == ["b: its CPUs are few"]


def test_a_node_tells_what_it_is_and_leaves_a_mark(tmp_path: Path, mark: str) -> None:
    said = report(str(tmp_path), mark, gpus=False)
    assert said.trouble == []
    assert differences(said, said) == []
    assert (tmp_path / said.answer).exists()
    assert said.free > 0
    assert set(said.versions) == set(search.cluster.nodes.PACKAGES)


def test_a_node_that_sees_another_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.cluster.node_report, "LATE", 0.0)
    said = report(str(tmp_path), "mark", gpus=False)
    assert said.trouble == [
        f"does not see {tmp_path} as the driver does; put --results on a file system that all nodes share"
    ]
    assert said.answer == ""


def test_a_node_that_cannot_write_says_so(tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refused)
    (complaint,) = report(str(tmp_path), mark, gpus=False).trouble
    assert complaint == f"cannot write to {tmp_path} (Permission denied); let its user write there"


def test_gpus_that_torch_cannot_use_are_complained_of(
    tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.cluster.node_report, "DEVICES", "raise RuntimeError('driver too old')")
    (complaint,) = report(str(tmp_path), mark, gpus=True).trouble
    assert complaint.startswith("torch cannot use its GPUs (RuntimeError: driver too old)")


def test_alone_a_machine_is_asked_without_ray_and_nothing_is_left(tmp_path: Path) -> None:
    (said,) = check_nodes(None, tmp_path, Resources())
    assert said.trouble == []
    assert list(tmp_path.iterdir()) == []
