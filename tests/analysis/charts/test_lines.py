"""Lines and tables of the figures by name: the order of their points, their axes, and what stands above their rows."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.charts.lines import draw_lines, make_handles
from analysis.charts.points import Points, draw_points
from analysis.charts.styles import Register, Style
from analysis.charts.table import draw_table, lay_out_cells
from analysis.measures.figure_table import TidyTable

STYLES = {"a": Style("#000000"), "b": Style("#888888"), "all": Style("#444444")}


def tabulate(rows: list[tuple[str, str, str, float, float]]) -> pd.DataFrame:
    points = pd.DataFrame(rows, columns=["panel", "line", "variant", "x", "mean"])
    return points.assign(lo=points["mean"] - 0.01, hi=points["mean"] + 0.01, n=2)


def draw_on_page(table: TidyTable) -> Figure:
    figure = Figure(figsize=(3.25, 2.0), layout="constrained")
    draw_lines(figure, [table], STYLES)
    return figure


def test_a_line_is_drawn_in_the_order_of_x_where_the_first_seed_lacks_the_first_point() -> None:
    rows = [("", "a", "", x, x) for x in (0.2, 0.4, 1.0, 0.0)]
    figure = draw_on_page(TidyTable(tabulate(rows), "κ / K", "weight in the loss", percent=False))
    drawn = next(line for line in figure.axes[0].lines if len(line.get_xdata()) == 4)
    assert list(drawn.get_xdata()) == list(drawn.get_ydata()) == [0.0, 0.2, 0.4, 1.0]


def test_percent_never_stands_alone_on_a_line_of_an_axis_label() -> None:
    points = tabulate([("", "a", "", 0.0, 0.5), ("", "a", "", 1.0, 0.6)])
    figure = draw_on_page(TidyTable(points, "epoch", "clean test accuracy"))
    assert figure.axes[0].get_ylabel() == "clean test\naccuracy\u00a0(%)"


def test_ticks_of_accuracies_are_multiples_of_one_two_or_five() -> None:
    figure = draw_on_page(TidyTable(tabulate([("", "a", "", x, 0.5 + 0.03 * x) for x in range(10)]), "epoch", "y"))
    figure.draw_without_rendering()
    steps = {round(100 * float(step), 6) for step in pd.Series(figure.axes[0].get_yticks()).diff().dropna()}
    assert steps <= {1.0, 2.0, 5.0, 10.0} and len(steps) == 1


def test_a_lone_curve_beside_groups_is_named_by_its_axis_and_not_in_the_legend() -> None:
    groups = TidyTable(tabulate([("", "a", "", 0.0, 0.5), ("", "b", "", 0.0, 0.6)]), "epoch", "accuracy under attack")
    test = TidyTable(tabulate([("", "all", "test", 0.0, 0.4)]), "epoch", "robust test accuracy, PGD-10")
    labels = [handle.get_label() for handle in make_handles([groups, test], STYLES)]  # type: ignore[attr-defined]
    assert labels == ["a", "b"]
    assert [handle.get_label() for handle in make_handles([test], STYLES)] == ["all"]  # type: ignore[attr-defined]


def test_the_rows_of_a_panel_stand_below_its_title_which_they_do_not_repeat() -> None:
    rows = [(panel, line, "clean", 0.0, 0.5) for line in "ab" for panel in ("label_noise 0", "label_noise 0.1")]
    table = TidyTable(tabulate(rows), "", "accuracy")
    figure = Figure(figsize=(3.25, 3.0))
    draw_table(figure, [table])
    texts = [text.get_text() for text in figure.axes[0].texts if text.get_horizontalalignment() == "left"]
    assert texts == ["label_noise 0", "a", "b", "label_noise 0.1", "a", "b"]
    assert [row[0] for row in lay_out_cells(table)[1]] == [
        f"label_noise {v} · {line}" for v in ("0", "0.1") for line in "ab"
    ]


def test_the_largest_cost_lies_inside_its_panel_and_ticks_have_their_power_of_ten() -> None:
    columns = {"panel": "", "choice": "a", "ring": False, "y": [0.4, 0.5], "y_lo": 0.4, "y_hi": 0.5}
    table = pd.DataFrame(columns | {"x": [4e5, 1.2e6], "x_lo": [4e5, 1.2e6], "x_hi": [4e5, 1.2e6]})
    figure = Figure(figsize=(3.25, 3.0), layout="constrained")
    draw_points(figure, Points(table, {"": "passes"}, "accuracy"), Register())
    figure.draw_without_rendering()
    (plot,) = figure.axes
    assert plot.get_xlim()[1] > 1.2e6 * 1.05
    assert "1M" in [tick.get_text() for tick in plot.get_xticklabels()]


def test_the_legend_has_the_dashes_that_the_panels_have_where_their_variants_differ() -> None:
    errors = TidyTable(
        tabulate([("", "a", v, x, 0.5) for v in ("training", "test") for x in (0.0, 1.0)]), "epoch", "error"
    )
    kappa = TidyTable(tabulate([("", "a", v, x, 0.5) for v in ("mean", "median") for x in (0.0, 1.0)]), "epoch", "κ")
    figure = Figure(figsize=(3.25, 2.0), layout="constrained")
    draw_lines(figure, [errors, kappa], STYLES)
    (legend,) = figure.legends
    lines = [line for line in legend.legend_handles if isinstance(line, Line2D)]
    entries = {text.get_text(): line for text, line in zip(legend.texts, lines, strict=True)}
    assert set(entries) == {"a", "test, mean", "training, median"}
    for plot in figure.axes:
        drawn = {line.is_dashed() for line in plot.lines if len(line.get_xdata()) == 2}
        assert drawn == {False, True}
    assert not entries["test, mean"].is_dashed() and entries["training, median"].is_dashed()


def test_variants_of_a_line_of_one_point_differ_in_their_marks() -> None:
    """Dashes do not show without a line: the selected and the last epoch of all examples were two equal dots."""
    variants = ("selected: PGD", "selected: AA", "last: PGD", "last: AA")
    rows = [("", "all", variant, 1.0, 0.5 + place / 10) for place, variant in enumerate(variants)]
    figure = draw_on_page(TidyTable(tabulate(rows), "training examples", "accuracy"))
    marks = [line for line in figure.axes[0].lines if line.get_marker() == STYLES["all"].marker]
    looks = {float(line.get_ydata()[0]): (line.get_fillstyle(), line.get_markerfacecolor()) for line in marks}  # type: ignore[index, arg-type]
    assert len(looks) == len(set(looks.values())) == 4 and looks[0.5] == ("full", STYLES["all"].colour)
    (legend,) = figure.legends
    entries = {line.get_label(): line for line in legend.legend_handles if isinstance(line, Line2D)}
    fills = {(entries[name].get_fillstyle(), entries[name].get_markerfacecolor() == "white") for name in variants}
    assert fills == {("full", False), ("full", True), ("bottom", False), ("left", False)}


def test_curves_along_epochs_have_no_marks_in_the_legend() -> None:
    rows = [("", "all", variant, x, 0.5) for variant in ("test", "training") for x in (0.0, 1.0)]
    handles = make_handles([TidyTable(tabulate(rows), "epoch", "accuracy")], STYLES)
    assert {handle.get_marker() for handle in handles} <= {"", "None"}  # type: ignore[attr-defined]
