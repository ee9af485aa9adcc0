"""What all tests share: how long an example takes is no matter of right or wrong, least of all on a busy machine."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of a shell's background, which all that tests start inherits
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # of nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

os.environ.pop("COLUMNS", None)  # which some terminals and pytest-xdist set: output is as wide as a test says

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: as many processes as cores run

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
