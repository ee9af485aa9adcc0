"""What a page does with more settings than it has panels: one at a time, chosen by the reader; numbers get sliders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ...synthetic import Made, write_sweep
from .conftest import Opener, write_page
from .reading import Opened

NOISE = (0.0, 0.1, 0.2, 0.3)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study under four settings, whose page is drawn without pixels."""
    made = Made(study="settings", noise=NOISE, faults=False, profile=False)
    return write_page(write_sweep(tmp_path_factory.mktemp("browser") / "settings", made))


def read_title(opened: Opened, figure: str) -> str | None:
    return opened.page.locator(f"{figure} svg.fig .ttl").text_content()


def test_one_of_many_settings_is_in_view_and_the_address_keeps_it(settings: Path, open_page: Opener) -> None:
    opened = open_page(settings)
    chosen = [option.get_attribute("value") or "" for option in opened.page.locator("#setting option").all()]
    assert len(chosen) == len(NOISE)
    assert opened.count("#front svg[role=application]") == opened.count("#curves svg.fig") == 1
    first = read_title(opened, "#front")
    opened.page.select_option("#setting", chosen[2])
    opened.rest()
    second = read_title(opened, "#front")
    assert second != first and read_title(opened, "#curves") == second
    again = open_page(settings, address=f"#{opened.page.url.partition('#')[2]}")
    assert read_title(again, "#front") == second
    again.page.click("#reset")
    again.rest()
    assert read_title(again, "#front") == first and "setting=" not in again.page.url


@pytest.mark.parametrize("methods", [("AT",), ("AT", "TRADES")])
def test_of_more_subsets_than_markers_each_kind_has_its_own(
    tmp_path: Path, open_page: Opener, methods: tuple[str, ...]
) -> None:
    """With one method it has a hue of its own too."""
    sizes = (60, 72, 84, 96, 108)
    subsets = ("all", *(f"{kind} {size}" for size in sizes for kind in ("friendly", "random")))
    made = Made(noise=(0.0,), methods=methods, subsets=subsets, replicates=1, epochs=4, faults=False, profile=False)
    opened = open_page(write_page(write_sweep(tmp_path / "sweep", made)))
    looks: dict[str, set[tuple[str | None, ...]]] = {}
    for key in opened.page.locator("#legend button[data-kind=subset]").all():
        name, path = (key.text_content() or "").strip(), key.locator("svg path").first
        looks.setdefault(name.split()[0], set()).add((path.get_attribute("d"), path.get_attribute("fill")))
    assert [*looks] == ["all", "friendly", "random"] and all(len(found) == 1 for found in looks.values())
    markers, paints = (set(parts) for parts in zip(*(found.pop() for found in looks.values()), strict=True))
    assert len(markers) == 3 and len(paints) == (3 if len(methods) == 1 else 1)


def test_a_network_that_names_one_class_is_on_no_front(tmp_path: Path, open_page: Opener) -> None:
    made = Made(noise=(0.0,), methods=("AT", "TRADES"), subsets=("all",), faults=False, profile=False)
    folder = write_sweep(tmp_path / "sweep", made)
    assert "TRADES" in open_page(write_page(folder)).text("#front"), "it would be on the front"
    result = next(folder.glob("trials/*TRADES*seed=1/result.json"))
    found = json.loads(result.read_text())
    found["best"]["constant"] = 3
    result.write_text(json.dumps(found))
    opened = open_page(write_page(folder))
    assert opened.count("#front g[data-i]") == 2 and "TRADES" not in opened.text("#front")


def test_the_axes_of_the_front_follow_the_marks(tmp_path: Path, open_page: Opener) -> None:
    """A configuration of which a bound alone is known has no mark, however low its clean accuracy."""
    made = Made(noise=(0.0,), methods=("AT", "TRADES", "MART"), subsets=("all",), faults=False, profile=False)
    folder = write_sweep(tmp_path / "sweep", made)
    for path in folder.glob("trials/*MART*/result.json"):
        result = json.loads(path.read_text())
        for at in ("best", "last"):
            del result[at]["test_aa_acc"]
            result[at] |= {"test_clean_acc": 0.2, "test_aa_clean_acc": 0.2, "bounds": {"aa": 0.1}}
        path.write_text(json.dumps(result))
    opened = open_page(write_page(folder))
    ticks = "() => [...document.querySelectorAll('#front svg text')].map((text) => Number(text.textContent))"
    assert min(tick for tick in opened.run(ticks) if tick > 0) > 50


def test_a_slider_lets_a_range_of_values_through(settings: Path, open_page: Opener) -> None:
    opened = open_page(settings)
    count = opened.count_shown()
    slider = opened.page.locator("#sliders .slider").first
    low, high = slider.locator("input").all()
    high.focus()
    opened.press("ArrowLeft")
    opened.rest()
    assert opened.count_shown() == opened.count("#configurations tr[data-i]") == count * 3 // 4
    assert slider.locator("output").inner_text() == "0 to 0.2"
    low.focus()
    opened.press("End")  # one end does not pass the other
    opened.rest()
    assert low.input_value() <= high.input_value() and opened.count_shown() > 0
    again = open_page(settings, address=f"#{opened.page.url.partition('#')[2]}")
    assert again.count_shown() == opened.count_shown()
    opened.page.click("#reset")
    opened.rest()
    assert opened.count_shown() == count and "range=" not in opened.page.url
