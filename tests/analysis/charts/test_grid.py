"""Accuracy along a knob of a grid: which lines there are, where they run, and what is left to points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.charts.grid import draw_grid, list_coloured, pick_style, place_values, size_grid
from analysis.charts.saving import save_figure
from analysis.charts.styles import PALETTE, Register
from analysis.measures.constant_networks import count_constant
from analysis.measures.grid import Grid, collect_grids
from analysis.measures.knobs import collect_knobs
from analysis.results.sweep import Sweep, load_sweep
from trainers.record_io import write_json
from trainers.record_reader import read_json

from ..synthetic import Made, name_one_class, write_study

METRICS = ["test_pgd20_acc", "test_clean_acc"]
LAM = "method.weight.lam"


def only(results: Sweep) -> Grid:
    (found,) = collect_grids(results, METRICS)
    return found


def test_a_point_is_the_mean_over_seeds_at_both_epochs(tmp_path: Path) -> None:
    results = load_sweep(write_study(tmp_path / "lam", LAM, (2, "inf", -1)))
    grid = only(results)
    assert (grid.knob, grid.labels) == ("lam", ["-1", "2", "inf"])
    assert place_values(grid.values).tolist() == [-1, 2, 5]  # infinity as far beyond as the others lie apart
    (line,) = grid.lines
    for place, label in enumerate(grid.labels):
        trials = results.study_trials[results.study_trials[LAM] == label]
        for metric, which in np.ndindex(2, 2):
            values = trials[f"{('best', 'last')[which]}_{METRICS[metric]}"]
            assert line.means[place, metric, which] == pytest.approx(values.mean())
            assert line.errors[place, metric, which] == pytest.approx(values.sem())
    assert collect_knobs(results, METRICS) is None


def test_everything_else_tells_lines_apart(tmp_path: Path) -> None:
    made = Made(noise=(0.0, 0.1), subsets=("all", "random 108"))
    grid = only(load_sweep(write_study(tmp_path / "lam", LAM, (0, 1, 2), made)))
    names = [line.name for line in grid.lines]
    assert len(names) == 4 and "label_noise 0.1 · random 108" in names
    assert list_coloured(grid) == names


def test_a_value_that_did_not_complete_is_no_point(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "lam", LAM, (0, 1, 2, 3))
    for path in folder.glob("trials/*method=1*/result.json"):
        write_json(path, read_json(path) | {"status": "diverged", "diverged": {"epoch": 1, "why": "loss is nan"}})
    (line,) = only(load_sweep(folder)).lines
    assert line.positions.tolist() == [0, 2, 3]


def test_a_value_with_a_constant_network_is_no_point_and_is_counted(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "lam", LAM, (0, 1, 2, 3))
    name_one_class(folder, "*method=1*seed=0", "last")
    results = load_sweep(folder)
    (line,) = only(results).lines
    assert line.positions.tolist() == [0, 2, 3] and count_constant(results.completed) == 1


@pytest.mark.parametrize("width", [3.25, 5.2, 7.0])
def test_any_number_of_metrics_has_as_many_panels(tmp_path: Path, width: float) -> None:
    results = load_sweep(write_study(tmp_path / "lam", LAM, (0, 1, 2)))
    (grid,) = collect_grids(results, [*METRICS, "test_pgd_acc"])
    figure = Figure(figsize=size_grid(grid, width))
    draw_grid(figure, grid, Register())
    assert [plot.get_title().replace("\n", " ") for plot in figure.axes] == [f"{title} (%)" for title in grid.titles]


def test_values_over_decades_lie_evenly(tmp_path: Path) -> None:
    grid = only(load_sweep(write_study(tmp_path / "lr", "optimizer.lr", ("1e-3", 0.01, 0.1))))
    np.testing.assert_allclose(place_values(grid.values), [-3, -2, -1])


@pytest.mark.parametrize("values", [(0, 1), ("ce", "kl", "margin"), tuple(range(9))])
def test_two_values_names_and_many_values_have_no_lines(tmp_path: Path, values: tuple[object, ...]) -> None:
    assert collect_grids(load_sweep(write_study(tmp_path / "few", LAM, values)), METRICS) == []


def test_values_drawn_with_other_knobs_are_points_without_a_line(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "search", LAM, (0, 1, 2, 3))
    plan = read_json(folder / "plan.json")
    plan["axes"].append("optimizer.lr")
    for trial in plan["trials"]:
        rate = 0.1 + trial["values"][LAM] ** 2
        trial["axes"]["optimizer.lr"], trial["values"]["optimizer.lr"] = str(rate), rate
    write_json(folder / "plan.json", plan)
    results = load_sweep(folder)
    assert collect_grids(results, METRICS) == []
    info = collect_knobs(results, METRICS)
    assert info is not None and [knob.name for knob in info.knobs] == ["lam", "lr"]


def test_a_search_has_no_lines_by_chance(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "search", LAM, (0, 1, 2, 3))
    plan = read_json(folder / "plan.json")
    write_json(folder / "plan.json", plan | {"trials": [trial | {"generation": 0} for trial in plan["trials"]]})
    assert collect_grids(load_sweep(folder), METRICS) == []
    assert collect_knobs(load_sweep(folder), METRICS) is not None


@pytest.mark.long
def test_more_lines_than_colours_are_told_apart_by_the_axis_with_most_values(tmp_path: Path) -> None:
    made = Made(noise=(0.0, 0.1), subsets=("all", "random 108", "random 96", "friendly 108"), replicates=2)
    grid = only(load_sweep(write_study(tmp_path / "lam", LAM, (0, 1, 2), made)))
    assert len(grid.lines) == 8 > len(PALETTE)
    styles = Register().assign_styles(list_coloured(grid))
    assert list(styles) == list(made.subsets)
    assert {pick_style(line, styles) for line in grid.lines} == set(styles.values())
    assert all(pick_style(line, styles) == styles[line.labels["subset"]] for line in grid.lines)

    def draw(figure: Figure) -> None:
        draw_grid(figure, grid, Register())

    save_figure(draw, size_grid(grid), [tmp_path / "many.png", tmp_path / "many.svg"])
    assert (tmp_path / "many.png").stat().st_size > 5_000
    unlike = grid._replace(lines=[line._replace(labels={"x": str(i)}) for i, line in enumerate(grid.lines)])
    assert list_coloured(unlike) == [] and {pick_style(line, {}).colour for line in unlike.lines} == {PALETTE[0]}
