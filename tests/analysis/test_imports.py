"""Analysis runs where there is neither torch nor Ray, and starts quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import analysis

pytestmark = pytest.mark.long

FORBIDDEN = ("torch", "ray", "optuna", "search")
LATE = ("matplotlib", "moocore", "pyarrow.parquet", "scipy.stats")


def imported(modules: list[str]) -> set[str]:
    code = f"import importlib, sys; [importlib.import_module(m) for m in {modules!r}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_no_module_of_the_analysis_imports_what_trains_or_searches() -> None:
    folder = Path(analysis.__path__[0])
    paths = [path.relative_to(folder).with_suffix("") for path in folder.rglob("[a-z]*.py")]
    modules = [".".join(("analysis", *path.parts)) for path in paths]
    assert len(modules) > 50
    found = imported(modules)
    assert not found & set(FORBIDDEN)
    assert not found & set(LATE)  # heavy, and needed only when something is drawn or exported
