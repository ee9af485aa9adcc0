"""Checks of Ray on this machine: open files, shared memory, ports, a start, and its token."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from search.cluster.ray_cluster import connect
from search.doctor.check import Check, Conditions, failed, passed
from search.exceptions import Infeasible
from search.ray_env import ray
from trainers.formatting import format_bytes, format_count

OPEN_FILES = 8192  # that Ray recommends
RAISED_TO = 65536  # the soft limit that Ray gives itself, if the hard limit allows it
SHARED_FOLDER = "/dev/shm"
SHARED_BYTES = 1 << 30  # for the data of a sweep, which all workers read there
PATIENCE = 40.0  # seconds for the first worker
FILLED = 0.95  # of the disk under Ray's folder, beyond which Ray refuses objects
STRANGER = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1]).get_all_node_info(timeout=10)"


def check_ray(conditions: Conditions) -> Iterator[Check]:
    """Check that Ray can run on this machine."""
    yield check_open_files(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield check_shared_memory(_measure_free(SHARED_FOLDER))
    usage = shutil.disk_usage("/tmp")
    yield check_temporary_folder(usage.used / usage.total)
    yield check_ports()
    yield from check_start(conditions.cuda)


def check_open_files(soft: int, hard: int) -> Check:
    """Check the limit of open files, as Ray raises the soft limit when it starts."""
    unlimited = resource.RLIM_INFINITY
    allowed = unlimited if unlimited in (soft, hard) else max(soft, min(hard, RAISED_TO))
    if allowed == unlimited or allowed >= OPEN_FILES:
        shown = "unlimited" if allowed == unlimited else f"{allowed:,}"
        return passed("open files", f"{shown} for each process", limit=allowed)
    return failed(
        "open files", f"{allowed:,} for each process", f"{OPEN_FILES:,}, as Ray keeps many files and sockets open",
        f"raise the hard limit: `ulimit -Hn {OPEN_FILES}` as root, LimitNOFILE={OPEN_FILES} of a service, or "
        f"--ulimit nofile={OPEN_FILES} of a container", limit=allowed,
    )  # fmt: skip


def _measure_free(folder: str) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def check_shared_memory(free: int | None) -> Check:
    """Check the shared memory, in which Ray keeps the data for all workers; `free` is None if there is none."""
    if free is not None and free >= SHARED_BYTES:
        return passed("shared memory", f"{format_bytes(free)} free in {SHARED_FOLDER}", free=free)
    found = "there is none" if free is None else f"{format_bytes(free)} free in {SHARED_FOLDER}"
    return failed(
        "shared memory", found, f"{format_bytes(SHARED_BYTES)}; with less Ray keeps the data on a disk, or fails",
        f"remount {SHARED_FOLDER} with more, or start the container with --shm-size=4g", free=free,
    )  # fmt: skip


def check_temporary_folder(used: float) -> Check:
    """Check that the disk under Ray's folder is not nearly full."""
    if used < FILLED:
        return passed("Ray's folder", f"/tmp is {used:.0%} full", used=used)
    return failed("Ray's folder", f"/tmp is {used:.0%} full", f"less than {FILLED:.0%}, beyond which Ray refuses data",
                  "free room in /tmp", used=used)  # fmt: skip


def check_ports(connect_to: Callable[[str], None] | None = None) -> Check:
    """Check that processes of this machine reach each other at its address; `connect_to` tries one address."""
    connect_to = connect_to or _connect
    for address in dict.fromkeys(("127.0.0.1", ray.util.get_node_ip_address())):
        try:
            connect_to(address)
        except OSError as error:
            return failed(
                "ports", f"no connection to {address}: {error.strerror or error}",
                "connections between processes of this machine, by which Ray's parts talk",
                f"let the firewall pass connections from this machine to {address}",
            )  # fmt: skip
    return passed("ports", f"this machine reaches itself at {address}")


def _connect(address: str) -> None:
    """Listen at an address, at a port that is free, and connect to it. Raises OSError."""
    with socket.create_server((address, 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def check_start(
    cuda: bool, start: Callable[[str | None], AbstractContextManager[None]] = connect,
    is_refused: Callable[[str], bool] | None = None,
) -> Iterator[Check]:  # fmt: skip
    """Start Ray as a sweep does, run a task in a worker, and try to join with a wrong token."""
    began = time.monotonic()
    try:
        with start(None):
            up = time.monotonic() - began
            ray.get(ray.remote(_find_process_id).remote(), timeout=PATIENCE)
            took = time.monotonic() - began
            has = ray.cluster_resources()
            yield passed("start", f"up after {up:.1f} s, a worker after {took:.1f} s", up=up, worker=took)
            if cuda:
                yield check_gpus_counted(has.get("GPU", 0))
            yield check_token((is_refused or _is_refused)(ray.get_runtime_context().gcs_address))
    except (Infeasible, ray.exceptions.RayError) as error:
        yield failed(
            "start", " ".join(str(error).split()), "a Ray that starts and runs a task in a worker",
            "mend what the message names; `ray start --head --temp-dir /tmp/ray_debug` keeps the logs in "
            "/tmp/ray_debug/session_latest/logs",
        )  # fmt: skip


def _find_process_id() -> int:
    """Return the id of the process that runs this: a worker that has imported a copy of the checkout."""
    return os.getpid()


def check_gpus_counted(counted: float) -> Check:
    """Check that Ray counts GPUs where torch sees some."""
    if counted:
        return passed("GPUs of Ray", format_count(int(counted), "GPU"), gpus=counted)
    return failed("GPUs of Ray", "Ray counts none, and torch sees some", "GPUs that Ray can hand out",
                  "unset CUDA_VISIBLE_DEVICES, or let Ray's processes read NVIDIA's management library")  # fmt: skip


def check_token(refused: bool) -> Check:
    """Check that Ray lets no one in who lacks the token of the run."""
    if refused:
        return passed("token", "a client without the token of the run is refused")
    return failed("token", "a client with another token is let in", "a Ray that requires the token of the run",
                  "update Ray; until then only users whom you trust may reach this machine's ports")  # fmt: skip


def _is_refused(address: str) -> bool:
    """Return whether Ray refuses a client with a wrong token."""
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    command = [sys.executable, "-c", STRANGER, address]
    tried = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return tried.returncode != 0 and "AuthenticationError" in tried.stderr
