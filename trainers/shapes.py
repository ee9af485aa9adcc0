"""The shapes of a sweep's records, by which trainers.reading finds records that are damaged or not written by a sweep.

A folder may come from anybody. A text of a record that becomes part of a path is a Name here: one component, so that no
reader or writer leaves the folder. Other keys than those listed are allowed, as records gain fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Required, TypedDict

from trainers.checking import build_checker
from trainers.records import Row


def check_component(text: str) -> str | None:
    """Return what a text should be to serve as one component of a path, or None if it does."""
    if text in ("", ".", "..") or any(letter in "/\\" or not letter.isprintable() for letter in text):
        return "the name of a file, which leads nowhere else"
    return "a shorter name" if len(text.encode(errors="replace")) > 255 else None


def check_count(number: int) -> str | None:
    """Return what a number should be to serve as a count, or None if it does."""
    return None if 0 <= number < 2**53 else "a number from 0 on"


Name = Annotated[str, check_component]
Count = Annotated[int, check_count]
File = Literal["state.pt", "instances.npz"]  # files of a stage
Metrics = dict[str, float | bool | None]


class SplitRecord(TypedDict, total=False):
    """`data` of result.json: numbers of examples and of classes."""

    train: Count
    val: Count
    test: Count
    classes: Count
    flipped: Count


class SubsetRecord(TypedDict, total=False):
    """`subset` of result.json: numbers of the examples that were trained on."""

    size: Count
    class_counts: list[Count]
    flipped_in: Count
    flipped_out: Count


class DivergedRecord(TypedDict, total=False):
    """`diverged` of result.json: the epoch in which a loss was no longer finite."""

    epoch: Required[Count]
    why: str


class StoppedRecord(TypedDict, total=False):
    """`stopped` of result.json: the rule that stopped the trial, and after how many epochs."""

    epoch: Count
    rule: str
    reason: str


class ResultRecord(TypedDict, total=False):
    """result.json of a trial."""

    trial: str
    status: Required[Literal["completed", "diverged", "stopped"]]
    epochs: Count
    best: Metrics
    last: Metrics
    classes: dict[str, dict[str, list[float | None]]]
    diverged: DivergedRecord
    stopped: StoppedRecord
    attacks: dict[str, str]
    data: SplitRecord
    subset: SubsetRecord
    chain: str
    bytes: dict[Name, Count]
    sha256: dict[Name, str]


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
    count: Count
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


class ProvenanceRecord(TypedDict):
    """provenance.json: the runs of a sweep."""

    runs: list[RunRecord]


check_result = build_checker(ResultRecord)
check_manifest = build_checker(ManifestRecord)
check_training = build_checker(PlannedRecord)
check_head = build_checker(HeadRecord)
check_provenance = build_checker(ProvenanceRecord)
