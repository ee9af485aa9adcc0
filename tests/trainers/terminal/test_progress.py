"""Progress appears after two seconds, redraws itself on a terminal alone, and leaves nothing behind."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

import pytest

import trainers.terminal.progress
from trainers.terminal.progress import Progress, show_progress, show_wait, track_progress

WORK = """
import time
import trainers.terminal.progress as progress
progress.QUIET_SECONDS, progress.PLAIN_SECONDS = {quiet}, {plain}
with progress.show_progress("drawing", 4) as shown:
    for n in range(4):
        time.sleep(0.3)
        shown.advance()
        print("result", n, flush=True)
"""


def run(quiet: float, plain: float, terminal: str) -> tuple[str, str]:
    """Return what work of 1.2 s writes to standard output and error, of which `terminal` names those on a terminal."""
    master, slave = pty.openpty()
    stdout, stderr = (slave if name in terminal else subprocess.PIPE for name in ("stdout", "stderr"))
    code = WORK.format(quiet=quiet, plain=plain)
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=stdout, stderr=stderr)
    out, err = process.communicate(timeout=60)
    os.close(slave)
    shown = b""
    while terminal:
        try:
            shown += os.read(master, 1 << 16)
        except OSError:  # all is read
            break
    os.close(master)
    assert process.returncode == 0
    written, errors = ((shown if pipe is None else pipe).decode() for pipe in (out, err))
    return written, errors


def test_the_line_says_how_much_is_done_and_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 103.0, 130.0, 130.0, 140.0, 250.0, 260.0, 260.0, 270.0, 271.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    progress = Progress("training from scratch, epochs", 1200)
    assert progress.describe() == "training from scratch, epochs: 0 of 1,200"
    progress.advance(300)
    assert progress.describe() == "training from scratch, epochs: 300 of 1,200, about 1 min 30 s left"
    assert progress.describe().endswith("about 1 min 20 s left"), "it never counts up while the next epochs last"
    assert progress.describe().endswith("about 1 min 00 s left"), "those after them take as long whenever they begin"
    progress.advance(300)
    assert progress.describe().endswith("600 of 1,200, about 2 min 40 s left")
    progress.advance(600)
    assert progress.describe() == "training from scratch, epochs: 1,200 of 1,200"


def test_steps_that_take_unlike_times_have_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 101.0, 113.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    progress = Progress("drawing the report, steps", 12, is_even=False)
    progress.advance()
    assert progress.describe() == "drawing the report, steps: 1 of 12, 13 s so far"


def test_quick_work_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track_progress(iter("abc"), "reading", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_an_error_goes_through_and_ends_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainers.terminal.progress, "PLAIN_SECONDS", 0.01)
    with pytest.raises(ValueError, match="wrong"), show_progress("reading", 3):
        raise ValueError("wrong")


def test_what_is_waited_for_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with show_wait("loading PyTorch"):
        pass
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(trainers.terminal.progress, "PLAIN_SECONDS", 0.05)
    with show_wait("loading PyTorch"):
        time.sleep(0.3)
    assert set(capsys.readouterr().err.splitlines()) == {"loading PyTorch … 0 s"}


@pytest.mark.long
def test_a_pipe_gets_plain_whole_lines() -> None:
    out, err = run(quiet=0.1, plain=0.4, terminal="")
    assert out.splitlines() == [f"result {n}" for n in range(4)]
    assert err.endswith("\n") and "\x1b" not in err and "\r" not in err
    assert 1 <= len(err.splitlines()) <= 3
    assert all(line.startswith("drawing: ") and " of 4" in line for line in err.splitlines())


@pytest.mark.long
def test_a_terminal_gets_a_line_that_vanishes_and_results_above_it() -> None:
    shown, _ = run(quiet=0.1, plain=99, terminal="stdout stderr")
    assert "drawing: 1 of 4, about 1 s left" in shown
    assert [f"result {n}" in shown for n in range(4)] == [True] * 4
    assert shown.rstrip().endswith("\x1b[2K"), "the line is erased"


@pytest.mark.long
def test_results_in_a_pipe_are_whole_while_a_terminal_shows_progress() -> None:
    out, shown = run(quiet=0.1, plain=99, terminal="stderr")
    assert out.splitlines() == [f"result {n}" for n in range(4)]
    assert "drawing: " in shown and "result" not in shown
