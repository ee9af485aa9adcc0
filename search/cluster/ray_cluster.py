"""Starting Ray on this machine or joining a cluster, with a copy of the checkout for the workers."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

from search import ROOT
from search.cluster import private_folder
from search.exceptions import Infeasible
from search.ray_env import QUIET, ray
from search.signals import Interrupt, defer_signals

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
ATTEMPTS = 3  # to start Ray on this machine: it waits 30 s for its processes, which a busy machine may take longer for


@contextmanager
def open_cluster(address: str | None, interrupt: Interrupt) -> Iterator[None]:
    """Connect to Ray and install the interrupt that stops a sweep cleanly. Raises Infeasible like `connect`."""
    with connect(address):
        interrupt.install()
        yield


@contextmanager
def connect(address: str | None) -> Iterator[None]:
    """Start Ray on this machine, or join the cluster at an address, without Ray's log messages.

    Raises Infeasible if it cannot be reached.
    """
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    quiet: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    folder = None
    if address:
        _check_reachable(address)
        quiet |= {"address": address}
    else:
        private_folder.remove_abandoned()
        try:
            folder = private_folder.create_folder()
        except OSError as error:
            raise Infeasible(f"Ray did not start on this machine: its folder cannot be made: {error}") from None
        quiet |= {"address": "local", "include_dashboard": False, "_temp_dir": str(folder / "ray")}
    try:
        try:
            _initialize(quiet, attempts=1 if address else ATTEMPTS)
        except (Exception, SystemExit) as error:  # of any kind, as its processes may fail or be killed at any point
            problem = f"does not answer at {address}" if address else "did not start on this machine"
            advice = (
                "if it wants a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
                if address
                else f"tried {ATTEMPTS} times; a busy machine may need longer than Ray waits"
            )
            raise Infeasible(f"Ray {problem}: {error}; {advice}") from None
        yield
    finally:
        _shut_down_ray()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _initialize(options: Mapping[str, Any], attempts: int) -> None:
    """Start or join Ray, again if it did not start; an interrupt waits, and is not tried again."""
    environment = build_runtime_env()
    for left in reversed(range(attempts)):
        try:
            with defer_signals():
                ray.init(runtime_env=environment, **options)
            return
        except (Exception, SystemExit):  # the processes that started are ended, so that the next begin afresh
            _shut_down_ray()
            if not left:
                raise


def _shut_down_ray() -> None:
    """Leave Ray, and end its processes if they were started here, while no thread drops an object of Ray.

    Ray ends the whole process where one is dropped while its library shuts down: by another thread that computes
    beside it, such as one that draws the report, or by the garbage collector in any thread.
    """
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()


def build_runtime_env() -> dict[str, Any]:
    """Return Ray's runtime environment: a copy of the checkout, and the variables set before Ray was imported.

    The workers get a copy, as editing code while a sweep runs must not change its later trials. They get the
    variables, as nodes of a cluster that was started elsewhere lack them.
    """
    environment: dict[str, Any] = {"env_vars": {name: os.environ[name] for name in QUIET}}
    if not (ROOT / "pyproject.toml").exists():
        return environment  # installed as a package: every node has its own
    return environment | {"working_dir": str(ROOT), "excludes": NOT_SHIPPED + list_environments(ROOT)}


def list_environments(folder: Path) -> list[str]:
    """Return the Python environments in a folder as patterns of .gitignore, whatever their names: each has some GB."""
    signs = ("pyvenv.cfg", "conda-meta")
    return [f"/{escape(path.name)}/" for path in folder.iterdir() if any((path / sign).exists() for sign in signs)]


def _check_reachable(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto" or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise Infeasible(
            f"no Ray answers at {address}: {error}; start one by `ray start`, or unset RAY_ADDRESS"
        ) from None
