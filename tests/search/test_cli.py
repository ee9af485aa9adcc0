"""How the process of a command ends."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = """
import atexit, sys, threading, time
from search.cli import exit_with

class Held:
    def __del__(self):
        print("taken apart")

held = Held()
held.itself = held

def main():
    atexit.register(print, "registered")
    threading.Thread(target=lambda: (time.sleep(0.2), print("waited for"))).start()
    print("done", end=" ")
    ENDS

exit_with(main)
"""


def ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])


def ended(ends: str) -> tuple[int, str, str]:
    done = ran([sys.executable, "-c", COMMAND.replace("ENDS", ends)])
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("ends", "code"),
    [("return 0", 0), ("return 130", 130), ("sys.exit(2)", 2), ("sys.exit()", 0), ("sys.exit('no')", 1)],
)
def test_threads_and_exit_functions_finish_and_objects_are_not_taken_apart(ends: str, code: int) -> None:
    assert ended(ends) == (code, "done waited for\nregistered\n", "no\n" if "no" in ends else "")


def test_an_error_ends_with_a_traceback_and_code_1() -> None:
    code, out, err = ended("raise RuntimeError('a mistake of ours')")
    assert (code, out) == (1, "done waited for\nregistered\n")
    assert err.startswith("Traceback") and err.endswith("RuntimeError: a mistake of ours\n")


@pytest.mark.parametrize(("raised", "code"), [("KeyboardInterrupt", 130), ("KeyboardInterrupt(143)", 143)])
def test_an_uncaught_ctrl_c_has_the_exit_code_of_its_signal(raised: str, code: int) -> None:
    """It is not 1, which search.verify uses for differences."""
    assert ended(f"raise {raised}")[0] == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_threads_finish_ends_at_once(number: int) -> None:
    last = f"time.sleep(0.2), os.kill(os.getpid(), {int(number)}), time.sleep(60)"
    main = f"threading.Thread(target=lambda: ({last})).start() or 3"
    code = f"import os, threading, time; from search.cli import exit_with; exit_with(lambda: {main})"
    began = time.monotonic()
    done = ran([sys.executable, "-c", code])
    assert (done.returncode, done.stderr) == (3, "")
    assert time.monotonic() - began < 30


def test_a_command_runs_with_output_closed_from_the_start() -> None:
    code = "from search.cli import exit_with; exit_with(lambda: print(1) or 3)"
    done = ran(["bash", "-c", '"$0" -c "$1" >&-', sys.executable, code])
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.long
def test_a_command_ends_normally_if_its_reader_is_gone() -> None:
    code = "import time; from search.cli import exit_with; exit_with(lambda: print(1) or time.sleep(0.3) or 3)"
    done = ran(["bash", "-c", '"$0" -E -c "$1" | true; echo ${PIPESTATUS[0]}', sys.executable, code])
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_an_interrupt_while_ray_is_imported_names_the_command_that_carries_on() -> None:
    call = "import sys; sys.argv = ['', 'smoke', '--fresh']; from search.cli import run_command; from argparse import *"
    late = "def late(): raise KeyboardInterrupt(143)"
    done = ran([sys.executable, "-c", f"{call}\n{late}\nprint(run_command(Namespace(address=None), 0, list, late))"])
    assert done.stdout == "143\n"
    assert done.stderr.splitlines()[-1] == "  python -m search.run smoke --fresh"


@pytest.mark.parametrize(
    "command",
    [
        "run frendly_k",
        "measure results/frendly --distances",
        "confirm results/frendly",
        "verify results/frendly",
        "verify results --smple 5",
        "replay results results/frendly",
        "replay results --workers many",
        "replay . --rule robusst",
        "replay . --rule '{patiance: 5%}'",
        "bench plann",
        "bench plan --share 2",
        "simulate frendly_k",
        "simulate smoke --workers 0",
        "soak frendly_k",
        "soak smoke --faults worker",
        "coverage results/frendly",
        "coverage --studies 0",
        "new space --data digits",
    ],
)
def test_a_misspelt_name_is_reported_before_ray_and_torch_are_imported(command: str) -> None:
    module, *arguments = shlex.split(command)
    call = f"from search.{module}.__main__ import main; code = main({arguments!r})"
    heavy = "import sys, atexit; atexit.register(lambda: print(*{'ray', 'torch', 'pandas'} & sys.modules.keys()))"
    done = ran([sys.executable, "-c", f"{heavy}; {call}; sys.exit(code)"])
    assert (done.returncode, done.stdout, "error: " in done.stderr) == (2, "\n", True)
