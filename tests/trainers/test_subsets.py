"""Subsets: which examples are chosen, exactly as many as asked for, and reproducibly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from trainers.knobs import Knobs
from trainers.plain_subsets import All, Random, select_lowest
from trainers.ranked_subsets import Plus, Ranked, break_ties
from trainers.subsets import Subset

RANK = np.array([0.7, 0.1, 0.5, 0.3, 0.9, 0.3])
Y = np.array([0, 0, 0, 1, 1, 1])
RANKING = {"rank_instability": RANK, "rank_difficulty": 1 - RANK, "rank_kappa": RANK[::-1]}


def parse(text: str) -> Any:
    return TypeAdapter(Subset, config=Knobs.model_config).validate_python(yaml.safe_load(text))


def chosen(subset: Any, y: np.ndarray = Y, ranking: Any = RANKING, seed: int = 0) -> list[int]:
    mask = subset.select(y, ranking, seed)
    assert mask.dtype == bool and mask.shape == y.shape
    return np.flatnonzero(mask).tolist()


@st.composite
def ranked_data(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return ranks, with ties, and labels of up to four classes with at least three examples each."""
    classes = draw(st.integers(2, 4))
    y = list(range(classes)) * 3 + draw(st.lists(st.integers(0, classes - 1), max_size=20))
    ranks = draw(st.lists(st.integers(0, 6), min_size=len(y), max_size=len(y)))
    return np.array(ranks) / 6, np.array(draw(st.permutations(y)))


def test_all() -> None:
    assert chosen(All(), ranking=None) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "examples"),
    [
        ("{name: ranked, side: friendly, size: 2}", [1, 3]),  # of the tied 3 and 5 the lots take 3
        ("{name: ranked, side: problematic, size: 2}", [0, 4]),
        ("{name: ranked, side: problematic, size: 4}", [0, 2, 4, 5]),  # and here 5: what friendly leaves
        ("{name: ranked, side: easiest, size: 2}", [0, 4]),  # by difficulty
        ("{name: ranked, side: hardest, size: 2}", [1, 5]),
        ("{name: ranked, side: friendly, score: kappa, size: 1}", [4]),
        ("{name: ranked, side: hardest, score: instability, size: 1}", [4]),
        ("{name: ranked, side: friendly, size: 50%}", [1, 3, 5]),
        ("{name: ranked, side: friendly, size: 2, balance: per_class}", [1, 3]),
        ("{name: ranked, side: friendly, size: 4, balance: per_class}", [1, 2, 3, 5]),
        ("{name: ranked, side: problematic, size: 4, balance: per_class}", [0, 2, 4, 5]),
        ("{name: ranked, side: friendly, size: 3, balance: per_class}", [1, 2, 3]),  # the odd one to the first class
        ("{name: ranked, side: band, band: [0, 0.5]}", [1, 3, 5]),
        ("{name: ranked, side: band, band: [0.5, 1]}", [0, 2, 4]),
        ("{name: ranked, side: band, band: [1/3, 2/3], score: difficulty}", [2, 3]),
        ("{name: ranked, size: 1, plus: {classes: [0], size: 1}}", [0, 1]),  # of class 0 the most problematic left
        ("{name: ranked, size: 1, plus: {classes: [0], size: 1, side: friendly}}", [1, 2]),  # and the friendliest
        ("{name: ranked, size: 2, plus: {classes: [1, 0], size: 1}}", [0, 1, 3, 4]),  # of each
        ("{name: ranked, size: 2, plus: {classes: [1], size: 67%}}", [1, 3, 4, 5]),  # two of the three of class 1
        ("{name: ranked, side: problematic, size: 4, plus: {classes: [1], size: 1}}", [0, 2, 3, 4, 5]),
        ("{name: ranked, side: band, band: [0, 0.5], plus: {classes: [0], size: 1}}", [0, 1, 3, 5]),
    ],
)
def test_ranked_by_hand(text: str, examples: list[int]) -> None:
    assert chosen(parse(text)) == examples


@pytest.mark.parametrize("side", ["friendly", "problematic", "band"])
def test_ties_are_drawn_and_not_taken_by_position(side: str) -> None:
    """Half of a data set that lies class by class was always right: a fifth of that half is no class alone."""
    y, tied = np.repeat(np.arange(10), 100), {"rank_instability": np.tile([0.25, 0.75], 500)}
    cut = {"band": (0.1, 0.2)} if side == "band" else {"size": 100}
    mask = Ranked(side=side, **cut).select(y, tied, 0)
    counts = np.bincount(y[mask], minlength=10)
    assert counts.sum() == 100 and counts.min() >= 3 and counts.max() <= 20  # 10 of each are to be expected
    assert set(tied["rank_instability"][mask]) == {0.75 if side == "problematic" else 0.25}
    assert np.array_equal(mask, Ranked(side=side, **cut).select(y, tied, 1)), "the same for every seed"


def test_equal_ranks_are_drawn_alike_and_unequal_ones_keep_their_order() -> None:
    rank = np.array([0.5, 0.1, 0.5, 0.9, 0.5, 0.1])
    places = break_ties(rank)
    assert sorted(places) == list(range(6)) and (np.diff(rank[np.argsort(places)]) >= 0).all()
    assert np.array_equal(places, break_ties(10 * rank))
    assert np.array_equal(break_ties(np.arange(6.0)[::-1]), np.arange(6)[::-1])


@given(ranked_data(), st.data())
def test_ranked_sizes_are_exact_and_the_cut_is_in_the_rank(data: tuple[np.ndarray, np.ndarray], draw: Any) -> None:
    rank, y = data
    k = draw.draw(st.integers(1, len(y)))
    for side in ("friendly", "problematic"):
        mask = Ranked(side=side, size=k).select(y, {"rank_instability": rank}, 0)
        assert mask.sum() == k
        if k < len(y):
            inside, outside = (rank[mask], rank[~mask]) if side == "friendly" else (rank[~mask], rank[mask])
            assert inside.max() <= outside.min()


@given(ranked_data(), st.data())
def test_ranked_subsets_are_nested(data: tuple[np.ndarray, np.ndarray], draw: Any) -> None:
    rank, y = data
    small, large = sorted(draw.draw(st.tuples(st.integers(1, len(y)), st.integers(1, len(y)))))
    for side in ("friendly", "problematic"):
        few, many = (Ranked(side=side, size=k).select(y, {"rank_instability": rank}, 0) for k in (small, large))
        assert not (few & ~many).any()


@given(ranked_data(), st.data())
def test_friendly_and_problematic_share_out_the_data_whatever_the_ties(
    data: tuple[np.ndarray, np.ndarray], draw: Any
) -> None:
    rank, y = data
    k = draw.draw(st.integers(1, len(y) - 1))
    ranking = {"rank_instability": rank}
    friendly = Ranked(side="friendly", size=k).select(y, ranking, 0)
    problematic = Ranked(side="problematic", size=len(y) - k).select(y, ranking, 0)
    assert (friendly ^ problematic).all()


def test_halves_share_out_the_data() -> None:
    rank = np.arange(60) / 60
    friendly, problematic = (
        Ranked(side=side, size="50%").select(np.zeros(60, int), {"rank_instability": rank}, 0)
        for side in ("friendly", "problematic")
    )
    assert (friendly ^ problematic).all()


@given(ranked_data(), st.data())
def test_balanced_counts_are_equal_within_one(data: tuple[np.ndarray, np.ndarray], draw: Any) -> None:
    rank, y = data
    k = draw.draw(st.integers(1, 3 * len(np.unique(y))))
    for subset in (Ranked(size=k, balance="per_class"), Random(size=k, balance="per_class")):
        counts = np.bincount(y[subset.select(y, {"rank_instability": rank}, 0)], minlength=len(np.unique(y)))
        assert counts.sum() == k and counts.max() - counts.min() <= 1


@given(ranked_data(), st.data())
def test_a_balanced_choice_is_the_plain_one_within_each_class(data: tuple[np.ndarray, np.ndarray], draw: Any) -> None:
    """The rule that reproduces the balanced index files of Dong et al."""
    rank, y = break_ties(data[0]), data[1]  # without ties, as theirs is
    each = draw.draw(st.integers(1, 3))
    mask = Ranked(size=each * len(np.unique(y)), balance="per_class").select(y, {"rank_instability": rank}, 0)
    for label in np.unique(y):
        members = np.flatnonzero(y == label).tolist()
        assert np.flatnonzero(mask & (y == label)).tolist() == sorted(sorted(members, key=lambda i: rank[i])[:each])


def test_the_balanced_halves_are_those_that_dong_et_al_publish() -> None:
    """Per class, those of lowest and of highest rank; theirs are 2500 a class, and the ranks a permutation."""
    rng = np.random.default_rng(0)
    y, rank = rng.permutation(np.repeat(np.arange(10), 500)), rng.permutation(5000) / 5000
    published: dict[Any, list[int]] = {"friendly": [], "problematic": []}
    for label in range(10):
        members = np.flatnonzero(y == label)
        ascending = members[np.argsort(rank[members], kind="stable")]
        published["friendly"] += ascending[:250].tolist()
        published["problematic"] += ascending[::-1][:250].tolist()
    for side, indices in published.items():
        half = Ranked(side=side, size=2500, balance="per_class")
        assert chosen(half, y, {"rank_instability": rank}) == sorted(indices)
    assert sorted(published["friendly"] + published["problematic"]) == list(range(5000))


@given(ranked_data(), st.data())
def test_additions_leave_the_base_and_the_other_classes_alone(data: tuple[np.ndarray, np.ndarray], draw: Any) -> None:
    """Problematic and friendly additions of all that is left are the same; of less, each is one end of it."""
    rank, y = data
    ranking = {"rank_instability": rank}
    label, n = int(draw.draw(st.sampled_from(sorted(set(y.tolist()))))), draw.draw(st.integers(1, 2))
    base = Ranked(size=len(np.unique(y)), balance="per_class").select(y, ranking, 0)  # one of each class
    grown = {}
    for side in ("friendly", "problematic"):
        plus = {"classes": [label], "side": side, "size": n}
        grown[side] = Ranked.model_validate({"size": int(base.sum()), "balance": "per_class", "plus": plus}).select(
            y, ranking, 0
        )
        added = grown[side] & ~base
        assert (grown[side] >= base).all() and added.sum() == n and (y[added] == label).all()
        outside = rank[(y == label) & ~grown[side]]
        if len(outside):
            assert (rank[added].max() <= outside.min()) if side == "friendly" else (rank[added].min() >= outside.max())
    if ((y == label) & ~base).sum() == n:
        assert (grown["friendly"] == grown["problematic"]).all()


@given(ranked_data(), st.lists(st.integers(1, 9), max_size=4))
def test_bands_that_share_out_the_quantiles_share_out_the_data(
    data: tuple[np.ndarray, np.ndarray], cuts: list[int]
) -> None:
    rank, y = data
    edges = [0.0, *sorted({cut / 10 for cut in cuts}), 1.0]
    masks = []
    for low, high in pairwise(edges):
        expected = np.ceil(high * len(y) - 1e-9) - np.ceil(low * len(y) - 1e-9)
        if expected:
            masks.append(Ranked(side="band", band=(low, high)).select(y, {"rank_instability": rank}, 0))
            assert abs(masks[-1].sum() - expected) <= 1
    assert (np.sum(masks, axis=0) == 1).all()


def test_random_sizes_and_seeds() -> None:
    y = np.repeat(np.arange(4), 25)
    first = chosen(Random(size=40), y, None, seed=0)
    assert len(first) == 40
    assert chosen(Random(size=40), y, None, seed=0) == first
    assert chosen(Random(size=40), y, None, seed=1) != first
    assert chosen(Random(size=40, seed=1), y, None, seed=0) == chosen(Random(size=40), y, None, seed=1)
    assert chosen(Random(size=40, seed=1), y, None, seed=0) == chosen(Random(size=40, seed=1), y, None, seed=9)
    assert len(chosen(Random(size="12.5%"), y, None)) == 12


def test_random_takes_every_example_equally_often() -> None:
    y = np.zeros(20, int)
    hits = sum(Random(size=5).select(y, None, seed).astype(int) for seed in range(2000))
    assert np.abs(hits / 2000 - 0.25).max() < 0.05


def test_random_larger_subsets_hold_the_smaller() -> None:
    y = np.zeros(50, int)
    assert set(chosen(Random(size=10), y, None)) < set(chosen(Random(size=20), y, None))


def test_a_selection_leaves_its_inputs_alone() -> None:
    before = RANK.copy()
    for side in ("friendly", "problematic"):
        Ranked(side=side, size=3, balance="per_class").select(Y, RANKING, 0)
    assert np.array_equal(RANK, before)


def test_which_score_is_needed() -> None:
    needs = {side: Ranked(side=side, size=1).needs for side in ("friendly", "problematic", "easiest", "hardest")}
    assert needs == dict.fromkeys(("friendly", "problematic"), "instability") | dict.fromkeys(
        ("easiest", "hardest"), "difficulty"
    )
    assert Ranked(size=1, score="kappa").needs == "kappa"
    assert All().needs is Random(size=1).needs is None


@pytest.mark.parametrize(
    ("subset", "complaint"),
    [
        (Ranked(size=7), "subset.size: asked for 7, that is 7 of 6"),
        (Random(size=7), "subset.size: asked for 7, that is 7 of 6"),
        (Random(size="1%"), "subset.size: asked for 1%, that is 0 of 6"),
        (Ranked(side="band", band=(0.91, 0.92)), "subset.band: none of 6 examples"),
        (Ranked(size=1, score="probability"), "the ranking has no probability"),
        (
            Ranked(size=2, plus=Plus(classes=(0,), size=3)),
            "subset.plus.size: asked for 3 of class 0, of which 2 are left",
        ),
        (Ranked(size=2, plus=Plus(classes=(0,), size=4)), "subset.plus.size, of class 0: asked for 4, that is 4 of 3"),
        (Ranked(size=2, plus=Plus(classes=(7,), size=1)), "subset.plus.size, of class 7: asked for 1, that is 1 of 0"),
    ],
)
def test_subset_that_does_not_fit_the_data_is_refused(subset: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        subset.select(Y, RANKING, 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{name: ranked, size: 7}", "subset.size: asked for 7"),
        ("{name: ranked, side: band, band: [0.91, 0.92]}", "subset.band: none of 6 examples"),
        ("{name: ranked, size: 2, plus: {classes: [0], size: 4}}", "of class 0: asked for 4, that is 4 of 3"),
        ("{name: ranked, size: 2, balance: per_class, plus: {classes: [0], size: 3}}", "of which 2 are left"),
    ],
)
def test_subset_that_no_ranking_could_fill_is_refused_before_ranking(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(text).check_sizes(Y)


def test_subset_that_some_ranking_could_fill_passes() -> None:
    """Whether the base leaves 3 of class 0 hangs on the ranks: here it takes 2 of class 1, or of class 0."""
    subset = parse("{name: ranked, size: 2, plus: {classes: [0], size: 3}}")
    subset.check_sizes(Y)
    assert chosen(subset, ranking={"rank_instability": 1.0 - Y + np.arange(6) / 100}) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="of which 1 are left"):
        chosen(subset, ranking={"rank_instability": Y})


def test_a_class_too_small_for_its_share_is_named() -> None:
    y = np.array([0, 0, 0, 0, 1])
    with pytest.raises(ValueError, match=r"takes 2 of class 1, which has only 1; ask for at most 2"):
        select_lowest(np.arange(5), y, 4, "per_class")
    assert select_lowest(np.arange(5), y, 2, "per_class").sum() == 2


def test_a_ranked_subset_without_a_fitting_ranking_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a ranking; add a `profile:` block"):
        Ranked(size=1).select(Y, None, 0)
    with pytest.raises(ValueError, match="6 examples and the training data 5"):
        Ranked(size=1).select(Y[:5], RANKING, 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{name: ranked}", "side friendly needs `size`"),
        ("{name: ranked, side: hardest, size: 10, band: [0, 1]}", "no `band`"),
        ("{name: ranked, side: band}", "side band needs `band"),
        ("{name: ranked, side: band, band: [0.5, 0.5]}", "low < high"),
        ("{name: ranked, side: band, band: [0, 0.5], size: 10}", "no `size`"),
        ("{name: ranked, side: band, band: [0, 0.5], balance: per_class}", "cannot be balanced"),
        ("{name: ranked, side: band, band: [0, 1.5]}", "less than or equal to 1"),
        ("{name: ranked, size: 1, score: loss}", "'instability'"),
        ("{name: ranked, size: 1, plus: {classes: [], size: 1}}", "at least 1 item"),
        ("{name: ranked, size: 1, plus: {classes: [1, 1], size: 1}}", "names each class once; got"),
        ("{name: ranked, size: 1, plus: {classes: [a], size: 1}}", "valid integer"),
        ("{name: random}", "size"),
        ("{name: random, size: 1, seed: -1}", "greater than or equal to 0"),
        ("{name: all, size: 1}", "size"),
        ("{name: hard, size: 1}", "'all', 'random' or 'ranked'|'all', 'random', 'ranked'"),
    ],
)
def test_wrong_knobs_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        parse(text)
