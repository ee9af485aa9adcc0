"""No letter, no reader and no full disk fails a command for what it prints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SHOWS = "from trainers.terminal.showing import run_and_exit; run_and_exit(lambda: {main})"
WORKS = "from search.cli import exit_with; exit_with(lambda: {main})"
PRINTS = (
    "[print('line', i, flush=True) or time.sleep(0.05) for i in range(20)] and print('worked', file=sys.stderr) or 3"
)


def ran(code: str, shell: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run code as the `"$0" -c "$1"` of a line of bash."""
    return subprocess.run(
        ["bash", "-c", shell, sys.executable, f"import sys, time\n{code}"], capture_output=True, text=True,
        check=False, cwd=ROOT, env={"PATH": "/usr/bin:/bin", **environ},
    )  # fmt: skip


def test_a_command_that_only_shows_something_ends_quietly_where_nobody_reads_on() -> None:
    done = ran(SHOWS.format(main=PRINTS), '"$0" -c "$1" | head -1; echo ${PIPESTATUS[0]}')
    assert (done.stdout, done.stderr) == ("line 0\n141\n", "")


@pytest.mark.long
def test_a_command_that_does_something_goes_on_without_a_reader() -> None:
    done = ran(WORKS.format(main=PRINTS), '"$0" -c "$1" | head -1; echo ${PIPESTATUS[0]}')
    assert (done.stdout, done.stderr) == ("line 0\n3\n", "worked\n")


@pytest.mark.long
@pytest.mark.parametrize("how", [SHOWS, WORKS])
def test_rich_does_not_end_a_command_without_a_reader(how: str) -> None:
    """Which on its own ends a process with code 1, and says nothing."""
    main = "[Console().print('line', i) or time.sleep(0.05) for i in range(20)] and 3"
    code = "from trainers.terminal.console import Console; " + how.format(main=main)
    done = ran(code, '"$0" -c "$1" | head -1; echo ${PIPESTATUS[0]}')
    assert (done.stdout, done.stderr) == (f"line 0\n{3 if how is WORKS else 141}\n", "")


def test_a_full_disk_behind_standard_output_is_named_as_that() -> None:
    done = ran(SHOWS.format(main="print('line')"), '"$0" -c "$1" > /dev/full')
    assert (done.returncode, done.stderr) == (1, "error: standard output: No space left on device\n")
    done = ran(
        WORKS.format(main="print('line', flush=True) or print('more', flush=True) or 3"), '"$0" -c "$1" > /dev/full'
    )
    lost = "what is printed from here on is lost, and nothing else"
    assert (done.returncode, done.stderr) == (3, f"note: standard output: No space left on device; {lost}\n")


def test_letters_that_the_terminal_lacks_are_written_by_others_or_as_escapes() -> None:
    code = SHOWS.format(main="print('best − last: −1.2 ± 0.3 · “λ” \\udce9')")
    done = ran(code, '"$0" -c "$1"', PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "best - last: -1.2 +/- 0.3 . \\u201c\\u03bb\\u201d \\udce9\n"


def test_letters_that_the_terminal_has_are_written_as_they_are() -> None:
    done = ran(SHOWS.format(main="print('−1.2 ± 0.3 · λ \\udce9')"), '"$0" -c "$1"', PYTHONIOENCODING="utf-8")
    assert done.stdout == "−1.2 ± 0.3 · λ \\udce9\n"


@pytest.mark.parametrize("how", [SHOWS, WORKS])
def test_ctrl_c_is_no_traceback(how: str) -> None:
    code = "def main():\n    raise KeyboardInterrupt\n" + how.replace("lambda: {main}", "main")
    done = ran(code, '"$0" -c "$1"')
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
