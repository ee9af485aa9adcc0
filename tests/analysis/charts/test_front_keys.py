"""Which point of a front is which: numbers by an ordered scale, names by colour and marker, the rest said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from analysis.charts.front import FAINT, draw_front, size_front
from analysis.charts.front_keys import PointKeys, assign_keys
from analysis.charts.front_numbers import MIN_CLEARANCE
from analysis.charts.styles import build_register
from analysis.measures.dominance import attainment
from analysis.measures.front import FrontData, compute_fronts
from analysis.measures.front_members import count_attaining
from analysis.measures.front_scale import find_chains
from analysis.report.data import collect_report_data
from analysis.report.figures import describe_band, specify_front
from analysis.results.sweep import load_sweep
from trainers.record_io import write_json
from trainers.record_reader import read_json

from ..synthetic import Made, write_study, write_sweep

SMALL = Made(noise=(0.1,), subsets=("all",), epochs=4, replicates=2, profile=False, faults=False)


def front_of(folder: Path) -> tuple[FrontData, PointKeys]:
    """Return the front of a sweep and the keys of its points, as a report assigns them."""
    results = load_sweep(folder)
    found = compute_fronts([results])
    return found, assign_keys(found, build_register([results.study_trials]))


def looks(found: FrontData, keys: PointKeys) -> list[tuple[str, str]]:
    """Return colour and marker of every point of the first panel."""
    return [tuple(keys.look(row)[:2]) for row in found.panels[0].points.to_dict("records")]  # type: ignore[misc]


def named(found: FrontData, keys: PointKeys) -> list[str]:
    """Return the names in the legend."""
    figure = Figure(figsize=size_front(found))
    draw_front(figure, found, keys)
    return [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]


@pytest.mark.long
def test_the_legend_of_twelve_configurations_is_half_as_tall_as_a_panel_in_a_column(tmp_path: Path) -> None:
    methods = ("AT 0.10", "TRADES 0.10", "MART 0.10", "AT 0.20")
    made = replace(SMALL, methods=methods, subsets=("all", "friendly 108", "random 108"), replicates=3)
    found, keys = front_of(write_sweep(tmp_path / "many", made))
    figure = Figure(figsize=size_front(found, 3.25), layout="constrained")
    FigureCanvasAgg(figure)
    draw_front(figure, found, keys)
    figure.draw_without_rendering()
    (legend,), (plot,) = figure.legends, figure.axes
    assert legend.get_window_extent().height < plot.get_window_extent().height / 2
    assert legend.get_window_extent().width <= figure.bbox.width
    assert all(text.get_fontsize() >= 6.5 for text in legend.get_texts())


@pytest.mark.long
def test_eight_numbers_are_a_scale_and_a_line_through_them_in_order(tmp_path: Path) -> None:
    """The values of GAIRAT's lambda, as its study lists them."""
    found, keys = front_of(write_study(tmp_path / "lam", "method.weight.lam", ("inf", 3, -1, 0, 1, 2, 4, 5), SMALL))
    scale = found.scale
    assert scale is not None and scale.labels == ("-1", "0", "1", "2", "3", "4", "5", "inf")
    assert len(set(looks(found, keys))) == 8
    (chain,) = find_chains(found.panels[0].points, found.scale)
    assert chain["scale"].tolist() == list(scale.labels)
    figure = Figure(figsize=size_front(found))
    draw_front(figure, found, keys)
    (line,) = [line for line in figure.axes[0].lines if line.get_gid() == "scale"]
    np.testing.assert_allclose(line.get_xydata(), chain[["x", "y"]].to_numpy())
    assert {f"lam {label}" for label in scale.labels} <= set(named(found, keys))
    assert "lam in order, all else equal" in named(found, keys)


@pytest.mark.long
def test_points_that_are_surely_on_the_front_have_a_black_edge(tmp_path: Path) -> None:
    made = Made(noise=(0.0,), subsets=("all", "friendly 60"), replicates=10, faults=False)
    found, keys = front_of(write_sweep(tmp_path / "sure", made))
    (panel,) = found.panels
    sure = panel.points.loc[panel.surely_on, ["x", "y"]].to_numpy()
    assert 0 < len(sure) < len(panel.points)
    figure = Figure(figsize=size_front(found))
    draw_front(figure, found, keys)
    edged = [line.get_xydata() for line in figure.axes[0].lines if line.get_markeredgecolor() == "black"]
    np.testing.assert_allclose(np.concatenate(edged), sure)
    assert "surely on the front" in named(found, keys)
    fell = panel.seeds.copy()
    fell[panel.surely_on, 0] = -np.inf
    assert not replace(panel, seeds=fell).surely_on.any(), "a seed collapsed"
    few, keys = front_of(write_sweep(tmp_path / "few", replace(made, replicates=2)))
    assert "surely on the front" not in named(few, keys)


def test_a_line_holds_all_else_equal(tmp_path: Path) -> None:
    made = replace(SMALL, subsets=("all", "random 108"))
    found, keys = front_of(write_study(tmp_path / "lam", "method.weight.lam", tuple(range(9)), made))
    chains = find_chains(found.panels[0].points, found.scale)
    assert [len(chain) for chain in chains] == [9, 9]
    assert all(chain["subset_label"].nunique() == 1 for chain in chains)
    assert len(set(looks(found, keys))) == 18 and {"all", "random 108"} <= set(named(found, keys))


def test_a_search_has_no_scale(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "search", "method.weight.lam", tuple(range(9)), SMALL)
    plan = read_json(folder / "plan.json")
    write_json(folder / "plan.json", plan | {"trials": [trial | {"generation": 0} for trial in plan["trials"]]})
    assert compute_fronts([load_sweep(folder)]).scale is None


@pytest.mark.parametrize(("methods", "subsets"), [(8, 1), (12, 1), (30, 1), (9, 5)])
def test_more_names_than_colours_have_a_colour_and_a_marker_each(tmp_path: Path, methods: int, subsets: int) -> None:
    chosen = ("all", *(f"random {10 * size}" for size in range(1, subsets)))
    made = replace(SMALL, methods=tuple(f"M{n}x" for n in range(methods)), subsets=chosen, replicates=1)
    found, keys = front_of(write_sweep(tmp_path / "many", made))
    assert len(set(looks(found, keys))) == methods * subsets
    texts = named(found, keys)
    for method in made.methods:
        assert any(text.split(" · ")[0] == method for text in texts)
    assert keys.indistinct == ()


@pytest.mark.long
def test_caption_names_the_axes_that_look_alike(tmp_path: Path) -> None:
    made = replace(SMALL, methods=tuple(f"M{n}x" for n in range(71)), replicates=1)
    _, keys = front_of(write_sweep(tmp_path / "most", made))
    assert keys.indistinct == ("methods",)
    assert "Methods are not told apart by colour and marker" in keys.words
    (drawing,) = specify_front(collect_report_data(load_sweep(tmp_path / "most")))
    assert keys.words in drawing.caption and "tables/front.csv" in drawing.caption


@pytest.mark.parametrize("n", range(2, 9))
def test_bands_say_of_how_many_seeds_they_are(n: int) -> None:
    """Seed s alone reaches (s, s): a surface's only corner says how many seeds attain it."""
    points = np.arange(1.0, n + 1)[:, None].repeat(2, axis=1)
    corners = attainment(points, np.arange(n))
    for (percentile, surface), count in zip(corners.items(), count_attaining(n), strict=True):
        reached = sum((point >= surface[0]).all() for point in points)
        assert reached == count == math.ceil(percentile * n / 100)


@pytest.mark.long
@pytest.mark.parametrize(
    ("seeds", "words", "legend"),
    [
        (
            2,
            "over 2 seeds lies between the surfaces that at least 1 and at least 2 of them attain, the whole range",
            "attained by 1 to 2 of 2 seeds",
        ),
        (
            3,
            "over 3 seeds lies between the surfaces that at least 1 and at least 3 of them attain, the whole range",
            "attained by 1 to 3 of 3 seeds",
        ),
        (
            5,
            "at least 2 and at least 4 of them attain; its dotted line is the surface that at least 3 attain",
            "attained by 2 to 4 of 5 seeds",
        ),
    ],
)
def test_the_caption_says_what_the_band_is(tmp_path: Path, seeds: int, words: str, legend: str) -> None:
    folder = write_sweep(tmp_path / "seeds", replace(SMALL, replicates=seeds))
    (drawing,) = specify_front(collect_report_data(load_sweep(folder)))
    assert words in drawing.caption and "A band is not a standard error." in drawing.caption
    assert "Bars and bands" not in drawing.caption
    texts = named(*front_of(folder))
    assert legend in texts and not any("%" in text for text in texts)


def test_one_seed_has_no_band_to_speak_of(tmp_path: Path) -> None:
    assert (
        describe_band(compute_fronts([load_sweep(write_sweep(tmp_path / "one", replace(SMALL, replicates=1)))])) == ""
    )


@pytest.mark.long
def test_numbers_of_members_never_cover_each_other(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "crowd", replace(SMALL, methods=tuple(f"M{n}x" for n in range(200)), replicates=1))
    for n, path in enumerate(sorted(folder.glob("trials/*/result.json"))):
        result = read_json(path)
        place = {"test_clean_acc": 0.8 + 0.0002 * n, "test_aa_acc": 0.5 - 0.0002 * n}  # all are members
        write_json(path, result | {"best": result["best"] | place})
    found, keys = front_of(folder)
    figure = Figure(figsize=size_front(found), layout="constrained")
    draw_front(figure, found, keys)
    FigureCanvasAgg(figure).draw()
    texts = [text for text in figure.axes[0].texts if isinstance(text, Annotation)]
    assert 5 < len(texts) < 200
    at = [figure.axes[0].transData.transform(text.xy) + np.array(text.xyann) * figure.dpi / 72 for text in texts]
    assert nearest(at) >= MIN_CLEARANCE * figure.dpi / 72 - 1e-6


def nearest(places: Sequence[np.ndarray]) -> float:
    """Return the least distance between any two."""
    return min(float(np.linalg.norm(one - other)) for one, other in combinations(places, 2))


@pytest.mark.long
@pytest.mark.parametrize(("by", "coloured"), [(("method",), 2), (("method", "subset"), 6)])
def test_each_group_has_a_colour_and_a_line_and_what_it_dominates_is_faint(
    whole: Path, by: tuple[str, ...], coloured: int
) -> None:
    results = load_sweep(whole)
    found = compute_fronts([results], by=by)
    keys = assign_keys(found, build_register([results.study_trials]))
    assert keys.by_colour == ("curve",) and len(set(keys.colours.values())) == coloured == len(found.curves)
    figure = Figure(figsize=size_front(found))
    draw_front(figure, found, keys, log=True)
    names = [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]
    assert set(found.curves) < set(names) and "joint front, numbered" in names
    assert ("off its front" in names) == any((~panel.points["on_own_front"]).any() for panel in found.panels)
    for plot, panel in zip(figure.axes, found.panels, strict=True):
        assert plot.get_xscale() == plot.get_yscale() == "log"
        bars = [drawn for drawn in plot.containers if isinstance(drawn, ErrorbarContainer)]
        marks = [drawn.lines[0] for drawn in bars if drawn.lines[0] is not None]
        faint = sum(len(np.asarray(line.get_xdata())) for line in marks if line.get_alpha() == FAINT)
        assert faint == int((~panel.points["on_own_front"]).sum())


@pytest.mark.long
@pytest.mark.parametrize("least", [0.002, 0.0])
def test_outlines_on_logarithmic_axes_are_positive_and_reach_below_every_accuracy(whole: Path, least: float) -> None:
    found = compute_fronts([load_sweep(whole)])
    panel = found.panels[0]
    trials = panel.trials.copy()
    trials.loc[trials.index[0], ["x", "y"]] = least  # beside accuracies of tens of percent
    found = replace(found, panels=[replace(panel, trials=trials)])
    figure = Figure(figsize=size_front(found))
    draw_front(figure, found, assign_keys(found, build_register([load_sweep(whole).study_trials])), log=True)
    ends = [line.get_xydata() for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    corner = np.min([np.asarray(outline).min(axis=0) for outline in ends], axis=0)
    shown = trials[["x", "y"]].to_numpy()
    assert (corner > 0).all() and (corner < np.where(shown > 0, shown, 1.0).min(axis=0)).all()
