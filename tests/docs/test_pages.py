"""The pages of documentation: what they name, link to and show is there."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Annotated, get_args, get_origin

import pytest
import yaml

from search.monitor.sweep_status import STATES
from search.planning.planner import Planner
from search.reference.wording import make_anchor
from search.schema.space import load_space
from trainers.methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in ROOT.rglob("*.md") if not any(part == "results" for part in path.parts))
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
README = TEXTS["README.md"]
MOST_BYTES = 9 * 1024  # of the README: one page


def titles(text: str) -> list[str]:
    """Return the headings of a page, those in code left out."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ (.+)$", prose, re.MULTILINE)


def test_the_readme_is_one_page() -> None:
    assert len(README.encode()) <= MOST_BYTES


@pytest.mark.parametrize("page", TEXTS)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    text, folder = TEXTS[page], (ROOT / page).parent
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if link.startswith(("http:", "https:")):
            continue
        file, _, fragment = link.partition("#")
        path = (folder / file).resolve() if file else ROOT / page
        assert path.exists(), f"{page}: {link}"
        if fragment:
            assert fragment in map(make_anchor, titles(path.read_text(encoding="utf-8"))), f"{page}: {link}"


@pytest.mark.parametrize("page", TEXTS)
def test_the_files_it_names_exist(page: str) -> None:
    named = re.findall(r"(?<![\w/])(?:tests|spaces|trainers|search|analysis|\.ci|\.github)/[\w/.]*\w", TEXTS[page])
    there = [name for name in named if re.search(r"\.(?:py|yaml|sh|md)$", name)]
    assert [name for name in there if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", [f"{package}/README.md" for package in ("analysis", "search", "spaces", "trainers")])
def test_a_page_begins_with_a_sentence_and_a_table_of_contents(page: str) -> None:
    head, *sections = re.split(r"^## (?=.+$)", TEXTS[page], flags=re.MULTILINE)
    assert head.startswith(f"# {page.partition('/')[0]}: ") and ".\n\n" in head
    listed = re.findall(r"^- \[(.+?)\]\(#(.+?)\)$", head, re.MULTILINE)
    assert [title for title, _ in listed] == [section.partition("\n")[0] for section in sections]
    assert all(make_anchor(title) == fragment for title, fragment in listed)


def test_the_table_of_methods_has_every_row_and_no_other() -> None:
    table = TEXTS["trainers/README.md"].partition("| method |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z0-9-]+)`", table, re.MULTILINE) == list(METHODS)


def test_every_embedded_study_is_listed() -> None:
    listed = TEXTS["spaces/README.md"].partition("| question | files |")[2].partition("\n\n")[0]
    there = {path.stem for path in (ROOT / "spaces").glob("*.yaml")}
    assert set(re.findall(r"`([a-z_]+)`", listed)) == there


def test_the_space_of_the_readme_plans(tmp_path: Path) -> None:
    space = README.partition("```yaml\n")[2].partition("```")[0]
    assert len(space.splitlines()) <= 15
    file = tmp_path / "shown.yaml"
    file.write_text(space, encoding="utf-8")
    plan = Planner(load_space(file, []), lambda data: "any data").plan()
    assert len(plan.trials) == 2 * 2 * 2 * 3 + 3


def test_the_page_of_search_says_what_each_state_of_a_training_is() -> None:
    table = TEXTS["search/README.md"].partition("| state | a training that |")[2].partition("\n\n")[0]
    named = [name for line in table.splitlines() for name in re.findall(r"`([a-z ]+)`", line.split(" | ")[0])]
    assert sorted(named) == sorted(STATES)


def test_the_readme_reads_results_as_the_page_of_analysis_does() -> None:
    shown, longer = (
        TEXTS[page].partition("```python\n")[2].partition("```")[0] for page in ("README.md", "analysis/README.md")
    )
    assert shown and longer.startswith(shown.rstrip())


def test_commands_of_the_readme_are_commands_of_the_page_of_search() -> None:
    short, longer = (
        TEXTS[page].partition("\n## Commands\n")[2].partition("\n## ")[0] for page in ("README.md", "search/README.md")
    )
    modules = re.findall(r"^\| `python -m (\S+?)[ `]", short, re.MULTILINE)
    assert len(modules) == 17
    assert [module for module in modules if f"`python -m {module}" not in longer] == []


def test_install_and_test_commands_are_those_that_are_run() -> None:
    assert '    python -m pip install -e ".[dev]" && python -m pytest -n auto\n' in README
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert '-e ".[dev]"' in run and re.search(r"^python -m pytest -n auto\b", run, re.MULTILINE)


def test_licence_and_citation_are_what_the_package_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licence = (ROOT / project["license-files"][0]).read_text(encoding="utf-8")
    assert licence.startswith(f"{project['license']} License") and project["authors"][0]["name"] in licence
    citation = yaml.safe_load((ROOT / ".github" / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    bibtex = README.partition("```bibtex\n")[2].partition("```")[0]
    assert f"version = {{{project['version']}}}" in bibtex
    assert [entry["title"] for entry in citation["references"] if entry["title"] not in bibtex] == []


@pytest.mark.parametrize("package", ["", *sorted(path.parent.name for path in (ROOT / "search").glob("*/__init__.py"))])
def test_the_map_of_search_shows_each_module(package: str) -> None:
    folder = ROOT / "search" / package
    shown = re.findall(r"[a-z_]+", ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or "")
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (not package and path.is_dir())}
    assert not {name for name in there if name.isidentifier() and not name.startswith("__")} - {*shown}


OWN = {"loss": "losses", "weight": "weights", "attack": "method", "model": "models", "data set": "sources"}


@pytest.mark.parametrize(("kind", "module"), OWN.items())
def test_all_pieces_of_a_kind_derive_from_the_base_that_the_page_names_for_ones_own(kind: str, module: str) -> None:
    """A class without what that base has would end in a traceback."""
    row = re.search(
        rf"^\| {kind} \|.*`(?P<union>[A-Z]\w+)`.*? \| from `(?P<base>\w+)`", TEXTS["trainers/README.md"], re.M
    )
    assert row
    union = getattr(import_module(f"trainers.{module}"), row["union"])
    pieces = get_args(get_args(union)[0]) if get_origin(union) is Annotated else get_args(union)
    assert len(pieces) > 2
    assert all(row["base"] in {base.__name__ for base in piece.__mro__} for piece in pieces)
