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
    assert shorten_trainings(["lam=3,burn_in=20%-a1b2c3,seed=12"], room) == [text]


def test_running_trainings_keep_the_ends_that_tell_them_apart() -> None:
    """On 80 columns, a table of running trainings has about 26 for a name."""
    begin = "label_noise=0.1,method=gair_trades,subset="
    names = [f"{begin}friendly-{k}-a1b2c3,seed=1" for k in (70, 80, 90)]
    assert shorten_trainings(names, 26) == [f"…trades,friendly-{k},seed=1" for k in (70, 80, 90)]


def test_trainings_are_all_named_in_one_way() -> None:
    names = ["lam=3-a1b2c3,seed=0", "lam=999-a1b2c3,seed=0"]
    assert shorten_trainings(names, 20) == ["lam=3,seed=0", "lam=999,seed=0"]
    assert shorten_trainings(names, 12) == ["3,seed=0", "999,seed=0"]


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
    assert shorten_configurations(["label_noise=0.1,method=trades,subset=friendly-90-a1b2c3"], room) == [text]


def test_members_of_a_front_are_all_named_in_one_way() -> None:
    names = ["label_noise=0,method=pgd,subset=all-a1b2c3", "label_noise=0.1,method=trades,subset=friendly-90-a1b2c3"]
    assert shorten_configurations(names, 40) == ["0,pgd,all", "0.1,trades,friendly-90"]
    assert shorten_configurations(names[:1], 40) == ["label_noise=0,method=pgd,subset=all"]


@given(st.lists(st.text("aä語,=-3", max_size=30), max_size=4), st.integers(2, 40))
def test_no_name_is_wider_than_its_room(names: list[str], room: int) -> None:
    for shorten in (shorten_configurations, shorten_trainings):
        shortened = shorten(names, room)
        assert len(shortened) == len(names) and all(cell_len(name) <= room for name in shortened)
