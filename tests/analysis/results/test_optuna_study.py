"""Optuna is imported without the warning that its unused progress bar gives in a notebook."""

from __future__ import annotations

import subprocess
import sys

NOTEBOOK = """
import sys, types
shell = types.SimpleNamespace(config={"IPKernelApp": {}})
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)
sys.modules["ipywidgets"] = None
from analysis.results.optuna_study import build_study
build_study("made", {"value": "max"}, {}, [])
assert "tqdm.auto" in sys.modules
"""


def test_a_notebook_without_widgets_gets_no_warning_of_a_progress_bar() -> None:
    done = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, check=True, timeout=120)
    assert "IProgress" not in done.stderr
