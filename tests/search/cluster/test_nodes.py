"""Nodes that would train something other than was planned are refused, with their name and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import search.cluster.node_report
import search.cluster.nodes
from search.cluster.node_report import NodeReport, report_node
from search.cluster.nodes import check_nodes, find_differences, group_by_hardware, list_notes
from search.schema.resources import Resources

pytestmark = pytest.mark.long

HERE = NodeReport(
    "head", "3.11", {"torch": "2.9.0", "ray": "2.60.0", "numpy": "2.4.0"}, "c0de" * 16, "EPYC", free=1 << 40
)
H100, A100 = ("NVIDIA H100", 80 << 30), ("NVIDIA A100", 40 << 30)


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """The driver's file in the folder, for the nodes to find."""
    (tmp_path / ".mark.tmp").touch()
    return "mark"


def test_a_node_like_the_driver_has_no_differences() -> None:
    assert find_differences(replace(HERE, host="other", free=1, gpus=[H100]), HERE) == []


@pytest.mark.parametrize(
    ("report", "problem"),
    [
        (replace(HERE, python="3.12"), "Python 3.12, the driver has 3.11; install the same on every node"),
        (replace(HERE, versions=HERE.versions | {"torch": "2.8.0"}), "torch 2.8.0, the driver has 2.9.0; install the"),
        (
            replace(HERE, versions={"ray": "2.60.0", "torch": "2.9.0"}),
            "numpy is not installed, the driver has 2.4.0; inst",
        ),
        (replace(HERE, training_code="f00d" * 16), "training code f00df00df00d, the driver has c0dec0dec0de; install "),
        (replace(HERE, problems=["sees no folder"]), "sees no folder"),
    ],
)
def test_a_difference_is_reported_with_both_sides(report: NodeReport, problem: str) -> None:
    (found,) = find_differences(report, HERE)
    assert found.startswith(problem)


def test_all_differences_are_reported_at_once() -> None:
    other = replace(HERE, python="3.12", versions=dict.fromkeys(HERE.versions, "1"), training_code="f00d")
    assert len(find_differences(other, HERE)) == 1 + 3 + 1


def test_other_hardware_is_allowed_with_a_note() -> None:
    nodes = [
        replace(HERE, host="a", gpus=[H100, H100]),
        replace(HERE, host="b", gpus=[A100]),
        replace(HERE, host="c", gpus=[H100, H100]),
        replace(HERE, host="d", cpu="Xeon"),
    ]
    assert group_by_hardware(nodes) == {"EPYC, 2 NVIDIA H100": ["a", "c"], "EPYC, 1 NVIDIA A100": ["b"], "Xeon": ["d"]}
    (note,) = list_notes(nodes)
    assert note.startswith(
        "the nodes differ, and the last bits of a trial may depend on the node that it runs on (a, c: "
    )
    assert list_notes([nodes[0], nodes[2]]) == []


def test_a_nearly_full_disk_is_noted() -> None:
    assert list_notes([replace(HERE, host="b", free=700 << 20)]) == [
        "b: only 700 MB are free where the sweep is stored"
    ]


def test_idle_gpus_are_noted() -> None:
    assert list_notes([HERE, replace(HERE, host="b", idle="its CPUs are few")]) == ["b: its CPUs are few"]


def test_a_node_reports_its_versions_and_leaves_a_file(tmp_path: Path, mark: str) -> None:
    report = report_node(str(tmp_path), mark, gpus=False)
    assert report.problems == []
    assert find_differences(report, report) == []
    assert (tmp_path / report.answer).exists()
    assert report.free > 0
    assert set(report.versions) == set(search.cluster.nodes.PACKAGES)


def test_a_node_that_sees_another_folder_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.cluster.node_report, "VISIBLE_SECONDS", 0.0)
    report = report_node(str(tmp_path), "mark", gpus=False)
    assert report.problems == [
        f"does not see {tmp_path} as the driver does; put --results on a file system that all nodes share"
    ]
    assert report.answer == ""


def test_a_node_that_cannot_write_reports_it(tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refused)
    (problem,) = report_node(str(tmp_path), mark, gpus=False).problems
    assert problem == f"cannot write to {tmp_path} (Permission denied); let its user write there"


def test_gpus_that_torch_cannot_use_are_reported(tmp_path: Path, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.cluster.node_report, "LIST_DEVICES", "raise RuntimeError('driver too old')")
    (problem,) = report_node(str(tmp_path), mark, gpus=True).problems
    assert problem.startswith("torch cannot use its GPUs (RuntimeError: driver too old)")


def test_without_a_cluster_this_process_reports_and_leaves_nothing(tmp_path: Path) -> None:
    (report,) = check_nodes(None, tmp_path, Resources())
    assert report.problems == []
    assert list(tmp_path.iterdir()) == []
