"""The lease of a sweep behind a URL, where no file can be locked: an object that the driver renews periodically.

The lease is advisory: two drivers separated by a network partition may both run. They write the same bits under the
same names, so this costs time and does no harm. An exclusive acquisition needs conditional writes (`If-None-Match: *`
to create the object, `If-Match: ETag` to renew or take it over). S3 honours them, but the S3 file system of pyarrow
cannot send them, so that a second client such as obstore would be needed for this one object.
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
from trainers.record_io import Row, write_json
from trainers.record_reader import read_json

LEASE_FILE = ".lock"
RENEWAL_SECONDS = 10.0  # between renewals
EXPIRY_SECONDS = 45.0  # without a renewal, after which a lease has no holder
SETTLE_SECONDS = 1.0  # in which the later of two simultaneous drivers overwrites the lease of the earlier one
MAX_CLOCK_SKEW = 3600.0  # seconds; no two clocks differ by more


def acquire_lease(folder: RemotePath) -> Callable[[], None]:
    """Acquire the lease of a sweep until this process ends; return a function that releases it earlier.

    Waits up to EXPIRY_SECONDS for the lease of a killed process. Raises LeaseHeld if another process renews the lease,
    and OSError if it cannot be written.
    """
    path = folder / LEASE_FILE
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "token": uuid.uuid4().hex}
    _wait_until_free(path)
    _renew(path, holder)
    time.sleep(SETTLE_SECONDS)
    if not _is_held_by(path, holder):
        raise LeaseHeld(str(folder))
    released = threading.Event()

    def renew_until_released() -> None:
        while not released.wait(RENEWAL_SECONDS):
            with suppress(OSError):  # the network may come back before the lease expires
                if not _is_held_by(path, holder):
                    return
                _renew(path, holder)

    thread = threading.Thread(target=renew_until_released, name="lease", daemon=True)
    thread.start()

    def release() -> None:
        if not released.is_set():
            released.set()
            thread.join()
            with suppress(OSError):
                if _is_held_by(path, holder):
                    path.unlink(missing_ok=True)

    atexit.register(release)
    return release


def is_leased(folder: RemotePath) -> bool:
    """Return whether a process holds the lease, as far as both clocks agree."""
    lease = read_json(folder / LEASE_FILE)
    return isinstance(lease, dict) and _age(lease) < EXPIRY_SECONDS


def _wait_until_free(path: RemotePath) -> None:
    """Wait until the lease is released, or was not renewed for EXPIRY_SECONDS. Raises LeaseHeld once it is renewed."""
    seen = read_json(path)
    until = time.monotonic() + EXPIRY_SECONDS
    while isinstance(seen, dict) and _age(seen) < MAX_CLOCK_SKEW and time.monotonic() < until:
        time.sleep(min(1.0, EXPIRY_SECONDS / 10))
        if (lease := read_json(path)) != seen:
            if lease is not None:
                raise LeaseHeld(str(path))
            return


def _age(lease: Row) -> float:
    """Return the seconds since a lease was renewed; infinity if the object is no lease."""
    try:
        return abs(time.time() - float(lease["renewed"]))
    except (KeyError, TypeError, ValueError):
        return math.inf


def _renew(path: RemotePath, holder: Row) -> None:
    """Write the lease, always with the same length.

    A reader of an object that is being replaced may get the bytes of one version and the length of the other.
    """
    write_json(path, holder | {"renewed": f"{time.time():.3f}"})


def _is_held_by(path: RemotePath, holder: Row) -> bool:
    with suppress(FileNotFoundError, ValueError):
        lease = json.loads(path.read_bytes())
        return isinstance(lease, dict) and lease.get("token") == holder["token"]
    return False
