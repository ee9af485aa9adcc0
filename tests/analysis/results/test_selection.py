"""The panels of several sweeps are named by what tells them apart over all of these."""

from __future__ import annotations

from pathlib import Path

from analysis.charts.panels import title_panels
from analysis.results.choice import Choice
from analysis.results.selection import select
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep


def test_panels_name_the_method_that_one_sweep_shares_and_the_other_varies(tmp_path: Path) -> None:
    methods = {"one": ("AT 0.10",), "two": ("AT 0.10", "TRADES 0.10")}
    sweeps = [
        load_sweep(
            write_sweep(tmp_path / name, Made(study=name, methods=few, noise=(0.0,), faults=False, profile=False))
        )
        for name, few in methods.items()
    ]
    choice = Choice(lines=("subset",))
    assert select(sweeps, choice, 9).panels == ["one · AT 0.10", "two · AT 0.10", "two · TRADES 0.10"]
    assert select(sweeps[:1], choice, 9).panels == [""], "alone there is nothing to tell apart"


def test_a_panel_says_the_name_of_its_sweep_once() -> None:
    keys = [("first · epsilon 0.1", "first"), ("label_noise 0.1", "pgd")]
    assert title_panels(keys) == ["first · epsilon 0.1", "pgd\nlabel_noise 0.1"]
