"""Optuna is imported without the warning that its unused progress bar gives in a notebook."""

from __future__ import annotations

import subprocess
import sys

NOTEBOOK = """
import sys, types
shell = types.SimpleNamespace(config={"IPKernelApp": {}})
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell)
sys.modules["ipykernel.zmqshell"] = types.SimpleNamespace()
sys.modules["ipywidgets"] = None
"""
PLAIN = "import optuna"
STUDY = """
from analysis.results.optuna_study import build_study
build_study("made", {"value": "max"}, {}, [])
"""
IMPORTANCE = """
from analysis.measures.importance import _evaluate_ped_anova
from analysis.results.optuna_study import Domain
_evaluate_ped_anova({"x": Domain(low=0.0, high=1.0)}, [({"x": i / 9}, i / 9) for i in range(10)], "max")
"""


def run_in_notebook(code: str) -> str:
    """Run code as a notebook without widgets would, and return what it says on standard error."""
    command = [sys.executable, "-c", NOTEBOOK + code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stderr


def test_a_notebook_without_widgets_gets_no_warning_of_a_progress_bar() -> None:
    assert "IProgress" in run_in_notebook(PLAIN), "the warning that is avoided"
    for code in (STUDY, IMPORTANCE):
        assert "IProgress" not in run_in_notebook(code)
