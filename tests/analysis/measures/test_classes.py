"""Accuracy class by class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.charts.classes import draw_classes, size_classes
from analysis.charts.saving import save_figure
from analysis.measures.classes import abbreviate_class, collect_classes, name_class, tabulate_classes
from analysis.measures.subsets import count_classes
from analysis.report.data import collect_report_data
from analysis.report.figures import specify_classes
from analysis.results.page_cut import PAGE_ROWS, cut_each
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

ONE = Made(noise=(0.0,), methods=("AT 0.10",), subsets=("all", "friendly 108"), profile=False, faults=False)


NAMES = [f"kind of {label}" for label in range(10)]


def with_classes(folder: Path, made: Made, classes: int = 10, names: list[str] | None = None) -> Path:
    """Write a made-up sweep in which seed r of configuration c has accuracy (c + r + class) / 200 on each class."""
    write_sweep(folder, made)
    order: list[str] = []
    for planned in json.loads((folder / "plan.json").read_text())["trials"]:
        name = planned["configuration"]
        order += [name] * (name not in order)
        place = folder / "trials" / planned["id"] / "result.json"
        if place.exists():
            clean = [(order.index(name) + planned["replicate"] + label) / 200 for label in range(classes)]
            values: dict[str, Any] = {"clean": clean, "pgd": clean, "aa": [*clean[:-1], None]}
            values["aa_gap"] = [*([0.01] * (classes - 1)), None]
            result = json.loads(place.read_text()) | {"classes": {"best": values, "last": values}}
            result |= {"class_names": names} if names is not None and planned["replicate"] == 1 else {}
            place.write_text(json.dumps(result))
    return folder


def test_means_and_standard_errors_over_seeds(tmp_path: Path) -> None:
    table = tabulate_classes(load_sweep(with_classes(tmp_path / "sweep", ONE)))
    assert len(table) == 2 * 2 * 10 and set(table["n"]) == {3}
    row = table[(table["name"] == "friendly 108") & (table["checkpoint"] == "best") & (table["class"] == 4)].iloc[0]
    assert row["clean"] == pytest.approx((1 + 1 + 4) / 200)
    assert row["clean_se"] == pytest.approx(1 / 200 / np.sqrt(3))
    unseen = table[table["class"] == 9]
    assert unseen["aa"].isna().all() and unseen["aa_gap"].isna().all() and unseen["pgd"].notna().all()


def test_the_figure_shows_clean_the_strongest_attack_and_the_gap(tmp_path: Path) -> None:
    results = load_sweep(with_classes(tmp_path / "sweep", ONE))
    info = collect_classes(results, tabulate_classes(results), "best")
    assert info is not None and info.names == ["all", "friendly 108"]
    titles = ["clean, %", "AutoAttack custom, %", "PGD-10 −\nAutoAttack custom, points"]
    assert [panel.title for panel in info.panels] == titles
    assert info.panels[0].values[1] == pytest.approx([(2 + label) / 2 for label in range(10)])
    assert info.panels[2].values[:, :9] == pytest.approx(1)
    assert info.error == pytest.approx(100 / 200 / np.sqrt(3))


def test_clean_accuracy_of_a_class_is_on_the_images_of_the_strongest_attack(tmp_path: Path) -> None:
    folder = with_classes(tmp_path / "sweep", ONE)
    for path in folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        for values in result["classes"].values():
            values["aa_clean"] = [0.5] * 10
        path.write_text(json.dumps(result))
    results = load_sweep(folder)
    info = collect_classes(results, tabulate_classes(results), "best")
    assert info is not None and info.panels[0].title == "clean, %" and (info.panels[0].values == 50).all()


def test_of_many_configurations_the_best_on_validation_are_shown(tmp_path: Path) -> None:
    subsets = tuple(f"random {size}" for size in range(20, 20 + PAGE_ROWS + 3))
    results = load_sweep(with_classes(tmp_path / "sweep", Made(**{**vars(ONE), "subsets": subsets})))
    info = collect_classes(results, tabulate_classes(results), "best")
    assert info is not None and len(info.names) == PAGE_ROWS + 3
    cut = cut_each(info.settings, PAGE_ROWS, info.best, info.families)
    info = info.take(cut.rows)
    assert (len(info.names), cut.left_out) == (PAGE_ROWS, 3)
    value = results.study_trials.groupby("name")["best_val_pgd_acc"].mean()
    assert value[info.names].min() >= value.drop(info.names).max()


@pytest.mark.long
def test_no_problem_and_no_method_is_missing_however_low_its_accuracy(tmp_path: Path) -> None:
    """The one method that fails under label noise has the whole effect, and is worst on validation."""
    many = {
        "noise": (0.0, 0.1),
        "methods": tuple(f"AT {n}" for n in range(7)),
        "subsets": ("all", "random 96", "random 108"),
    }
    folder = with_classes(tmp_path / "sweep", Made(**{**vars(ONE), **many, "replicates": 1}))
    for path in folder.glob("trials/*noise=0.1*AT_3*/result.json"):
        result = json.loads(path.read_text())
        result["best"] |= {"val_pgd_acc": 0.1}
        path.write_text(json.dumps(result))
    found = collect_report_data(load_sweep(folder))
    info = collect_classes(found.results, found.classes, "best")
    assert info is not None and len(info.names) == 2 * 21
    info = info.take(cut_each(info.settings, PAGE_ROWS, info.best, info.families).rows)
    shown = list(zip(info.settings, info.names, strict=True))
    for noise in many["noise"]:
        assert info.settings.count(f"label_noise {noise}") == PAGE_ROWS
        names = [name for setting, name in shown if setting == f"label_noise {noise}"]
        assert all(any(name.startswith(f"AT {n}") for name in names) for n in range(7))
    drawings = list(specify_classes(found))
    assert [drawing.slug for drawing in drawings] == ["classes", "classes_2"]  # a sheet a problem
    note = (
        "Shown are 36 of 42 configurations (the best of each problem, its methods in turn); tables/classes.csv has all."
    )
    assert drawings[0].caption.endswith(note)


@pytest.mark.long
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_class_figure_is_drawn_for_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    found = collect_report_data(load_sweep(with_classes(tmp_path / "sweep", ONE, classes)))
    (drawing,) = specify_classes(found)
    assert "accuracy of each class, measured on 300 images, at the epoch" in drawing.caption
    assert "standard errors up to 0.3 points" in drawing.caption and "masked gradients" in drawing.caption
    save_figure(drawing.chart.draw, drawing.chart.size, [tmp_path / "classes.png"])
    assert (tmp_path / "classes.png").stat().st_size > 5_000


def test_a_mean_over_epochs_has_a_figure_of_its_own_under_the_attacks_that_were_run_along(tmp_path: Path) -> None:
    folder = with_classes(tmp_path / "sweep", ONE)
    for path in folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        result["attacks"]["aa_along"] = (
            "AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 0.1 on 50 images drawn by class"
        )
        values = {"clean": [0.9] * 10, "pgd": [0.5] * 10, "aa_along": [0.4] * 10, "aa_along_clean": [0.8] * 10}
        result["classes"]["mean"] = values
        path.write_text(json.dumps(result))
    found = collect_report_data(load_sweep(folder))
    at, mean = specify_classes(found)
    assert (at.slug, mean.slug) == ("classes", "classes_mean")
    assert "each class, measured on 50 images, averaged over the measured epochs; darker is higher" in mean.caption
    assert "each class, measured on 300 images, at the epoch that validation selects" in at.caption
    info = collect_classes(found.results, found.classes, "mean")
    assert info is not None and info.robust == "aa_along"
    assert [panel.values[0, 0] for panel in info.panels] == pytest.approx([80, 40])  # clean on the same images
    mean_rows = found.classes[found.classes["checkpoint"] == "mean"]
    assert mean_rows["aa"].isna().all() and set(mean_rows["aa_along"].round(9)) == {0.4}


def test_records_without_class_accuracies_have_no_class_figure(tmp_path: Path) -> None:
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "sweep", ONE)))
    assert found.classes.empty and not list(specify_classes(found))


@pytest.mark.parametrize("names", [None, [], NAMES])
def test_classes_have_their_names_beside_their_numbers(tmp_path: Path, names: list[str] | None) -> None:
    """One seed that recorded them is enough: the others are of an older version."""
    results = load_sweep(with_classes(tmp_path / "sweep", ONE, names=names))
    labels = [f"{label}: kind of {label}" if names else str(label) for label in range(10)]
    table = tabulate_classes(results)
    assert len(table) == 2 * 2 * 10 and set(zip(table["class"], table["label"], strict=True)) == set(enumerate(labels))
    info = collect_classes(results, table, "best")
    assert info is not None and all(panel.classes == labels for panel in info.panels)
    assert [column for column in count_classes(results) if str(column).startswith("class ")] == [
        f"class {label}" for label in labels
    ]


def test_a_name_that_is_the_number_says_nothing() -> None:
    assert [name_class(1, names) for names in ((), ("0", "1"), ("no", "yes"), ("no",))] == ["1", "1", "1: yes", "1"]
    assert name_class(1, ("0 - zero", "1 - one")) == "1 - one"
    assert name_class(1, ("11", "12")) == "1: 12"
    assert abbreviate_class(1, ("", "a" * 99)) == f"1: {'a' * 12}…"


def test_names_are_written_below_the_figure(tmp_path: Path) -> None:
    results = load_sweep(with_classes(tmp_path / "sweep", ONE, names=NAMES))
    info = collect_classes(results, tabulate_classes(results), "best")
    assert info is not None
    figure = Figure(figsize=size_classes(info), layout="constrained")
    draw_classes(figure, info)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == [
        f"{i}: {name}" for i, name in enumerate(NAMES)
    ]
