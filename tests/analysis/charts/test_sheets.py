"""Figures on paper: sheets, widths, legends, type that can be read, and nothing left out without a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from analysis.charts.chart import FigureSpec
from analysis.charts.effects import split_effect_pages
from analysis.charts.rows import lay_out_rows, split_pages
from analysis.charts.saving import MAX_WIDTH, MIN_WIDTH
from analysis.charts.text import draw_legend
from analysis.measures.differences import collect_effects
from analysis.measures.overfitting import collect_gaps
from analysis.report.__main__ import main
from analysis.report.data import ReportData, collect_report_data
from analysis.report.figures import (
    specify_curves,
    specify_effects,
    specify_front,
    specify_gaps,
    specify_groups,
    specify_knobs,
    specify_rankings,
)
from analysis.results.page_cut import MAX_ROWS, PAGE_ROWS, cut_in_turn
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_study, write_sweep

pytestmark = pytest.mark.long

Sheets = Callable[[float], list[tuple[FigureSpec, Figure]]]
PAPER = 9.3  # inches of type on a sheet, at the width of the page's figures
LONG = tuple(f"friendly {108 - n} with a name that goes on and on" for n in range(3))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Two problems, a conditional-looking long method name, five subsets of two kinds and two sizes."""
    made = Made(
        methods=("AT 0.10", "TRADES 0.10", "a method of a rather long name · lr 0.05"),
        subsets=("all", "friendly 108", "random 108", "friendly 96", "random 96"),
        faults=False,
        epochs=12,
    )
    return collect_report_data(load_sweep(write_sweep(tmp_path_factory.mktemp("sheets") / "made", made)))


@pytest.fixture(scope="module")
def sheets(found: ReportData) -> Sheets:
    """Lay out all figures of a page at a width, once for all tests."""
    return cache(lambda width: [(drawing, on_paper(drawing)) for drawing in specify(found, width)])


def specify(found: ReportData, width: float) -> list[FigureSpec]:
    """Specify all figures of a page."""
    parts = (
        specify_front,
        specify_effects,
        specify_knobs,
        specify_curves,
        specify_gaps,
        specify_groups,
        specify_rankings,
    )
    return [drawing for part in parts for drawing in part(found, width)]


def on_paper(drawing: FigureSpec) -> Figure:
    """Lay out a figure in the house style."""
    with as_file(files("analysis.charts") / "house.mplstyle") as style, matplotlib.rc_context(fname=style):
        figure = Figure(figsize=drawing.chart.size, layout="constrained")
        drawing.chart.draw(figure)
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("width", [MIN_WIDTH, 3.25, 5.2, 6.75])
def test_in_every_width_type_is_readable_and_nothing_is_cut_off(sheets: Sheets, width: float) -> None:
    for drawing, figure in sheets(width):
        assert figure.get_figwidth() == width
        for text in written(figure):
            box = text.get_window_extent()
            inside = box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1
            assert text.get_fontsize() >= 6
            assert inside, (drawing.slug, text.get_text())


def written(figure: Figure) -> list[Text]:
    """Return the texts that a reader sees: of ticks those within the axis."""
    hidden = set()
    for plot in figure.axes:
        for axis in (plot.xaxis, plot.yaxis):
            low, high = sorted(axis.get_view_interval())
            off = [tick for tick in axis.majorTicks + axis.minorTicks if not low <= tick.get_loc() <= high]
            hidden |= {text for tick in off for text in (tick.label1, tick.label2)}
    return [
        text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip() and text not in hidden
    ]


def test_every_sheet_fits_on_paper(sheets: Sheets) -> None:
    for drawing, figure in sheets(5.2):
        assert figure.get_figheight() <= PAPER, drawing.slug


@pytest.mark.parametrize("names", [[f"a rather long name of a subset, {n}" for n in range(9)], ["x" * 90], ["a", "b"]])
def test_a_legend_fits_its_figure_whatever_its_names(names: list[str]) -> None:
    figure = Figure(figsize=(5.2, 3.0), layout="constrained")
    figure.subplots()
    draw_legend(figure, [Line2D([], [], label=name) for name in names])
    FigureCanvasAgg(figure).draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ["".join(text.split()) for text in texts] == ["".join(name.split()) for name in names]
    assert figure.get_figheight() > 3.0  # it takes nothing from the panels


def test_all_effects_are_drawn_or_their_number_and_place_are_said(tmp_path: Path) -> None:
    """TRADES under label noise, the last in the plan, was what a cut at thirty rows left out."""
    subsets = ("all", "friendly 108", "random 108", "friendly 96", "random 96")
    made = Made(methods=("A", "B", "TRADES"), subsets=subsets, profile=False, faults=False, epochs=6)
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "quickstart", made)))
    drawings = [drawing for drawing in specify_effects(found) if drawing.slug.startswith("effects")]
    info = collect_effects(found.subset_effects, "test_aa_acc", "robust")
    assert info is not None and len(info.names) == 36
    sheets = split_effect_pages(info)
    assert [(len(page.names), set(page.settings)) for page in sheets] == [
        (18, {"label_noise 0.0"}),
        (18, {"label_noise 0.1"}),
    ]
    assert sum("TRADES" in name for name in sheets[1].names) == 6
    assert [drawing.title for drawing in drawings] == [f"Effect of the subset ({n} of 2)" for n in (1, 2)]
    assert "tables/" not in drawings[0].caption
    effects = found.subset_effects
    many = pd.concat([effects.assign(family=effects["family"] + f" {n}") for n in range(9)])
    crowd = collect_effects(many, "test_aa_acc", "robust")
    assert crowd is not None and len(crowd.names) == 324
    crowd = crowd.take(cut_in_turn(crowd.settings, MAX_ROWS).rows)
    assert crowd.settings.count("label_noise 0.0") == crowd.settings.count("label_noise 0.1") == MAX_ROWS // 2


def test_of_too_many_gaps_each_problem_shows_its_widest(found: ReportData) -> None:
    many = pd.concat([found.gaps.assign(choice=found.gaps["choice"] + f" {n}") for n in range(9)], ignore_index=True)
    info = collect_gaps(many, "PGD-10")
    assert info is not None and len(info.names) == len(many)
    (first, *_) = specify_gaps(replace(found, gaps=many))
    note = f"Shown are {MAX_ROWS} of {len(many)} configurations (the widest best − last of each problem)"
    on_figure = " ".join(" ".join(text.get_text() for text in written(on_paper(first))).split())
    assert note in first.caption and note in on_figure
    info = info.take(cut_in_turn(info.settings, MAX_ROWS, np.argsort(-info.gap, kind="stable").tolist()).rows)
    for setting in ("label_noise 0.0", "label_noise 0.1"):
        here = many[many["setting"] == setting]["robust_overfitting"]
        shown = info.gap[np.array(info.settings) == setting]
        assert len(shown) == MAX_ROWS // 2 and shown.min() >= here.nlargest(MAX_ROWS // 2).min()


def test_problems_stand_together_on_a_sheet_and_long_ones_are_divided_evenly() -> None:
    assert split_pages(["a"] * 4 + ["b"] * 4 + ["c"] * 12) == [range(0, 8), range(8, 20)]
    assert split_pages(["a"] * 25) == [range(0, 13), range(13, 25)]
    assert split_pages([""] * PAGE_ROWS) == [range(0, PAGE_ROWS)]


def test_names_that_take_two_lines_have_the_height_for_them() -> None:
    one, two = lay_out_rows(["short"], [""], 3.25), lay_out_rows([" · ".join(["a long part"] * 6)], ["problem"], 3.25)
    assert two.names[0].count("\n") >= 1 and two.height > one.height and list(two.headings.values()) == ["problem"]
    assert all(len(line) <= 14 * 3 for line in two.names[0].splitlines())


def test_a_width_is_asked_for_at_the_command_and_refused_where_no_figure_can_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Made(noise=(0.1,), methods=("AT",), subsets=("all",), epochs=4, profile=False, faults=False)
    folder = write_sweep(tmp_path / "sweep", made)
    assert main([str(folder), "--width", "3.25"]) == 0
    text = (folder / "report" / "figures" / "front.svg").read_text()
    assert 'width="234pt"' in text
    for wrong in ("1", str(MAX_WIDTH + 1), "wide", "nan"):
        with pytest.raises(SystemExit) as stopped:
            main([str(folder), "--width", wrong])
        assert stopped.value.code == 2 and "expected inches from 2.5 to 12" in capsys.readouterr().err


def test_long_names_of_a_knob_s_lines_stay_in_the_figure(tmp_path: Path) -> None:
    made = replace(Made(noise=(0.0, 0.1), profile=False, faults=False, epochs=4), subsets=("all", "random 108"))
    found = collect_report_data(load_sweep(write_study(tmp_path / "lam", "method.weight.lam", (0, 1, 2, "inf"), made)))
    for drawing in specify_knobs(found, 3.25):
        box = on_paper(drawing).legends[0].get_window_extent()
        assert box.x0 >= 0 and box.x1 <= 3.25 * 100 + 1
