"""Axes: a grid is the full cross, a draw depends on (seed, i) alone, a condition takes an axis out where it says."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from search.schema.axes import (
    Axis,
    AxisPoint,
    draw_qmc_points,
    draw_random_points,
    list_grid_points,
    name_point,
    slugify,
)
from search.schema.blocks import Search
from search.schema.labels import format_distinct_labels, format_label
from search.schema.limits import MAX_AXIS_VALUES

PATHS = ("batch_size", "epochs", "optimizer.momentum")
values = st.lists(st.integers(1, 1000), min_size=1, max_size=4, unique=True)
grids = st.lists(values, min_size=1, max_size=3).map(lambda lists: dict(zip(PATHS, lists, strict=False)))
seeds = st.integers(0, 2**32)
ends = st.tuples(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3)).filter(lambda pair: pair[0] < pair[1])


def axis(**knobs: Any) -> Axis:
    return Axis.model_validate(knobs)


def shown(points: list[AxisPoint]) -> list[dict[str, str]]:
    return [{path: choice.label for path, choice in point.items()} for point in points]


@given(grids)
def test_grid_crosses_axes_in_written_order(lists: dict[str, list[int]]) -> None:
    points = list_grid_points({path: axis(grid=values) for path, values in lists.items()})
    assert [tuple(choice.value for choice in point.values()) for point in points] == list(product(*lists.values()))
    assert all(list(point) == list(lists) for point in points)


def test_space_without_axes_has_one_point() -> None:
    assert list_grid_points({}) == [{}]


def test_named_values_keep_their_labels() -> None:
    points = list_grid_points({"method": axis(grid={"small": {"base": "pgd-at"}, "3": "trades"})})
    assert [(p["method"].label, p["method"].value) for p in points] == [("small", {"base": "pgd-at"}), ("3", "trades")]


def test_condition_removes_an_axis_and_equal_points_count_once() -> None:
    axes = {
        "method": axis(grid=["pgd-at", "trades", "standard"]),
        "method.loss.beta": axis(grid=[1, 6], when={"method": "trades"}),
        "method.attack.steps": axis(grid=[3, 10], when={"method": ["pgd-at", "trades"]}),
    }
    assert shown(list_grid_points(axes)) == [
        {"method": "pgd-at", "method.attack.steps": "3"},
        {"method": "pgd-at", "method.attack.steps": "10"},
        {"method": "trades", "method.loss.beta": "1", "method.attack.steps": "3"},
        {"method": "trades", "method.loss.beta": "1", "method.attack.steps": "10"},
        {"method": "trades", "method.loss.beta": "6", "method.attack.steps": "3"},
        {"method": "trades", "method.loss.beta": "6", "method.attack.steps": "10"},
        {"method": "standard"},
    ]


def test_condition_on_a_removed_axis_is_false() -> None:
    axes = {
        "method": axis(grid=["pgd-at", "trades"]),
        "method.weight": axis(grid=["on", "off"], when={"method": "trades"}),
        "method.weight.lam": axis(grid=[0, 1], when={"method.weight": "on"}),
    }
    assert shown(list_grid_points(axes)) == [
        {"method": "pgd-at"},
        {"method": "trades", "method.weight": "on", "method.weight.lam": "0"},
        {"method": "trades", "method.weight": "on", "method.weight.lam": "1"},
        {"method": "trades", "method.weight": "off"},
    ]


@given(seeds, st.integers(0, 12), st.integers(0, 12))
def test_longer_random_search_keeps_its_points(seed: int, few: int, more: int) -> None:
    axes = {"optimizer.lr": axis(loguniform=[1e-3, 1]), "method": axis(choice=["pgd-at", "trades"])}
    assert draw_random_points(axes, few + more, seed)[:few] == draw_random_points(axes, few, seed)


@given(seeds, st.integers(0, 50))
def test_draw_depends_on_seed_and_index_alone(seed: int, i: int) -> None:
    axes = {"optimizer.lr": axis(uniform=[0, 1])}
    alone = axes["optimizer.lr"].draw(np.random.default_rng([seed, i]))
    assert draw_random_points(axes, i + 1, seed)[i]["optimizer.lr"] == alone


def test_other_seeds_draw_other_points() -> None:
    axes = {"optimizer.lr": axis(uniform=[0, 1])}
    assert draw_random_points(axes, 5, 0) != draw_random_points(axes, 5, 1)


@given(seeds, ends)
def test_loguniform_draw_lies_in_its_range(seed: int, ends: tuple[float, float]) -> None:
    value = axis(loguniform=list(ends)).draw(np.random.default_rng(seed)).value
    assert ends[0] * (1 - 1e-12) <= value <= ends[1] * (1 + 1e-12)


def test_loguniform_draws_each_decade_equally_often() -> None:
    rng = np.random.default_rng(0)
    draws = [axis(loguniform=["1e-4", 1]).draw(rng).value for _ in range(4000)]
    share = np.bincount([min(int(math.log10(v) + 4), 3) for v in draws], minlength=4) / len(draws)
    assert np.allclose(share, 0.25, atol=0.03)  # 4 standard errors


@given(seeds, st.integers(-5, 5), st.integers(1, 10))
def test_int_draw_includes_both_ends(seed: int, low: int, width: int) -> None:
    value = axis(int=[low, low + width]).draw(np.random.default_rng(seed)).value
    assert isinstance(value, int)
    assert low <= value <= low + width


@given(seeds, st.integers(0, 5))
def test_sobol_sequence_has_one_point_in_each_stratum_of_every_axis(seed: int, power: int) -> None:
    n = 2**power
    axes = {"a": axis(uniform=[0, 1]), "b": axis(loguniform=[1, math.e]), "c": axis(uniform=[-1, 0])}
    points = [{path: choice.value for path, choice in point.items()} for point in draw_qmc_points(axes, n, seed)]
    for shares in ([p["a"] for p in points], [math.log(p["b"]) for p in points], [p["c"] + 1 for p in points]):
        assert sorted(int(share * n) for share in shares) == list(range(n))


@given(seeds, st.integers(0, 20), st.integers(0, 20))
def test_longer_sobol_sequence_keeps_its_points(seed: int, few: int, more: int) -> None:
    axes = {"a": axis(uniform=[0, 1]), "b": axis(choice=["x", "y"]), "c": axis(int=[1, 9], when={"b": "x"})}
    points = draw_qmc_points(axes, few + more, seed)
    assert points[:few] == draw_qmc_points(axes, few, seed)
    assert all(("c" in point) == (point["b"].label == "x") for point in points)


@given(st.floats(0, 1, exclude_max=True), st.integers(-5, 5), st.integers(1, 9))
def test_quantile_is_a_value_of_its_axis(share: float, low: int, width: int) -> None:
    assert axis(int=[low, low + width]).pick_at_quantile(share).value in range(low, low + width + 1)
    assert low <= axis(uniform=[low, low + width]).pick_at_quantile(share).value <= low + width
    listed = axis(grid=list(range(width)))
    assert listed.pick_at_quantile(share) == listed.choices[math.floor(share * width)]


def test_parameter_round_trips_to_its_choice() -> None:
    for each in (axis(choice={"a": {"x": 1}, "b": [2]}), axis(grid=[1, 0.5]), axis(int=[1, 4]), axis(uniform=[0, 1])):
        assert all(each.to_choice(each.to_parameter(choice)) == choice for choice in each.choices)


def test_ends_of_an_int_range_occur() -> None:
    rng = np.random.default_rng(0)
    assert {axis(int=[1, 3]).draw(rng).value for _ in range(100)} == {1, 2, 3}


def test_range_accepts_fractions() -> None:
    assert axis(uniform=["1/255", "8/255"]).uniform == (1 / 255, 8 / 255)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (0.1, "0.1"),
        (8 / 255, "0.03137"),
        (1e-5, "1e-05"),
        (100000.0, "1e+05"),
        (3, "3"),
        ("8/255", "8/255"),
        (True, "true"),
        (None, "none"),
        ({"base": "trades", "loss": {"beta": 3}}, "trades:loss=beta=3"),
        ({"name": "ranked", "side": "friendly", "size": "80%"}, "ranked:side=friendly,size=80%"),
        ([1, 0.5], "1,0.5"),
        ({"name": "piecewise", "values": [0.1, 0.01, 1e-3], "drops": [0.5]}, "piecewise:values=0.1,0.01,0.00~ca017f"),
    ],
)  # fmt: skip
def test_labels_are_stable(value: Any, label: str) -> None:
    """Ids of stored trials hold them."""
    assert format_label(value) == label


@pytest.mark.long
@given(st.text())
def test_slug_is_a_valid_folder_name(text: str) -> None:
    assert set(slugify(text)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-_")


@given(st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=3))
def test_name_of_a_point_fits_a_folder_with_long_labels(labels: list[str]) -> None:
    points = [{path: axis(grid={label: 1}).choices[0] for path, label in zip(PATHS, labels, strict=False)}]
    assert len(name_point(points[0])) <= 200


def test_axis_refuses_a_value_written_twice_in_different_ways() -> None:
    with pytest.raises(ValidationError, match=r"lists each value once; got 1 twice"):
        axis(grid=[1, 1.0])


def test_labels_have_enough_digits_to_distinguish_values() -> None:
    assert [c.label for c in axis(grid=[0.05, 0.1]).choices] == ["0.05", "0.1"]
    assert [c.label for c in axis(grid=[0.050001, 0.050002, 0.1]).choices] == ["0.050001", "0.050002", "0.1"]
    assert [c.label for c in axis(grid=[[0.123456, 1], [0.123457, 1]]).choices] == ["0.123456,1", "0.123457,1"]
    few = [{"lr": 0.12341}, {"lr": 0.12342}]
    assert [c.label for c in axis(choice=few).choices] == ["lr=0.12341", "lr=0.12342"]
    narrow = axis(uniform=[0.05, 0.0500001])
    assert [c.label for c in narrow.choices] == ["0.05", "0.0500001"]
    assert len({narrow.pick_at_quantile(i / 50).label for i in range(50)}) == 50


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6, unique_by=lambda value: value + 0.0))
def test_distinct_values_have_distinct_labels(listed: list[float]) -> None:
    labels = format_distinct_labels(listed)
    assert len(set(labels)) == len(listed)
    alone = list(map(format_label, listed))
    assert all(label == usual for label, usual in zip(labels, alone, strict=True) if alone.count(usual) == 1)


def test_condition_matches_a_label_in_other_spellings() -> None:
    def matched(axes: dict[str, dict[str, Any]]) -> dict[str, tuple[str, ...]]:
        return Search.model_validate({"axes": axes}).axes["b"].when

    assert matched({"a": {"grid": [0.1, 0.2]}, "b": {"grid": [1], "when": {"a": "0.10"}}}) == {"a": ("0.1",)}
    assert matched({"a": {"grid": {"0.10": 1}}, "b": {"grid": [1], "when": {"a": "0.10"}}}) == {"a": ("0.10",)}
    assert matched({"a": {"grid": {"on": 1, "off": 2}}, "b": {"grid": [1], "when": {"a": "on"}}}) == {"a": ("on",)}
    assert matched({"a": {"grid": [True, False]}, "b": {"grid": [1], "when": {"a": "True"}}}) == {"a": ("true",)}
    assert matched({"a": {"grid": [None, 3]}, "b": {"grid": [1], "when": {"a": ["null", "3"]}}}) == {"a": ("none", "3")}
    assert matched({"a": {"int": [1, 300]}, "b": {"grid": [1], "when": {"a": "1_00"}}}) == {"a": ("100",)}


def test_axis_refuses_more_values_than_the_limit() -> None:
    assert len(axis(grid=list(range(MAX_AXIS_VALUES))).choices) == MAX_AXIS_VALUES
    with pytest.raises(
        ValidationError, match=f"an axis has at most {MAX_AXIS_VALUES:,} values; got {MAX_AXIS_VALUES + 1:,}"
    ):
        axis(grid=list(range(MAX_AXIS_VALUES + 1)))
    with pytest.raises(ValidationError, match=r"uniform: from -1e\+308 to 1e\+308 is farther than floats reach"):
        axis(uniform=[-1e308, 1e308])
