"""Who runs a sweep behind a URL, where nothing can be locked: an object that its driver writes again and again.

It is a word among those who ask, and no lock: two drivers that were parted from each other may both run. What they
write is the same bits under the same names, so that this costs time and harms nothing.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from search.exceptions import LeaseHeld
from search.store.remote import RemotePath
from trainers.reading import read_json
from trainers.record_io import Row, write_json

NAME = ".lock"
RENEWED = 10.0  # seconds between renewals
WINDOW = 45.0  # seconds after which a lease that was not renewed has no holder any more
SETTLED = 1.0  # seconds in which of two who come at once the later one overwrites the other
LONG = 3600.0  # seconds by which clocks do not differ


def acquire_lease(folder: RemotePath) -> Callable[[], None]:
    """Hold a sweep for this process until it ends; returns how to let it go before.

    Waits up to WINDOW seconds where a holder was killed. Raises LeaseHeld, or OSError where nothing can be written.
    """
    at = folder / NAME
    mine = {"host": socket.gethostname(), "pid": os.getpid(), "token": uuid.uuid4().hex}
    _outlast(at)
    _renew(at, mine)
    time.sleep(SETTLED)
    if not _is(at, mine):
        raise LeaseHeld(str(folder))
    over = threading.Event()

    def renewing() -> None:
        while not over.wait(RENEWED):
            with suppress(OSError):  # the network may come back within the window
                if not _is(at, mine):
                    return
                _renew(at, mine)

    thread = threading.Thread(target=renewing, name="lease", daemon=True)
    thread.start()

    def release() -> None:
        if not over.is_set():
            over.set()
            thread.join()
            with suppress(OSError):
                if _is(at, mine):
                    at.unlink(missing_ok=True)

    atexit.register(release)
    return release


def is_leased(folder: RemotePath) -> bool:
    """Whether a process holds it, as far as the clocks of both agree."""
    lease = read_json(folder / NAME)
    return isinstance(lease, dict) and _age(lease) < WINDOW


def _outlast(at: RemotePath) -> None:
    """Return once nobody renews a lease: it was let go, or was not renewed for so long. Raises LeaseHeld."""
    seen = read_json(at)
    until = time.monotonic() + WINDOW
    while isinstance(seen, dict) and _age(seen) < LONG and time.monotonic() < until:
        time.sleep(min(1.0, WINDOW / 10))
        if (now := read_json(at)) != seen:
            if now is not None:
                raise LeaseHeld(str(at))
            return


def _age(lease: Row) -> float:
    """Seconds since it was renewed; of what is no lease at all, without end."""
    try:
        return abs(time.time() - float(lease["renewed"]))
    except (KeyError, TypeError, ValueError):
        return math.inf


def _renew(at: RemotePath, mine: Row) -> None:
    """As long as ever: who reads an object while it is replaced may get the bytes of one and the length of another."""
    write_json(at, mine | {"renewed": f"{time.time():.3f}"})


def _is(at: RemotePath, mine: Row) -> bool:
    with suppress(FileNotFoundError, ValueError):
        lease = json.loads(at.read_bytes())
        return isinstance(lease, dict) and lease.get("token") == mine["token"]
    return False
