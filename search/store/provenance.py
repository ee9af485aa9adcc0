"""What made a sweep: versions, commit, host, command and times, one entry a run."""

from __future__ import annotations

import argparse
import platform
import shlex
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from search import ROOT
from trainers.chain import training_code
from trainers.reading import Damage, read_json
from trainers.record_io import Place, Row, sealed, set_aside, write_json
from trainers.shapes import check_provenance

PACKAGES = (
    "torch", "torchvision", "ray", "optuna", "numpy", "scipy", "pandas", "pydantic", "scikit-learn", "pyautoattack",
)  # fmt: skip


class Provenance:
    """The provenance.json of a sweep; each start of the command adds a run."""

    def __init__(self, folder: Place) -> None:
        self.path = folder / "provenance.json"
        self._damage = Damage()
        stored = read_json(self.path, check_provenance, self._damage)
        self.runs: list[Row] = stored["runs"] if stored else []

    def begin(self, stages: str) -> None:
        """Record a start, before anything is trained; `stages`: the training code that stages are named after."""
        self.runs.append(
            {
                "started": _now(),
                "command": command_line(),
                "commit": commit(),
                "training_code": training_code(),
                "goes_on_from_code": stages,
                "host": socket.gethostname(),
                "python": platform.python_version(),
                "versions": {name: _version(name) for name in PACKAGES},
                "slots": None,
            }
        )
        if self._damage:
            set_aside(self.path)  # its place is taken
        self._write()

    def slots(self, slots: int) -> None:
        self.runs[-1]["slots"] = slots

    def nodes(self, kinds: dict[str, list[str]]) -> None:
        """The hosts that trained, by their hardware."""
        self.runs[-1]["nodes"] = kinds

    def end(self, code: int, since: float, spent: str | None = None) -> None:
        """Record an end; `since` is when the process began, by time.monotonic, `spent` the budget that ended it."""
        self.runs[-1] |= {"ended": _now(), "exit": code, "wall_seconds": round(time.monotonic() - since, 2)}
        self.runs[-1] |= {"spent": spent} if spent else {}
        self._write()

    def _write(self) -> None:
        write_json(self.path, sealed({"runs": self.runs}))


def command_line() -> str:
    """The command that was typed, as a shell takes it."""
    return _typed(sys.argv[1:])


def carrying_on() -> str:
    """The command that goes on with what was begun: without what was asked once for all, and is done."""
    once = argparse.ArgumentParser(add_help=False)
    once.add_argument("--fresh", action="store_true")
    once.add_argument("--add-trials")
    return _typed(once.parse_known_args(sys.argv[1:])[1])


def _typed(arguments: list[str]) -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    module = spec.name.removesuffix(".__main__") if spec else "search.run"
    return f"python -m {module} {shlex.join(arguments)}".rstrip()


def commit() -> str | None:
    """The checkout's commit, marked if files differ from it; None outside a checkout."""
    try:
        head, dirty = (
            subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10, check=True)
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
