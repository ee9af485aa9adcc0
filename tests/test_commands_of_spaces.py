"""What the headers of studies offer to type: every override plans, and what is to be reused is in common."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from search.planning.plan import Plan
from search.planning.planner import Planner
from search.schema.space import load_space
from trainers.state_chain import WIDTH

from .test_spaces import SPACES, STUDIES, plan_of

START, GOES_ON = "#   --", "#     --"


def offered(study: Path) -> list[list[str]]:
    """Return the commands of a header as words: indented lines that begin with an option, and what goes on below."""
    found: list[str] = []
    for line in (SPACES / study).read_text().splitlines():
        if line.startswith(GOES_ON):
            found[-1] += line.removeprefix("#")
        elif line.startswith(START):
            found.append(line.removeprefix("#"))
    return [shlex.split(command) for command in found]


def values(words: list[str], option: str) -> list[str]:
    return [value for word, value in pairwise(words) if word == option]


def plan(study: Path, overrides: list[str]) -> Plan:
    return Planner(load_space(SPACES / study, overrides), lambda data: "any data").plan()


COMMANDS = [(study, words) for study in STUDIES for words in offered(study)]
REUSES = [(study, folder) for study, words in COMMANDS for folder in values(words, "--reuse")]


@pytest.mark.parametrize(
    ("study", "words"), COMMANDS, ids=lambda value: shlex.join(value) if isinstance(value, list) else str(value)
)
def test_overrides_in_a_header_plan(study: Path, words: list[str]) -> None:
    assert set(words[::2]) <= {"--set", "--name", "--reuse"}
    assert plan(study, values(words, "--set")).trials


def ends(study: Path) -> set[bytes]:
    """Return the names of the last states of a study's trainings."""
    return {trial.chain.links[-WIDTH:] for trial in plan_of(study).trials}


@pytest.mark.parametrize(("study", "folder"), REUSES, ids=str)
def test_sweep_reused_in_a_header_shares_trainings(study: Path, folder: str) -> None:
    assert ends(study) & ends(study.with_name(f"{Path(folder).name}.yaml"))
