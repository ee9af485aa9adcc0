"""Reading YAML as a user writes it: every complaint says file, line and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.exceptions import SpaceError
from search.schema.document import read_document
from trainers.record_io import signed

pytestmark = pytest.mark.usefixtures("here")


def write(name: str, text: str | bytes) -> Path:
    path = Path(name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaints(path: Path) -> list[str]:
    with pytest.raises(SpaceError) as caught:
        read_document(path)
    return caught.value.problems


def test_document_has_a_tree_and_the_line_of_every_key() -> None:
    document = read_document(write("a.yaml", "trial:\n  epochs: 3\n  model:\n    hidden: [16, 32]\n"))
    assert document.tree == {"trial": {"epochs": 3, "model": {"hidden": [16, 32]}}}
    assert document.locate(("trial", "epochs")) == "a.yaml:2"
    assert document.locate(("trial", "model", "hidden", "1")) == "a.yaml:4"


def test_unwritten_key_is_located_at_its_nearest_written_parent() -> None:
    document = read_document(write("a.yaml", "search:\n  axes:\n    data.label_noise: {grid: [0, 1]}\n"))
    assert document.locate(("search", "axes", "data.label_noise", "when", "x")) == "a.yaml:3"
    assert document.locate(("evaluate", "every")) == "a.yaml"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("trial:\n  epochs: [1\nsearch: {}\n", "a.yaml:3:7: not YAML: expected ',' or ']', but got ':'"),
        (
            "trial:\n\tepochs: 1\n",
            "a.yaml:2:1: not YAML: found character '\\t' that cannot start any token",
        ),
        (
            "search:\n  axes:\n    method: {grid: [a]}\n   epochs: {grid: [1]}\n",
            "a.yaml:4:4: not YAML: expected <block end>, but found '<block mapping start>'; this line begins in "
            "another column than the other lines of its mapping: indent them alike",
        ),
        ("trial: [1, 2\n", "a.yaml:2:1: not YAML: expected ',' or ']', but got '<stream end>'"),
        (
            "trial: !!python/object:os.system {}\n",
            "a.yaml:1:8: not YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object:os.system'",
        ),
        ("- trial\n", "a.yaml: a space is a mapping with trial, search, ...; got list"),
        ("", "a.yaml: a space is a mapping with trial, search, ...; got nothing"),
        ("trial: &it\n  model: *it\n", "a.yaml:1:8: not YAML: it contains itself"),
    ],
)
def test_unreadable_yaml_is_refused_with_line_and_column(text: str, complaint: str) -> None:
    assert complaints(write("a.yaml", text)) == [complaint]


def test_file_that_is_not_utf8_is_refused() -> None:
    (problem,) = complaints(write("a.yaml", b"trial: \xff\n"))
    assert problem.startswith("a.yaml: cannot be read: 'utf-8' codec can't decode byte 0xff in position 7")


def test_duplicate_key_is_refused_with_both_lines() -> None:
    text = "trial:\n  epochs: 1\n  batch_size: 2\n  epochs: 3\nsearch:\n  axes:\n    method: {grid: [a], grid: [b]}\n"
    assert complaints(write("a.yaml", text)) == [
        "a.yaml:4: trial.epochs is written twice; first in line 2",
        "a.yaml:7: search.axes.method.grid is written twice; first in line 7",
    ]


def test_same_key_in_two_list_items_is_accepted() -> None:
    document = read_document(write("a.yaml", "search:\n  axes:\n    method:\n      grid: [{base: a}, {base: b}]\n"))
    assert document.tree["search"]["axes"]["method"]["grid"] == [{"base": "a"}, {"base": "b"}]


def test_folder_is_refused_and_the_space_of_a_sweep_suggested() -> None:
    folder = Path("results", "mine")
    folder.mkdir(parents=True)
    assert complaints(folder) == ["results/mine: is a folder; name a YAML file"]
    (folder / "space.yaml").write_text("trial: {}\n")
    assert complaints(folder) == [
        "results/mine: is the folder of a sweep, not a space; name the YAML file that it was run from, or "
        "results/mine/space.yaml, the space as it was run (with --name mine, to go on with it)"
    ]
    Path("a.yaml").write_text("trial: {}\n")
    assert complaints(Path()) == [".: is a folder; there are a.yaml"]


def test_extends_merges_files_and_keeps_the_place_of_each_key() -> None:
    Path("sub").mkdir()
    write("base.yaml", "trial:\n  epochs: 3\n  batch_size: 32\n")
    document = read_document(write("sub/a.yaml", "extends: ../base.yaml\ntrial:\n  epochs: 9\n"))
    assert document.tree == {"trial": {"epochs": 9, "batch_size": 32}}
    assert document.locate(("trial", "epochs")) == "sub/a.yaml:3"
    assert document.locate(("trial", "batch_size")) == "sub/../base.yaml:3"


def test_piece_of_another_name_replaces_the_extended_piece() -> None:
    write("base.yaml", "trial: {model: {name: mlp, hidden: [16]}}\n")
    assert read_document(write("a.yaml", "extends: base.yaml\ntrial: {model: {name: cnn}}\n")).tree == {
        "trial": {"model": {"name": "cnn"}}
    }


def test_axis_replaces_the_extended_axis() -> None:
    write("base.yaml", "search: {axes: {method: {grid: {a: pgd-at, b: trades}}, subset: {grid: [all]}}}\n")
    tree = read_document(write("a.yaml", "extends: base.yaml\nsearch: {axes: {method: {grid: {c: fast-at}}}}\n")).tree
    assert tree == {"search": {"axes": {"method": {"grid": {"c": "fast-at"}}, "subset": {"grid": ["all"]}}}}


def test_null_removes_the_condition_of_the_extended_axis() -> None:
    write("base.yaml", "search: {axes: {method: {grid: {a: pgd-at}}, epochs: {when: {method: a}, grid: [1, 2]}}}\n")
    axes = read_document(
        write("a.yaml", "extends: base.yaml\nsearch: {axes: {epochs: {when: null, grid: [3]}}}\n")
    ).tree
    assert axes["search"]["axes"]["epochs"] == {"grid": [3]}


def test_null_removes_a_key_of_the_extended_file() -> None:
    write("base.yaml", "trial: {epochs: 3}\nprofile: {seeds: 2}\n")
    assert read_document(write("a.yaml", "extends: base.yaml\nprofile: null\n")).tree == {"trial": {"epochs": 3}}


def test_overlays_of_a_trial_keep_their_nulls() -> None:
    text = """
trial: {epochs: 3, average: null}
profile: {seeds: null, trial: {average: null, method: {awp: null}}}
pretrain: {weights: null, trial: {average: null}}
search: {axes: {average: {grid: {none: null, ema: {name: ema}}}, subset: null}}
"""
    tree = {
        "trial": {"epochs": 3},
        "profile": {"trial": {"average": None, "method": {"awp": None}}},
        "pretrain": {"trial": {"average": None}},
        "search": {"axes": {"average": {"grid": {"none": None, "ema": {"name": "ema"}}}}},
    }
    assert read_document(write("base.yaml", text)).tree == tree
    assert read_document(write("a.yaml", "extends: base.yaml\n")).tree == tree


def test_files_that_extend_each_other_in_a_cycle_are_refused() -> None:
    write("a.yaml", "extends: b.yaml\n")
    write("b.yaml", "extends: a.yaml\n")
    assert complaints(Path("a.yaml")) == ["a.yaml: extends itself, by way of a.yaml -> b.yaml"]


def test_extends_refuses_anything_but_one_existing_file() -> None:
    assert complaints(write("a.yaml", "trial: {}\nextends: [b.yaml]\n")) == [
        "a.yaml:2: extends: names one file; got ['b.yaml']"
    ]
    assert complaints(write("a.yaml", "extends: b.yaml\n")) == [
        "a.yaml:1: extends: b.yaml: no such file (there are a.yaml); python -m search.list spaces lists the spaces "
        "that a bare word names"
    ]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        (
            "# How many examples\n# are enough? (Somebody 2021)\n#\n# On digits.\ntrial: {}\n",
            "How many examples are enough?",
        ),
        ("# One comment\n#\n# and another\ntrial: {}\n", "One comment"),
        ("\n# Why?\n\n# On digits.\ntrial: {}\n", "Why?"),
        ("# Why?\nquestion: How many?\ntrial: {}\n", "How many?"),
        ("# Why?\nquestion: null\n", None),
        ("trial: {}  # Why?\n# How?\n", None),
    ],
    ids=["sentence", "no sentence", "blank lines", "key", "null", "later comments"],
)
def test_the_first_comment_asks_the_question_unless_a_key_does(text: str, question: str | None) -> None:
    assert read_document(write("a.yaml", text)).tree.get("question") == question


def test_the_question_of_an_extended_file_is_asked_again_unless_another_is() -> None:
    write("base.yaml", "# Why?\ntrial: {epochs: 3}\n")
    assert read_document(write("a.yaml", "extends: base.yaml\n")).tree["question"] == "Why?"
    assert read_document(write("a.yaml", "# And how?\nextends: base.yaml\n")).tree["question"] == "And how?"


def test_the_checksum_of_a_stored_space_asks_nothing() -> None:
    assert "question" not in read_document(write("space.yaml", signed("trial: {epochs: 3}\n"))).tree
