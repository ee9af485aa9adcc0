"""The shapes of a sweep's records, by which trainers.reading tells what is damaged, or was never written by a sweep.

A folder may come from anybody. Whatever a record names that becomes part of a path is a Name here: one component, so
that no reader leaves the folder, and no writer either. Keys that are not listed may be there, for records gain fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Required, TypedDict

from trainers.checking import Count, Name, component, shaped
from trainers.record_io import Row
from trainers.records import TrialResult

File = Literal["state.pt", "instances.npz"]  # of a stage


class Manifest(TypedDict):
    """stage.json: what a stage holds beside its state."""

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
    """Of a training it is the name of its last state, of a file nothing that becomes part of a path."""
    return component(start["content"]) if start.get("training") is not None else None


Starts = Annotated[_Starts, _of_a_state]  # the weights of a file, or of another training's last state


def _pair(branch: list[int]) -> str | None:
    return None if len(branch) == 2 else "two numbers"


class Config(TypedDict, total=False):
    """What a plan says of how one training is done, as far as readers look into it."""

    data: dict[str, Any]
    model: dict[str, Any]
    method: dict[str, Any]
    subset: dict[str, Any]
    seed: int


class Planned(TypedDict, total=False):
    """One training of plan.json."""

    id: Required[Name]
    kind: Required[Literal["trial", "profile", "pretrain"]]
    configuration: Required[str]
    replicate: int
    seed: int
    axes: dict[str, str | bool | int | float]
    values: dict[str, Any]
    config: Config
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


class Head(TypedDict, total=False):
    """plan.json without its trainings, which are looked at one by one."""

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


class Run(TypedDict, total=False):
    """One start of a sweep."""

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
    spent: str  # the budget that ended it, in words
    wall_seconds: float | None


class Provenance(TypedDict):
    """provenance.json."""

    runs: list[Run]


A_RESULT = shaped(TrialResult)
A_MANIFEST = shaped(Manifest)
A_TRAINING = shaped(Planned)
A_HEAD = shaped(Head)
A_PROVENANCE = shaped(Provenance)
