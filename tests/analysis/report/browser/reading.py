"""What a reader of the page sees and does, in terms of the page: configurations, marks, rows and texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Request

REST = 400  # ms after which the figures of a large page have followed
LARGE = 300  # configurations, above which figures follow later than the frame after a change
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

MARK = """() => {
  const ring = document.querySelector('#front .ring'), svg = ring.ownerSVGElement;
  const place = new DOMPoint(+ring.getAttribute('cx'), +ring.getAttribute('cy')).matrixTransform(svg.getScreenCTM());
  return [place.x, place.y];
}"""

# the numbers at the ticks of the first front, with where the axis has them
TICKS = """() => {
  const svg = document.querySelector('#front svg[role=application]'), ring = svg.querySelector('.ring');
  const texts = [...svg.querySelectorAll('text')].filter((text) => /^[−\\d.]+$/.test(text.textContent));
  const read = (text, name) => [+text.textContent.replace('−', '-'), +text.getAttribute(name)];
  const across = texts.filter((text) => text.getAttribute('text-anchor') === 'middle');
  const up = texts.filter((text) => text.getAttribute('text-anchor') === 'end');
  return {x: across.map((text) => read(text, 'x')), y: up.map((text) => read(text, 'y')),
          ring: ['cx', 'cy'].map((name) => +ring.getAttribute(name))};
}"""


class Opened:
    """A page that is open, with its errors and its requests."""

    def __init__(self, page: Page, path: Path, address: str = "", scripts: bool = True) -> None:
        self.page, self.path, self.context = page, path, page.context
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._hear)
        page.on("request", self._count)
        page.goto(f"{path.as_uri()}{address}")
        if scripts:
            page.wait_for_selector("html[data-ready]", state="attached")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _count(self, request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.requests.append(request.url)

    def rest(self, milliseconds: int = REST) -> None:
        """Wait until all figures have followed: on a page that is not large, for two frames."""
        if self.page.locator("#configurations tr[data-i]").count() > LARGE:
            self.page.wait_for_timeout(milliseconds)
        else:
            self.run(FRAMES)

    def run(self, script: str, *argument: Any) -> Any:
        """Run a script in the page and return its value."""
        return self.page.evaluate(script, *argument)

    def count(self, selector: str) -> int:
        """Count the elements that are shown."""
        return self.page.locator(f"{selector}:visible").count()

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return self.page.locator(selector).inner_text()

    def focus_front(self) -> None:
        """Focus the first front, and wait until the window has scrolled to it: scrolling hides a tip."""
        self.page.locator("#front svg[role=application]").first.focus()
        self.run(FRAMES)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def find_mark(self) -> tuple[float, float]:
        """Return where in the window the first front has its leftmost mark, as the keyboard finds it."""
        self.focus_front()
        self.press("Home")
        x, y = self.run(MARK)
        self.press("Escape")
        return x, y

    def count_shown(self) -> int:
        """Return how many configurations the page says it shows."""
        found = re.match(r"[\d,\u202f]+", self.text("#count"))
        assert found, self.text("#count")
        return int(re.sub(r"\D", "", found[0]))

    def read_column(self, place: int) -> list[str]:
        """Return the values of a column of all configurations, as the rows stand."""
        script = "(rows, place) => rows.map((row) => row.cells[place].dataset.v)"
        return self.page.eval_on_selector_all("#configurations tr[data-i]", script, place)
