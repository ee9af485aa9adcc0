"""Splits are exact, stratified and disjoint; noise stays in training; augmentation is a slice and a mirror."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from pydantic import ValidationError

from trainers.arrays import Source, fingerprint
from trainers.augmentation import pad_images
from trainers.data import (
    Splits,
    augment,
    compute_mean_std,
    draw_stratified,
    flip_labels,
    identify_splits,
    prepare_data,
    to_pixels,
)

LABELS = st.lists(st.integers(1, 30), min_size=2, max_size=6).map(lambda sizes: np.repeat(np.arange(len(sizes)), sizes))


def source_of(y: np.ndarray, tests: int = 0) -> Source:
    """Return images of 2x1 whose two pixels spell their own position; test images follow the training images."""
    positions = np.arange(len(y) + tests)
    x = np.stack([positions // 256, positions % 256], 1).astype(np.uint8)[:, :, None, None]
    y_test = np.arange(tests, dtype=np.int64) % 2
    return Source(x[: len(y)], y.astype(np.int64), x[len(y) :], y_test, int(y.max()) + 1)


def positions(x: torch.Tensor) -> np.ndarray:
    """Return which images of `source_of` these are."""
    return (x[:, 0, 0, 0].long() * 256 + x[:, 0, 1, 0].long()).numpy()


# Splits ---------------------------------------------------------------------------------------------------------


@given(y=LABELS, share=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_a_stratified_choice_is_exact_and_within_one_example_of_proportion(y, share, seed):
    rng = np.random.default_rng(seed)
    among = rng.permutation(len(y))[: rng.integers(1, len(y) + 1)]
    n = round(share * len(among))
    chosen, others = draw_stratified(y, among, n, rng)
    assert len(chosen) == n
    np.testing.assert_array_equal(np.sort(np.concatenate([chosen, others])), np.sort(among))
    per_class = np.bincount(y[chosen], minlength=y.max() + 1)
    assert (np.abs(per_class - np.bincount(y[among], minlength=y.max() + 1) * n / len(among)) < 1).all()


@pytest.mark.long
@given(y=LABELS, data=st.data())
def test_splits_are_disjoint_exact_and_keep_each_image_with_its_label(y, data):
    n = len(y) + 10
    y = np.concatenate([y, np.zeros(10, int)])
    test = data.draw(st.integers(1, n - 2), "test")
    val = data.draw(st.integers(0, n - test - 1), "val")
    train = data.draw(st.integers(1, n - test - val), "train")
    drawn = prepare_data(
        source_of(y), Splits(test=test, val=val, train=train, split_seed=data.draw(st.integers(0, 99)))
    )
    assert (len(drawn.test), len(drawn.val), len(drawn.train)) == (test, val, train)
    found = [positions(split.x) for split in (drawn.train, drawn.val, drawn.test)]
    assert len(np.unique(np.concatenate(found))) == test + val + train
    for where, split in zip(found, (drawn.train, drawn.val, drawn.test), strict=True):
        np.testing.assert_array_equal(split.y.numpy(), y[where])
    np.testing.assert_array_equal(drawn.index, found[0])


@pytest.mark.parametrize("val", [0, "0%"])
def test_without_a_hold_out_all_are_trained_on(val):
    drawn = prepare_data(source_of(np.arange(100) % 4, tests=30), Splits(val=val))
    assert (len(drawn.train), len(drawn.val), len(drawn.test)) == (100, 0, 30)
    assert drawn.index.tolist() == list(range(100)) and not Splits(val=val).holds_out
    assert Splits(val=val) == Splits(val=0) and Splits(val=1).holds_out


def test_shares_are_of_the_whole_source_for_validation_and_of_what_is_left_for_training():
    drawn = prepare_data(source_of(np.arange(1000) % 10), Splits(test="60%", val="20%", train="50%"))
    assert (len(drawn.test), len(drawn.val), len(drawn.train)) == (600, 200, 100)


def test_a_source_with_a_test_set_keeps_it_whole_and_in_order():
    drawn = prepare_data(source_of(np.arange(100) % 4, tests=30), Splits(val=10))
    np.testing.assert_array_equal(positions(drawn.test.x), np.arange(100, 130))
    assert (len(drawn.train), len(drawn.val)) == (90, 10)


def test_the_split_depends_on_its_seed_alone():
    source = source_of(np.arange(300) % 3, tests=5)
    first = prepare_data(source, Splits(split_seed=1)).index
    np.testing.assert_array_equal(first, prepare_data(source, Splits(split_seed=1, label_noise=0.3, crop=1)).index)
    assert not np.array_equal(first, prepare_data(source, Splits(split_seed=2)).index)


@pytest.mark.parametrize(
    ("splits", "complaint"),
    [
        (Splits(test=101), "data.test: asked for 101, that is 101 of 100"),
        (Splits(test=50, val=51), "data.val: asked for 51, that is 51 of the 50 examples that are left"),
        (Splits(test=50, val="50%"), "data.val: asked for 50%, that is 50 of the 50"),
        (Splits(test="100%", val=1), "data.val: asked for 1, that is 1 of the 0"),
        (Splits(test=50, val="0.1%"), "data.val: asked for 0.1%, that is 0 of 100"),
        (Splits(test=50, val=10, train=41), "data.train: asked for 41, that is 41 of 40"),
        (Splits(val=10), "data.test: this source has no test set"),
        (Splits(test=10, crop=1, padding="reflect"), "data.crop: got 1; reflect padding of 2x1 images"),
    ],
)
def test_asking_for_more_than_there_is_names_the_knob_and_the_numbers(splits, complaint):
    with pytest.raises(ValueError, match=complaint):
        prepare_data(source_of(np.arange(100) % 4), splits)


def test_a_second_test_set_is_refused():
    with pytest.raises(ValueError, match=r"data\.test: this source has a test set of its own"):
        prepare_data(source_of(np.arange(100) % 4, tests=10), Splits(test=10))


def test_splits_own_their_memory():
    """Sources are shared read-only; a grey image is laid out alike either way, and must be copied even so."""
    source = source_of(np.arange(100) % 4, tests=10)
    for array in source[:4]:
        array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of tensors over read-only memory
        drawn = prepare_data(source, Splits(val=10))
    before = fingerprint(source)
    for split in (drawn.train, drawn.val, drawn.test):
        split.x.fill_(7)
        split.y.fill_(0)
    assert fingerprint(source) == before


# Classes --------------------------------------------------------------------------------------------------------


@given(classes=st.lists(st.integers(0, 4), min_size=2, unique=True))
def test_some_classes_are_all_their_examples_numbered_in_the_order_given(classes):
    y = np.arange(100) % 5
    drawn = prepare_data(source_of(y), Splits(test=10, val=5, classes=classes))
    assert drawn.classes == len(classes)
    splits = (drawn.train, drawn.val, drawn.test)
    found = [positions(split.x) for split in splits]
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.flatnonzero(np.isin(y, classes)))
    for where, split in zip(found, splits, strict=True):
        np.testing.assert_array_equal(np.array(classes)[split.y.numpy()], y[where])
    np.testing.assert_array_equal(drawn.index, found[0])


def test_shares_and_the_test_set_are_of_the_classes_alone():
    source = source_of(np.arange(100) % 5, tests=20)  # the labels of the test set are 0 and 1
    drawn = prepare_data(source, Splits(val="10%", classes=(1, 4)))
    assert (len(drawn.train), len(drawn.val), len(drawn.test)) == (36, 4, 10)
    assert (drawn.test.y == 0).all() and (positions(drawn.test.x) % 2 == 1).all()


def test_the_names_of_the_classes_go_with_them():
    named = source_of(np.arange(9) % 3, tests=4)._replace(y_test=np.arange(4) % 3, names=("cat", "dog", "fox"))
    assert prepare_data(named, Splits(val=3)).names == ("cat", "dog", "fox")
    assert prepare_data(named, Splits(val=2, classes=(2, 0))).names == ("fox", "cat")
    with pytest.raises(ValueError, match=r"got 7; the data set has the classes 0\.\.2 \(cat, dog, fox\)"):
        prepare_data(named, Splits(classes=(0, 7)))


def test_names_and_notes_are_no_part_of_the_identity():
    plain = source_of(np.arange(9) % 3)
    assert fingerprint(plain) == fingerprint(plain._replace(names=("a", "b", "c"), notes=("a word",)))


def test_all_classes_in_their_order_change_nothing():
    source = source_of(np.arange(100) % 4, tests=8)
    some, every = (prepare_data(source, Splits(val=10, classes=classes)) for classes in ((0, 1, 2, 3), None))
    assert torch.equal(some.train.x, every.train.x) and torch.equal(some.train.y, every.train.y)
    np.testing.assert_array_equal(some.index, every.index)


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [((1, 4), "got 4; the data set has the classes 0..3"), ((2, 3), r"the test set has no example .* \[2, 3\]")],
)
def test_classes_that_are_not_there_are_refused(classes, complaint):
    with pytest.raises(ValueError, match=rf"data\.classes: {complaint}"):
        prepare_data(source_of(np.arange(100) % 4, tests=10), Splits(classes=classes))


@pytest.mark.parametrize("classes", [[], [1], [1, 1, 2], [0, -1], [0, 1.5], [0, True], ["0", "1"], "01", 3])
def test_malformed_choice_of_classes_is_refused(classes):
    with pytest.raises(ValidationError):
        Splits(classes=classes)


# Label noise ----------------------------------------------------------------------------------------------------


@given(y=LABELS, share=st.floats(0, 1), seed=st.integers(0, 99))
def test_noise_moves_exactly_its_share_of_the_labels_to_another_class(y, share, seed):
    classes = int(y.max()) + 1
    noisy = flip_labels(y, share, classes, seed)
    assert (noisy != y).sum() == round(share * len(y))
    assert set(noisy) <= set(range(classes))
    np.testing.assert_array_equal(noisy, flip_labels(y, share, classes, seed))


def test_noise_reaches_every_other_class_alike():
    noisy = flip_labels(np.zeros(9000, int), 1.0, 10, seed=0)
    assert np.abs(np.bincount(noisy, minlength=10)[1:] - 1000).max() < 5 * np.sqrt(1000)


def test_noise_spares_validation_and_test():
    y = np.arange(400) % 4
    drawn = prepare_data(source_of(y), Splits(test=100, val=100, label_noise=0.25, noise_seed=3))
    assert drawn.flipped.sum() == 50
    np.testing.assert_array_equal(drawn.y_clean, y[drawn.index])
    np.testing.assert_array_equal(drawn.flipped, drawn.train.y.numpy() != y[drawn.index])
    for split in (drawn.val, drawn.test):
        np.testing.assert_array_equal(split.y.numpy(), y[positions(split.x)])


def test_the_noise_has_a_seed_of_its_own():
    def flipped(**knobs):
        return prepare_data(source_of(np.arange(400) % 4, tests=4), Splits(label_noise=0.2, **knobs)).flipped

    np.testing.assert_array_equal(flipped(noise_seed=1), flipped(noise_seed=1, split_seed=5))
    assert not np.array_equal(flipped(noise_seed=1), flipped(noise_seed=2))


# Pixels ---------------------------------------------------------------------------------------------------------


@given(nps.arrays(np.uint8, st.tuples(st.integers(1, 9), st.just(3), st.just(2), st.sampled_from([1, 3]))))
def test_mean_and_deviation_are_those_of_the_pixels(x):
    mean, std = compute_mean_std(x)
    floats = x.reshape(-1, x.shape[-1]) / 255
    np.testing.assert_allclose(mean, floats.mean(0), atol=1e-12)
    np.testing.assert_allclose(std, floats.std(0), atol=1e-12)


def test_mean_and_deviation_count_every_image_of_a_large_set():
    x = np.random.default_rng(0).integers(0, 256, (2500, 2, 2, 3), np.uint8)
    np.testing.assert_allclose(compute_mean_std(x)[1], (x / 255).std((0, 1, 2)), atol=1e-12)


def test_pixels_lie_in_the_unit_interval():
    assert to_pixels(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0, 0.2, 1])


# Augmentation ---------------------------------------------------------------------------------------------------


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("padding", "mode"),
    [
        ("zeros", {"mode": "constant"}),
        ("reflect", {"mode": "reflect"}),
        ("grey", {"mode": "constant", "constant_values": 128}),
    ],
)
def test_a_crop_is_a_window_of_the_padded_image_at_an_even_chance(padding, mode):
    """Brute force over the 25 offsets, each image against numpy's padding."""
    x = torch.randint(1, 256, (2500, 3, 5, 4), generator=rng(1), dtype=torch.uint8)
    out, _ = augment(x, Splits(crop=2, padding=padding), rng())
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), **mode)
    hits = np.array(
        [
            (padded[:, :, row : row + 5, column : column + 4] == out.numpy()).all((1, 2, 3))
            for row in range(5)
            for column in range(5)
        ]
    )
    assert out.shape == x.shape and out.dtype == torch.uint8
    np.testing.assert_array_equal(hits.sum(0), 1)  # one offset explains each image
    assert np.abs(hits.sum(1) - 100).max() < 5 * np.sqrt(100)


def test_a_flip_mirrors_whole_images_left_to_right_half_of_the_time():
    x = torch.randint(0, 256, (2000, 3, 4, 4), generator=rng(1), dtype=torch.uint8)
    out, _ = augment(x, Splits(flip=True), rng())
    same, mirrored = (out == x).flatten(1).all(1), (out == x.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert abs(int(mirrored.sum()) - 1000) < 5 * np.sqrt(500)


def test_without_flip_nothing_is_mirrored():
    x = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4).expand(200, 3, 4, 4)
    out, _ = augment(x, Splits(crop=1), rng())
    inside = out[:, 0, 1:3, 1:3].int()  # never padding
    assert (inside[:, :, 1] > inside[:, :, 0]).all()


def test_augmentation_follows_its_generator_and_leaves_the_batch_alone():
    x = torch.randint(0, 256, (64, 3, 8, 8), generator=rng(1), dtype=torch.uint8)
    before, both = x.clone(), Splits(crop=2, flip=True)
    assert torch.equal(augment(x, both, rng(5))[0], augment(x, both, rng(5))[0])
    assert not torch.equal(augment(x, both, rng(5))[0], augment(x, both, rng(6))[0])
    assert torch.equal(x, before)


def test_the_view_tells_how_the_batch_was_cut():
    x = torch.randint(0, 256, (50, 3, 6, 5), generator=rng(1), dtype=torch.uint8)
    out, view = augment(x, Splits(crop=2, padding="reflect", flip=True), rng())
    assert torch.equal(out, view.cut(pad_images(x, 2, "reflect")))


def test_no_augmentation_draws_no_random_number():
    x = torch.randint(0, 256, (4, 1, 3, 3), dtype=torch.uint8)
    generator = rng()
    before = generator.get_state()
    assert torch.equal(augment(x, Splits(), generator)[0], x)
    assert torch.equal(generator.get_state(), before)


# Identity -------------------------------------------------------------------------------------------------------


def small() -> Source:
    x = np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1)
    return Source(x, np.arange(3, dtype=np.int64), x[:0], np.array([], np.int64), 3)


def test_the_fingerprint_of_given_arrays_never_changes():
    """Stored checkpoints are found by it."""
    assert fingerprint(small()) == "6882483ddeb619514277f5c6fa9bff945e8cfe5729d7b926b4b6ce520eeb170f"


def test_the_fingerprint_sees_a_pixel_a_label_and_a_shape_but_not_the_memory_layout():
    source = small()
    others: list[Source] = []
    for position in (0, 1):
        changed = [array.copy() for array in source[:4]]
        changed[position].flat[-1] ^= 1
        others.append(Source(changed[0], changed[1], changed[2], changed[3], 3))
    others.append(source._replace(x_train=source.x_train.reshape(3, 2, 8, 1)))
    assert len({fingerprint(each) for each in [source, *others]}) == 4
    assert fingerprint(source._replace(x_train=np.asfortranarray(source.x_train))) == fingerprint(source)


def test_the_identity_of_splits_is_their_knobs_and_the_arrays_not_the_place_of_the_files():
    class Placed(Splits):
        path: str

    name = identify_splits("f", Placed(path="here"))
    assert name == identify_splits("f", Placed(path="there"))
    others = [Splits(crop=1), Splits(flip=True), Splits(val=7), Splits(split_seed=1), Splits(noise_seed=1)]
    others += [Splits(classes=[0, 1]), Splits(classes=[1, 0])]
    assert len({name, identify_splits("g", Splits()), *(identify_splits("f", each) for each in others)}) == 9
