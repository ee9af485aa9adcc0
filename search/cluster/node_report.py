"""What a node says of itself; imports the standard library alone until it is asked, for the node may lack the rest."""

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
LATE = (
    10.0  # seconds after which a file that another node wrote should be seen; NFS remembers for 3 to 60 what it listed
)
DEVICES = """
import json, torch
found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
print(json.dumps([[each.name, each.total_memory] for each in found]))
"""


@dataclass(frozen=True)
class NodeReport:
    """Of one node, in plain values."""

    host: str
    python: str
    versions: dict[str, str]  # of what moves bits; a package that is not there is missing
    training_code: str
    cpu: str
    gpus: list[tuple[str, int]] = field(default_factory=list)  # that torch can use: model, bytes of memory
    free: int = 0  # bytes, where the sweep is stored
    answer: str = ""  # the name of its mark there
    ip: str = ""  # by which Ray knows it, where it is not the driver's own
    idle: str = ""  # why GPUs of it will have nothing to do, as the driver sees it
    trouble: list[str] = field(default_factory=list)


def report(folder: str, nonce: str, gpus: bool) -> NodeReport:
    """This node's; it looks for the driver's mark in the sweep's folder, and leaves one of its own beside it."""
    trouble: list[str] = []
    versions = {name: found for name in ("ray", "numpy") if (found := _version(name))}
    code, cpu = "", platform.machine()
    try:
        import torch

        from trainers.bench import machine
        from trainers.chain import training_code

        versions["torch"] = str(torch.__version__)  # tells the build, which the package's metadata does not
        code, cpu = training_code(), machine(torch.device("cpu"))
    except ImportError as error:
        trouble.append(f"cannot import what trains ({error}); install the same packages on every node")
    free, answer = _visible(parse_path(folder), nonce, trouble)
    return NodeReport(
        host=socket.gethostname(),
        python=".".join(platform.python_version_tuple()[:2]),
        versions=versions,
        training_code=code,
        cpu=cpu,
        gpus=_devices(trouble) if gpus else [],
        free=free,
        answer=answer,
        trouble=trouble,
    )


def _devices(trouble: list[str]) -> list[tuple[str, int]]:
    """Asked of a process of its own: one that will train must not have touched GPUs that are not its own."""
    asked = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        return [(str(name), int(memory)) for name, memory in json.loads(asked.stdout)]
    why = (asked.stderr.strip().splitlines() or ["no word"])[-1]
    trouble.append(f"torch cannot use its GPUs ({why}); install a driver that goes with this build of torch")
    return []


def _visible(folder: Place, nonce: str, trouble: list[str]) -> tuple[int, str]:
    """The free bytes where the sweep is stored, and the name of the mark left there."""
    if waited((folder / f".{nonce}.tmp").exists) is None:
        trouble.append(f"does not see {folder} as the driver does; put --results on a file system that all nodes share")
        return 0, ""
    answer = f".{nonce}-{uuid.uuid4().hex}.tmp"
    try:
        (folder / answer).touch()
        # behind a URL no limit is known
        return shutil.disk_usage(folder).free if isinstance(folder, Path) else sys.maxsize, answer
    except OSError as error:
        trouble.append(f"cannot write to {folder} ({error.strerror or error}); let its user write there")
        return 0, ""


def waited(look: Callable[[], T | None], seconds: float = LATE) -> T | None:
    """What a look finds, tried for a while; None if it never finds anything."""
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            return None
        time.sleep(0.2)
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
