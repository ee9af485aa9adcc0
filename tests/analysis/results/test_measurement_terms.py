"""Titles that tell fronts apart."""

from __future__ import annotations

import json

from analysis.results.measurement_terms import Terms, title_terms

PICTURES = {"name": "image_folder", "root": "my_images", "size": 8}


def make_terms(**block: object) -> Terms:
    return Terms(json.dumps(block, sort_keys=True), "", ("test_acc",), ("",), ("best", ""))


def test_a_title_has_the_fields_that_tell_it_from_others_of_its_sweep_alone() -> None:
    """The names of the sweeps tell it from the others: all fields of two kinds of data took two lines."""
    clean, noisy = (make_terms(name="digits", label_noise=noise, test=1079) for noise in (0, 0.1))
    pictures = make_terms(label_noise=0, **PICTURES)
    found = title_terms({clean: ("one",), noisy: ("one",), pictures: ("other",)}, ("one", "other"))
    assert [*found.values()] == ["one: label_noise 0", "one: label_noise 0.1", "other"]


def test_terms_with_a_sweep_in_common_are_told_apart_by_their_fields() -> None:
    """The first and the last have no sweep in common, but each has one in common with the second."""
    noises = [make_terms(name="digits", label_noise=noise) for noise in (0, 0.1, 0.2)]
    holders = [("one",), ("one", "other"), ("other",)]
    found = title_terms(dict(zip(noises, holders, strict=True)), ("one", "other"))
    assert [*found.values()] == ["one: label_noise 0", "label_noise 0.1", "other: label_noise 0.2"]
    alone = title_terms({noises[0]: ("one",), noises[2]: ("other",), noises[1]: ("one", "other")}, ("one", "other"))
    assert {*alone.values()} == {*found.values()}, "in whatever order"
