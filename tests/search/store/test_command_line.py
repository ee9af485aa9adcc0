"""The command of a run in its records: as it was typed, and the one that carries on."""

from __future__ import annotations

import shlex
import sys

import pytest

from search.store.command_line import format_command, format_resume_command

AXIS = "search.axes.subset.grid=[all, {name: random, size: 50}]"


def test_a_command_can_be_pasted_into_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["spaces/smoke.yaml", "--set", AXIS, "--name", "it's"]
    monkeypatch.setattr(sys, "argv", ["run", *typed])
    for command in (format_command(), format_resume_command()):
        assert shlex.split(command)[3:] == typed


@pytest.mark.parametrize(
    "once", [["--fresh"], ["--fre"], ["--add-trials", "10"], ["--add-trials=10"], ["--add-t", "10", "--fresh"], []]
)
def test_the_resume_command_lacks_fresh_and_add_trials(monkeypatch: pytest.MonkeyPatch, once: list[str]) -> None:
    kept = ["--address", "a:1", "--accept-code-change", "space.yaml", "--set", AXIS, "--results", "else where"]
    monkeypatch.setattr(sys, "argv", ["run", *kept[:4], *once, *kept[4:]])
    assert shlex.split(format_resume_command())[3:] == kept
    assert shlex.split(format_command())[3:] == [*kept[:4], *once, *kept[4:]], "this one is what was typed"
