"""The report of a node about itself.

The module imports torch and the training code only when the report is made, as a node may lack them.
"""

from __future__ import annotations

import json
import platform
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

from search.store.remote import parse_path
from trainers.record_io import Place

T = TypeVar("T")
VISIBLE_SECONDS = 10.0  # within which a file of another node should be visible; NFS caches listings for 3 to 60 s
LIST_DEVICES = """
import json, torch
found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
print(json.dumps([[device.name, device.total_memory] for device in found]))
"""


@dataclass(frozen=True)
class NodeReport:
    """The report of one node, in plain values."""

    host: str
    python: str
    versions: dict[str, str]  # of packages that change bits; packages that are not installed are missing
    training_code: str
    cpu: str
    gpus: list[tuple[str, int]] = field(default_factory=list)  # those that torch can use: model, bytes of memory
    free: int = 0  # bytes, where the sweep is stored
    answer: str = ""  # the name of the file that it left there
    ip: str = ""  # its address in Ray, unless it is the driver's own machine
    idle: str = ""  # why some of its GPUs will be idle, found by the driver
    problems: list[str] = field(default_factory=list)


def report_node(folder: str, nonce: str, gpus: bool) -> NodeReport:
    """Report on this node, after looking for the driver's file in the sweep's folder and leaving one beside it."""
    problems: list[str] = []
    versions = {name: found for name in ("ray", "numpy") if (found := _find_version(name))}
    code, cpu = "", platform.machine()
    try:
        import torch

        from trainers.hardware import name_device
        from trainers.state_chain import training_code

        versions["torch"] = str(torch.__version__)  # names the build, unlike the metadata of the package
        code, cpu = training_code(), name_device(torch.device("cpu"))
    except ImportError as error:
        problems.append(f"cannot import the training code ({error}); install the same packages on every node")
    free, answer = _check_folder(parse_path(folder), nonce, problems)
    return NodeReport(
        host=socket.gethostname(),
        python=".".join(platform.python_version_tuple()[:2]),
        versions=versions,
        training_code=code,
        cpu=cpu,
        gpus=_list_devices(problems) if gpus else [],
        free=free,
        answer=answer,
        problems=problems,
    )


def _list_devices(problems: list[str]) -> list[tuple[str, int]]:
    """List the GPUs in a new process: a worker that will train must not have touched GPUs of others."""
    listed = subprocess.run([sys.executable, "-c", LIST_DEVICES], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [(str(name), int(memory)) for name, memory in json.loads(listed.stdout)]
    why = (listed.stderr.strip().splitlines() or ["no message"])[-1]
    problems.append(f"torch cannot use its GPUs ({why}); install a driver that goes with this build of torch")
    return []


def _check_folder(folder: Place, nonce: str, problems: list[str]) -> tuple[int, str]:
    """Return the free bytes where the sweep is stored, and the name of the file left there."""
    if wait_for((folder / f".{nonce}.tmp").exists) is None:
        problems.append(
            f"does not see {folder} as the driver does; put --results on a file system that all nodes share"
        )
        return 0, ""
    answer = f".{nonce}-{uuid.uuid4().hex}.tmp"
    try:
        (folder / answer).touch()
        # the limit behind a URL is unknown
        return shutil.disk_usage(folder).free if isinstance(folder, Path) else sys.maxsize, answer
    except OSError as error:
        problems.append(f"cannot write to {folder} ({error.strerror or error}); let its user write there")
        return 0, ""


def wait_for(find: Callable[[], T | None]) -> T | None:
    """Call a function until it returns something, and return that; None if it does not within VISIBLE_SECONDS."""
    until = time.monotonic() + VISIBLE_SECONDS
    while not (found := find()):
        if time.monotonic() > until:
            return None
        time.sleep(0.2)
    return found


def _find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
