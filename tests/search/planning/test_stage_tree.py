"""The tree of stages, counted: the figures of the literature's sweeps, and the laws of sharing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.execution.simulated_backend import simulate_schedule
from search.planning.stage_tree import StageTree

from ..trees import FIGURES, Figure, chain_of, planned_space

words = st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=8)


@given(words)
def test_distinct_epochs_are_the_distinct_prefixes(letters: list[str]) -> None:
    prefixes = {word[:e] for word in letters for e in range(1, len(word) + 1)}
    assert StageTree([chain_of(word) for word in letters]).distinct == len(prefixes)


def parts(word: str, other: str, epoch: int) -> bool:
    """Return whether another has this beginning and no more of it, or both end with it."""
    alike = word[:epoch] == other[:epoch] and len(other) >= epoch
    return alike and (word[: epoch + 1] != other[: epoch + 1] or epoch == len(word) == len(other))


@given(words)
def test_fork_is_a_shared_state_where_another_training_parts(letters: list[str]) -> None:
    tree = StageTree([chain_of(word) for word in letters])
    for i, word in enumerate(letters):
        others = [other for j, other in enumerate(letters) if j != i]
        ends = range(1, len(word) + 1)
        assert tree.forks(i) == tuple(epoch for epoch in ends if any(parts(word, other, epoch) for other in others))


def in_common(word: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))


@given(words)
def test_a_branch_is_the_first_training_with_the_longest_common_beginning(letters: list[str]) -> None:
    tree = StageTree([chain_of(word) for word in letters])
    for i, word in enumerate(letters):
        common = [in_common(word, earlier) for earlier in letters[:i]]
        longest = max(common, default=0)
        assert tuple(tree.branches[i]) == (common.index(longest) if longest else 0, longest)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_figures_of_sharing(figure: Figure) -> None:
    plan = planned_space(figure.text)
    assert (plan.tree.asked, plan.tree.distinct) == (figure.asked, figure.distinct)


@pytest.mark.parametrize("figure", [f for f in FIGURES if f.makespans], ids=lambda figure: figure.name)
def test_the_makespans_of_sharing(figure: Figure) -> None:
    plan = planned_space(figure.text)
    for workers, expected in figure.makespans.items():
        assert simulate_schedule(plan, workers).makespan == expected
