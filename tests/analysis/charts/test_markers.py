"""Each subset has one marker, in the figures of Python as on the page."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from analysis.charts.front_keys import assign_keys
from analysis.charts.markers import FEW, MOST, PAIRS, WHOLE, mark_subsets
from analysis.charts.styles import MARKERS, build_register
from analysis.measures.front import compute_fronts
from analysis.report.block import build_block
from analysis.report.block.assembly import SHAPES
from analysis.report.data import collect_report_data
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

SUBSETS = ("all", "friendly 108", "random 108", "friendly 96", "random 96")


def name_kinds(sizes: int, kinds: tuple[str, ...] = ("friendly", "random")) -> dict[str, str]:
    """Return the kind of each of some subsets, and of all."""
    return {"all": "all"} | {f"{kind} {size}": kind for size, kind in product(range(sizes), kinds)}


def test_a_subset_has_the_same_marker_on_the_page_as_in_figures(tmp_path: Path) -> None:
    made = Made(noise=(0.0,), methods=("AT", "MART"), subsets=SUBSETS, replicates=1, faults=False, profile=False)
    results = load_sweep(write_sweep(tmp_path / "one", made))
    block = build_block(collect_report_data(results))
    page = dict(zip(block["subsets"], block["shapes"], strict=True))
    keys = assign_keys(compute_fronts([results]), build_register([results.study_trials]))
    assert keys.by_marker == ("subset_label",) and set(keys.markers) == set(SUBSETS)
    assert {name: SHAPES[marker] for name, marker in keys.markers.items()} == page
    assert page == dict(zip(SUBSETS, ("circle", "up", "square", "down", "diamond"), strict=True))


def test_a_sweep_without_subsets_has_the_same_marker_on_a_page_of_several(tmp_path: Path) -> None:
    made = Made(noise=(0.0,), methods=("AT",), replicates=1, faults=False, profile=False)
    folders = [
        write_sweep(tmp_path / name, Made(**{**vars(made), "study": name, "subsets": subsets}))
        for name, subsets in (("first", SUBSETS), ("second", SUBSETS[:1]))
    ]
    sweeps = [load_sweep(folder) for folder in folders]
    block = build_block(*map(collect_report_data, sweeps))
    page = dict(zip(block["subsets"], block["shapes"], strict=True))
    front = compute_fronts(sweeps)
    keys = assign_keys(front, build_register([sweep.study_trials for sweep in sweeps], front.sweeps))
    assert keys.by_marker == ("subset_label",) and set(keys.markers) == set(SUBSETS)
    assert {name: SHAPES[marker] for name, marker in keys.markers.items()} | {"": "circle"} == page


@pytest.mark.parametrize("sizes", [1, 2, 3, 4])
def test_subsets_are_told_apart_and_the_largest_of_a_kind_has_its_marker(sizes: int) -> None:
    kinds = name_kinds(sizes)
    markers = mark_subsets(kinds)
    assert len(kinds) <= MOST and len(set(markers.values())) == len(kinds) and set(markers.values()) <= set(MARKERS)
    assert (markers["all"], markers["friendly 0"], markers["random 0"]) == (WHOLE, PAIRS[0][0], PAIRS[1][0])
    few = mark_subsets(kinds, FEW)
    assert set(few.values()) <= set(SHAPES) and few["friendly 0"] == markers["friendly 0"]


def test_of_more_subsets_than_markers_those_of_a_kind_share_one() -> None:
    markers = mark_subsets(name_kinds(9, ("friendly", "random", "hard", "easy")))
    assert len(set(markers.values())) == 5 and markers["hard 0"] == markers["hard 8"] != markers["easy 8"]
    assert mark_subsets({"random 0": "random"}) == {"random 0": WHOLE}, "a single one needs no marker"
