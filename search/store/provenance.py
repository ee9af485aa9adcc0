"""The provenance of a sweep: versions, commit, host, command and times of each run."""

from __future__ import annotations

import platform
import socket
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from search import ROOT
from search.store.command_line import format_command
from trainers.record_io import Place, Row, sealed, set_aside, write_json
from trainers.record_reader import Damage, read_json
from trainers.record_shapes import check_provenance
from trainers.state_chain import training_code

PACKAGES = (
    "torch", "torchvision", "ray", "optuna", "numpy", "scipy", "pandas", "pydantic", "scikit-learn", "pyautoattack",
)  # fmt: skip

CHANGES = "+changes"  # after a commit that the checkout differs from


class Provenance:
    """The provenance.json of a sweep, to which each start of the command adds a run."""

    def __init__(self, folder: Place) -> None:
        self.path = folder / "provenance.json"
        self._damage = Damage()
        stored = read_json(self.path, check_provenance, self._damage)
        self.runs: list[Row] = stored["runs"] if stored else []

    def start_run(self, stages_code: str) -> None:
        """Record the start of a run, before anything is trained.

        `stages_code` is the hash of the training code that stages are named after.
        """
        self.runs.append(
            {
                "started": _format_now(),
                "command": format_command(),
                "commit": find_commit(),
                "training_code": training_code(),
                "goes_on_from_code": stages_code,
                "host": socket.gethostname(),
                "python": platform.python_version(),
                "versions": {name: _find_version(name) for name in PACKAGES},
                "slots": None,
            }
        )
        if self._damage:
            set_aside(self.path)  # the new file takes its place
        self._write()

    def set_slots(self, slots: int) -> None:
        """Record how many trainings run at once."""
        self.runs[-1]["slots"] = slots

    def set_nodes(self, hosts_by_hardware: dict[str, list[str]]) -> None:
        """Record the hosts that trained, by their hardware."""
        self.runs[-1]["nodes"] = hosts_by_hardware

    def set_devices(self, epochs_by_device: dict[str, int]) -> None:
        """Record how many epochs of the sweep each device has trained so far."""
        self.runs[-1]["devices"] = epochs_by_device

    def end_run(self, exit_code: int, began: float, spent: str | None = None) -> None:
        """Record the end of a run.

        `began` is when the process began, by time.monotonic; `spent` names the budget that ended the run.
        """
        self.runs[-1] |= {"ended": _format_now(), "exit": exit_code, "wall_seconds": round(time.monotonic() - began, 2)}
        self.runs[-1] |= {"spent": spent} if spent else {}
        self._write()

    def _write(self) -> None:
        write_json(self.path, sealed({"runs": self.runs}))


def find_commit_of_code(folder: Place, code: str) -> str | None:
    """Return the commit, as `find_commit` marks it, that a sweep was trained at by the code of this hash; else None."""
    stored = read_json(folder / "provenance.json", check_provenance)
    runs = stored["runs"] if stored else []
    return next((run.get("commit") for run in runs if run.get("training_code") == code), None)


def find_commit() -> str | None:
    """Return the commit of the checkout, marked if files differ from it; None outside a checkout."""
    try:
        head, dirty = (
            subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10, check=True)
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + (CHANGES if dirty.stdout.strip() else "")


def _format_now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
