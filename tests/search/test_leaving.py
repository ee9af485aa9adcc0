"""How a command's process ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import atexit, sys, threading, time
from search.leaving import leave_with

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

leave_with(main)
"""


def ended(ends: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND.replace("ENDS", ends)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("ends", "code"), [("return 0", 0), ("return 130", 130), ("sys.exit(2)", 2), ("sys.exit('no')", 1)]
)
def test_all_but_the_taking_apart_is_done(ends: str, code: int) -> None:
    assert ended(ends) == (code, "done waited for\nregistered\n", "no\n" if "no" in ends else "")


def test_an_error_ends_it_as_ever() -> None:
    code, out, err = ended("raise RuntimeError('a mistake of ours')")
    assert (code, out) == (1, "done waited for\nregistered\n")
    assert err.startswith("Traceback") and err.endswith("RuntimeError: a mistake of ours\n")


def test_nobody_reads_any_more() -> None:
    code = "import time; from search.leaving import leave_with; leave_with(lambda: print(1) or time.sleep(0.3) or 3)"
    done = subprocess.run(
        ["bash", "-c", '"$0" -E -c "$1" | true; echo ${PIPESTATUS[0]}', sys.executable, code],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("3\n", "")
