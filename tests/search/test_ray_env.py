"""Ray is imported after the variables that it reads on import are set."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from .helpers import ROOT

pytestmark = pytest.mark.long

PROGRAM = """
import json, os, sys
from importlib.abc import MetaPathFinder

class Watch(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "ray" and not seen:
            seen.update(os.environ)

seen = {}
sys.meta_path.insert(0, Watch())
import search.run.driver
print(json.dumps(seen))
"""


def test_ray_is_imported_with_a_token_of_its_own_and_without_usage_statistics() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, check=True)
        for _ in range(2)
    ]
    seen = [json.loads(run.stdout.splitlines()[-1]) for run in runs]
    assert all(found["RAY_AUTH_MODE"] == "token" and len(found["RAY_AUTH_TOKEN"]) == 64 for found in seen)
    assert seen[0]["RAY_AUTH_TOKEN"] != seen[1]["RAY_AUTH_TOKEN"]
    assert all(found["RAY_USAGE_STATS_ENABLED"] == "0" for found in seen)
    assert all(found["TUNE_DISABLE_SIGINT_HANDLER"] == "1" for found in seen)
