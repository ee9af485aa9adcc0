"""Figures in a column of 3.25 inches: neither titles nor numbers run into each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes as Plot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from analysis.charts.matrix import draw_matrix, size_matrix
from analysis.charts.overfitting import draw_gaps
from analysis.charts.saving import Draw, _draw_in_house_style
from analysis.charts.styles import Style
from analysis.charts.table import draw_table, size_table
from analysis.charts.trade_off import draw_trade_off, size_trade_off
from analysis.measures.figure_table import TidyTable
from analysis.measures.overfitting import Gaps

WIDTH = 3.25


def lay_out(draw: Draw, size: tuple[float, float]) -> Figure:
    with _draw_in_house_style(draw, size) as figure:
        FigureCanvasAgg(figure).draw()
        return figure


def find_boxes(figure: Figure, texts: Sequence[Text]) -> list[Bbox]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [text.get_window_extent(renderer) for text in texts if text.get_text()]


def have_room_between(figure: Figure, plot: Plot) -> bool:
    """Return whether the numbers along x are apart by their height."""
    low, high = plot.get_xlim()
    ticks = zip(plot.get_xticks(), plot.get_xticklabels(), strict=True)
    boxes = find_boxes(figure, [label for place, label in ticks if low <= place <= high])
    return len(boxes) > 1 and all(one.x1 + one.height < other.x0 for one, other in pairwise(boxes))


@pytest.mark.parametrize("seeds", [2, 3])
def test_long_titles_of_matrices_stay_apart_and_on_the_figure(seeds: int) -> None:
    names = ("label_noise 0.1 · WideResNet-34-10", "label_noise 0.0 · PreActResNet-18", "CNN")
    rows = [
        (name, str(row), row, column, 0.5, 0.5)
        for name in names
        for row in range(seeds)
        for column in range(seeds)
        if row != column
    ]
    points = pd.DataFrame(rows, columns=["panel", "line", "row", "x", "mean", "average"])
    table = TidyTable(points, "seed", "seed", percent=False)
    figure = lay_out(lambda figure: draw_matrix(figure, table, "overlap"), size_matrix(table, WIDTH))
    titles = [text for plot in figure.axes for text in plot.get_children() if isinstance(text, Text)]
    titles = [text for text in titles if text.get_text().endswith("mean 0.50")]
    boxes = find_boxes(figure, titles)
    assert len(boxes) == 3 and all(box.y1 <= figure.bbox.y1 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[place + 1 :])
    assert "WideResNet-34-10" in titles[0].get_text(), "a name is not broken"


def draw_curves(counts: dict[str, int]) -> Figure:
    """Draw a trade-off of curves with so many points, whose places are 0.05, 0.1 and so on."""
    rows = [
        {
            "panel": panel, "line": line, "x": 0.874 + 0.002 * place, "x_lo": 0.872, "x_hi": 0.879,
            "mean": 0.6 + 0.01 * place, "lo": 0.59, "hi": 0.64, "label": f"{0.05 * (place + 1):g}", "on_front": False,
        }
        for panel in ("PGD", "TRADES")
        for line, count in counts.items()
        for place in range(count)
    ]  # fmt: skip
    table = TidyTable(pd.DataFrame(rows), "clean test accuracy", "robust test accuracy")
    styles = {line: Style("black") for line in counts}
    return lay_out(lambda figure: draw_trade_off(figure, [table], styles), size_trade_off([table], WIDTH))


def find_labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if isinstance(text, Annotation)]


@pytest.mark.long
def test_a_curve_of_one_point_has_one_label() -> None:
    assert find_labels(draw_curves({"all": 1, "friendly": 1})) == ["0.05"]
    assert find_labels(draw_curves({"all": 1, "friendly": 3, "random": 3})) == ["0.05", "0.15"]
    assert find_labels(draw_curves({"friendly": 3, "random": 2})) == ["0.05", "0.15", "0.1"]


def test_numbers_along_a_short_range_of_accuracies_do_not_touch() -> None:
    figure = draw_curves({"all": 1, "friendly": 1})
    assert all(have_room_between(figure, plot) for plot in figure.axes)


def test_the_numbers_of_a_narrow_panel_of_overfitting_do_not_touch() -> None:
    """From 0 to 1 point they were 0, 0.2, 0.4, 0.6, 0.8 and 1, without room between."""
    gap = np.array([0.002, 0.0105])
    zero = np.zeros(2)
    info = Gaps(
        ["a", "b"], ["", ""], 0.8 + gap, 0.8 + zero, 0.8 + zero, zero, gap, 0.003 + zero, gap, gap > 1, "PGD-10"
    )
    figure = lay_out(lambda figure: draw_gaps(figure, info), (WIDTH, 2.0))
    assert all(have_room_between(figure, plot) for plot in figure.axes)


def test_the_head_of_a_column_breaks_between_the_parts_of_a_name() -> None:
    names = ["MLP · FGSM · epochs 40", "MLP · PGD · epochs 80"]
    rows = [
        {"panel": "", "line": one, "variant": other, "x": 0.0, "mean": 0.1, "lo": np.nan, "hi": np.nan, "n": 2}
        for one in names
        for other in names
    ]
    tables = [TidyTable(pd.DataFrame(rows), "", "distance", percent=False)]
    figure = lay_out(partial(draw_table, tables=tables), size_table(tables, WIDTH))
    heads = [text.get_text() for text in figure.findobj(Text) if text.get_fontweight() == "bold"]
    assert {"epochs 40", "epochs 80"} <= set(heads)
    assert not [head for head in heads if head.startswith("·")]
