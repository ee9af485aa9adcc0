"""What figures show is tested as arrays; that they can be drawn is tested as files."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from importlib.resources import as_file, files
from io import BytesIO
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from analysis.charts.curves import draw_curves
from analysis.charts.effects import draw_effects
from analysis.charts.front import draw_front, size_front
from analysis.charts.front_keys import PointKeys, assign_keys
from analysis.charts.gallery import build_wall, plot_gallery
from analysis.charts.panels import align_ranges, create_panels, list_settings, size_panels, title_panels
from analysis.charts.rows import size_rows
from analysis.charts.saving import save_figure
from analysis.charts.sizes import draw_sizes
from analysis.charts.styles import Register, build_register
from analysis.charts.text import wrap_axis_label, wrap_metric_title, wrap_title
from analysis.measures.curves import CurveLine, Curves, collect_curves
from analysis.measures.differences import collect_effects
from analysis.measures.front import FrontData, compute_fronts
from analysis.measures.front_members import number_members
from analysis.measures.gallery import collect_gallery
from analysis.measures.overfitting import collect_gaps
from analysis.measures.subsets import Sizes, collect_sizes, tabulate_sizes
from analysis.report.data import ReportData, collect_report_data
from analysis.report.figures import (
    specify_curves,
    specify_effects,
    specify_front,
    specify_gaps,
    specify_groups,
    specify_rankings,
)
from analysis.results.axes import SEPARATOR
from analysis.results.page_cut import MAX_PANELS, cut_in_turn
from analysis.results.sweep import Sweep, load_sweep
from trainers.extremes import PER_CLASS, select_extremes

from ..synthetic import Made, write_study, write_sweep

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def found(whole: Path) -> ReportData:
    return collect_report_data(load_sweep(whole))


def front_keys(found: FrontData, sweeps: list[Sweep]) -> PointKeys:
    """Return the keys of a front, as `analysis.pareto` assigns them."""
    return assign_keys(found, build_register([sweep.study_trials for sweep in sweeps], found.sweeps))


def test_learning_curves_are_means_over_seeds(found: ReportData) -> None:
    info = collect_curves(found.results, "pgd")
    assert info is not None and info.y_title == "robust test accuracy, PGD-10"
    assert list(info.panels) == [(f"label_noise {n}", m) for n in ("0.0", "0.1") for m in ("AT 0.10", "TRADES 0.10")]
    assert title_panels(info.panels)[0] == "AT 0.10\nlabel_noise 0.0"
    line = info.panels["label_noise 0.1", "AT 0.10"][0]
    sweep, epochs = found.results.study_trials, found.results.epochs
    ids = sweep[(sweep["family"] == "AT 0.10") & (sweep["setting"] == "label_noise 0.1") & (sweep["subset"] == "all")]
    here = epochs[epochs["id"].isin(ids["id"])].pivot(index="epoch", columns="id", values="test_pgd_acc").dropna()
    assert (line.label, line.n) == ("all", 3)
    assert line.epoch.tolist() == here.index.tolist()
    np.testing.assert_allclose(line.test, here.mean(axis=1))
    np.testing.assert_allclose(line.test_se, here.sem(axis=1))
    assert line.best_epoch == ids["best_epoch"].median()


def test_a_metric_that_was_not_measured_has_no_curves(found: ReportData) -> None:
    assert collect_curves(found.results, "aa") is None


def test_gaps_are_those_of_the_table(found: ReportData) -> None:
    info = collect_gaps(found.gaps, "PGD-10")
    assert info is not None and len(info.names) == 12
    np.testing.assert_allclose(info.peak - info.last, info.gap)
    assert (info.floor > 0).all()


def test_effects_pair_both_checkpoints(found: ReportData) -> None:
    info = collect_effects(found.subset_effects, "test_aa_acc", "robust accuracy")
    assert info is not None and len(info.names) == 12
    pairs = list(zip(info.settings, info.names, strict=True))
    place = pairs.index(("label_noise 0.1", "AT 0.10 · friendly 108 − random 108"))
    assert info.last[place, 0] > info.selected[place, 0] > 0  # selection on validation recovers a part


def of_two_sizes(table: pd.DataFrame) -> pd.DataFrame:
    """Return friendly subsets of 96 examples beside those of 108."""
    return pd.concat([table, table[table["subset_kind"] == "friendly"].assign(subset_size=96)])


def test_sizes_need_two_of_one_kind(found: ReportData) -> None:
    table = tabulate_sizes(found.results, "test_aa_acc")
    assert collect_sizes(table, "test_aa_acc", "robust") is None  # a point a kind, which the effects show
    info = collect_sizes(of_two_sizes(table), "test_aa_acc", "robust")
    assert info is not None
    assert {line.kind for line in info.panels["label_noise 0.1", "AT 0.10"]} == {"all", "friendly", "random"}
    # a search draws knobs and subset together: a panel a configuration, of one size each, says nothing of sizes
    alone = of_two_sizes(table)
    assert collect_sizes(alone.assign(family=[f"lr {n}" for n in range(len(alone))]), "test_aa_acc", "robust") is None
    many = pd.concat([alone.assign(family=alone["family"] + f" lr {n}") for n in range(5)])
    crowd = collect_sizes(many, "test_aa_acc", "robust")
    assert crowd is not None and len(crowd.panels) == 20
    more = collect_sizes(pd.concat([many, many.assign(family=many["family"] + " b")]), "test_aa_acc", "robust")
    assert more is not None and len(more.panels) == 40
    more = more.take(cut_in_turn(list_settings(more.panels), MAX_PANELS).rows)
    settings = list_settings(more.panels)  # of each problem, in turn
    assert [settings.count(setting) for setting in dict.fromkeys(settings)] == [MAX_PANELS // 2] * 2


def test_the_gallery_marks_every_flipped_example_it_shows(found: ReportData) -> None:
    clean, noisy = (collect_gallery(found.results, ranking) for ranking in found.rankings)
    assert clean is not None and noisy is not None
    assert clean.classes == [str(label) for label in range(10)] and not clean.flipped.any()
    ranking = found.rankings[1]
    shown = np.concatenate([select_extremes(ranking.rank, ranking.y == c) for c in range(10)])
    wall = build_wall(noisy)
    assert len(wall.flips) == noisy.flipped.sum() == ranking.flipped[shown[shown >= 0]].sum() > 0
    assert wall.pixels.dtype == np.uint8 and wall.pixels.shape[0] == 10 * wall.tile


def test_a_gallery_enlarges_small_images_and_its_svg_holds_their_pixels(found: ReportData, tmp_path: Path) -> None:
    info = collect_gallery(found.results, found.rankings[0])
    assert info is not None
    wall, side = build_wall(info), info.images.shape[2]
    zoom = wall.tile // side - 1  # the frame is narrower than a pixel of the image
    border = (wall.tile - zoom * side) // 2
    image = wall.pixels[border : wall.tile - border, border : wall.tile - border, 0]
    assert zoom >= 8, "so many that pixels of the image have sharp edges at any size on a page"
    np.testing.assert_equal(image, np.kron(info.images[0, 0, :, :, 0], np.ones((zoom, zoom))))
    plot_gallery(info).save(tmp_path / "gallery.svg")
    embedded = re.search(r'base64,([^"]+)"', (tmp_path / "gallery.svg").read_text())
    assert embedded is not None
    pixels = np.asarray(Image.open(BytesIO(b64decode(embedded[1]))).convert("RGB"))
    np.testing.assert_equal(pixels, wall.pixels)


def test_extremes_are_the_ends_of_a_class_and_never_shared() -> None:
    rank = np.arange(30) / 30
    chosen = select_extremes(rank, np.arange(30) % 2 == 0)
    assert chosen.tolist() == [0, 2, 4, 6, 8, 20, 22, 24, 26, 28]
    few = select_extremes(rank, np.arange(30) < 5)
    assert few.tolist() == [0, 1, *[-1] * (2 * PER_CLASS - 4), 3, 4]


def test_members_are_numbered_by_falling_clean_accuracy(found: ReportData) -> None:
    assert found.front is not None
    for panel in found.front.panels:
        members = number_members(panel)
        assert list(members["number"]) == list(range(1, len(members) + 1))
        assert (np.diff(members["x"]) <= 0).all()


def test_lines_and_points_of_a_sweep_have_one_colour(tmp_path: Path) -> None:
    """Also where the first problem has points of the second sweep alone."""
    small = Made(study="b", noise=(0.0, 0.1), methods=("AT",), subsets=("all",), epochs=4, faults=False, profile=False)
    first = write_sweep(tmp_path / "b", small)
    for path in first.glob("trials/*noise=0.0*/result.json"):
        path.unlink()
    other = write_sweep(tmp_path / "c", replace(small, study="c", noise=(0.0,)))
    sweeps = [load_sweep(first), load_sweep(other)]
    info = compute_fronts(sweeps)
    figure = Figure()
    draw_front(figure, info, front_keys(info, sweeps))
    (legend,) = figure.legends
    marks = [mark for mark in legend.legend_handles if isinstance(mark, Line2D)]
    named = {str(mark.get_label()): mark.get_color() for mark in marks}
    lines = [line.get_color() for plot in figure.axes for line in plot.lines if line.get_zorder() == 2]
    assert [name for panel in info.panels for name in panel.points["sweep"]] == ["c", "b"]
    assert lines == [named["c"], named["b"]]


def test_no_axis_of_accuracies_goes_beyond_all_of_them() -> None:
    """The panel of the narrow curves spans as much as that of the wide ones, downward where they lie at the top."""

    def line(low: float, high: float) -> CurveLine:
        rising, none = np.linspace(low, high, 9), np.full(9, np.nan)
        return CurveLine("", np.arange(9), 8.0, high, 1, rising, none, rising, none, none, none)

    figure = Figure()
    draw_curves(
        figure, Curves("clean", {("", "wide"): [line(0.1, 0.3)], ("", "narrow"): [line(0.96, 0.99)]}), Register()
    )
    limits = [plot.get_ylim() for plot in figure.axes]
    assert limits[1][1] == pytest.approx(1.01)
    assert np.diff(limits[0]) == pytest.approx(np.diff(limits[1]))


def test_panels_of_sizes_stand_in_the_order_of_the_axes(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), subsets=("friendly 96", "friendly 108"))
    results = load_sweep(write_study(tmp_path / "sizes", "method.attack.epsilon", (12, 8, 4), made))
    info = collect_sizes(tabulate_sizes(results, "test_aa_acc"), "test_aa_acc", "robust")
    assert info is not None and title_panels(info.panels) == ["epsilon 4", "epsilon 8", "epsilon 12"]
    assert [line.k.tolist() for lines in info.panels.values() for line in lines] == [[96, 108]] * 3


def test_accuracy_against_size_is_drawn_for_both_accuracies(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), subsets=("all", "friendly 108", "friendly 96"), profile=False, faults=False)
    drawings = list(specify_effects(collect_report_data(load_sweep(write_sweep(tmp_path / "sizes", made)))))
    assert [drawing.slug for drawing in drawings] == ["effects", "k_robust", "k_clean"]
    for drawing in drawings:
        save_figure(drawing.chart.draw, drawing.chart.size, [tmp_path / f"{drawing.slug}.png"])
        assert (tmp_path / f"{drawing.slug}.png").stat().st_size > 5_000


def test_panels_whose_curves_lie_near_have_one_range() -> None:
    plots = Figure().subplots(2)
    align_ranges(plots, [(0.4, 0.6), (0.5, 0.7)])
    assert plots[0].get_ylim() == plots[1].get_ylim() == pytest.approx((0.4, 0.7))


def test_methods_are_lines_of_one_panel_where_no_subset_varies(tmp_path: Path) -> None:
    """So that a knob's values can be compared by eye; more than one would compare one by one have panels."""
    made = Made(noise=(0.0, 0.1), subsets=("all",))
    info = collect_curves(load_sweep(write_study(tmp_path / "few", "method.weight.lam", (0, 1, -1), made)), "pgd")
    assert info is not None
    assert {key: [line.label for line in lines] for key, lines in info.panels.items()} == {
        (f"label_noise {noise}", ""): ["lam -1", "lam 0", "lam 1"] for noise in made.noise
    }
    many = collect_curves(load_sweep(write_study(tmp_path / "many", "method.weight.lam", tuple(range(9)))), "pgd")
    assert many is not None and len(many.panels) == 9


def test_a_dollar_in_a_name_is_a_dollar(tmp_path: Path) -> None:
    save_figure(lambda figure: figure.subplots().set_title("at $_$ a piece"), (2, 2), [tmp_path / "one.png"])
    assert (tmp_path / "one.png").exists()


def test_the_gallery_of_a_ranking_from_a_file_claims_no_seeds(found: ReportData) -> None:
    read = replace(found, rankings=[replace(ranking, trials=()) for ranking in found.rankings])
    captions = [drawing.caption for drawing in specify_rankings(read) if drawing.slug.startswith("gallery")]
    assert len(captions) == 2 and all("as given in its file" in text and "seed" not in text for text in captions)


def test_a_title_is_broken_where_its_parts_meet() -> None:
    assert wrap_metric_title("robust test accuracy, PGD-50", 29) == "robust test accuracy,\nPGD-50 (%)"
    assert wrap_title("TRADES 0.10 · lr 0.05\nlabel_noise 0.1", 29) == "TRADES 0.10 · lr 0.05\nlabel_noise 0.1"
    long = wrap_title("epsilon 0.05 · weight_decay 1.535e-05 · trades", 29)
    assert long == "epsilon 0.05\nweight_decay 1.535e-05\ntrades"
    longer = wrap_title("bandit of four attacks and nine budgets · lr 0.1", 29)
    assert longer == "bandit of four attacks and\nnine budgets · lr 0.1"


def test_a_label_is_not_broken_within_brackets() -> None:
    assert wrap_axis_label("d by mean loss (1: easiest)", 1.8) == "d by mean loss\n(1: easiest)"
    assert wrap_axis_label("d (of a remark longer than a line)", 1.8).startswith("d (of a remark longer\n")


@given(st.lists(st.text("ab1. -()", min_size=1, max_size=70), min_size=1, max_size=5))
def test_a_wrapped_title_keeps_every_letter_and_no_line_is_too_long(parts: list[str]) -> None:
    lines = wrap_title(SEPARATOR.join(parts), 29).splitlines()
    assert all(len(line) <= 29 for line in lines)
    shown, meant = ("".join("".join(text).split()).replace("·", "") for text in (lines, parts))
    assert shown == meant


def test_titles_of_panels_lie_over_nothing_and_within_the_figure() -> None:
    """A search draws its numbers, so that every panel has a long name of its own."""
    titles = [
        f"epsilon 0.0537{n} · weight_decay 1.535e-0{n} · momentum 0.9123{n} · trades\nlabel_noise 0.1" for n in range(4)
    ]
    problems = [""] * 4
    figure = Figure(figsize=size_panels(titles, problems, 5.2), layout="constrained")
    with as_file(files("analysis.charts") / "house.mplstyle") as style, matplotlib.rc_context(fname=style):
        plots = create_panels(figure, titles, problems, "epoch", "robust accuracy (%)")
        FigureCanvasAgg(figure).draw()
        boxes = [
            text.get_window_extent()
            for plot in plots
            for text in plot.get_children()
            if isinstance(text, Text) and text.get_text()
        ]
        boxes += [plot.get_window_extent() for plot in plots]
    assert len(boxes) == 8
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert min(box.height for box in boxes[4:]) > 80  # the titles' lines are not taken from the panels


def test_a_long_name_of_an_attack_is_not_cut_off_by_the_figure(whole: Path) -> None:
    """Two attacks that begin alike are told apart by more words, which one panel's height does not hold in a line."""
    plain = collect_report_data(load_sweep(whole))
    assert plain.front is not None
    long = "robust test accuracy, AutoAttack custom (apgd-ce + apgd-t) on 500 images"
    named = replace(plain.front, panels=(replace(plain.front.panels[0], y_title=long),))
    sizes_found = collect_sizes(of_two_sizes(tabulate_sizes(plain.results, "test_aa_acc")), "test_aa_acc", long)
    effects = collect_effects(plain.subset_effects, "test_aa_acc", long)
    assert sizes_found is not None and effects is not None
    one = Sizes(long, dict(list(sizes_found.panels.items())[:1]))
    sizes = size_panels(title_panels(one.panels), list_settings(one.panels), 5.2)
    drawn = (
        (lambda figure: draw_front(figure, named, assign_keys(named, plain.register)), size_front(named)),
        (lambda figure: draw_sizes(figure, one, Register()), sizes),
        (lambda figure: draw_effects(figure, effects), size_rows(effects.names, effects.settings)),
    )
    for draw, size in drawn:
        figure = Figure(figsize=size, layout="constrained")
        with as_file(files("analysis.charts") / "house.mplstyle") as style, matplotlib.rc_context(fname=style):
            draw(figure)
            FigureCanvasAgg(figure).draw()
            (label,) = [text for text in figure.findobj(Text) if "AutoAttack" in text.get_text().replace("\n", " ")]
            box = label.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


def test_every_mark_of_two_sweeps_has_a_name(tmp_path: Path) -> None:
    """A sweep that varies no subset trains on one all the same; one that varies no method says so."""

    def marks(other: Made) -> list[str]:
        figure = Figure()
        sweeps = [mixed, load_sweep(write_sweep(tmp_path / other.study, other))]
        found = compute_fronts(sweeps)
        draw_front(figure, found, front_keys(found, sweeps))
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        return texts[: next(n for n, text in enumerate(texts) if text.startswith("front over means of seeds"))]

    small = Made(study="mixed", epochs=4, noise=(0.1,), profile=False, faults=False)
    mixed = load_sweep(write_sweep(tmp_path / "mixed", small))
    many = replace(small, study="many", methods=tuple(f"AT {n}" for n in range(9)), subsets=("all",))
    combined = marks(many)  # nine methods beside three subsets: each combination has a colour and a marker of its own
    assert len(combined) == len(set(combined)) == 6 + 9 and "many · AT 3 · all" in combined
    one = replace(small, study="one", methods=("AT 0.20",))
    pairs = [f"{method} · {subset}" for method in ("AT 0.10", "TRADES 0.10") for subset in small.subsets]
    assert marks(one) == ["mixed", "one", *pairs, *(f"not varied · {subset}" for subset in small.subsets)]


def test_surfaces_say_the_seeds_that_they_are_over(tmp_path: Path) -> None:
    small = Made(study="three", epochs=4, noise=(0.1,), profile=False, faults=False)
    single = replace(small, study="single", replicates=1)
    figure = Figure()
    found = compute_fronts([load_sweep(write_sweep(tmp_path / made.study, made)) for made in (small, single)])
    draw_front(figure, found, assign_keys(found, Register()))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "attained by 2 of 3 seeds" in texts  # one seed has no surface


def test_every_figure_draws_and_says_its_seeds(found: ReportData, tmp_path: Path) -> None:
    parts = (specify_front, specify_effects, specify_curves, specify_gaps, specify_groups, specify_rankings)
    drawings = [drawing for part in parts for drawing in part(found)]
    assert len({drawing.slug for drawing in drawings}) == len(drawings) == 8
    for drawing in drawings:
        assert "seed" in drawing.caption
        save_figure(drawing.chart.draw, drawing.chart.size, [tmp_path / f"{drawing.slug}.svg"])
        assert (tmp_path / f"{drawing.slug}.svg").read_text().rstrip().endswith("</svg>")


def test_equal_records_give_equal_files(found: ReportData, tmp_path: Path) -> None:
    (drawing,) = specify_gaps(found)
    for name in ("one", "two"):
        save_figure(drawing.chart.draw, drawing.chart.size, [tmp_path / f"{name}.png", tmp_path / f"{name}.svg"])
    for kind in ("png", "svg"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()
