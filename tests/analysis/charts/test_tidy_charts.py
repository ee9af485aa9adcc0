"""Charts of tidy tables: what they draw is what the tables say."""

from __future__ import annotations

from functools import partial
from importlib.resources import as_file, files

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.charts.density import Density, draw_density, show_difficulty, show_kappa, size_density
from analysis.charts.groups import draw_groups, size_groups
from analysis.charts.intervals import Intervals, draw_intervals, size_intervals
from analysis.charts.points import Points, compare_attacks, compare_costs, draw_points, size_points
from analysis.charts.saving import Draw
from analysis.charts.series import Series, draw_series, size_series
from analysis.charts.styles import Register
from analysis.measures.cost import measure_cost
from analysis.measures.difficulty_relation import correlate_examples, count_examples
from analysis.measures.generalization import measure_gap_curves, measure_generalization
from analysis.measures.groups import measure_groups
from analysis.measures.kappa import measure_kappa, measure_weight_by_kappa, tabulate_kappa_and_weight
from analysis.results.sweep import Sweep, load_sweep

from ..synthetic import Made, write_sweep

pytestmark = pytest.mark.long
SMALLEST = 6.5  # points, of text in a figure of one column


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    made = Made(methods=("AT 0.10", "TRADES 0.10"), subsets=("all",), faults=False, instances=True, train=True)
    return load_sweep(write_sweep(tmp_path_factory.mktemp("charts") / "sweep", made))


def paint(draw: Draw, size: tuple[float, float]) -> Figure:
    with as_file(files("analysis.charts") / "house.mplstyle") as style, matplotlib.rc_context(fname=style):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        FigureCanvasAgg(figure).draw()
    return figure


def all_charts(results: Sweep, width: float) -> dict[str, tuple[Draw, tuple[float, float]]]:
    """Return every chart of a tidy table of this sweep, with its size."""
    register = Register()
    weights = Series(measure_weight_by_kappa(results), "relative", "κ / K", "weight in the loss")
    kappa = Series(measure_kappa(results), "epoch", "epoch", "κ", panel="quantity")
    gaps = Intervals(measure_generalization(results), "training − test (points)", mark="checkpoint", percent=True)
    costs = compare_costs(measure_cost(results, "test_pgd_acc"), "robust test accuracy, PGD-10")
    counts = show_difficulty(count_examples(results, "t_y"), correlate_examples(results), "target")
    joint = show_kappa(tabulate_kappa_and_weight(results))
    table = measure_groups(results, quantities=("loss", "weight"))
    groups = {str(name): rows for name, rows in table.groupby("name", sort=False)}
    few = dict(list(groups.items())[:2])
    return {
        "weights": (partial(draw_series, info=weights, register=register), size_series(weights, width)),
        "kappa": (partial(draw_series, info=kappa, register=register), size_series(kappa, width)),
        "gaps": (partial(draw_intervals, info=gaps), size_intervals(gaps, width)),
        "costs": (partial(draw_points, info=costs, register=register), size_points(costs, width)),
        "counts": (partial(draw_density, info=counts), size_density(counts, width)),
        "joint": (partial(draw_density, info=joint), size_density(joint, width)),
        "groups": (partial(draw_groups, info=few, shown=range(10)), size_groups(few, width)),
    }


@pytest.mark.parametrize("width", [3.25, 5.2])
def test_text_is_legible_and_within_the_figure_at_both_widths(results: Sweep, width: float) -> None:
    for name, (draw, size) in all_charts(results, width).items():
        figure = paint(draw, size)
        axes = [axis for plot in figure.axes for axis in (plot.xaxis, plot.yaxis)]
        ticks = {id(label) for axis in axes for label in axis.get_ticklabels()}  # some lie out of range and are hidden
        for text in figure.findobj(Text):
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                inside = box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1
                assert inside or id(text) in ticks, (name, text.get_text())
                assert text.get_fontsize() >= SMALLEST, (name, text.get_text())


def test_a_series_has_a_line_and_a_band_per_configuration_in_the_panel_of_its_problem(results: Sweep) -> None:
    table = measure_gap_curves(results)
    figure = paint(partial(draw_series, info=Series(table, "epoch", "epoch", "gap"), register=Register()), (5.2, 3))
    assert [plot.get_title(loc="left") for plot in figure.axes] == ["label_noise 0.0", "label_noise 0.1"]
    rows = table[(table["setting"] == "label_noise 0.1") & (table["choice"] == "TRADES 0.10")]
    drawn = figure.axes[1].lines[1]
    np.testing.assert_allclose(np.asarray(drawn.get_ydata(), float), rows["mean"])
    bands = [found for found in figure.axes[1].collections if isinstance(found, PolyCollection)]
    assert np.asarray(bands[1].get_paths()[0].vertices)[:, 1].max() == pytest.approx(rows["hi"].max())


def test_intervals_have_a_mark_per_checkpoint_and_a_ring_per_alarm(results: Sweep) -> None:
    table = measure_generalization(results)
    table = table.assign(alarm=table["mean"] == table["mean"].max())
    figure = paint(partial(draw_intervals, info=Intervals(table, "gap", mark="checkpoint")), (5.2, 3))
    (plot,) = figure.axes
    marks = [line for line in plot.lines if line.get_marker() not in ("None", None, "")]
    means = [np.sort(np.asarray(line.get_xdata(), float)) for line in marks]
    for drawn, name in zip(means, ("best", "last"), strict=True):
        np.testing.assert_allclose(drawn, np.sort(table.loc[table["checkpoint"] == name, "mean"]))
    rings = [found for found in plot.collections if isinstance(found, PathCollection)]
    offsets = np.concatenate([np.asarray(ring.get_offsets()).reshape(-1, 2) for ring in rings])
    assert offsets[:, 0].tolist() == [pytest.approx(table["mean"].max())]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["validation-selected epoch", "last epoch", "alarm"]


def test_points_are_on_equal_terms_with_the_line_of_equal_accuracy_and_costs_of_decades_on_a_log_axis() -> None:
    columns = {"setting": "", "choice": ["AT", "GAIRAT"], "weak": [0.5, 0.6], "weak_se": 0.01, "strong": [0.45, 0.4]}
    named = {"strong_se": np.nan, "attack": "PGD-20", "against": "AutoAttack", "alarm": [False, True]}
    info = compare_attacks(pd.DataFrame(columns | named))
    (plot,) = paint(partial(draw_points, info=info, register=Register()), size_points(info)).axes
    assert (plot.get_xlabel(), plot.get_title(loc="left")) == ("accuracy, PGD-20 (%)", "PGD-20")
    diagonal = plot.lines[-1].get_xydata()
    np.testing.assert_allclose(diagonal, [[0.4, 0.4], [0.6, 0.6]])
    (ring,) = [found for found in plot.collections if isinstance(found, PathCollection)]
    assert np.asarray(ring.get_offsets()).tolist() == [[0.6, 0.4]]
    costs = {"setting": "", "cost": "passes", "choice": ["a", "b"], "x": [1e3, 1e6], "x_lo": np.nan, "x_hi": np.nan}
    info = compare_costs(pd.DataFrame(costs | {"mean": [0.4, 0.5], "lo": np.nan, "hi": np.nan}), "accuracy")
    (plot,) = paint(partial(draw_points, info=info, register=Register()), size_points(info)).axes
    assert plot.get_xscale() == "log"


def test_bins_have_the_colours_of_their_counts_and_the_panel_its_correlation(results: Sweep) -> None:
    counts = count_examples(results, "t_y")
    info = show_difficulty(counts, correlate_examples(results), "target of the label")
    figure = paint(partial(draw_density, info=info), size_density(info))
    here = counts[counts["configuration"] == counts["configuration"].iloc[0]]
    (bins,) = [found for found in figure.axes[0].collections if isinstance(found, PolyCollection)]
    assert np.asarray(bins.get_array()).tolist() == here["count"].tolist()
    assert any(text.get_text().startswith("ρ ") for text in figure.axes[0].texts)


def test_a_panel_without_a_note_needs_no_room_for_it() -> None:
    columns = {"setting": "", "choice": "AT", "configuration": "c", "x_lo": [0.0], "x_hi": [1.0], "y_lo": [0.0]}
    table = pd.DataFrame(columns | {"y_hi": [2.0], "count": [3]})
    figure = paint(partial(draw_density, info=Density(table, "x", "y")), (3.25, 3))
    assert figure.axes[0].get_ylim() == (0, 2)


def test_an_empty_choice_has_no_entry_in_the_legend_of_points() -> None:
    table = pd.DataFrame({"panel": "p", "choice": "", "x": [1.0], "y": [0.5], "ring": False})
    table = table.assign(x_lo=np.nan, x_hi=np.nan, y_lo=np.nan, y_hi=np.nan)
    figure = paint(partial(draw_points, info=Points(table, {"p": "x"}, "y"), register=Register()), (3.25, 3))
    assert not figure.legends
