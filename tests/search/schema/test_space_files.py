"""A bare word names a space that ships, an existing path wins, and a mistyped name gets the nearest one."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.exceptions import SpaceError
from search.schema.space import load_space
from search.schema.space_files import SPACES, find_space, list_spaces
from search.simulate.__main__ import main as simulate

from ...test_spaces import STUDIES
from ..helpers import ROOT

pytestmark = pytest.mark.usefixtures("here")


def complaint(named: str) -> str:
    with pytest.raises(SpaceError) as caught:
        load_space(Path(named), [])
    (problem,) = caught.value.problems
    return problem


def test_every_space_that_ships_has_a_word() -> None:
    assert {file.relative_to(SPACES) for file in list_spaces().values()} == set(STUDIES)
    assert all(word == file.relative_to(SPACES).with_suffix("").as_posix() for word, file in list_spaces().items())


@pytest.mark.parametrize("word", ["friendly_k", "cifar10/friendly_k"])
def test_a_bare_word_names_the_space_from_any_folder(word: str) -> None:
    loaded = load_space(Path(word), ["trial.epochs=3"])
    assert loaded.file == ROOT / "spaces" / f"{word}.yaml"
    assert (loaded.name, loaded.space.trial["epochs"]) == ("friendly_k", 3)


@pytest.mark.parametrize("word", ["friendly_k", "cifar10/friendly_k"])
def test_an_existing_path_wins_over_a_bare_word(word: str) -> None:
    Path(word).parent.mkdir(exist_ok=True)
    Path(word).write_text("trial: {epochs: 7}\n")
    assert find_space(Path(word)) == Path(word)
    assert load_space(Path(word), []).space.trial == {"epochs": 7}


def test_a_folder_of_that_name_is_refused_and_the_space_is_named() -> None:
    Path("smoke").mkdir()
    assert complaint("smoke") == (
        "smoke: is a folder; name a YAML file; the space of that name that comes with the package is "
        f"{SPACES / 'smoke.yaml'}"
    )


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    {
        "friendly_kk": "friendly_k",
        "cifar10/friendly_kk": "cifar10/friendly_k",
        "cifer10/gairat": "cifar10/gairat",
        "spaces/friendly_k.yaml": "friendly_k",
        "freindly_k.yaml": "friendly_k",
        "/elsewhere/spaces/svhn/finetune.yaml": "svhn/finetune",
    }.items(),
)
def test_a_mistyped_space_gets_the_nearest_word(mistyped: str, meant: str) -> None:
    assert complaint(mistyped) == f"{mistyped}: no such file; did you mean {meant}?"


def test_of_files_here_and_words_the_nearest_is_suggested() -> None:
    Path("friendly.yaml").write_text("trial: {}\n")
    assert complaint("friendly_kk") == "friendly_kk: no such file; did you mean friendly_k?"
    assert complaint("freindly") == "freindly: no such file; did you mean friendly.yaml?"
    Path("friendly_k.yaml").write_text("trial: {}\n")
    assert complaint("friendly_kk") == "friendly_kk: no such file; did you mean friendly_k.yaml?", "a file, if alike"


def test_files_are_listed_if_nothing_is_near() -> None:
    lists = "; python -m search.list spaces lists the spaces that a bare word names"
    assert complaint("zzz.yaml") == f"zzz.yaml: no such file{lists}"
    for name in "abcdef":
        Path(f"{name}.yaml").write_text("trial: {}\n")
    assert (
        complaint("zzz.yaml") == f"zzz.yaml: no such file (there are a.yaml, b.yaml, c.yaml, d.yaml and 2 more){lists}"
    )


def test_a_space_may_extend_a_word_and_a_file_beside_it_wins() -> None:
    Path("sub").mkdir()
    Path("sub/a.yaml").write_text("extends: cifar10/gairat\n")
    assert load_space(Path("sub/a.yaml"), []).space == load_space(Path("cifar10/gairat"), []).space
    Path("sub/cifar10").mkdir()
    Path("sub/cifar10/gairat").write_text("trial: {epochs: 7}\n")
    assert load_space(Path("sub/a.yaml"), []).space.trial == {"epochs": 7}


def test_a_mistyped_word_that_is_extended_gets_the_nearest() -> None:
    Path("a.yaml").write_text("extends: freindly_k\n")
    assert complaint("a.yaml") == "a.yaml:1: extends: freindly_k: no such file; did you mean friendly_k?"


def test_simulate_takes_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(["smoke", "--workers", "2"]) == 0
    assert capsys.readouterr().out.startswith("assumed")
