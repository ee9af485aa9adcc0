"""Names and order of what a sweep varied."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.results.axes import join_parts, name_subset_kind, read_axes


def planned(**labels: tuple[str, Any]) -> dict[str, Any]:
    paths = {path.replace("__", "."): label for path, label in labels.items()}
    return {
        "kind": "trial",
        "axes": {path: label for path, (label, _) in paths.items()},
        "values": {path: value for path, (_, value) in paths.items()},
    }


def test_numbers_are_ordered_by_size_and_names_as_planned() -> None:
    trials = [planned(lam=(str(n), n), method=(m, m)) for n in (10, -1, 2) for m in ("trades", "at")]
    axes = read_axes({"trials": trials})
    assert axes.order["lam"] == ("-1", "2", "10")
    assert axes.order["method"] == ("trades", "at")


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (("12/255", "8/255"), ("8/255", "12/255")),
        (("inf", -3, 1), ("-3", "1", "inf")),
        (("80%", "0%", "20%"), ("0%", "20%", "80%")),
        (("1e-3", "1e-5"), ("1e-5", "1e-3")),
    ],
)
def test_labels_that_a_space_reads_as_numbers_are_numbers(values: tuple[Any, ...], order: tuple[str, ...]) -> None:
    axes = read_axes({"trials": [planned(knob=(str(value), value)) for value in values]})
    assert axes.numeric("knob") and axes.order["knob"] == order
    assert axes.describe({"knob": order[0]}, ("knob",)) == f"knob {order[0]}"
    assert axes.number("knob", order[0]) < axes.number("knob", order[-1])


@pytest.mark.parametrize("values", [("20%", 300), (True, False), (1, "epsilon/4"), (1, None)])
def test_labels_without_a_size_keep_the_planned_order(values: tuple[Any, ...]) -> None:
    axes = read_axes({"trials": [planned(knob=(str(value), value)) for value in values]})
    assert not axes.numeric("knob") and axes.order["knob"] == tuple(map(str, values))


def test_an_axis_with_one_value_does_not_vary() -> None:
    axes = read_axes({"trials": [planned(epochs=("5", 5), lam=(str(n), n)) for n in (1, 2)]})
    assert axes.varying == ("lam",)


def test_axes_are_told_apart_by_where_they_stand() -> None:
    trials = [planned(data__label_noise=(str(n), n), subset__size=(str(n), n), subset_like=(str(n), n)) for n in (1, 2)]
    axes = read_axes({"trials": trials})
    assert (axes.data, axes.subset, axes.method) == (("data.label_noise",), ("subset.size",), ("subset_like",))


def test_a_name_is_the_shortest_ending_that_no_other_axis_has() -> None:
    trials = [planned(method__attack__steps=(str(n), n), evaluate__steps=(str(n), n), lam=(str(n), n)) for n in (1, 2)]
    short = read_axes({"trials": trials}).short
    assert short == {"method.attack.steps": "attack.steps", "evaluate.steps": "evaluate.steps", "lam": "lam"}


def test_text_stands_for_itself_and_numbers_are_preceded_by_their_axis() -> None:
    trials = [planned(method=("trades", {"name": "trades"}), data__label_noise=(str(n), n)) for n in (0.0, 0.1)]
    axes = read_axes({"trials": trials})
    assert axes.describe(trials[1]["axes"], ("method", "data.label_noise")) == "trades · label_noise 0.1"


@pytest.mark.parametrize(
    ("trials", "choice", "name"),
    [
        ([planned(lr=("0.1", 0.1), method=("at", "at"))], "lr 0.1 · at", "lr 0.1 · at"),  # as a front of one member
        ([planned(data__noise=(str(n), n)) for n in (0, 0.3)], "noise 0", "noise 0"),
        ([planned(data__noise=(str(n), n), lr=("0.1", 0.1)) for n in (0, 0.3)], "lr 0.1", "noise 0 · lr 0.1"),
        ([planned()], "default-ab12cd", "default-ab12cd"),
    ],
)
def test_a_configuration_has_a_name_in_words_also_where_nothing_varies(
    trials: list[dict[str, Any]], choice: str, name: str
) -> None:
    names = read_axes({"trials": trials}).names(trials[0]["axes"], "default-ab12cd")
    assert (names.choice, names.name) == (choice, name)


def test_a_trial_without_a_conditional_axis_is_named_without_it() -> None:
    trials = [planned(method=("at", "at")), planned(method=("gairat", "gairat"), lam=("-1", -1))]
    axes = read_axes({"trials": trials})
    assert axes.describe(trials[0]["axes"], axes.varying) == "at"
    assert axes.describe(trials[1]["axes"], axes.varying) == "gairat · lam -1"
    assert axes.rank("lam", None) < axes.rank("lam", "-1")


@pytest.mark.parametrize(
    ("config", "label", "kind"),
    [
        ({"name": "all"}, "all", "all"),
        ({"name": "random", "size": 10, "balance": "none"}, "any", "random"),
        ({"name": "ranked", "side": "friendly", "score": None, "size": 9}, "any", "friendly"),
        ({"side": "hardest", "score": "kappa", "balance": "per_class"}, "x", "hardest by kappa balanced"),
        ({"name": "ranked", "side": "band", "band": [0.1, 0.5]}, "x", "band 0.1–0.5"),
        ({"name": "random", "size": "90%", "start": 48}, "x", "late random from epoch 48"),
        ({"name": "ranked", "side": "friendly", "by": "self", "start": "60%"}, "x", "late friendly by self from 60%"),
        (None, "friendly 323", "friendly"),
        (None, "random 90%", "random"),
        (None, "k=323 friendly", "friendly"),
        (None, "", "all"),
        (
            {"name": "ranked", "side": "friendly", "size": 50, "plus": {"classes": [0, 9], "side": "problematic"}},
            "", "friendly plus problematic of 0, 9",
        ),
    ],
)  # fmt: skip
def test_the_kind_of_a_subset_leaves_out_its_size(config: Any, label: str, kind: str) -> None:
    assert name_subset_kind(config, {"subset": label}) == kind


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("alp", "alp · beta 2"), "alp · beta 2"),
        (("alp", "", "all"), "alp · all"),
        (("alp", "alpine"), "alp · alpine"),
        (("", ""), ""),
    ],
)
def test_a_joint_name_repeats_no_part(parts: tuple[str, ...], name: str) -> None:
    assert join_parts(*parts) == name
