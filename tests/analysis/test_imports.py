"""Analysis runs where there is neither torch nor Ray, and starts quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import analysis

pytestmark = pytest.mark.long

FORBIDDEN = ("torch", "ray", "optuna", "search")
LATE = ("matplotlib", "moocore", "pyarrow.parquet")


def imported(modules: list[str]) -> set[str]:
    code = f"import importlib, sys; [importlib.import_module(m) for m in {modules!r}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_no_module_of_the_analysis_imports_what_trains_or_searches() -> None:
    modules = [f"analysis.{path.stem}" for path in Path(analysis.__path__[0]).glob("[a-z]*.py")]
    assert len(modules) > 15
    found = imported(modules)
    assert not found & set(FORBIDDEN)
    assert not found & set(LATE)  # heavy, and needed only when something is drawn or exported
