"""Notices that Ray itself died: it would end this process a little later, without a word on what to do."""

from __future__ import annotations

import os
import socket
import threading
from types import TracebackType

from search.ray_env import ray
from search.signals import Interrupt
from search.store.provenance import carrying_on
from trainers.terminal.console import Console

BEAT = 1.0  # seconds between two looks
PATIENCE = {"raylet": 3, "GCS": 30}  # looks in vain; Ray's own patience is about 10 s, and 60 s
NOTICED = 3  # looks in vain after which that is said, if more are to come
STUCK = 10.0  # seconds after which the main thread waits for Ray where no signal reaches it
Address = tuple[str, int]


class RayLivenessMonitor:
    """As a context: asks Ray's processes that this one hangs on whether they are there, by connecting to them."""

    def __init__(self, interrupt: Interrupt, console: Console) -> None:
        self._interrupt, self._console = interrupt, console
        self._done = threading.Event()

    def __enter__(self) -> None:
        watched = {name: address for name, address in endpoints().items() if answers(address)}
        threading.Thread(target=self._watch, args=(watched,), name="lifeline", daemon=True).start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()

    def _watch(self, watched: dict[str, Address]) -> None:
        missed = dict.fromkeys(watched, 0)
        while not self._done.wait(BEAT):
            for name, address in watched.items():
                missed[name] = 0 if answers(address) else missed[name] + 1
                if missed[name] == NOTICED < PATIENCE[name] and not self._done.is_set():
                    self._say(f"Ray's {name} does not answer; given up in {(PATIENCE[name] - NOTICED) * BEAT:.0f} s.")
                if missed[name] >= PATIENCE[name] and not self._done.is_set():
                    return self._tell(f"Ray died: its {name} at {address[0]}:{address[1]} does not answer any more")

    def _say(self, what: str) -> None:
        self._console.print(what, soft_wrap=True)

    def _tell(self, why: str) -> None:
        self._interrupt.abort(why)
        if not self._done.wait(STUCK):
            what = "Stopped, as asked" if self._interrupt.exit_code else f"Stopped: {why}"
            self._say(f"{what}. All that was trained is kept; the same command carries on:\n  {carrying_on()}")
            self._console.show_cursor()  # which a live view has hidden
            os._exit(self._interrupt.exit_code or 1)


def endpoints() -> dict[str, Address]:
    """Ray's process on this machine, and the one that all of a cluster know; none where Ray is far away."""
    if ray.util.client.ray.is_connected():
        return {}
    context = ray.get_runtime_context()
    host, _, port = context.gcs_address.rpartition(":")
    here = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
    return {"GCS": (host, int(port)), "raylet": (here["NodeManagerAddress"], here["NodeManagerPort"])}


def answers(address: Address) -> bool:
    """Whether anyone accepts connections there."""
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError:
        return False
    return True
