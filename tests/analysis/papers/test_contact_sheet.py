"""The sheet of thumbnails: which figures it has, from which runs, and where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis import load
from analysis.papers.catalogue import FIGURES
from analysis.papers.contact_sheet import COLUMN, MAX_HEIGHT, Thumbnail, choose_runs, main, place_thumbnails, save_sheet

from ..planned import write_planned


def test_thumbnails_lie_in_the_shortest_column_and_a_page_is_never_too_high() -> None:
    rooms = [5.0, 2.0, 3.0, 4.0, 1.0, 11.0, 2.0]
    places = place_thumbnails(rooms)
    assert [place[:2] for place in places[:5]] == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 1)]
    assert places[4].top == 2.0 and places[5] == (1, 0, 0.0) and places[6].page == 1
    assert all(place.top + room <= MAX_HEIGHT for place, room in zip(places, rooms, strict=True))


def test_a_tall_figure_becomes_narrower_and_keeps_its_proportions() -> None:
    wide, tall = (Thumbnail("n", "t", np.zeros((height, 100, 4), np.uint8)) for height in (50, 1000))
    assert wide.size == pytest.approx((COLUMN, COLUMN / 2))
    assert tall.size[1] == pytest.approx(10 * tall.size[0]) and tall.size[0] < COLUMN / 4


@pytest.mark.long
def test_a_page_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    made = Thumbnail("n", "t", np.zeros((150, 100, 4), np.uint8))
    assert [path.name for path in save_sheet([made] * 20, tmp_path / "s.png")] == ["s.png", "s_2.png"]


@pytest.mark.long
def test_a_figure_is_drawn_from_the_run_of_its_own_study_where_others_would_do_too(tmp_path: Path) -> None:
    runs = [load(write_planned(tmp_path / name, name)) for name in ("friendly_k", "friendly_sizes")]
    assert choose_runs(FIGURES["profiling:F14"], runs) == [runs[1]]
    assert choose_runs(FIGURES["profiling:F14"], runs[:1]) == [runs[0]]
    assert choose_runs(FIGURES["hard:F5"], runs) == []


def test_examples_are_ordered_by_the_study_of_the_recipe_before_any_other(tmp_path: Path) -> None:
    names = ("friendly_k", "iat", "atta_reweight")
    runs = [load(write_planned(tmp_path / name, name, examples=name != "friendly_k")) for name in names]
    assert [sweep.study for sweep in choose_runs(FIGURES["hard:F18"], runs)] == ["atta_reweight", "iat", "friendly_k"]


@pytest.mark.long
def test_the_sheet_of_a_run_has_what_can_be_drawn_and_names_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = write_planned(tmp_path / "run", "gairat_lambda", examples=True), tmp_path / "s.svg"
    assert main([str(run), "-o", str(file), "--of", "gairat"]) == 0
    printed = capsys.readouterr().out
    assert file.stat().st_size > 10_000 and "1 figure in " in printed
    assert "gairat:F12, gairat:F14" in printed and "gairat:F13" not in printed


def test_runs_without_any_figure_are_an_error_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_planned(tmp_path / "run", "gairat_lambda")
    assert main([str(run), "-o", str(tmp_path / "s.png"), "--of", "hard"]) == 2
    assert "no figure can be drawn from it" in capsys.readouterr().err
