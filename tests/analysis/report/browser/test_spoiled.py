"""Pages of what few think of: too few seeds, no validation, methods without a name, and addresses written by hand."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
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


def test_each_key_of_a_comparison_has_the_mark_of_its_sweep(compared: Path, open_page: Opener) -> None:
    opened = open_page(compared)
    paints = """(kind) => [...document.querySelectorAll(`#legend [data-kind=${kind}]`)].map((key) =>
      [key.dataset.name, (key.querySelector('svg rect') || { getAttribute: () => null }).getAttribute('fill')])"""
    sweeps = dict(opened.run(paints, "sweep"))
    methods = opened.run(paints, "method")
    assert len(set(sweeps.values())) == 2 and len(methods) == 6
    assert [paint for _, paint in methods] == [sweeps[name.split()[0]] for name, _ in methods]


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
