"""`python -m search.run` whose workers import a module before all else: python -m tests.search.injected MODULE ...

A fault that a process must meet by itself cannot be patched in from outside; the product knows nothing of this.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import search.cluster.ray_cluster
from search.run.__main__ import main

IN_WORKERS = '''
import importlib.abc, importlib.util, os, sys, time
from pathlib import Path

FOLDER = Path({folder!r})


def first(name):
    """Whether nobody was here before."""
    try:
        os.close(os.open(FOLDER / name, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


{fault}


class Patched(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "trainers.method":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def run_and_patch(module):
            run(module)
            losses = module.Method.losses
            module.Method.losses = lambda *arguments: fault() or losses(*arguments)

        spec.loader.exec_module = run_and_patch
        return spec


sys.meta_path.insert(0, Patched())
'''


def inject(folder: Path, fault: str) -> tuple[str, ...]:
    """Return a program for a Driver whose workers call fault() at each training step."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(IN_WORKERS.format(folder=str(folder), fault=fault))
    return ("-m", "tests.search.injected", str(folder))


def run_with_faults(folder: str) -> None:
    """Let the workers of this driver import the module in a folder."""
    shipped: Any = search.cluster.ray_cluster.build_runtime_env
    with_faults = lambda: (shipped() or {}) | {"env_vars": {"PYTHONPATH": folder}}  # noqa: E731
    search.cluster.ray_cluster.build_runtime_env = with_faults


if __name__ == "__main__":
    run_with_faults(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
