"""`python -m search.run` on a Ray of this machine alone that counts GPUs which are not there.

    python -m tests.search.simulated_gpus FOLDER GPUS ...

Ray hands out shares of them and sets CUDA_VISIBLE_DEVICES; the trainings compute on the CPU.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import search.cluster.ray_cluster
from search.run.__main__ import main

from .injected import inject, run_with_faults


def simulate(folder: Path, fault: str, gpus: int) -> tuple[str, ...]:
    """Return a program for a SweepProcess with so many GPUs, whose workers call fault() at each training step."""
    inject(folder, fault)
    return ("-m", "tests.search.simulated_gpus", str(folder), str(gpus))


def _count_gpus(gpus: int) -> None:
    ray: Any = search.cluster.ray_cluster.ray
    start = ray.init
    ray.init = lambda **arguments: start(**arguments, num_gpus=gpus, num_cpus=4 * gpus)


if __name__ == "__main__":
    run_with_faults(sys.argv[1])
    _count_gpus(int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
