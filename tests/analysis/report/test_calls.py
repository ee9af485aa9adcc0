"""The call that a page shows beside a figure draws that figure: each is run, and compared pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from analysis import charts, measures
from analysis.charts.chart import Chart, FigureSpec
from analysis.charts.saving import render_pixels
from analysis.report.data import collect_report_data
from analysis.report.drawings import PARTS
from analysis.results.sweep import Sweep, load_sweep

from ..measures.test_classes import with_classes
from ..synthetic import Made, write_study, write_sweep

pytestmark = pytest.mark.long
WIDTH = 3.25
SUBSETS = ("all", "friendly 108", "random 108", "friendly 96", "random 96")
MADE = Made(noise=(0.1,), subsets=SUBSETS, replicates=2, epochs=4, faults=False)
ALONE = Made(noise=(0.1,), subsets=("all",), replicates=2, epochs=4)
RATES = tuple(float(f"1e-{n}") for n in range(1, 13))


def specify(results: Sweep) -> Iterator[FigureSpec]:
    """Specify all figures of the page of a sweep."""
    found = collect_report_data(results)
    for specify_part, _ in PARTS.values():
        yield from specify_part(found, WIDTH)


def pixels(chart: Chart) -> np.ndarray:
    return render_pixels(chart.draw, chart.size)


def test_every_figure_of_a_page_is_drawn_by_the_call_beside_it(tmp_path: Path) -> None:
    """A grid with rankings, one along a number, and a search along a rate have all kinds of figures."""
    folders = [
        with_classes(tmp_path / "grid", MADE),
        write_study(tmp_path / "along", "method.loss.beta", (1, 3, 6), ALONE),
        write_study(tmp_path / "rates", "optimizer.lr", RATES, ALONE),
    ]
    slugs = set()
    for folder in folders:
        results = load_sweep(folder)
        for spec in specify(results):
            chart = eval(spec.call, {"charts": charts, "measures": measures, "results": results})
            assert chart.size == spec.chart.size and np.array_equal(pixels(chart), pixels(spec.chart)), spec.call
            slugs.add(spec.slug)
    kinds = {"front", "effects", "k_robust", "k_clean", "along_method.loss.beta", "knobs", "importance", "overfitting"}
    kinds |= {"curves_robust", "curves_robust_validation", "curves_clean", "classes", "groups", "gallery_profile"}
    assert kinds <= slugs, slugs


def test_a_sheet_that_is_not_there_is_refused(tmp_path: Path) -> None:
    results = load_sweep(write_sweep(tmp_path / "grid", ALONE))
    gaps = measures.collect_gaps(measures.measure_overfitting(results), "PGD-10")
    with pytest.raises(ValueError, match="sheet=2: expected a number from 1 to 1"):
        charts.plot_gaps(gaps, sheet=2)


def test_a_chart_shows_itself_in_a_notebook_and_saves_itself(tmp_path: Path) -> None:
    chart = charts.plot_front(measures.compute_fronts([load_sweep(write_sweep(tmp_path / "grid", ALONE))]))
    chart.save(tmp_path / "front.pdf", str(tmp_path / "front.png"))
    assert (tmp_path / "front.pdf").read_bytes().startswith(b"%PDF")
    assert chart._repr_png_() == (tmp_path / "front.png").read_bytes()
