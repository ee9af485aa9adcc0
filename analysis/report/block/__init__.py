"""The data of a page, as the scripts in it read them."""

from __future__ import annotations

import json
from typing import Any

from analysis.report.data import ReportData


def format_block(block: Any) -> str:
    """Write a block."""
    return json.dumps(block).replace("</", "<\\/")


def build_block(*found: ReportData) -> dict[str, Any]:
    """Return the least that a page needs."""
    results = found[0].results
    trials = results.study_trials
    firsts = trials.drop_duplicates("configuration")
    names = list(firsts["configuration"])
    counts = trials[trials["status"] == "completed"].groupby("configuration").size()
    columns = {
        key: list(firsts[key]) for key in ("configuration", "name", "choice", "setting", "family", "subset_label")
    }
    n = len(names)
    return {
        "schema": 1, "study": results.study, "question": results.question, "kind": "study",
        "state": {"running": False, "done": int(counts.sum()), "planned": len(trials), "written": ""},
        "reload_seconds": None, "metrics": {}, "x": found[0].clean, "y": found[0].robust, "checkpoint": results.checkpoint,
        "settings": list(dict.fromkeys(columns["setting"])), "setting_names": {},
        "families": list(dict.fromkeys(columns["family"])), "subsets": list(dict.fromkeys(columns["subset_label"])),
        "knobs": [], "sweeps": [results.study], "trials": {"configuration": [names.index(c) for c in trials["configuration"]]},
        "configurations": columns | {"n": [int(counts.get(c, 0)) for c in names], "on_front": [False] * n,
            "knee": [False] * n, "selected": [False] * n, "status": ["completed"] * n, "reason": [""] * n,
            "epochs_done": [0] * n, "diverged": [0] * n, "command": [""] * n, "sweep": [0] * n},
        "curves": {"epoch": [], "drops": []}, "effects": [], "classes": {"names": []}, "counts": [],
        "history": None, "importance": None, "stopping": None,
    }  # fmt: skip
