"""What names the arrays that a driver loads once for all its trials."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from search.planning.datasets import identify_source
from trainers.sources import DataSource


def key(**block: Any) -> str:
    return identify_source(TypeAdapter(DataSource).validate_python({"name": "digits"} | block))


def test_trials_that_split_alike_arrays_differently_share_them() -> None:
    assert len({key(), key(val=7, crop=2), key(train=50, extra={"name": "rest"})}) == 1
    pool = {"name": "npz", "path": "pool.npz"}
    assert key(extra=pool) == key(extra=pool | {"share": 0.25, "epoch_of": "train"}, val=7)


def test_another_pool_is_another_source() -> None:
    pools: list[dict[str, str] | None] = [
        None,
        {"name": "npz", "path": "pool.npz"},
        {"name": "npz", "path": "other.npz"},
        {"name": "svhn"},
        {"name": "svhn", "root": "elsewhere"},
    ]
    assert len({key(extra=pool) for pool in pools}) == len(pools)


def test_other_corruptions_are_another_source() -> None:
    fog = {"path": "here", "names": ["fog"], "severity": 1}
    others = [None, fog, fog | {"path": "there"}, fog | {"names": "all"}, fog | {"severity": 2}]
    assert len({key(corruptions=each) for each in others}) == len(others)
