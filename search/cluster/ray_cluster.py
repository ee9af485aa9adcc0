"""Ray, started on this machine alone or joined at an address, silenced, with a copy of the checkout for its workers."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search import ROOT
from search.cluster import private_folder
from search.exceptions import Infeasible
from search.ray_env import QUIET, ray
from search.signals import Interrupt, deferred

NOT_SHIPPED = [
    ".git/",
    ".venv/",
    ".env",
    ".*_cache/",
    ".hypothesis/",
    "/results/",
    "/data/",
    "/tests/",
    "*.npz",
    "*.pt",
    "*.egg-info/",
]


class _Ending(threading.Thread):
    """Ends Ray on this machine alone, which takes a second, while the report is written; no process ends before it.

    A cluster is only left, which takes no time, and Ray's client knows it in the thread alone that joined it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(name="end of Ray")
        self._folder = folder

    def run(self) -> None:
        ray.shutdown()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def cluster(address: str | None, interrupt: Interrupt) -> Iterator[None]:
    """Ray as `connected` gives it, while an interrupt ends what runs on it cleanly."""
    with connected(address):
        interrupt.install()
        yield


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Ray on this machine alone, or the cluster at an address; silenced. Raises Infeasible if it can't be reached."""
    for earlier in threading.enumerate():
        if isinstance(earlier, _Ending):
            earlier.join()
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    quiet: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    folder = None
    if address:
        _reachable(address)
        quiet |= {"address": address}
    else:
        private_folder.remove_of_the_dead()
        try:
            folder = private_folder.make()
        except OSError as error:
            raise Infeasible(f"Ray did not start on this machine: its folder cannot be made: {error}") from None
        quiet |= {"address": "local", "include_dashboard": False, "_temp_dir": str(folder / "ray")}
    try:
        try:
            with deferred():
                ray.init(runtime_env=shipped(), **quiet)
        except (Exception, SystemExit) as error:  # of any kind: its processes may fail, or be killed, at any point
            token = "; if it wants a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN" if address else ""
            what = f"does not answer at {address}" if address else "did not start on this machine"
            raise Infeasible(f"Ray {what}: {error}{token}") from None
        yield
    finally:
        if folder:
            _Ending(folder).start()
        else:
            ray.shutdown()


def shipped() -> dict[str, Any]:
    """A copy of the checkout for the workers: editing code while a sweep runs must not change its later trials.

    What was set before Ray was imported goes with it, as nodes that others started have it not.
    """
    here: dict[str, Any] = {"env_vars": {name: os.environ[name] for name in QUIET}}
    if not (ROOT / "pyproject.toml").exists():
        return here  # installed as a package: every node has its own
    return here | {"working_dir": str(ROOT), "excludes": NOT_SHIPPED}


def _reachable(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto" or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise Infeasible(
            f"no Ray answers at {address}: {error}; start one by `ray start`, or unset RAY_ADDRESS"
        ) from None
