"""Accuracy class by class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.classes import by_class
from analysis.digest import digest
from analysis.drawings import class_drawing
from analysis.figure_classes import MOST, classes_info
from analysis.figures import save
from analysis.results import load

from .synthetic import Made, write_sweep

ONE = Made(noise=(0.0,), methods=("AT 0.10",), subsets=("all", "friendly 108"), profile=False, faults=False)


def with_classes(folder: Path, made: Made, classes: int = 10) -> Path:
    """A made-up sweep in which seed r of configuration c has accuracy (c + r + class) / 200 on each class."""
    write_sweep(folder, made)
    order: list[str] = []
    for planned in json.loads((folder / "plan.json").read_text())["trials"]:
        name = planned["configuration"]
        order += [name] * (name not in order)
        place = folder / "trials" / planned["id"] / "result.json"
        if place.exists():
            clean = [(order.index(name) + planned["replicate"] + label) / 200 for label in range(classes)]
            its: dict[str, Any] = {"clean": clean, "pgd": clean, "aa": [*clean[:-1], None]}
            its["aa_gap"] = [*([0.01] * (classes - 1)), None]
            result = json.loads(place.read_text()) | {"classes": {"best": its, "last": its}}
            place.write_text(json.dumps(result))
    return folder


def test_means_and_standard_errors_over_seeds(tmp_path: Path) -> None:
    table = by_class(load(with_classes(tmp_path / "sweep", ONE)))
    assert len(table) == 2 * 2 * 10 and set(table["n"]) == {3}
    row = table[(table["name"] == "friendly 108") & (table["checkpoint"] == "best") & (table["class"] == 4)].iloc[0]
    assert row["clean"] == pytest.approx((1 + 1 + 4) / 200)
    assert row["clean_se"] == pytest.approx(1 / 200 / np.sqrt(3))
    unseen = table[table["class"] == 9]
    assert unseen["aa"].isna().all() and unseen["aa_gap"].isna().all() and unseen["pgd"].notna().all()


def test_the_figure_shows_clean_the_strongest_attack_and_the_gap(tmp_path: Path) -> None:
    results = load(with_classes(tmp_path / "sweep", ONE))
    info = classes_info(results, by_class(results))
    assert info is not None and info.names == ["all", "friendly 108"] and info.left_out == 0
    titles = ["clean, %", "AutoAttack custom, %", "PGD-10 −\nAutoAttack custom, points"]
    assert [panel.title for panel in info.panels] == titles
    assert info.panels[0].values[1] == pytest.approx([(2 + label) / 2 for label in range(10)])
    assert info.panels[2].values[:, :9] == pytest.approx(1)
    assert info.error == pytest.approx(100 / 200 / np.sqrt(3))


def test_clean_accuracy_of_a_class_is_on_the_images_of_the_strongest_attack(tmp_path: Path) -> None:
    folder = with_classes(tmp_path / "sweep", ONE)
    for path in folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        for its in result["classes"].values():
            its["aa_clean"] = [0.5] * 10
        path.write_text(json.dumps(result))
    results = load(folder)
    info = classes_info(results, by_class(results))
    assert info is not None and info.panels[0].title == "clean, %" and (info.panels[0].values == 50).all()


def test_of_many_configurations_the_best_on_validation_are_shown(tmp_path: Path) -> None:
    subsets = tuple(f"random {size}" for size in range(20, 20 + MOST + 3))
    results = load(with_classes(tmp_path / "sweep", Made(**{**vars(ONE), "subsets": subsets})))
    info = classes_info(results, by_class(results))
    assert info is not None and (len(info.names), info.left_out) == (MOST, 3)
    value = results.sweep.groupby("name")["best_val_pgd_acc"].mean()
    assert value[info.names].min() >= value.drop(info.names).max()


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_it_is_drawn_for_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    found = digest(load(with_classes(tmp_path / "sweep", ONE, classes)))
    (drawing,) = class_drawing(found)
    assert "examples of each class on 300 images at the epoch" in drawing.caption
    assert "standard errors up to 0.3 points" in drawing.caption and "masked gradients" in drawing.caption
    save(drawing.draw, drawing.size, [tmp_path / "classes.png"])
    assert (tmp_path / "classes.png").stat().st_size > 5_000


def test_records_without_them_show_none(tmp_path: Path) -> None:
    found = digest(load(write_sweep(tmp_path / "sweep", ONE)))
    assert found.classes.empty and not list(class_drawing(found))
