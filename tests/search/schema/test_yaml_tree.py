"""YAML as it looks: keys are words, what is no plain number is a word or is refused, and so is what is too large."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from search.exceptions import SpaceError
from search.schema.limits import MAX_DEPTH, MAX_FILE_VALUES, MAX_INTEGER
from search.schema.yaml_tree import parse_value, parse_yaml


def refused(text: str) -> str:
    with pytest.raises(SpaceError) as caught:
        parse_yaml(text, "a.yaml")
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-3", -3), ("1_000", 1000), ("0", 0), ("00", 0), ("01", 1), ("0x10", 16), ("0b11", 3), ("3.0", 3.0),
        (".5", 0.5), ("1.5e+3", 1500.0), (".inf", math.inf), ("true", True), ("False", False), ("~", None), ("", None),
        ("'010'", "010"), ("1e-3", "1e-3"), (".5e3", ".5e3"), ("8/255", "8/255"), ("on", "on"), ("yes", "yes"),
        ("no", "no"), ("off", "off"), ("y", "y"), ("1:30", "1:30"), ("1:30.5", "1:30.5"), ("2020-01-01", "2020-01-01"),
        ("2020-13-45", "2020-13-45"), ("0o10", "0o10"), ("=", "="), ("08", "08"), ("!!str 010", "010"),
        ("!!float 3", 3.0),
    ],
)  # fmt: skip
def test_yaml_value_is_what_it_looks_like(text: str, value: Any) -> None:
    tree, _ = parse_yaml(f"a: {text}\n", "a.yaml")
    assert tree == {"a": value}
    assert type(tree["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("010", "YAML reads 010 as 8, since a leading 0 means base 8; write 10"),
        ("-0_17", "YAML reads -0_17 as -15, since a leading 0 means base 8; write -17"),
        ("1.0e+400", "is beyond the range of floats; got 1.0e+400"),
        (str(MAX_INTEGER + 1), f"a whole number is at most {MAX_INTEGER:,}; got {MAX_INTEGER + 1}"),
        ("9" * 5000, f"is no int; got '{'9' * 60}'"),
        ("!!bool maybe", "is no bool; got 'maybe'"),
        ("!!int x", "is no int; got 'x'"),
    ],
)
def test_number_that_yaml_reads_differently_is_refused(text: str, why: str) -> None:
    assert refused(f"trial:\n  epochs: {text}\n") == f"a.yaml:2: trial.epochs: {why}"


@given(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_agree_with_pyyaml(whole: int, real: float) -> None:
    text = yaml.safe_dump({"whole": whole, "real": real})
    assert parse_yaml(text, "")[0] == yaml.safe_load(text) == {"whole": whole, "real": real}


@given(
    st.recursive(
        st.text()
        | st.from_regex(r"[-+.:_0-9xobeE]{1,6}", fullmatch=True)
        | st.integers(-99, 99)
        | st.floats(allow_nan=False)
        | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(min_size=1).filter(lambda key: key != "<<"), inner, max_size=3)
        ),
        max_leaves=5,
    )
)
def test_stored_space_reads_back_equal(tree: Any) -> None:
    assert parse_yaml(yaml.safe_dump({"a": tree}), "")[0] == {"a": tree}


def test_keys_are_strings_as_written() -> None:
    tree, places = parse_yaml("{1: a, on: b, 0.10: c, 010: d, 2020-01-01: e, ~: f, 'x': g}", "a.yaml")
    assert list(tree) == ["1", "on", "0.10", "010", "2020-01-01", "~", "x"]
    assert places[("on",)] == "a.yaml:1"


def test_labels_in_a_condition_are_strings() -> None:
    text = "search: {axes: {a: {grid: {on: 1, 0.10: 2}, when: {b: [on, 0.10], c: 1}}}}"
    axis = parse_yaml(text, "")[0]["search"]["axes"]["a"]
    assert axis == {"grid": {"on": 1, "0.10": 2}, "when": {"b": ["on", "0.10"], "c": "1"}}
    assert parse_value(("search", "axes", "a", "when"), "{b: on}", "--set") == {"b": "on"}


def test_a_null_instead_of_a_condition_is_no_label() -> None:
    """`when: null` removes the condition of an axis that is laid over."""
    assert parse_yaml("search: {axes: {a: {when: null}}}", "")[0]["search"]["axes"]["a"] == {"when": None}
    assert parse_value(("search", "axes", "a", "when"), "null", "--set") is None


def test_merge_key_lies_under_its_mapping() -> None:
    tree, _ = parse_yaml("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 5}\n", "")
    assert tree["c"] == {"x": 5, "y": 2, "z": 4} == yaml.safe_load("{<<: [{x: 1, y: 2}, {y: 3, z: 4}], x: 5}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("? [a, b]\n: 1\n", "a.yaml:1:3: not YAML: a key is a word"),
        ("a: {<<: 3}\n", "a.yaml:1:5: not YAML: << takes mappings"),
        ("a: !!set {b}\n", "a.yaml:1:4: not YAML: could not determine a constructor for the tag 'tag:yaml.org,"),
        ("a: !!timestamp foo\n", "a.yaml:1:4: not YAML: could not determine a constructor for the tag 'tag:yaml.org,"),
        ("a: &a [*a]\n", "a.yaml:1:4: not YAML: it contains itself"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1: not YAML: but found another document"),
        ("a: \0\n", "a.yaml: not YAML: unacceptable character #x0000"),
        ("a: " + "[" * 1500, f"a.yaml:1:{4 + MAX_DEPTH - 1}: not YAML: nested deeper than {MAX_DEPTH} levels"),
        ("a: " + "{b: " * 1500, f"nested deeper than {MAX_DEPTH} levels"),
        (
            "- 1\n" * (MAX_FILE_VALUES + 1),
            f"a.yaml:{MAX_FILE_VALUES}:3: not YAML: more than {MAX_FILE_VALUES:,} values and keys",
        ),
    ],
)  # fmt: skip
def test_unreadable_tree_is_refused_with_line_and_column(text: str, why: str) -> None:
    assert why in refused(text)


def test_aliases_that_expand_without_end_are_refused_at_once() -> None:
    lines = ["a0: &a0 [" + ", ".join("x" * 9) + "]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    began = time.monotonic()
    why = refused("\n".join(lines))
    assert why.startswith("a.yaml: its aliases expand it to ")
    assert why.endswith(f" values; a space has at most {MAX_FILE_VALUES:,}")
    assert time.monotonic() - began < 2
