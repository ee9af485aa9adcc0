"""The register of differences: each setting that it names is one that a trial takes, and that its method has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import trainers
from trainers.config import TrialConfig
from trainers.methods import METHODS

REGISTER = Path(trainers.__file__).parent / "DIFFERENCES.md"


def settings() -> list[tuple[str, str]]:
    """Return (method or empty, setting in YAML) of the last column, without what stands beside a trial's keys."""
    found = []
    for line in REGISTER.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 4:
            method = cells[0].strip("`") if cells[0].strip("`") in METHODS else ""
            keys = r"`((?:attack|target|weight|loss|model|data|optimizer|method|average): [^`]+)`"
            found += [(method, text) for text in re.findall(keys, cells[3])]
    return found


@pytest.mark.parametrize(("method", "text"), settings())
def test_a_setting_of_the_register_is_one_that_changes_a_trial(method: str, text: str) -> None:
    tree = yaml.safe_load(text)
    base = {"method": method} if method else {}
    if method and not tree.keys() & TrialConfig.model_fields.keys():  # else a key of the trial, beside the method's
        tree = {"method": {"base": method} | tree}
    changed = TrialConfig.model_validate(base | tree)
    assert changed != TrialConfig.model_validate(base)


def test_every_kind_of_setting_is_looked_at() -> None:
    assert len(settings()) >= 12
    assert {"fat", "gairat", "self-adaptive", "finetune-reweight"} <= {method for method, _ in settings()}
