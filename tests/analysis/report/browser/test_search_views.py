"""The views of a search: brushing, what every view marks, and that the numbers drawn are those of the records."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import HOSTILE, Opener, write_page
from .reading import Opened
from .searched import Searched, write_search

STRIP = "#parallel rect.brush"
TITLE = "#parallel .axis-title"
METHOD, MOMENTUM = 2, 3  # places of the axes

# the texts of a figure with where they stand, and the ring around the marked configuration
READ = """(svg) => ({
  texts: [...svg.querySelectorAll('text')].map((text) => [text.textContent, +text.getAttribute('x')]),
  ring: +svg.querySelector('.ring').getAttribute('cx'),
})"""


@pytest.fixture(scope="module")
def block(search: Path) -> dict[str, Any]:
    """The data block of the page."""
    return read_block(search.read_text())


def read_block(html: str) -> dict[str, Any]:
    found = re.search(r'id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def find_knob(block: dict[str, Any], path: str) -> list[Any]:
    return next(knob["values"] for knob in block["knobs"] if knob["path"] == path)


def find_means(block: dict[str, Any], column: str) -> np.ndarray:
    """Average a column of the trials over the seeds of each configuration, in percent; NaN without a value."""
    trials = block["trials"]
    values = np.array(trials[column], dtype=float)
    places = np.array(trials["configuration"])
    return np.array([100 * np.mean(values[places == place]) for place in range(places.max() + 1)])


def drag(opened: Opened, axis: int, start: float, end: float) -> None:
    """Drag along an axis, from share to share of its length; axes stand upright, or lie where the page is narrow."""
    strip = opened.page.locator(STRIP).nth(axis)
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    assert box
    upright = box["height"] > box["width"]

    def locate(share: float) -> tuple[float, float]:
        if upright:
            return box["x"] + box["width"] / 2, box["y"] + (1 - share) * box["height"]
        return box["x"] + share * box["width"], box["y"] + box["height"] / 2

    opened.page.mouse.move(*locate(start))
    opened.page.mouse.down()
    opened.page.mouse.move(*locate((start + end) / 2))
    opened.page.mouse.move(*locate(end))
    opened.page.mouse.up()
    opened.rest()


@pytest.mark.parametrize("width", [1100, 390])
def test_a_drag_keeps_the_choices_under_it_until_the_title_is_clicked(
    search: Path, block: dict[str, Any], width: int, open_page: Opener
) -> None:
    opened = open_page(search, width=width)
    drag(opened, METHOD, 0.05, 0.45)  # the lower of two choices
    chosen = next(knob["choices"][0] for knob in block["knobs"] if knob["path"] == "method.name")
    expected = find_knob(block, "method.name").count(chosen)
    assert opened.count_shown() == opened.count("#configurations tr[data-i]") == expected
    assert opened.page.locator(TITLE).nth(METHOD).text_content() == "name ×"
    opened.page.locator(TITLE).nth(METHOD).click()
    opened.rest()
    assert opened.count_shown() == 60 and opened.count("#cards .card") == 0


# where the hovered line ends at the last of the upright axes, in pixels of the figure; null without a line
END = """() => {
  const path = document.querySelector('#parallel .over path');
  return path && path.getAttribute('d').match(/[\\d.]+/g).slice(-2).map(Number);
}"""


def test_a_pointer_just_beyond_the_last_axis_finds_the_line_that_ends_there(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    svg = opened.page.locator("#parallel svg").first
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    assert box
    found = []
    for share in np.linspace(0.2, 0.9, 15):
        y = share * box["height"]
        opened.page.mouse.move(box["x"] + box["width"] - 38, box["y"] + y)  # the axis stands 40 px from the edge
        opened.rest()
        if end := opened.run(END):
            assert end[0] < box["width"] - 38
            found.append(abs(end[1] - y))
    assert len(found) >= 5 and max(found) < 16


def test_a_click_on_the_tick_of_what_is_not_set_keeps_those_without_the_knob(
    search: Path, block: dict[str, Any], open_page: Opener
) -> None:
    opened = open_page(search)
    drag(opened, MOMENTUM, 0.02, 0.02)
    assert opened.count_shown() == find_knob(block, "optimizer.momentum").count(None) == 30
    address = opened.page.url.partition("#")[2]
    again = open_page(search, address=f"#{address}")
    assert again.count_shown() == 30


def test_a_drag_over_the_scale_keeps_the_configurations_of_its_range(
    search: Path, block: dict[str, Any], open_page: Opener
) -> None:
    opened = open_page(search)
    drag(opened, 1, 0.5, 1.2)  # beyond the upper end of the axis: the upper end is kept too
    values = find_knob(block, "optimizer.lr")
    middle = math.sqrt(0.003 * 0.3)
    inside = sum(value >= middle for value in values)
    assert abs(opened.count_shown() - inside) <= 2  # as exact as a pixel is
    assert opened.count_shown() >= sum(value >= 1.1 * middle for value in values)


def test_a_kept_configuration_is_marked_in_every_view(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    opened.page.locator("#slices-chart svg[role=application]").first.focus()
    opened.press("Home", "Enter")
    assert opened.count("#cards .card") == 1
    for view, marks in (("front", ".ring"), ("history-chart", ".ring"), ("slices-chart", ".ring")):
        assert opened.page.locator(f"#{view} {marks}").count() >= 1, view
    assert opened.page.locator("#parallel .over path").count() == 1
    assert opened.page.locator("#heat-map .over rect").count() == 1
    assert opened.page.locator("#curves .over path").count() >= 1
    opened.press("Enter")
    assert opened.count("#cards .card") == 0 and opened.page.locator("#heat-map .over rect").count() == 1
    opened.press("Escape")
    assert opened.page.locator("#parallel .over path, #heat-map .over rect").count() == 0


def test_a_slice_is_on_the_scale_of_its_knob(search: Path, block: dict[str, Any], open_page: Opener) -> None:
    opened = open_page(search)
    slice_ = opened.page.locator("#slices-chart svg[role=application]").nth(1)
    slice_.focus()
    opened.press("Home")  # the configuration with the least value that is in view
    drawn = slice_.evaluate(READ)
    ticks = {float(text): x for text, x in drawn["texts"] if re.fullmatch(r"0\.0*[125]", text)}
    assert len(ticks) >= 2
    (low, left), *_, (high, right) = sorted(ticks.items())
    share = (drawn["ring"] - left) / (right - left)
    value = math.exp(math.log(low) + share * math.log(high / low))
    measured = np.isfinite(find_means(block, f"best_{block['y']}"))
    values = [value for value, known in zip(find_knob(block, "optimizer.lr"), measured, strict=True) if known]
    assert min(abs(value / other - 1) for other in sorted(values)[:3]) < 0.02


def test_cells_of_the_heat_map_are_means_over_their_configurations(
    search: Path, block: dict[str, Any], open_page: Opener
) -> None:
    opened = open_page(search)
    for select in ("#heat-x", "#heat-y"):
        opened.page.select_option(select, "method.name")
    opened.page.select_option("#heat-value", "test_clean_acc")
    means, methods = find_means(block, "best_test_clean_acc"), np.array(find_knob(block, "method.name"))
    expected = {f"{np.nanmean(means[methods == method]):.1f}" for method in ("trades", "mart")}
    texts = opened.page.locator("#heat-map text").all_text_contents()
    assert expected <= set(texts)


def test_a_short_search_has_no_bar_and_no_cell_for_each_value_that_it_drew(tmp_path: Path, open_page: Opener) -> None:
    """A median of one configuration reads as an error bar, and cells of equal width hide how far values lie apart."""
    opened = open_page(write_page(write_search(tmp_path / "short", Searched(count=10, seeds=1))))
    slices = opened.page.locator("#slices-chart")
    assert "h24" not in slices.locator('[data-key$=" optimizer.lr"]').inner_html()
    assert "h24" in slices.locator('[data-key$=" method.name"]').inner_html()
    opened.page.select_option("#heat-x", "optimizer.lr")
    opened.page.select_option("#heat-y", "method.loss.beta")
    assert "lr (log)" in opened.text("#heat-map")  # the scale of bins; a cell for each value has none


def test_importances_are_those_of_the_records(search: Path, block: dict[str, Any], open_page: Opener) -> None:
    opened = open_page(search)
    texts = opened.page.locator("#importance text").all_text_contents()
    for rows in block["importance"].values():
        for row in rows:
            assert f"{100 * row['mean']:.0f}\u00a0%" in texts, row


def test_the_history_ends_at_the_best_of_the_records(search: Path, block: dict[str, Any], open_page: Opener) -> None:
    opened = open_page(search)
    labels = [str(figure.get_attribute("aria-label")) for figure in opened.page.locator("#history-chart svg.fig").all()]
    ends = [f"{100 * values[-1]:.1f}" for values in block["history"]["best"].values()]
    assert f"{block['history']['hypervolume'][-1]:.3f}" in labels[0]
    assert [label.rpartition(": ")[2] for label in labels[1:]] == ends
    lost = sum(status != "completed" for status in block["configurations"]["status"])
    crosses = opened.page.locator("#history-chart .lost")
    assert lost == len(block["history"]["lost"]) == 9 and crosses.count() == 9 * len(ends)


def test_each_rule_tells_how_many_it_stopped(search: Path, block: dict[str, Any], open_page: Opener) -> None:
    opened = open_page(search)
    assert len(block["stopping"]) == 8
    texts = opened.page.locator("#stopping-chart text").all_text_contents()
    assert "dominated" in texts and "8 stopped, half after 10 of 20 epochs, 160 saved" in texts
    ends = opened.page.locator('#stopping-chart [data-key=curves] svg.fig path[fill="var(--neg)"]')
    assert ends.count() == 8, "where a curve was cut is in view"


def test_views_without_a_configuration_are_empty(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    opened.page.fill("#query", "no such configuration")
    opened.rest()
    assert opened.count_shown() == 0 and "no result to show" in opened.text("#heat-map")


def test_a_choice_is_text_whatever_it_holds(search: Path, tmp_path: Path, open_page: Opener) -> None:
    html = search.read_text()
    name = json.dumps(HOSTILE, ensure_ascii=False).replace("</", "<\\/")
    page = tmp_path / "hostile.html"
    page.write_text(html.replace('"mart"', name).replace('"dominated', '"<img src=x onerror=window.hit=1>'))
    opened = open_page(page)
    opened.page.locator("#slices-chart svg[role=application]").nth(METHOD).focus()
    opened.press("End")
    assert "<img src=x" in opened.text("#tip")
    assert "<img" in opened.page.locator("#slices-chart").inner_text()
    assert opened.run("window.hit") is None and opened.page.locator("img[src=x]").count() == 0


def test_a_constant_network_is_in_no_cell_no_slice_and_no_line(tmp_path: Path, open_page: Opener) -> None:
    """Its accuracy is no effect of a knob; here it would stretch the colours and the axis."""
    folder = write_search(tmp_path / "searched", Searched(count=12, seeds=1, epochs=4))
    whole = open_page(write_page(folder))
    assert "constant" not in whole.text("#history figcaption") and "Left out" not in whole.text("#slices figcaption")
    assert "Left out" not in whole.text("#answer figcaption")
    first = next(path for path in sorted(folder.glob("trials/*/result.json")) if "stopped" not in path.read_text())
    result = json.loads(first.read_text())
    for checkpoint in ("best", "last"):
        result[checkpoint] |= {name: 0.1 for name in result[checkpoint] if name.endswith("_acc")} | {"constant": 3}
    first.write_text(json.dumps(result))
    opened = open_page(write_page(folder))
    assert "or constant: a network that names one class" in opened.text("#history figcaption")
    for section in ("answer", "slices", "what-matters"):
        assert "Left out: 1 configuration, as a seed names one class" in opened.text(f"#{section} figcaption >> nth=-1")
    means = opened.page.locator("#heat-map svg text").all_text_contents()
    assert "10.0" not in means and any(re.fullmatch(r"7\d\.\d", mean) for mean in means)
    texts = opened.page.locator("#slices-chart svg.fig").first.locator("text[text-anchor=end]").all_text_contents()
    assert min(map(float, texts)) > 40
    drawn = set()  # whether a row is that of the constant network, and the lines that hovering it marks
    for row in opened.page.locator("#configurations tr[data-i]").all():
        row.hover()
        opened.rest()
        drawn.add(("(constant)" in row.inner_text(), opened.page.locator("#parallel .over path").count()))
    assert drawn - {(False, 0)} == {(False, 1), (True, 0)}, "a stopped one without a test accuracy has no line either"
    ticks = set(opened.page.locator("#parallel svg text.small").all_text_contents())
    assert {"70", "80", "90"} <= ticks and not {"30", "40", "50", "60"} & ticks, "its accuracy does not stretch an axis"
