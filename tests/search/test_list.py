"""The lists of what a space may hold: complete, the text of the documentation, 80 columns wide or a line a thing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import search.list
from search.list import KINDS, main
from search.reference.entries import list_entries
from search.reference.keys import list_keys
from search.reference.methods import MethodRow, list_methods
from search.reference.sections import TOP, list_sections
from search.schema.merging import expand_short_forms
from search.schema.space import build_config, load_space
from search.schema.space_files import list_spaces
from trainers.attacks import PGD
from trainers.methods import METHODS
from trainers.models import KINDS as MODELS
from trainers.sources import CIFAR10
from trainers.terminal.console import Console

Printed = Callable[..., list[str]]
KEYS = (Path(__file__).resolve().parents[2] / "spaces" / "KEYS.md").read_text(encoding="utf-8")


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """The lines that a command prints through a pipe."""

    def run(*arguments: str) -> list[str]:
        assert main(arguments) == 0
        return capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.list, "Console", lambda: Console(force_terminal=True, color_system=None, width=80))


def names(lines: list[str]) -> list[str]:
    return [line.split("  ")[0] for line in lines]


def test_without_a_kind_the_kinds_are_listed(printed: Printed) -> None:
    assert names(printed()) == list(KINDS)


def test_every_method_model_data_set_and_space_has_a_line(printed: Printed) -> None:
    assert names(printed("methods")) == list(METHODS)
    assert names(printed("models")) == list(MODELS)
    assert names(printed("spaces")) == list(list_spaces())
    assert {CIFAR10().name, "digits", "extra: svhn"} <= {*names(printed("data"))}
    assert {"all", "random", "ranked", "drop-unlearned"} == {*names(printed("subsets"))}
    assert {"none", "pgd", "iat", "evaluate: fgsm", "evaluate: autoattack"} <= {*names(printed("attacks"))}


def test_every_key_of_every_section_is_a_knob() -> None:
    listed = {entry.name.partition(" (")[0] for entry in list_entries("knobs")}
    for path, models in list_sections().items():
        place = f"{path.partition(',')[0]}." if path != TOP else ""
        assert {f"{place}{key.name}" for model in models for key in list_keys(model)} <= listed


def test_a_key_shows_what_it_takes_its_default_and_its_meaning_as_the_page_of_keys_does(printed: Printed) -> None:
    assert printed("knobs", "search.retries") == [
        "search.retries",
        "  a whole number ≥ 0; default 2: of a trial whose worker died; the count restarts whenever the trial makes "
        "progress",
    ]
    meaning = "of a trial whose worker died; the count restarts whenever the trial makes progress"
    assert f"| `retries` | a whole number ≥ 0 | `2` | {meaning} |" in KEYS


def test_a_method_names_its_paper_and_every_value_that_it_trains_with(printed: Printed) -> None:
    name, source, *_ = printed("methods", "trades")
    assert (name, source.strip()) == ("trades", next(row.source for row in list_methods() if row.name == "trades"))
    assert "Zhang et al. 2019, arXiv:1901.08573" in source
    (attack,) = (line for line in printed("methods", "trades") if line.startswith("  attack: "))
    assert all(f" {key}: " in attack.replace("{", " ") for key in PGD.model_fields)
    assert "ascend: kl" in attack


@pytest.mark.parametrize("row", list_methods(), ids=lambda row: row.name)
def test_the_pieces_of_a_method_written_into_a_space_are_the_method(row: MethodRow) -> None:
    pieces = yaml.safe_load(row.pieces)
    tree, wrong = expand_short_forms({"method": {"kind": pieces} if isinstance(pieces, str) else pieces})
    assert not list(wrong)
    config = build_config(load_space(Path("smoke"), []), tree)
    assert config.method == METHODS[row.name]


def test_a_comment_that_goes_on_about_a_paper_names_it() -> None:
    sources = {row.name: row.source for row in list_methods()}
    assert sources["gair-fat"].startswith("Zhang et al. 2021, arXiv:2010.01736, Table 1: tau 0, 3, 6")
    assert sources["finetune-kl"].startswith("Liu et al. 2021, sec. 6.2")
    assert not [name for name, source in sources.items() if "..." in source or not source]


def test_a_space_shows_its_question_and_where_it_is_asked(printed: Printed) -> None:
    (line,) = (line for line in printed("spaces") if line.startswith("nested_subsets "))
    assert "?" in line and "(Liu et al. 2021, " in line and "Figure 10" in line
    *_, file = printed("spaces", "cifar10/gairat")
    assert file.strip() == str(list_spaces()["cifar10/gairat"])


def test_a_word_keeps_what_contains_it_in_name_or_description(printed: Printed) -> None:
    found = names(printed("methods", "GAIR"))
    assert found == [name for name in METHODS if "gair" in name]
    assert names(printed("methods", "sec. 6.2")) == ["finetune-reweight", "finetune-kl", "finetune-reweight-kl"]


def test_an_exact_name_is_shown_alone_though_others_contain_it(printed: Printed) -> None:
    name, *details = printed("models", "resnet")
    assert name == "resnet"
    assert "  depth: a whole number; default 18" in details


@pytest.mark.parametrize(
    ("arguments", "says"),
    {
        ("methds",): "no list of methds; did you mean methods? (there are methods, models, data",
        ("losses",): "no list of losses; python -m search.list knobs method.loss has these, with their keys (there are",
        ("weight",): "no list of weight; python -m search.list knobs method.weight has these",
        ("knobs", "epsilonn"): "contains 'epsilonn'; did you mean epsilon?",
        ("methods", "tradse"): "none of the 30 methods contains 'tradse'; did you mean trades?",
        ("spaces", "friendly_kk"): "contains 'friendly_kk'; did you mean friendly_k?",
    }.items(),
)
def test_what_is_mistyped_gets_the_nearest(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert main(arguments) == 2
    except SystemExit as ended:
        assert ended.code == 2
    assert says in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_a_list_fits_a_terminal_of_80_columns(
    kind: str | None, terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([kind] if kind else []) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    words, entries = " ".join(printed.split()), search.list._list_entries(kind)
    too_long = [line for line in printed.splitlines() if len(line) > 80 and len(line.split()) > 1]
    assert too_long == []
    assert [entry.name for entry in entries if " ".join(entry.text.split()) not in words] == []


@pytest.mark.long
def test_spaces_are_listed_without_torch(tmp_path: Path) -> None:
    code = "import sys; from search.list import main; main(['spaces']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
