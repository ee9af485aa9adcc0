"""Checks of the storage under --results: writes, atomic renames, fsync, locks, free room, and speed."""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median

from search.cluster.nodes import LOW_DISK
from search.doctor.check import Check, Conditions, failed, passed
from search.exceptions import SweepLocked, Unreachable
from search.schema.blocks import Search
from search.store import health
from search.store.location import find_results_problem
from search.store.lock import acquire_lock, is_locked
from search.store.remote import RemotePath, check_reachable
from trainers.formatting import format_bytes
from trainers.record_io import Place, write_atomic

STATE_BYTES = 134_000_000  # of a stored state of a PreAct ResNet-18
SPEED_BYTES = 1 << 25  # written to measure the speed
REPLACEMENTS = 100  # of a file that is being read
SYNCS = 10
CARRY_ON = "then carry on with the same command"  # as the messages of a sweep end
OTHER_FOLDER = "choose another folder by --results, on a local disk or NFSv4"
CHECKPOINT_SECONDS = float(Search.model_fields["checkpoint_seconds"].default)


def check_storage(conditions: Conditions) -> Iterator[Check]:
    """Check that a sweep can be stored under --results, and leave nothing there."""
    results = conditions.results
    problem = find_access_problem(results)
    if problem:
        yield problem
        return
    probe = _find_existing(results) / f".doctor-{uuid.uuid4().hex}"
    try:
        yield from check_folder(probe)
    except OSError as error:  # which no check foresaw
        yield _describe_failure(probe, health.find_storage_problem_behind(error, probe) or str(error))
    finally:
        _remove(probe)


def find_access_problem(results: Place) -> Check | None:
    """Return the check that failed if nothing can be stored under `results` at all."""
    try:
        check_reachable(results)
    except Unreachable as error:
        return failed("reachable", str(error), "a URL that can be read and written", "mend what the message names")
    if why := find_results_problem(results):
        return failed("folder", why, "a folder that may be written to", OTHER_FOLDER)
    return None


def _find_existing(results: Place) -> Place:
    """Return the folder itself, or the nearest one above it that exists: the same storage in any case."""
    if isinstance(results, RemotePath):
        return results
    folder = Path(os.path.abspath(str(results)))
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def check_folder(folder: Place) -> Iterator[Check]:
    """Check a new folder on the storage: `folder` is created, and stays."""
    try:
        health.create_folders(folder)
        problem = health.find_storage_problem(folder)
    except OSError as error:
        problem = health.find_storage_problem_behind(error, folder) or str(error)
    if problem:
        yield _describe_failure(folder, problem)
        return
    yield passed("write", "files and folders can be made")
    yield check_rename(folder)
    if isinstance(folder, Path):
        yield check_sync(folder)
    yield check_lock(folder)
    yield check_room(shutil.disk_usage(folder).free if isinstance(folder, Path) else None)
    yield check_speed(folder)


def _describe_failure(folder: Place, problem: str) -> Check:
    """Return the failed check of a problem that search.store.health found in a new folder."""
    text = problem.replace(str(folder), str(folder.parent)).removesuffix(CARRY_ON).rstrip(",; ")
    what, _, remedy = text.rpartition("; ")
    return failed("write", what or text, "storage that can be written",
                  f"{remedy}, or {OTHER_FOLDER}" if what else OTHER_FOLDER)  # fmt: skip


def check_rename(folder: Place) -> Check:
    """Check that a reader of a file that is replaced sees the old content or the new, and never a part or none."""
    path, sizes = folder / "replaced.json", (4096, 8192)
    contents = [bytes([i]) * size for i, size in enumerate(sizes)]
    replacements = REPLACEMENTS if isinstance(folder, Path) else REPLACEMENTS // 10
    write_atomic(path, contents[0])
    torn: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set() and not torn:
            try:
                found = path.read_bytes()
                if found not in contents:
                    torn.append(f"a reader of a file that was being replaced saw {len(found)} bytes of it")
            except FileNotFoundError:
                torn.append("a file that was being replaced was gone for a moment")

    reader = threading.Thread(target=read, name="reader")
    reader.start()
    try:
        for i in range(replacements):
            if not torn:
                write_atomic(path, contents[i % 2])
    finally:
        done.set()
        reader.join()
    if torn:
        return failed("rename", torn[0], "atomic replacement of files, by which a kill tears no record", OTHER_FOLDER)
    return passed("rename", f"atomic: {replacements} replacements, each seen as a whole")


def check_sync(folder: Path) -> Check:
    """Check that small files can be made durable, and measure the time of one."""
    seconds = []
    try:
        for i in range(SYNCS):
            began = time.perf_counter()
            write_atomic(folder / "synced.json", f"{i}\n")
            seconds.append(time.perf_counter() - began)
    except OSError as error:
        needed = "fsync of files and folders, by which a crash loses nothing"
        return failed("fsync", error.strerror or str(error), needed, OTHER_FOLDER)
    each = median(seconds)
    return passed("fsync", f"a record is durable after {1e3 * each:.2g} ms", seconds=each)


def check_lock(folder: Place) -> Check:
    """Check that a sweep can be locked: a second process must not run it."""
    needed = "locks, by which only one process runs a sweep"
    try:
        release = acquire_lock(folder)
        held = is_locked(folder)
        release()
        released = not is_locked(folder)
    except (OSError, SweepLocked) as error:
        why = "a folder that nobody uses is locked" if isinstance(error, SweepLocked) else error.strerror or str(error)
        return failed("locks", why, needed, OTHER_FOLDER)
    if not held or not released:
        found = "a lock keeps no one out" if not held else "a lock that was released still holds"
        return failed("locks", found, needed, OTHER_FOLDER)
    return passed("locks", "a lock holds until it is released" if isinstance(folder, Path) else
                  "a lease holds until it is released")  # fmt: skip


def check_room(free: int | None) -> Check:
    """Check the free room; `free` is None behind a URL, whose limit is unknown."""
    if free is None:
        return passed("free room", "unknown behind a URL")
    if free < LOW_DISK:
        return failed("free room", f"{format_bytes(free)} are free", f"{format_bytes(LOW_DISK)} and more",
                      "free some room, or choose another folder by --results; --dry-run says what a sweep stores",
                      free=free)  # fmt: skip
    return passed("free room", f"{format_bytes(free)} are free", free=free)


def check_speed(folder: Place, clock: Callable[[], float] = time.perf_counter) -> Check:
    """Check that a large state is written faster than one is due, and measure the speed of writing and reading."""
    content = os.urandom(SPEED_BYTES)
    began = clock()
    write_atomic(folder / "large.bin", content)
    written = clock()
    (folder / "large.bin").read_bytes()
    write, read = (SPEED_BYTES / max(seconds, 1e-9) for seconds in (written - began, clock() - written))
    state = STATE_BYTES / write
    found = f"writes {format_bytes(write)}/s, reads {format_bytes(read)}/s (perhaps from memory)"
    if state > CHECKPOINT_SECONDS:
        needed = f"a state of PreAct ResNet-18 ({format_bytes(STATE_BYTES)}) within {CHECKPOINT_SECONDS:g} s"
        remedy = f"set search.checkpoint_seconds: {10 * state:.0f}, or choose faster storage"
        return failed("speed", found, f"{needed}, when the next is due", remedy, write=write, read=read)
    return passed("speed", f"{found}; a state of PreAct ResNet-18 takes {state:.2g} s", write=write, read=read)


def _remove(probe: Place) -> None:
    """Remove the folder of a check, as far as the storage lets it."""
    if isinstance(probe, Path):
        shutil.rmtree(probe, ignore_errors=True)
    elif isinstance(probe, RemotePath):
        with suppress(OSError):
            for file in probe.list_files():
                (probe / file.path).unlink(missing_ok=True)
