"""Shared epochs are counted by branches, with the same result as counting the names of states."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from search.monitor.sweep_status import compute_reached, compute_starts, count_distinct, count_remaining
from search.planning.stage_tree import StageTree

from ..trees import chain_of


@st.composite
def sweeps(draw: st.DrawFn) -> tuple[list[str], list[int], list[int]]:
    """Draw trainings as words, how many letters of each are wanted, and how many of these are done."""
    words = draw(st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=8))
    wanted = [draw(st.integers(0, len(word))) for word in words]
    return words, wanted, [draw(st.integers(0, depth)) for depth in wanted]


def names(words: list[str], depths: list[int]) -> set[str]:
    """Return the states after the first that are reached if each training goes to its depth."""
    return {word[:epoch] for word, depth in zip(words, depths, strict=True) for epoch in range(1, depth + 1)}


@given(sweeps())
def test_epochs_are_counted_like_names_of_states(sweep: tuple[list[str], list[int], list[int]]) -> None:
    words, wanted, done = sweep
    branches = StageTree([chain_of(word) for word in words]).branches.tolist()
    assert sum(count_distinct(compute_reached(done, branches), branches)) == len(names(words, done))
    assert sum(count_remaining(wanted, done, branches)) == len(names(words, wanted) - names(words, done))


@given(sweeps())
def test_a_training_starts_at_the_deepest_stored_state_of_its_chain(
    sweep: tuple[list[str], list[int], list[int]],
) -> None:
    words, _, done = sweep
    branches = StageTree([chain_of(word) for word in words]).branches.tolist()
    there = names(words, done) | {""}
    deepest = [max(e for e in range(len(word) + 1) if word[:e] in there) for word in words]
    assert compute_starts(compute_reached(done, branches), branches) == deepest
