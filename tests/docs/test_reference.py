"""The generated pages are what the models and the types of records say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.reference.keys import list_keys
from search.reference.sections import BLOCKS, list_sections
from search.reference.wording import make_anchor
from search.schema.space import Space
from trainers.config import TrialConfig

from .reference import ANALYSIS, KEYS, generated, page


@pytest.mark.parametrize("file", [KEYS, ANALYSIS], ids=lambda file: f"{file.parent.name}/{file.name}")
def test_the_page_is_fresh(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == generated()[file], "write it anew: python -m tests.docs.reference"


def test_every_block_of_a_space_and_every_key_of_a_trial_has_a_row() -> None:
    assert {path.partition(",")[0] for path in BLOCKS} | {"question"} == set(Space.model_fields)
    assert {key.name for key in list_keys(TrialConfig)} == set(TrialConfig.model_fields)
    text = page()
    for path, models in list_sections().items():
        section = text.partition(f"\n## {path}\n")[2].partition("\n## ")[0]
        written = {*re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)}
        for model in models:
            assert {key.name for key in list_keys(model)} <= written, path


def test_a_default_is_named_as_a_space_writes_it() -> None:
    rows = [line for line in page().splitlines() if line.startswith("|")]
    assert any("; null: all" in row for row in rows) and not any("None: " in row for row in rows)


def test_links_within_the_page_lead_to_a_section() -> None:
    text = page()
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert {*re.findall(r"\]\(#([^)]*)\)", text)} <= {make_anchor(title) for title in titles}
