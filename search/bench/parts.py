"""The parts of the benchmark, each measured in a process of its own. Importing this module imports no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

PARTS = ("plan", "driver", "ray", "packing")  # search.bench.measurements has a function for each


class Measurement(NamedTuple):
    """A measured value and the target that it should not exceed."""

    what: str
    value: float
    unit: str
    target: float | None = None


def measure_in_process(part: str, share: float) -> list[Measurement]:
    """Measure a part in a new process, with a fraction of the trials."""
    command = [sys.executable, "-m", "search.bench", part, "--share", str(share), "--here"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [Measurement(*values) for values in json.loads(done.stdout.splitlines()[-1])]
