"""Pages of what few think of: too few seeds, no validation, methods without a name, and addresses written by hand."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from trainers.record_io import write_json
from trainers.record_reader import read_json

from ...synthetic import Made, write_sweep
from .conftest import METHODS, Opener, write_page

# selects whose chosen text is wider than the room between their paddings and beside their arrow
CUT = """() => [...document.querySelectorAll('select')].filter((select) => select.offsetWidth).filter((select) => {
  const context = document.createElement('canvas').getContext('2d');
  const { fontSize, fontFamily } = getComputedStyle(select);
  context.font = `${fontSize} ${fontFamily}`;
  const text = select.selectedOptions[0].textContent;
  return context.measureText(text).width > select.clientWidth - 34;
}).map((select) => select.id)"""

# all words of the page, folded and hidden ones too
WORDS = """() => [...document.querySelectorAll('body *:not(script, style)')]
  .flatMap((element) => [...element.childNodes])
  .filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent).join(' ')"""


def test_a_forest_without_intervals_does_not_tell_of_any(few: Path, open_page: Opener) -> None:
    caption = open_page(few).text("#forest-caption")
    assert "too few seeds for an interval" in caption and "Thin:" not in caption and "told" not in caption


@pytest.mark.parametrize("width", [390, 1100])
def test_the_axis_of_a_forest_holds_its_bars(few: Path, width: int, tmp_path: Path, open_page: Opener) -> None:
    """Without intervals bars of one standard error reach farthest, here to three times the difference."""
    html = few.read_text(encoding="utf-8")
    found = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    block = json.loads(found[1])
    for row in (row for effect in block["effects"] for row in effect["rows"]):
        row["se"] = 2 * abs(row["mean"])
    page = tmp_path / "index.html"
    page.write_text(html.replace(found[1], json.dumps(block)), encoding="utf-8")
    beyond = """() => [...document.querySelectorAll('#forest .contrast')].flatMap((row) => {
      const edges = document.querySelector('#forest').getBoundingClientRect();
      const [name, numbers] = [...row.querySelectorAll('text')].map((text) => text.getBoundingClientRect());
      const bars = [...row.querySelectorAll(':scope > path')].map((path) => path.getBoundingClientRect());
      return bars.map((bar) => {
        const beside = name.bottom > bar.top && bar.bottom > name.top; // of a narrow figure they stand above
        const [left, right] = beside ? [name.right, numbers.left] : [edges.left, edges.right];
        return Math.min(bar.left - left, right - bar.right);
      });
    })"""
    room = open_page(page, width).run(beyond)
    assert len(room) == 2 and min(room) > 0, "a bar and a mark"


def test_a_single_method_is_not_offered_for_choice(few: Path, study: Path, open_page: Opener) -> None:
    assert open_page(few).count("#class-matrix svg") and not open_page(few).count("#class-method")


@pytest.mark.parametrize("width", [390, 1100])
def test_a_page_without_validation_knows_no_selected_epoch(width: int, tmp_path: Path, open_page: Opener) -> None:
    made = Made(study="whole", noise=(0.0,), faults=False, profile=False)
    folder = write_sweep(tmp_path / "whole", made)
    for number, path in enumerate(sorted(folder.glob("trials/*/result.json"))):
        result = {key: value for key, value in read_json(path).items() if key != "best"}
        constant = [1.0, *[0.0] * 9] if number == 0 else [0.5] * 10
        write_json(path, result | {"classes": {"last": {"clean": constant, "pgd": constant}}})
    opened = open_page(write_page(folder), width)
    words = opened.run(WORDS).replace("nothing is selected", "")
    assert "one class for all images, at the last epoch." in words and "selected" not in words
    opened.page.fill("#query", "TRADES")
    opened.rest()
    assert opened.count("#front svg[role=application]") == 1


# what the marks of each configuration look like, by the place of the configuration
LOOKS = """() => Object.fromEntries([...document.querySelectorAll('#front [data-i]')].map((mark) =>
  [mark.dataset.i, [mark.getAttribute('stroke'), mark.querySelector('.pt').getAttribute('d')]]))"""

# what the figures of the keys of a kind look like, by name
KEYS = """(kind) => Object.fromEntries([...document.querySelectorAll(`#legend [data-kind=${kind}]`)].map((key) =>
  [key.dataset.name, key.querySelector('svg').innerHTML]))"""


def read_block(page: Path) -> dict[str, Any]:
    """Return the data of a page."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    block: dict[str, Any] = json.loads(found[1])
    return block


def test_sweeps_and_their_methods_have_a_colour_each_as_chosen(compared: Path, open_page: Opener) -> None:
    """All methods of a sweep had its colour, though the page said that colours show methods."""
    opened, told = open_page(compared), read_block(compared)["configurations"]
    for chosen, column, count in (("method", "family", 6), ("sweep", "sweep", 2)):
        opened.page.select_option("#colour", label=chosen)
        opened.rest()
        paints: dict[Any, set[str]] = {}
        for place, (paint, _) in opened.run(LOOKS).items():
            paints.setdefault(told[column][int(place)], set()).add(paint)
        assert [len(found) for found in paints.values()] == [1] * count
        keys = opened.run(KEYS, chosen)
        assert len(keys) == len(set().union(*paints.values())) == count
        assert opened.count("#legend [data-kind=sweep]") == (2 if chosen == "sweep" else 0)
        for name, paint in zip(keys, paints.values(), strict=True):
            assert paint.pop() in keys[name], name


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with subsets on one page with one of seven methods and a knob, which does not vary its subset."""
    place = tmp_path_factory.mktemp("browser")
    made = Made(study="subsets", noise=(0.1,), methods=METHODS[:2], faults=False, profile=False)
    many = replace(made, study="methods", methods=tuple(f"AT {k}" for k in range(7)), subsets=("all",), examples=90)
    folders = [write_sweep(place / "subsets", made), write_sweep(place / "methods", many)]
    plan = read_json(folders[1] / "plan.json")
    plan["axes"].remove("subset")
    for trial in plan["trials"]:
        del trial["axes"]["subset"], trial["values"]["subset"]
    write_json(folders[1] / "plan.json", plan)
    return write_page(*folders, output=place / "both.html")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_more_methods_than_hues_look_different(mixed: Path, theme: Any, open_page: Opener) -> None:
    """From the seventh method on all were alike; now marks are pierced, and lines and keys dashed."""
    opened, told = open_page(mixed, color_scheme=theme), read_block(mixed)["configurations"]
    looks = opened.run(LOOKS)
    assert opened.page.input_value("#colour") == "" and len(looks) == 13
    assert len({tuple(look) for look in looks.values()}) == 13
    keys = opened.run(KEYS, "method")
    assert len(keys) == len(set(keys.values())) == len(set(told["family"])) == 9
    lines = """() => [...document.querySelectorAll('#curves path[data-i]')].map((line) =>
      [line.dataset.i, line.getAttribute('stroke') + line.getAttribute('stroke-dasharray')])"""
    strokes = {(told["family"][int(place)], stroke) for place, stroke in opened.run(lines)}
    assert len(strokes) == len({stroke for _, stroke in strokes}) == 9


def test_each_key_has_a_text_and_names_have_keys_instead_of_a_ramp(mixed: Path, open_page: Opener) -> None:
    """The subset of a sweep that varies none had a mark alone; names below a ramp overlapped and were cut."""
    opened = open_page(mixed)
    for chosen in opened.run("() => [...document.querySelectorAll('#colour option')].map((option) => option.value)"):
        opened.page.select_option("#colour", chosen)
        opened.rest()
        texts = opened.page.locator("#legend .key").all_inner_texts()
        assert texts and all(text.strip() for text in texts) and "not varied" in texts
        assert opened.count("#legend .ramp") == 0, "no axis here has numbers"


def test_grey_is_explained_where_something_is_grey(search: Path, open_page: Opener) -> None:
    opened, knobs = open_page(search), read_block(search)["knobs"]
    numeric = {knob["path"]: None in knob["values"] for knob in knobs if knob["scale"] != "category"}
    assert set(numeric.values()) == {True, False}
    for path, has_unset in numeric.items():
        opened.page.select_option("#colour", path)
        opened.rest()
        assert ("grey: not set" in opened.text("#legend")) == has_unset, path


def test_curves_that_leave_the_view_are_counted(study: Path, search: Path, open_page: Opener) -> None:
    leaving = """() => [...document.querySelectorAll('#curves svg[role]')].map((svg) => {
      const clip = svg.querySelector('clipPath rect').getBBox();
      const lines = [...svg.querySelectorAll('.all path')].filter((line) => {
        const box = line.getBBox();
        return box.height && (box.y < clip.y + 3 || box.y + box.height > clip.y + clip.height + 1);
      });
      const text = [...svg.querySelectorAll('text')].map((each) => each.textContent).find((each) => /view/.test(each));
      return [lines.length, text];
    })"""
    found = [one for page in (study, search) for one in open_page(page).run(leaving)]
    assert [text for _, text in found] == [f"{n} partly not in view" if n else None for n, _ in found]
    assert any(n for n, _ in found)


def test_methods_of_sweeps_that_vary_no_subset_have_a_marker_each(tmp_path: Path, open_page: Opener) -> None:
    """A sweep has one hue, so that its methods were told apart by hovering alone."""
    made = Made(study="first", noise=(0.0,), methods=METHODS, subsets=("all",), faults=False, profile=False)
    folders = [
        write_sweep(tmp_path / name, replace(made, study=name, lift=lift))
        for name, lift in (("first", 0.0), ("second", 0.02))
    ]
    opened = open_page(write_page(*folders, output=tmp_path / "both.html"))
    marks = """() => [...document.querySelectorAll('#front .pt')].map((mark) =>
      [mark.getAttribute('fill'), mark.getAttribute('d')])"""
    found = [tuple(mark) for mark in opened.run(marks)]
    assert len(found) == len(set(found)) == 2 * len(METHODS)
    assert len({shape for _, shape in found}) == len(METHODS), "a method looks alike in both"
    keys = """() => [...document.querySelectorAll('#legend [data-kind=method] svg path')].map((mark) =>
      [mark.getAttribute('fill'), mark.getAttribute('d')])"""
    assert len({tuple(key) for key in opened.run(keys)}) == 2 * len(METHODS)


def test_no_choice_is_cut(study: Path, few: Path, compared: Path, open_page: Opener) -> None:
    for page in (study, few, compared):
        assert open_page(page).run(CUT) == []


def test_a_range_whose_ends_are_reversed_is_the_same_range(search: Path, open_page: Opener) -> None:
    counts = []
    for ends in ('["method.loss.beta",1,10]', '["method.loss.beta",10,1]'):
        opened = open_page(search, address=f"#?{urlencode({'range': ends})}")
        counts.append((opened.count_shown(), opened.text('#sliders [data-path="method.loss.beta"] output')))
    assert counts[0] == counts[1] and 0 < counts[0][0] < 60


@pytest.mark.parametrize(("copied", "told"), [(True, "Copied"), (False, "Not copied: select the text")])
def test_a_button_that_copies_says_whether_it_did(study: Path, open_page: Opener, copied: bool, told: str) -> None:
    opened = open_page(study)
    opened.run(
        """(copied) => {
          Object.defineProperty(navigator, "clipboard", { value: undefined });
          document.execCommand = () => copied;
          document.body.insertAdjacentHTML("afterbegin", '<button data-copy="text" id="copies">Copy</button>');
        }""",
        copied,
    )
    opened.page.click("#copies")
    assert opened.text("#copies") == told == opened.page.text_content("#live")
    opened.page.wait_for_function("() => document.getElementById('copies').textContent === 'Copy'")
