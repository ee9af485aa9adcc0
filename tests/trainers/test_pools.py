"""Batches mixed of the training set and a pool: each holds its share, and one side is passed over once an epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainers.arrays import Source, fingerprint
from trainers.data import Splits, identify_splits, prepare_data
from trainers.images import LabelledImages
from trainers.pools import Archive, Rest, mix_batches


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts(batches: list[torch.Tensor], n_train: int) -> np.ndarray:
    """Count for each batch its training and its extra examples, (batches, 2)."""
    return np.array([[(batch < n_train).sum(), (batch >= n_train).sum()] for batch in batches])


# Batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_extra", "batches"), [(500_000, 7813), (531_131, 8299)])
def test_an_epoch_over_the_pool_is_that_of_the_fine_tuning(n_extra, batches):
    """Liu et al. 2021, sec. 6.2: 64 + 64, one pass over 500000 images of TinyImages or the extra part of SVHN."""
    mixed = mix_batches(torch.arange(50_000), 50_000, n_extra, Rest(), 128, rng())
    assert len(mixed) == batches
    assert (counts(mixed[:-1], 50_000) == 64).all()
    last = n_extra - 64 * (batches - 1)
    assert counts(mixed[-1:], 50_000).tolist() == [[last, last]]


def test_an_epoch_of_the_training_set_has_as_many_batches_as_without_the_pool():
    """Carmon et al. 2019: 50000 images in batches of 256, of which 128 are extra, are 196."""
    mixed = mix_batches(torch.arange(50_000), 50_000, 500_000, Rest(epoch_of="train"), 256, rng())
    assert len(mixed) == 196
    assert (counts(mixed[:-1], 50_000) == 128).all()
    assert counts(mixed[-1:], 50_000).tolist() == [[40, 40]]  # 80 images are left of 50000
    assert len(torch.cat(mixed).unique()) == 50_000  # none comes twice before all the others


@st.composite
def settings(draw):
    """Draw (active, n_train, n_extra, extra, batch_size, seed)."""
    n_train, n_extra = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    active = torch.tensor(sorted(draw(st.sets(st.integers(0, n_train - 1), min_size=1))))
    batch_size = draw(st.integers(2, 20))
    share = draw(st.integers(1, batch_size - 1)) / batch_size
    extra = Rest(share=share, epoch_of=draw(st.sampled_from(["extra", "train"])))
    return active, n_train, n_extra, extra, batch_size, draw(st.integers(0, 99))


@given(drawn=settings())
def test_mixed_batches_keep_the_ratio_and_visit_each_side_evenly(drawn):
    active, n_train, n_extra, extra, batch_size, seed = drawn
    mixed = mix_batches(active, n_train, n_extra, extra, batch_size, rng(seed))
    sizes = counts(mixed, n_train)
    ours, added = extra.split_batch(batch_size)
    assert (sizes[:-1] == [ours, added]).all()
    assert (sizes[-1] >= 1).all() and (sizes[-1] <= [ours, added]).all()
    assert abs(sizes[-1, 0] * added - sizes[-1, 1] * ours) <= max(ours, added)  # of whole numbers, so exactly
    visits = np.bincount(torch.cat(mixed).numpy(), minlength=n_train + n_extra)
    assert len(visits) == n_train + n_extra
    idle = np.setdiff1d(np.arange(n_train), active.numpy())
    assert not visits[idle].any()
    assert np.ptp(visits[active.numpy()]) <= 1 and np.ptp(visits[n_train:]) <= 1
    if extra.epoch_of == "extra":
        assert (visits[n_train:] == 1).all()
    else:
        assert len(mixed) == -(-len(active) // batch_size)
    for batch, (train, _) in zip(mixed, sizes, strict=True):
        assert (batch[:train] < n_train).all()  # the training examples first


def test_the_order_is_random_and_follows_its_generator():
    def drawn(seed):
        return torch.cat(mix_batches(torch.arange(40), 40, 40, Rest(), 8, rng(seed)))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert not torch.equal(drawn(1), drawn(1).sort().values)


def test_batch_too_small_for_both_sides_of_a_pool_is_refused():
    for share, batch_size, extra in ((0.01, 32, 0), (0.99, 32, 32), (0.5, 1, 0)):
        with pytest.raises(ValueError, match=rf"data\.extra\.share: got {share}, that is {extra} examples of a batch"):
            Rest(share=share).split_batch(batch_size)


@pytest.mark.parametrize("share", [0, 1, -0.5, "3/2"])
def test_a_share_lies_strictly_between_none_and_all(share):
    with pytest.raises(ValidationError):
        Rest(share=share)


# Splits ---------------------------------------------------------------------------------------------------------


def source(pool: int = 0, n: int = 200) -> Source:
    """Return n images of one pixel and, if asked for, a pool of white ones."""
    x = np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1)
    y = np.arange(n) % 4
    extra = LabelledImages(np.full((pool, 1, 1, 1), 255, np.uint8), np.arange(pool) % 2) if pool else None
    return Source(x, y, x[:0], y[:0], 4, extra)


ARCHIVE = Archive(path="pool.npz")


def test_source_without_a_pool_has_no_extra_examples():
    assert prepare_data(source(), Splits(test=50)).extra is None


def test_pool_of_the_rest_holds_the_examples_beyond_the_training_limit():
    drawn = prepare_data(source(), Splits(test=50, val=20, train=30, extra=Rest()))
    parts = [split.x.flatten().numpy() for split in (drawn.train, drawn.val, drawn.test, drawn.extra)]
    assert [len(part) for part in parts] == [30, 20, 50, 100]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(200))
    np.testing.assert_array_equal(drawn.extra.y.numpy(), parts[3] % 4)


@pytest.mark.parametrize("limit", [{}, {"train": "100%"}])
def test_no_rest_is_refused(limit):
    with pytest.raises(ValueError, match=r"data\.extra: rest are the training examples that data\.train leaves out"):
        prepare_data(source(), Splits(test=50, extra=Rest(), **limit))


def test_a_pool_changes_nothing_of_the_splits_and_is_spared_the_noise():
    alone = prepare_data(source(), Splits(test=50, label_noise=0.5))
    drawn = prepare_data(source(pool=60), Splits(test=50, label_noise=0.5, extra=ARCHIVE))
    assert drawn.mean == alone.mean and drawn.std == alone.std
    for split, other in ((drawn.train, alone.train), (drawn.val, alone.val), (drawn.test, alone.test)):
        assert torch.equal(split.x, other.x) and torch.equal(split.y, other.y)
    assert (drawn.extra.x == 255).all() and drawn.extra.y.tolist() == [0, 1] * 30


def test_a_pool_owns_its_memory():
    shared = source(pool=3)
    shared.extra.x.flags.writeable = False
    prepare_data(shared, Splits(test=50, extra=ARCHIVE)).extra.x.zero_()
    assert (shared.extra.x == 255).all()


def test_source_loaded_without_a_pool_does_not_fit_a_config_with_a_pool():
    with pytest.raises(ValueError, match=r"data\.extra: the source was loaded without this pool"):
        prepare_data(source(), Splits(test=50, extra=ARCHIVE))


def test_pool_keeps_only_the_chosen_classes():
    drawn = prepare_data(source(pool=6), Splits(test=50, classes=(3, 1), extra=ARCHIVE))  # the pool's are 0 and 1
    assert drawn.extra.y.tolist() == [1, 1, 1]
    rest = prepare_data(source(), Splits(test=50, train=10, classes=(3, 1), extra=Rest())).extra
    np.testing.assert_array_equal(np.array([3, 1])[rest.y.numpy()], rest.x.flatten().numpy() % 4)
    with pytest.raises(ValueError, match=r"data\.classes: the pool `extra` has no example of the classes \[2, 3\]"):
        prepare_data(source(pool=6), Splits(test=50, classes=(2, 3), extra=ARCHIVE))


# Identity -------------------------------------------------------------------------------------------------------


def test_the_fingerprint_sees_the_pool():
    some = source(pool=3)
    other = some._replace(extra=some.extra._replace(y=1 - some.extra.y))
    assert len({fingerprint(each) for each in (source(), some, other, source(pool=4))}) == 4


def test_the_identity_is_how_a_pool_is_mixed_not_where_it_lies():
    def name(extra):
        return identify_splits("f", Splits(extra=extra))

    assert name(ARCHIVE) == name(Archive(path="elsewhere.npz"))
    others = [ARCHIVE, Archive(path="", share=0.25), Archive(path="", epoch_of="train"), Rest(), None]
    assert len({name(each) for each in others}) == len(others)
