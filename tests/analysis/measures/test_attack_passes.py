"""What AutoAttack took, and what it left out, from the records of trainings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.measures.attack_passes import describe_savings, measure_savings
from analysis.results.sweep import Sweep, load_sweep

from ..synthetic import Made, write_sweep


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sweep(tmp_path / "sweep", Made(faults=False))


def change(folder: Path, trial: str, by: str = "", **changes: Any) -> None:
    """Give a training verdicts of AutoAttack, and both of its checkpoints further keys; None takes one out."""
    place = folder / "trials" / trial
    result = json.loads((place / "result.json").read_text())
    result.pop("digest", None)
    for at in ("best", "last"):
        result[at] |= changes
        result[at] = {key: value for key, value in result[at].items() if value is not None}
    if "bounds" in changes and not by:
        del result["attacks"]["aa"]
    (place / "result.json").write_text(json.dumps(result))
    if by:
        row = {"by": by, "forwards": 700, "backwards": 300, "warnings": []}
        (place / "attacked.json").write_text(json.dumps({"key": row}))


def list_trials(folder: Path) -> list[str]:
    """Trials that no profile is a copy of."""
    outcomes = load_sweep(folder).outcomes
    chains = [outcome["chain"] for outcome in outcomes.values()]
    return [trial for trial, outcome in outcomes.items() if chains.count(outcome["chain"]) == 1]


def count_checkpoints(sweep: Sweep, trial: str) -> int:
    outcome = sweep.outcomes[trial]
    return len({outcome[at]["epoch"] for at in ("best", "last")})


def test_nothing_is_said_where_all_is_attacked(folder: Path) -> None:
    change(folder, list_trials(folder)[0], by="..0x")
    assert measure_savings(load_sweep(folder)) is None and describe_savings(load_sweep(folder)) == ""


def test_what_the_front_and_the_margin_leave_out_is_counted(folder: Path) -> None:
    one, two, three = list_trials(folder)[:3]
    order = {"survivors": 30, "attacked": 6, "deepest": 2, "audited": 3, "hits": 0, "found": 0, "audit": 0.1}
    order |= {"masked": False, "forwards": 700, "backwards": 300}
    change(folder, one, by="." * 9 + "1x" + "?" * 29, margin_order={"aa": order})
    change(folder, two, by="." * 20, bounds={"aa": 0.5})
    change(folder, three, bounds={"aa": 0.5}, test_aa_acc=None)
    sweep = load_sweep(folder)
    found = measure_savings(sweep)
    assert found is not None
    assert (found.forwards, found.backwards, found.attacked) == (1400, 600, 30)
    assert found.by_margin == 21 * count_checkpoints(sweep, one)
    assert found.by_front == 150 * count_checkpoints(sweep, three) and found.spared == 1
    total = 30 + found.by_margin + found.by_front
    assert found.share == 30 / total
    said = describe_savings(sweep)
    assert "1,400 forwards and 600 backwards" in said and "(1 training not attacked)" in said


def test_an_order_that_failed_its_audit_left_out_nothing(folder: Path) -> None:
    one = list_trials(folder)[0]
    order = {"survivors": 30, "attacked": 6, "deepest": 2, "audited": 3, "hits": 1, "found": 1, "audit": 0.1}
    change(folder, one, by="." * 30, margin_order={"aa": order | {"masked": True, "forwards": 0, "backwards": 0}})
    assert measure_savings(load_sweep(folder)) is None


def test_a_training_with_several_names_counts_once(folder: Path) -> None:
    """Its copies have its records, and one of them how far its attacks came."""
    outcomes = load_sweep(folder).outcomes
    chains = [outcome["chain"] for outcome in outcomes.values()]
    twins = [trial for trial, outcome in outcomes.items() if chains.count(outcome["chain"]) > 1]
    twins = [trial for trial in twins if outcomes[trial]["chain"] == outcomes[twins[0]]["chain"]]
    change(folder, twins[0], by="." * 20, bounds={"aa": 0.5})
    change(folder, list_trials(folder)[0], bounds={"aa": 0.5}, test_aa_acc=None)
    found = measure_savings(load_sweep(folder))
    assert found is not None and found.attacked == 20 and found.spared == 1
