"""The search's own cost is measured of what it claims to be, and stays within its targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.bench.__main__ import main
from search.bench.measurements import write_space
from search.planning.datasets import DatasetCache
from search.planning.planner import Planner
from search.schema.space import load_space


def test_the_space_that_is_measured_has_the_trials_it_says_and_shares_half(tmp_path: Path) -> None:
    plan = Planner(load_space(write_space(tmp_path, 100, 20), []), DatasetCache().fingerprint).plan()
    assert len(plan.trials) == len({trial.final for trial in plan.trials}) == 100
    assert plan.tree.distinct / plan.tree.asked == pytest.approx(0.5, abs=0.1)


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["plann"])
    assert "there are plan, driver, ray, packing" in capsys.readouterr().err


@pytest.mark.slow
def test_planning_and_the_driver_meet_their_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "driver"]) == 0, capsys.readouterr().out


@pytest.mark.slow
def test_packing_is_measured_whether_its_target_is_met_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Trainings this short are far from it."""
    assert main(["packing", "--share", "0.01"]) in (0, 1)
    assert "wall over computing" in " ".join(capsys.readouterr().out.split())
