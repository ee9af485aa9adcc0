"""What a reader of a search does on its page."""

from __future__ import annotations

from pathlib import Path

from .conftest import Opener

VIEWS = ("history-chart", "parallel", "importance", "slices-chart", "stopping-chart", "heat-map")


def test_each_view_is_drawn(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    count = "(view) => document.querySelectorAll(`#${view} svg text`).length"
    assert {view: opened.run(count, view) >= 3 for view in VIEWS} == dict.fromkeys(VIEWS, True)


def brush(opened, axis: int) -> None:  # type: ignore[no-untyped-def]
    strip = opened.page.locator("#parallel rect[data-axis], #parallel rect.brush").nth(axis)
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"]
    opened.page.mouse.move(x, y + 0.2 * box["height"])
    opened.page.mouse.down()
    opened.page.mouse.move(x, y + 0.4 * box["height"])
    opened.page.mouse.move(x, y + 0.7 * box["height"])
    opened.page.mouse.up()
    opened.rest()


def test_a_brush_on_an_axis_filters_the_table(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    brush(opened, 0)
    count = opened.count_shown()
    assert 0 < count < 60 and opened.count("#configurations tr[data-i]") == count
    opened.page.click("#reset")
    opened.rest()
    assert opened.count_shown() == opened.count("#configurations tr[data-i]") == 60


def test_a_knob_colours_every_figure(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    opened.page.select_option("#colour", "optimizer.lr")
    opened.rest()
    assert "lr" in opened.text("#legend")


def test_slices_are_on_the_scale_of_each_knob(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    drawn = opened.page.locator("#slices-chart").inner_html()
    assert "(log)" in drawn and "trades" in drawn


def test_stopped_and_diverged_configurations_are_named(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    opened.page.fill("#query", "stopped")
    opened.rest()
    assert opened.count_shown() == 8
    assert "dominated" in opened.text("#configurations") + opened.text("#stopping")
