"""Curves along training: a problem a row, validation apart from a crowd, dots that were measured, axes that are cut."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure

from analysis.charts.curves import draw_curves, find_curve_limits, is_crowded, name_accuracy
from analysis.charts.groups import draw_groups
from analysis.charts.panels import describe_axis_start, equalize_ranges, list_settings, place_panels
from analysis.charts.saving import save_figure
from analysis.charts.text import write_percent
from analysis.measures.curves import collect_curves
from analysis.measures.difficulty import measure_profile_groups, open_profiles
from analysis.report.data import ReportData, collect_report_data
from analysis.report.figures import specify_curves, specify_groups
from analysis.results.page_cut import MAX_PANELS, cut_in_turn
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

FIVE = ("all", "friendly 108", "random 108", "friendly 96", "random 96")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Three methods and five subsets in two problems."""
    made = Made(methods=("A", "B", "C"), subsets=FIVE, epochs=12, faults=False)
    return collect_report_data(load_sweep(write_sweep(tmp_path_factory.mktemp("curves") / "crowd", made)))


def test_a_problem_has_its_own_rows_and_problems_of_one_panel_stand_side_by_side() -> None:
    assert place_panels(["a"] * 3 + ["b"] * 3, 5.2) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert place_panels(["a"] * 3 + ["b"] * 2, 3.25) == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]
    assert place_panels(["a"] * 4, 5.2) == [(0, 0), (0, 1), (1, 0), (1, 1)]  # as even as two rows allow
    assert place_panels(["a", "b", "c"], 5.2) == [(0, 0), (0, 1), (0, 2)]


@pytest.mark.long
def test_a_crowd_shows_test_alone_and_validation_in_a_figure_of_its_own(crowd: ReportData, whole: Path) -> None:
    slugs = [drawing.slug for drawing in specify_curves(crowd)]
    assert slugs == ["curves_robust", "curves_robust_validation", "curves_clean", "curves_clean_validation"]
    info = collect_curves(crowd.results, "pgd")
    assert info is not None and is_crowded(info)
    for split in ("test", "val"):
        figure = Figure(figsize=(5.2, 4))
        draw_curves(figure, info, crowd.register, split)
        (lines,) = (artist for artist in figure.axes[0].collections if isinstance(artist, LineCollection))
        first = next(iter(info.panels.values()))
        for drawn, line in zip(lines.get_segments(), first, strict=True):
            np.testing.assert_allclose(drawn, np.column_stack((line.epoch, line.of(split)[0])))
    assert [drawing.slug for drawing in specify_curves(collect_report_data(load_sweep(whole)))] == [
        "curves_robust",
        "curves_clean",
    ]


@pytest.mark.long
def test_thousands_of_points_are_a_picture_and_hundreds_are_lines(crowd: ReportData, tmp_path: Path) -> None:
    """An SVG of 60 curves of 200 epochs each had megabytes; a crowd of a few keeps its lines."""
    info = collect_curves(crowd.results, "pgd")
    assert info is not None
    accuracy, error = np.random.default_rng(0).random(200), np.full(200, 0.01)
    line = next(iter(info.panels.values()))[0]
    line = line._replace(epoch=np.arange(200), test=accuracy, test_se=error, val=accuracy, val_se=error)
    sizes = []
    for shown in (info, info._replace(panels=dict.fromkeys(info.panels, [line] * 60))):
        path = tmp_path / f"{len(sizes)}.svg"
        save_figure(partial(draw_curves, info=shown, register=crowd.register), (5.2, 4), [path])
        text = path.read_text()
        sizes.append(len(text))
        assert ("<image" in text) == (shown is not info)
    assert sizes[1] < 1_000_000


@pytest.mark.long
def test_training_under_the_attack_of_the_curves_is_drawn_beside_test(tmp_path: Path, whole: Path) -> None:
    """Where it was measured: robust alone, for clean training accuracy is of another protocol."""
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "train", Made(faults=False, train=True))))
    robust, clean, without = (
        collect_curves(results, kind)
        for results, kind in ((found.results, "pgd"), (found.results, "clean"), (load_sweep(whole), "pgd"))
    )
    assert robust is not None and clean is not None and without is not None
    assert robust.has("train") and not clean.has("train") and not without.has("train")
    lines = robust.panels["label_noise 0.1", "AT 0.10"]
    sweep, epochs = found.results.study_trials, found.results.epochs
    ids = sweep[(sweep["family"] == "AT 0.10") & (sweep["setting"] == "label_noise 0.1") & (sweep["subset"] == "all")]
    here = epochs[epochs["id"].isin(ids["id"])].pivot(index="epoch", columns="id", values="train_pgd_acc").dropna()
    np.testing.assert_allclose(lines[0].train, here.mean(axis=1))
    np.testing.assert_allclose(lines[0].train_se, here.sem(axis=1))
    figure = Figure(figsize=(5.2, 4))
    draw_curves(figure, robust, found.register)
    place = list(robust.panels).index(("label_noise 0.1", "AT 0.10"))
    drawn = [artist for artist in figure.axes[place].collections if isinstance(artist, LineCollection)]
    for collection, split in zip(drawn, ("test", "val", "train"), strict=True):
        for segment, line in zip(collection.get_segments(), lines, strict=True):
            np.testing.assert_allclose(segment[:, 1], line.of(split)[0])
    assert max(plot.get_ylim()[1] for plot in figure.axes) >= max(float(line.train.max()) for line in lines)
    assert [text.get_text() for text in figure.legends[0].get_texts()][3:6] == ["test", "validation", "training"]
    captions = {drawing.slug: drawing.caption for drawing in specify_curves(found)}
    assert captions.keys() == {"curves_robust", "curves_clean"}
    assert captions["curves_robust"].startswith("Robust accuracy, PGD-10; 3 seeds.")
    assert "Training accuracy is that on the examples trained on" in captions["curves_robust"]
    assert "raining" not in captions["curves_clean"] and captions["curves_clean"].startswith("Clean test accuracy;")


@pytest.mark.long
def test_of_a_crowd_training_has_a_figure_and_a_range_of_its_own(tmp_path: Path) -> None:
    made = Made(methods=("A",), subsets=FIVE, epochs=12, faults=False, profile=False, train=True)
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "crowd", made)))
    slugs = [drawing.slug for drawing in specify_curves(found) if "robust" in drawing.slug]
    assert slugs == ["curves_robust", "curves_robust_validation", "curves_robust_training"]
    info = collect_curves(found.results, "pgd")
    assert info is not None
    test, val, train = (find_curve_limits(info, split) for split in ("test", "val", "train"))
    assert test == val != train
    figure = Figure(figsize=(5.2, 4))
    draw_curves(figure, info, found.register, "train")
    (lines,) = (artist for artist in figure.axes[0].collections if isinstance(artist, LineCollection))
    first = next(iter(info.panels.values()))
    for segment, line in zip(lines.get_segments(), first, strict=True):
        np.testing.assert_allclose(segment[:, 1], line.train)
    assert name_accuracy(info, "train") == "robust training accuracy, PGD-10"


def test_a_further_attack_has_a_figure_of_its_own_without_validation(tmp_path: Path) -> None:
    """It is measured at its own epochs, and no figure of a checkpoint is: no dot either."""
    words = {"pgd": "PGD-10, linf, epsilon 0.1", "fgsm": "FGSM, linf, epsilon 0.1"}
    made = Made(noise=(0.0,), methods=("A",), subsets=FIVE, epochs=12, profile=False, faults=False, attacks=words)
    folder = write_sweep(tmp_path / "along", made)
    plan = json.loads((folder / "plan.json").read_text())
    plan["evaluate"]["along"] = {"fgsm": {"name": "fgsm", "every": 4}}
    (folder / "plan.json").write_text(json.dumps(plan))
    for path in folder.glob("trials/*/epochs.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        due = {row["epoch"]: {"test_fgsm_acc": row["test_pgd_acc"] + 0.1} for row in rows[3::4]}
        path.write_text("".join(json.dumps(row | due.get(row["epoch"], {})) + "\n" for row in rows))
    found = collect_report_data(load_sweep(folder))
    drawings = {drawing.slug: drawing for drawing in specify_curves(found)}
    robust, clean, further = (f"curves_{name}" for name in ("robust", "clean", "along_fgsm"))
    assert [*drawings] == [robust, f"{robust}_validation", clean, f"{clean}_validation", further]
    assert drawings[further].title == "Learning curves, accuracy under FGSM"
    assert drawings[further].caption.startswith("Robust test accuracy, FGSM;")
    assert "The dot" not in drawings[further].caption
    assert "The dot" in drawings[robust].caption
    figure = Figure(figsize=drawings[further].chart.size)
    drawings[further].chart.draw(figure)
    (lines,) = (artist for artist in figure.axes[0].collections if isinstance(artist, LineCollection))
    curves = collect_curves(found.results, "fgsm")
    assert curves is not None and len(lines.get_segments()) == len(FIVE)
    (panel,) = curves.panels.values()
    for drawn, line in zip(lines.get_segments(), panel, strict=True):
        assert drawn[:, 0].tolist() == [3, 7, 11]
        np.testing.assert_allclose(drawn[:, 1], line.test)
    dots = [artist for artist in figure.axes[0].collections if isinstance(artist, PathCollection)]
    assert not any(len(dot.get_offsets()) for dot in dots)


@pytest.mark.long
def test_the_dot_is_the_mean_of_what_each_seed_had_at_its_own_epoch(crowd: ReportData) -> None:
    """Between evaluations, at the median of some epochs, no accuracy was measured."""
    info = collect_curves(crowd.results, "pgd")
    assert info is not None
    sweep = crowd.results.study_trials
    for (setting, method), lines in info.panels.items():
        for line in lines:
            here = sweep[
                (sweep["setting"] == setting) & (sweep["family"] == method) & (sweep["subset_label"] == line.label)
            ]
            assert line.best_test == pytest.approx(here["best_test_pgd_acc"].mean())
    figure = Figure(figsize=(5.2, 4))
    draw_curves(figure, info, crowd.register)
    (dots,) = (artist for artist in figure.axes[0].collections if isinstance(artist, PathCollection))
    first = next(iter(info.panels.values()))
    np.testing.assert_allclose(dots.get_offsets(), [(line.best_epoch, line.best_test) for line in first])


def test_a_band_is_one_standard_error_about_the_mean_where_both_are_known(crowd: ReportData) -> None:
    info = collect_curves(crowd.results, "pgd")
    assert info is not None
    figure = Figure(figsize=(5.2, 4))
    draw_curves(figure, info, crowd.register)
    bands = [artist for artist in figure.axes[0].collections if isinstance(artist, PolyCollection)]
    first = next(iter(info.panels.values()))
    wide = [line for line in first if np.isfinite(line.test_se).any()]
    assert wide
    for outline, line in zip(bands[0].get_paths(), wide, strict=True):
        points = np.asarray(outline.vertices)
        at = points[np.isclose(points[:, 0], line.epoch[-1]), 1]
        last = [line.test[-1] - line.test_se[-1], line.test[-1] + line.test_se[-1]]
        np.testing.assert_allclose([at.min(), at.max()], last)


def test_an_axis_that_does_not_begin_at_zero_says_so(crowd: ReportData) -> None:
    info = collect_curves(crowd.results, "pgd")
    assert info is not None
    low = 100 * equalize_ranges(find_curve_limits(info))[0][0]
    assert low > 5
    (drawing, *_) = specify_curves(crowd)
    assert f"Vertical axes begin at {low:.0f} %, not at 0; lower values are cut off." in drawing.caption
    assert describe_axis_start([(-0.02, 0.9)]) == ""
    assert "begin at 20 to 70 %" in describe_axis_start([(0.2, 0.25), (0.7, 0.75)])


def test_panels_are_chosen_within_each_problem(tmp_path: Path) -> None:
    """The easier problem has the higher accuracies; it must not push the other's panels out."""
    made = Made(methods=tuple(f"M{n}x" for n in range(14)), subsets=("all", "random 96"), epochs=4, replicates=1)
    folder = write_sweep(tmp_path / "many", replace(made, profile=False, faults=False))
    info = collect_curves(load_sweep(folder), "pgd")
    assert info is not None and len(info.panels) == 28
    info = info.take(cut_in_turn(list_settings(info.panels), MAX_PANELS, info.best).rows)
    assert [list_settings(info.panels).count(f"label_noise {noise}") for noise in made.noise] == [MAX_PANELS // 2] * 2


def test_groups_have_percent_a_spread_over_trials_and_say_how_they_were_formed(crowd: ReportData) -> None:
    ranking = crowd.rankings[1]
    found = measure_profile_groups(crowd.results, ranking)
    assert set(found["n"]) == {2}
    records = open_profiles(crowd.results, ranking)
    group = np.minimum(np.floor(10 * (1 - ranking.ranks["difficulty"])).astype(int), 9)
    ends = [record["loss"][-1, group == 3].mean() for record in records]
    (row,) = found[(found["quantity"] == "loss") & (found["group"] == 3)].tail(1).to_dict("records")
    assert row["mean"] == pytest.approx(np.mean(ends), rel=1e-5)
    assert row["hi"] - row["mean"] == pytest.approx(np.std(ends, ddof=1) / np.sqrt(2), rel=1e-4)
    captions = [drawing.caption for drawing in specify_groups(crowd) if drawing.slug.startswith("groups")]
    assert len(captions) == 1 and "of which G0, G3, G6, G9 are drawn" in captions[0]
    assert "formed by the mean loss in these same trainings" in captions[0] and "standard error" in captions[0]
    figure = Figure(figsize=(5.2, 5))
    draw_groups(figure, {ranking.title: found})
    (plot,) = [plot for plot in figure.axes if "%" in plot.get_ylabel()]
    plot.set_ylim(0, 1)
    figure.draw_without_rendering()
    assert "100" in [label.get_text() for label in plot.get_yticklabels()]


def test_a_narrow_range_of_accuracies_has_three_ticks_at_least() -> None:
    figure = Figure(figsize=(1.6, 1.2))
    plot = figure.subplots()
    plot.set_ylim(0.7313, 0.7368)
    write_percent(plot)
    low, high = plot.get_ylim()
    assert sum(low <= tick <= high for tick in plot.get_yticks()) >= 3
