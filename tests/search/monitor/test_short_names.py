"""Shortened names fit, and still tell one configuration from another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from search.monitor.short_names import shorten_configurations, shorten_trainings


@pytest.mark.parametrize(
    ("room", "text"),
    [
        (40, "lam=3,burn_in=20%-a1b2c3,seed=12"),
        (25, "lam=3,burn_in=20%,seed=12"),
        (20, "3,20%,seed=12"),
        (12, "…20%,seed=12"),
        (9, "…,seed=12"),
    ],
)
def test_a_training_loses_its_hash_then_axis_names_then_its_beginning(room: int, text: str) -> None:
    assert shorten_trainings(["lam=3,burn_in=20%-a1b2c3,seed=12"], room).names == [text]


def test_running_trainings_keep_the_ends_that_tell_them_apart() -> None:
    """On 80 columns, a table of running trainings has about 26 for a name."""
    begin = "label_noise=0.1,method=gair_trades,subset="
    names = [f"{begin}friendly-{k}-a1b2c3,seed=1" for k in (70, 80, 90)]
    assert shorten_trainings(names, 26).names == [f"…trades,friendly-{k},seed=1" for k in (70, 80, 90)]


def test_trainings_are_all_named_in_one_way() -> None:
    names = ["lam=3-a1b2c3,seed=0", "lam=999-a1b2c3,seed=0"]
    assert shorten_trainings(names, 20).names == ["lam=3,seed=0", "lam=999,seed=0"]
    assert shorten_trainings(names, 12).names == ["3,seed=0", "999,seed=0"]


@pytest.mark.parametrize(
    ("room", "text"),
    [
        (50, "label_noise=0.1,method=trades,subset=friendly-90"),
        (40, "0.1,trades,friendly-90"),
        (20, "…,trades,friendly-90"),
        (12, "…friendly-90"),
    ],
)
def test_a_configuration_keeps_the_end_that_tells_it_from_others(room: int, text: str) -> None:
    """The front is what a person looks at while a sweep runs; beginnings are alike."""
    assert shorten_configurations(["label_noise=0.1,method=trades,subset=friendly-90-a1b2c3"], room).names == [text]


def test_members_of_a_front_are_all_named_in_one_way() -> None:
    names = ["label_noise=0,method=pgd,subset=all-a1b2c3", "label_noise=0.1,method=trades,subset=friendly-90-a1b2c3"]
    assert shorten_configurations(names, 40).names == ["0,pgd,all", "0.1,trades,friendly-90"]
    assert shorten_configurations(names[:1], 40).names == ["label_noise=0,method=pgd,subset=all"]


GRID = [f"label_noise=0.1,method={m},lr=0.04395,weight_decay=0.03722-a1b2c3,seed=1" for m in ("pgd-at", "trades")]


@pytest.mark.parametrize(
    ("room", "first", "axes"),
    [
        (80, "label_noise=0.1,method=pgd-at,lr=0.04395,weight_decay=0.03722-a1b2c3,seed=1", ""),
        (40, "0.1,pgd-at,0.04395,0.03722,seed=1", "label_noise,method,lr,weight_decay"),
        (33, "0.1,pgd-at,0.04395,0.03722,seed=1", "label_noise,method,lr,weight_dec…"),
        (26, "…at,0.04395,0.03722,seed=1", "method,lr,weight_decay"),
        (20, "…4395,0.03722,seed=1", "lr,weight_decay"),
        (12, "…3722,seed=1", "weight_decay"),
        (7, "…seed=1", ""),
    ],
)
def test_names_without_axes_come_with_the_axes_of_the_values_that_are_left(room: int, first: str, axes: str) -> None:
    found = shorten_trainings(GRID, room)
    assert (found.names[0], found.axes) == (first, axes)


def test_an_axis_that_not_all_names_have_stands_in_brackets_at_its_place() -> None:
    names = ["method=pgd,lr=0.1,seed=1", "method=trades,lam=6,lr=0.1,seed=1", "profile,lr=0.1-a1b2c3,seed=1"]
    found = shorten_configurations(names, 22)
    assert found.names == ["pgd,0.1,seed=1", "trades,6,0.1,seed=1", "profile,0.1"]
    assert found.axes == "[method],[lam],lr"


def test_axes_are_cut_like_names_once_they_cannot_be_shortened_further() -> None:
    names = ["label_noise=1,method=2,learning_rate=3,subset=4-a1b2c3"]
    assert [shorten_configurations(names, room).axes for room in (30, 24, 19, 17)] == [
        "label_…,method,learnin…,subset", "labe…,meth…,lear…,subset", "lab…,met…,lea…,sub…", "…,met…,lea…,subs…",
    ]  # fmt: skip


@given(st.lists(st.text("aä語,=-3", max_size=30), max_size=4), st.integers(2, 40))
def test_no_name_is_wider_than_its_room(names: list[str], room: int) -> None:
    for shorten in (shorten_configurations, shorten_trainings):
        shortened = shorten(names, room)
        assert len(shortened.names) == len(names)
        assert all(cell_len(name) <= room for name in (*shortened.names, shortened.axes))
