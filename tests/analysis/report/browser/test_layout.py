"""The page fits every width, and every text on it can be read, in the light and in the dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Opener

WIDTHS = (390, 768, 1100, 1600)
PAGES = ("study", "search", "unfinished", "hostile")
TALLEST = 5500  # of a study at a width of 1100

CLIPPED = """() => [...document.querySelectorAll('svg.fig text')].filter((text) => {
  const box = text.getBoundingClientRect();
  return box.width && (box.left < -1 || box.right > innerWidth + 1);
}).map((text) => text.textContent)"""

# texts whose contrast with what is behind them is under 4.5; those with an outline of the ground stand on the ground
FAINT = """() => {
  const parse = (text) => {
    const parts = (text.match(/[\\d.]+(e-?\\d+)?/g) || [0, 0, 0, 0]).map(Number);
    const scale = text.startsWith('color(') ? 255 : 1;
    return [...parts.slice(0, 3).map((part) => part * scale), parts.length > 3 ? parts[3] : 1];
  };
  const lay = (over, under, opacity = 1) => {
    const share = over[3] * opacity;
    return [0, 1, 2].map((k) => over[k] * share + under[k] * (1 - share)).concat(1);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((s) => s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((p, q) => p - q);
    return (high + 0.05) / (low + 0.05);
  };
  const opacityOf = (element) => {
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) opacity *= +getComputedStyle(at).opacity;
    return opacity;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
    return layers.reduce((under, over) => lay(over, under), [255, 255, 255, 1]);
  };
  const groundInFigure = (text) => {
    const svg = text.ownerSVGElement;
    const box = text.getBoundingClientRect(), x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    let under = ground(svg.parentElement);
    for (const rect of svg.querySelectorAll('rect')) {
      if (rect.closest('clipPath, defs') || !(rect.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING)) continue;
      const area = rect.getBoundingClientRect(), style = getComputedStyle(rect);
      if (style.fill === 'none' || x < area.left || x > area.right || y < area.top || y > area.bottom) continue;
      under = lay(parse(style.fill), under, +style.fillOpacity * opacityOf(rect));
    }
    return under;
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest('script, style, noscript, option, .sr, #live, .skip, title')) continue;
    if (!parent.getBoundingClientRect().width || !parent.checkVisibility()) continue;
    const style = getComputedStyle(parent), drawn = Boolean(parent.ownerSVGElement);
    const under = drawn ? groundInFigure(parent) : ground(parent);
    const colour = lay(parse(drawn ? style.fill : style.color), under, opacityOf(parent));
    const found = contrast(colour, under);
    if (found < 4.5) faint.push(`${found.toFixed(2)} ${node.data.trim().slice(0, 40)}`);
  }
  return faint;
}"""


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_width_scrolls_sideways_or_clips_a_label(page: Path, width: int, open_page: Opener) -> None:
    opened = open_page(page, width)
    assert opened.count("#front svg[role=application]") >= 1
    wide = """() => [...document.querySelectorAll('main *')].filter((e) => !e.closest('.tbl, svg'))
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
    assert opened.run("document.documentElement.scrollWidth <= innerWidth"), opened.run(wide)
    assert opened.run(CLIPPED) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_enough_contrast(page: Path, theme: str, open_page: Opener) -> None:
    opened = open_page(page, color_scheme=theme)
    assert opened.run("document.documentElement.dataset.theme") == theme
    opened.focus_front()
    opened.press("Home", "Enter")  # with a card, a tip and a kept row
    assert opened.count("#tip") == opened.count("#cards .card") == 1
    assert opened.run(FAINT) == []


def test_the_measure_of_contrast_finds_a_faint_text(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    opened.run("document.querySelector('h1').style.color = '#999'")
    opened.run("document.querySelector('#front svg.fig text').style.fill = '#aaa'")
    assert len(opened.run(FAINT)) == 2


def test_the_answer_comes_first_and_the_page_is_short(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    place = "(selector) => document.querySelector(selector).getBoundingClientRect()"
    assert opened.run(f"({place})('h1').top") < 120
    assert opened.run(f"({place})('#front').top") < 560, "the front begins on the first screen"
    assert opened.run("document.documentElement.scrollHeight") <= TALLEST


def test_the_theme_changes_and_stays(study: Path, open_page: Opener) -> None:
    opened = open_page(study, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened.run(ground)
    opened.page.click("#theme")
    assert opened.run(ground) != light
    opened.page.reload()
    assert opened.run("document.documentElement.dataset.theme") == "dark"
