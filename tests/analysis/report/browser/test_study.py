"""What a reader of a study does on its page: every figure and the table follow, and the address keeps it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ...synthetic import Made, name_one_class, write_sweep
from .conftest import HOSTILE, Opener, write_page
from .reading import TICKS, Opened

# how many marks of the front have the ground for a fill
HOLLOW = "[...document.querySelectorAll('#front .pt')].filter((e) => e.getAttribute('fill') === 'var(--bg)').length"


def test_hovering_tells_and_a_click_keeps(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    x, y = opened.find_mark()
    assert opened.count("#tip") == 0
    opened.page.mouse.move(x, y)
    assert "±" in opened.text("#tip")
    assert opened.count("#configurations tr.hot") == 1
    opened.page.mouse.click(x, y)
    assert opened.count("#configurations tr.pin") == opened.count("#cards .card") == 1
    assert opened.page.locator("#curves .over path").count() >= 2, "a line and its band"
    assert "keep=" in opened.page.url
    opened.page.mouse.click(x, y)
    assert opened.count("#configurations tr.pin") == opened.count("#cards .card") == 0


def test_the_address_restores_what_was_kept(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    opened.focus_front()
    opened.press("End", "Enter")
    kept = opened.text("#configurations tr.pin td:first-child")
    opened.page.fill("#query", "friendly")
    opened.rest()
    again = open_page(study, address=f"#{opened.page.url.partition('#')[2]}")
    assert again.text("#configurations tr.pin td:first-child") == kept or "friendly" not in kept
    assert again.page.input_value("#query") == "friendly"
    assert again.count_shown() == opened.count_shown() == 12
    assert again.page.locator("#cards .card").count() == 1


@pytest.mark.parametrize("address", ["#?keep=nobody|<img>&x=nothing&y=__proto__&at=never&q=%E0%A4%A", "#?", "#answer"])
def test_no_address_breaks_the_page(study: Path, address: str, open_page: Opener) -> None:
    opened = open_page(study, address=address)
    assert opened.count_shown() == 30 or "q=" in address
    assert opened.count("#front svg[role=application]") == 2


def test_an_address_opened_in_the_same_tab_leaves_nothing_of_the_one_before(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    start = opened.page.input_value("#axis-x")
    opened.page.fill("#query", "friendly")
    opened.page.select_option("#axis-x", index=2)
    opened.rest()
    assert opened.count_shown() == 12 and "x=" in opened.page.url
    opened.run("() => { document.activeElement.blur(); location.hash = '#?keep=nobody'; }")
    opened.rest()
    assert opened.count_shown() == 30
    assert opened.page.input_value("#query") == ""
    assert opened.page.input_value("#axis-x") == start


def assert_all_follow(opened: Opened, count: int) -> None:
    assert opened.count_shown() == count
    assert opened.count("#configurations tr[data-i]") == count
    assert opened.page.locator("#front [data-i]").count() == count
    assert opened.page.locator("#curves path[data-i]").count() == count


def test_a_filter_reaches_every_figure_and_the_table(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    assert_all_follow(opened, 30)
    opened.page.fill("#query", "trades random")
    opened.rest()
    assert_all_follow(opened, 4)
    opened.page.fill("#query", "nothing has this name")
    opened.rest()
    assert_all_follow(opened, 0)
    opened.page.click("#reset")
    opened.rest()
    assert_all_follow(opened, 30)


def test_the_legend_hides_a_method_and_a_subset(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    keys = opened.page.locator("#legend button")
    assert keys.count() == 3 + 5
    keys.nth(0).click()
    opened.rest()
    assert_all_follow(opened, 20)
    assert keys.nth(0).get_attribute("aria-pressed") == "false"
    keys.last.click()
    opened.rest()
    assert_all_follow(opened, 16)


def test_axes_and_checkpoint_are_the_readers(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    first = opened.page.locator("#front svg[role=application]").first
    before = first.inner_html()
    assert "PGD-20" not in before
    opened.page.select_option("#axis-y", "test_pgd20_acc")
    opened.rest()
    assert "PGD-20" in first.inner_html() and "y=test_pgd20_acc" in opened.page.url
    opened.page.click("#reset")
    opened.rest()
    assert first.inner_html() == before
    assert opened.run(HOLLOW) == 0 == opened.count("#hollow")
    opened.page.click("[data-checkpoint=last]")
    opened.rest()
    assert first.inner_html() != before and "at=last" in opened.page.url
    assert opened.run(HOLLOW) == 30 and "last epoch" in opened.text("#hollow")


def test_a_configuration_that_can_be_on_no_front_is_pale(study: Path, tmp_path: Path, open_page: Opener) -> None:
    made = Made(study="constant", noise=(0.0,), faults=False, profile=False)
    folder = write_sweep(tmp_path / "constant", made)
    name_one_class(folder, "*TRADES*friendly*seed=1", "best")
    opened = open_page(write_page(folder))
    (pale,) = opened.run("[...document.querySelectorAll('#front g[data-i][opacity]')].map((e) => e.dataset.i)")
    name = opened.text(f'#configurations tr[data-i="{pale}"] td:first-child')
    assert "TRADES" in name and "friendly" in name and "never on a front" in opened.text("#pale")
    opened.page.fill("#query", "random")
    opened.rest()
    assert opened.count("#pale") == open_page(study).count("#pale") == 0


def test_verdicts_stand_below_the_front_that_they_are_about_alone(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    assert opened.count("#verdicts") == 1 and opened.count("#no-verdicts") == 0
    changes = {
        "axis": lambda: opened.page.select_option("#axis-y", "test_pgd20_acc"),
        "epoch": lambda: opened.page.click("[data-checkpoint=last]"),
        "filter": lambda: opened.page.fill("#query", "friendly"),
        "legend": lambda: opened.page.locator("#legend button").first.click(),
    }
    for name, change in changes.items():
        change()
        opened.rest()
        assert opened.count("#verdicts") == 0, name
        assert "AutoAttack" in opened.text("#no-verdicts"), "the accuracy that was judged"
        assert "the selected epoch, over all configurations" in opened.text("#no-verdicts")
        opened.page.click("#reset")
        opened.rest()
        assert opened.count("#verdicts") == 1 and opened.count("#no-verdicts") == 0, name


def test_seeds_and_verdicts_stand_beside_the_names(study: Path, open_page: Opener) -> None:
    """They were the last of many columns, out of sight until the table was scrolled."""
    opened = open_page(study)
    headers = opened.page.locator("#configurations .tbl.tall thead th").all_inner_texts()
    assert [header.strip() for header in headers[:4]] == ["configuration", "setting", "n", "verdict"]
    assert any(header.strip().startswith("best on test − last, PGD") for header in headers)


def test_headers_sort(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    headers = opened.page.locator("#configurations thead th button")
    place = next(k for k in range(headers.count()) if "clean" in headers.nth(k).inner_text().lower() and k > 1)
    headers.nth(place).click()
    values = [float(value) for value in opened.read_column(place)]
    assert values == sorted(values, reverse=True) and len(values) == 30
    assert opened.count("#configurations th[aria-sort=descending]") == 1
    headers.nth(place).click()
    values = [float(value) for value in opened.read_column(place)]
    assert values == sorted(values)
    headers.first.click()
    names = [
        [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)] for name in opened.read_column(0)
    ]
    assert names in (sorted(names), sorted(names, reverse=True)), "numbers within names by size"


def test_the_keyboard_walks_keeps_and_leaves(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    opened.focus_front()
    opened.press("ArrowRight")
    first = opened.text("#tip")
    opened.press("ArrowRight")
    assert opened.text("#tip") != first
    opened.press("ArrowLeft")
    assert opened.text("#tip") == first
    opened.press("ArrowUp", "Enter")
    assert opened.count("#configurations tr.pin") == 1
    assert opened.page.locator("#live").inner_text().startswith("Kept ")
    opened.press("Escape")
    assert opened.count("#tip") == 0
    opened.press("Home", "Enter", "End", "Enter", "ArrowLeft", "Enter", "ArrowLeft", "Enter")
    assert opened.page.locator("#cards .card").count() <= 3


def test_every_control_can_be_reached_by_tab_and_has_a_name(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    nameless = opened.run("""() => [...document.querySelectorAll('button, select, input, [tabindex="0"]')].filter((e) =>
      !(e.ariaLabel || e.textContent.trim() || (e.labels && e.labels.length))).map((e) => e.outerHTML.slice(0, 80))""")
    assert nameless == []
    reached = set()
    for _ in range(80):
        opened.press("Tab")
        reached.add(opened.run("document.activeElement.id || document.activeElement.getAttribute('role') || ''"))
    assert {"theme", "axis-x", "axis-y", "query", "reset", "application"} <= reached


def test_rows_hover_and_keep_too(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    row = opened.page.locator("#configurations tr[data-i='3']")
    row.scroll_into_view_if_needed()
    row.hover()
    assert opened.page.locator("#front .ring").count() == 1
    row.locator("td").nth(1).click()
    assert opened.page.locator("#cards .card").count() == 1
    opened.page.locator("#cards .card button").first.click()
    assert opened.page.locator("#cards .card").count() == 0


def test_a_name_with_html_is_text_everywhere(hostile: Path, open_page: Opener) -> None:
    opened = open_page(hostile)
    opened.page.fill("#query", "onerror")
    opened.rest()
    assert opened.count_shown() == 3
    opened.focus_front()
    opened.press("Home")
    assert HOSTILE in opened.text("#tip")
    opened.press("Enter")
    assert HOSTILE in opened.text("#cards") and HOSTILE in opened.text("#legend")
    assert HOSTILE in opened.page.locator("#configurations tr.pin").inner_text()
    assert opened.run("window.hit === undefined && !document.querySelector('img[src=x]')")


def test_the_page_is_whole_without_scripts(study: Path, open_page: Opener) -> None:
    opened = open_page(study, java_script_enabled=False)
    assert opened.page.locator("ol.answers li").count() >= 1
    assert opened.page.locator("#configurations tr[data-i]").count() == 30
    images = opened.page.locator("noscript img")
    assert images.count() >= 3
    for place in range(images.count()):
        images.nth(place).scroll_into_view_if_needed()
        box = images.nth(place).bounding_box()
        assert box and box["width"] > 100 and box["height"] > 100, "each image is whole"


def test_the_policy_lets_nothing_else_run_or_load(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    opened.run("""() => {
      const script = document.createElement('script');
      script.textContent = 'window.hit = 1';
      document.body.append(script);
    }""")
    opened.run("fetch('https://example.org/').catch(() => 0)")
    assert opened.run("window.hit === undefined")
    assert len(opened.errors) >= 2 and all("Content Security Policy" in text for text in opened.errors)
    opened.errors.clear()
    assert opened.requests == []


def test_drawn_numbers_are_those_of_the_records(study: Path, open_page: Opener) -> None:
    trials = pd.read_csv(study.parent / "tables" / "trials.csv")
    means = 100 * trials[trials["kind"] == "trial"].groupby("name").mean(numeric_only=True)
    opened = open_page(study)
    opened.focus_front()
    opened.press("Home", "Enter")
    row = opened.page.locator("#configurations tr.pin")
    own = means.loc[
        opened.run("JSON.parse(document.getElementById('data').textContent)")["configurations"]["name"][
            int(row.get_attribute("data-i"))
        ]
    ]
    expected = {axis: own[f"best_{opened.page.input_value(f'#axis-{axis}')}"] for axis in "xy"}
    assert all(
        f"{value:.1f} ±" in opened.text("#tip") and f"{value:.1f} ±" in row.inner_text() for value in expected.values()
    )
    ticks = opened.run(TICKS)
    for (axis, value), drawn in zip(expected.items(), ticks["ring"], strict=True):
        values, pixels = np.array(ticks[axis]).T
        slope, start = np.polyfit(pixels - (4 if axis == "y" else 0), values, 1)
        assert slope * drawn + start == pytest.approx(value, abs=0.02)
