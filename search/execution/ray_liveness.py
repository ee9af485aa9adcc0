"""Detects that Ray itself died, which would end this process a little later without any advice."""

from __future__ import annotations

import os
import socket
import threading
from types import TracebackType

from search.ray_env import ray
from search.signals import Interrupt
from search.store.command_line import format_resume_command
from trainers.terminal.console import Console

CHECK_SECONDS = 1.0  # between two checks
MAX_MISSES = {"raylet": 3, "GCS": 30}  # failed checks in a row; Ray itself waits about 10 s and 60 s
NOTICE_MISSES = 3  # failed checks before a notice, if more are allowed
EXIT_SECONDS = 10.0  # after which the main thread waits for Ray and no signal reaches it
Address = tuple[str, int]


class RayLivenessMonitor:
    """A context that checks whether the processes of Ray accept connections, and ends this one if they died."""

    def __init__(self, interrupt: Interrupt, console: Console) -> None:
        self._interrupt, self._console = interrupt, console
        self._done = threading.Event()

    def __enter__(self) -> None:
        watched = {name: address for name, address in find_endpoints().items() if accepts_connections(address)}
        threading.Thread(target=self._watch, args=(watched,), name="lifeline", daemon=True).start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()

    def _watch(self, watched: dict[str, Address]) -> None:
        missed = dict.fromkeys(watched, 0)
        while not self._done.wait(CHECK_SECONDS):
            for name, address in watched.items():
                missed[name] = 0 if accepts_connections(address) else missed[name] + 1
                if missed[name] == NOTICE_MISSES < MAX_MISSES[name] and not self._done.is_set():
                    seconds = (MAX_MISSES[name] - NOTICE_MISSES) * CHECK_SECONDS
                    self._print(f"Ray's {name} does not answer; given up in {seconds:.0f} s.")
                if missed[name] >= MAX_MISSES[name] and not self._done.is_set():
                    return self._report_death(
                        f"Ray died: its {name} at {address[0]}:{address[1]} does not answer any more"
                    )

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)

    def _report_death(self, why: str) -> None:
        self._interrupt.abort(why)
        if not self._done.wait(EXIT_SECONDS):
            what = "Stopped, as asked" if self._interrupt.exit_code else f"Stopped: {why}"
            self._print(
                f"{what}. All that was trained is kept; the same command carries on:\n  {format_resume_command()}"
            )
            self._console.show_cursor()  # a live view hides it
            os._exit(self._interrupt.exit_code or 1)


def find_endpoints() -> dict[str, Address]:
    """Return the addresses of the raylet on this machine and of the GCS; none if this is a remote Ray client."""
    if ray.util.client.ray.is_connected():
        return {}
    context = ray.get_runtime_context()
    host, _, port = context.gcs_address.rpartition(":")
    here = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
    return {"GCS": (host, int(port)), "raylet": (here["NodeManagerAddress"], here["NodeManagerPort"])}


def accepts_connections(address: Address) -> bool:
    """Return whether a process accepts connections at an address."""
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError:
        return False
    return True
