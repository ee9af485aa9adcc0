"""Settings and fixtures of all tests.

No test fails for being slow: how long an example takes says nothing on a busy machine.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of a shell's background, which all that tests start inherits
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # of nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

os.environ.pop("COLUMNS", None)  # which some terminals and pytest-xdist set: output is as wide as a test says

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: as many processes as cores run

os.environ.setdefault("RAY_worker_niceness", "0")  # workers of a lower priority would starve beside other tests

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """Leave the imported libraries out of garbage collection, which would walk through them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def fsync_without_waiting() -> Iterator[None]:
    """Let os.fsync only check its handle: a killed process leaves the same files, and no test cuts the power."""

    def checked(handle: int) -> None:
        os.fstat(handle)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", checked)
        yield


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the figures of a report, but render no pixels and no SVG, which take most of the time of a report."""
    import analysis.charts.saving

    monkeypatch.setattr(analysis.charts.saving, "_render", lambda figure, suffix: b"")
