"""The page of the studies: every space stands there once, with as many trainings as the planner counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..test_spaces import SPACES, STUDIES, plan_of

PAGE = "## All studies" + (SPACES / "README.md").read_text().partition("\n## All studies")[2]
LISTED = re.findall(r"`([\w/]+\.yaml)` ([\d,]+) ", PAGE)


def test_every_space_is_named_once_and_no_other() -> None:
    studies = sorted(study.as_posix() for study in STUDIES)
    assert sorted(re.findall(r"[\w/]+\.yaml", PAGE)) == studies
    assert sorted(study for study, _ in LISTED) == studies, "each with its number of trainings"


@pytest.mark.parametrize("study", STUDIES, ids=str)
def test_a_space_has_as_many_trainings_as_its_page_says(study: Path) -> None:
    count = f"{len(plan_of(study).trials):,}"
    assert dict(LISTED).get(study.as_posix()) == count, f"write {count} in spaces/README.md"


def test_a_study_in_the_setting_of_a_paper_shares_the_row_of_its_digits() -> None:
    rows = [re.findall(r"([\w/]+)\.yaml", line) for line in PAGE.splitlines() if line.startswith("| ")]
    assert [row for row in rows if len({name.rpartition("/")[2] for name in row}) > 1] == []
    folders = [[name.rpartition("/")[0] for name in row] for row in rows]
    assert all(row == [folder for folder in ("", "cifar10", "svhn") if folder in row] for row in folders if row)
