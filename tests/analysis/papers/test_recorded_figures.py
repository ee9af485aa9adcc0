"""Figures of what diagnostics and galleries recorded, drawn from the plans of their studies with made-up records."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import load
from analysis.charts.saving import save_figure
from analysis.papers.catalogue import FIGURES
from analysis.papers.drawing import DrawnFigure, draw_paper_figure
from analysis.papers.recorded_parts import (
    DiagnosticCurves,
    GalleryPairs,
    LipschitzTable,
    LogitComponents,
    MedianFeatureCurves,
)

from ..looking import list_touching_ticks
from ..planned import SEEDS, write_planned
from ..planned_diagnostics import BOUNDS, DIMENSIONS, EXAMPLES, write_recordings

RECORDED = (DiagnosticCurves, GalleryPairs, LipschitzTable, LogitComponents, MedianFeatureCurves)
NAMES = [name for name, row in FIGURES.items() if any(isinstance(part, RECORDED) for part in row.parts)]


def draw(name: str, folder: Path, width: float = 3.25) -> DrawnFigure:
    row = FIGURES[name]
    sets = [value for key, value in pairwise(shlex.split(row.sets)) if key == "--set"]
    write_recordings(write_planned(folder / "run", row.study, sets))
    return draw_paper_figure(row, [load(folder / "run")], width=width)


@pytest.mark.long
@pytest.mark.parametrize("width", (3.25, pytest.param(5.5, marks=pytest.mark.slow)))
@pytest.mark.parametrize("name", NAMES)
def test_what_its_study_records_is_what_a_figure_is_drawn_from(name: str, width: float, tmp_path: Path) -> None:
    drawn = draw(name, tmp_path, width)
    sizes: list[float] = []

    def draw_and_look(figure: Any) -> None:
        from matplotlib.text import Text

        drawn.spec.chart.draw(figure)
        figure.canvas.draw()
        texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        sizes.extend(text.get_fontsize() for text in texts)
        assert list_touching_ticks(figure) == []
        assert not any("$" in text.get_text() for text in texts), "powers are written as mathematics that is not read"

    save_figure(draw_and_look, drawn.spec.chart.size, [tmp_path / "figure.png"])
    assert min(sizes) >= 6.5
    examples = "example of one training" in drawn.spec.caption
    assert set(drawn.points["n"]) == {1 if examples else SEEDS}


def test_bounds_along_training_are_those_of_each_subset(tmp_path: Path) -> None:
    points = draw("hard:F11", tmp_path).points
    last = points[(points["x"] == points["x"].max()) & (points["panel"] == points["panel"].iloc[0])].set_index("line")
    assert last.loc["hard", "mean"] == pytest.approx(BOUNDS["hardest"] * 2, rel=0.05)
    assert last.loc["easy", "mean"] == pytest.approx(BOUNDS["easiest"] * 2, rel=0.05)


def test_the_table_has_bounds_of_the_last_epoch(tmp_path: Path) -> None:
    points = draw("hard:T6", tmp_path).points
    hard = points[points["line"] == "hard"].groupby("variant")["mean"].mean()
    assert hard["merged"] == pytest.approx(2000, rel=0.05) and hard["naive"] == pytest.approx(6000, rel=0.05)


def test_pairs_of_classes_are_parted_between_two_figures(tmp_path: Path) -> None:
    one, other = (set(draw(f"gairat:F{n}", tmp_path / str(n)).points["panel"]) for n in (7, 8))
    assert len(one) == 24 and len(one | other) == 45 and not one & other


@pytest.mark.long
def test_the_ends_of_a_ranking_are_on_figures_of_their_own(tmp_path: Path) -> None:
    hard, easy = (draw(f"profiling:F{n}", tmp_path / str(n)).points for n in (3, 4))
    assert set(hard["line"]) == {"most problematic"} and set(easy["line"]) == {"friendliest"}
    assert len(hard) == len(easy) == 50
    assert (hard["mean"] < 0.5).all() and (hard["predicted"] != hard["label"]).all()
    assert (easy["mean"] > 0.5).all() and (easy["predicted"] == easy["label"]).all()
    assert np.isclose(hard["mean"].min(), 0.5 / EXAMPLES)


def test_a_run_without_the_diagnostic_is_told_the_set_that_records_it(tmp_path: Path) -> None:
    run = load(write_planned(tmp_path / "run", "subset_easy_random_hard"))
    (part,) = FIGURES["hard:F11"].parts
    assert "--set 'evaluate.diagnostics.lipschitz={after: [20%" in part.find_lack(run)
    (gallery,) = FIGURES["profiling:F3"].parts
    assert "adversaries" in gallery.find_lack(run)


def test_the_norm_of_the_median_features_is_that_of_each_group(tmp_path: Path) -> None:
    points = draw("diagnostics:groups_median_feature_norm", tmp_path).points
    last = points[points["x"] == points["x"].max()].groupby("line")["mean"].mean()
    tenth = EXAMPLES // 10
    expected = [2 * np.sqrt(DIMENSIONS) * np.median(1 + np.arange(tenth) + n * tenth) / EXAMPLES for n in range(10)]
    assert last.sort_values().to_numpy() == pytest.approx(expected, rel=0.05)
    assert last.idxmin().startswith("G9") and last.idxmax().startswith("G0")
