"""The shapes of a sweep's records: trainers.record_reader calls a record damaged if it has another shape.

A folder may come from anybody. A text of a record that becomes part of a path is a Name here: one component, so that no
reader or writer leaves the folder. Other keys than those listed are allowed, as records gain fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Required, TypedDict

from trainers.checking import Count, Name, build_checker, check_component
from trainers.record_io import Row
from trainers.records import TrialResult

File = Literal["state.pt", "instances.npz", "diagnostics.npz"]  # files of a stage


class ManifestRecord(TypedDict):
    """stage.json: the records of a stage beside its state."""

    parent: Name | None
    epoch: Count
    rows: list[Row]
    costs: list[Row]
    sha256: dict[File, str]
    digest: str


class _Starts(TypedDict, total=False):
    content: Required[str]
    weights: Required[Literal["best", "last"]]
    path: str | None
    training: Name | None


def _of_a_state(start: _Starts) -> str | None:
    """Return what `content` should be, or None if it fits; it is a path component only if `training` is set."""
    return check_component(start["content"]) if start.get("training") is not None else None


Starts = Annotated[_Starts, _of_a_state]  # the weights in a file, or in another training's last state


def _pair(branch: list[int]) -> str | None:
    return None if len(branch) == 2 else "two numbers"


def _five(passes: list[float]) -> str | None:
    return None if len(passes) == 5 else "five numbers"


def _positive(number: float) -> str | None:
    return None if number > 0 else "a number above 0"


class ConfigRecord(TypedDict, total=False):
    """`config` of a training in plan.json, as far as readers use it."""

    data: dict[str, Any]
    model: dict[str, Any]
    method: dict[str, Any]
    subset: dict[str, Any]
    seed: int


class PlannedRecord(TypedDict, total=False):
    """One training of plan.json."""

    id: Required[Name]
    kind: Required[Literal["trial", "profile", "pretrain"]]
    configuration: Required[str]
    replicate: int
    seed: int
    axes: dict[str, str | bool | int | float]
    values: dict[str, Any]
    config: ConfigRecord
    ranks: Name | None
    start: Starts | None
    data: str
    chain: Name
    epochs: Count
    passes: Annotated[list[float], _five]  # trainers.passes.Passes for one visit of an example, the mean over epochs
    fraction: Annotated[float, _positive] | None  # of the training examples in the subset, None if N is unknown
    generation: Count | None
    branch: Annotated[list[Count], _pair]


class _Epochs(TypedDict):
    asked: Count
    distinct: Count


class HeadRecord(TypedDict, total=False):
    """plan.json without its trainings, which are checked one by one."""

    format: int
    study: str
    objectives: dict[str, Literal["max", "min"]]
    evaluate: dict[str, Any]
    attacks: dict[str, str]
    axes: list[str]
    threads: Count
    code: str
    accepted: list[str]
    rankings: dict[Name, dict[str, Any]]
    epochs: _Epochs
    check_count: Count
    trials: Required[list[Any]]


class RunRecord(TypedDict, total=False):
    """One run of a sweep's command, in provenance.json."""

    started: str
    ended: str
    command: str
    commit: str | None
    training_code: str
    host: str
    python: str
    versions: dict[str, str | None]
    slots: int | None
    exit: int
    spent: str  # the budget that ended the run, in words
    wall_seconds: float | None
    devices: dict[str, int]  # epochs of the sweep so far by the device that trained them


class ProvenanceRecord(TypedDict):
    """provenance.json: the runs of a sweep."""

    runs: list[RunRecord]


check_result = build_checker(TrialResult)
check_manifest = build_checker(ManifestRecord)
check_training = build_checker(PlannedRecord)
check_head = build_checker(HeadRecord)
check_provenance = build_checker(ProvenanceRecord)
