"""Pages made once for all tests in a browser, and a browser to open them in.

The browser is Chromium: that of the environment variable CHROMIUM, or else the first on the path.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.report import comparison, drawings
from analysis.report.__main__ import main
from analysis.report.page import redraw_report
from trainers.record_io import write_json
from trainers.record_reader import read_json

from ...synthetic import CLASSES, Made, write_sweep
from .reading import Opened
from .searched import Searched, write_search

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
METHODS = ("AT 0.10", "TRADES 0.10", "MART 0.10")
SUBSETS = ("all", "friendly 108", "friendly 96", "random 108", "random 96")
TURNED = "שיטה חדשה"  # Hebrew, from right to left
HOSTILE = "<img src=x onerror=window.hit=1></script>"
Opener = Callable[..., Opened]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder; a page of 1,000 configurations takes a busy machine minutes to write."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session", autouse=True)
def chromium() -> Iterator[Browser]:
    """Start a browser for all tests of a worker; without one they are skipped with a warning, before any page."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        warnings.warn("NO TEST OPENED THE PAGE: there is no Chromium; install it, or set CHROMIUM", stacklevel=1)
        pytest.skip("no Chromium: install it, or set CHROMIUM to its path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Opener]:
    """Open pages without a network; afterwards none of them had an error, or asked for anything."""
    opened: list[Opened] = []

    def open_(path: Path, width: int = 1100, height: int = 900, address: str = "", **options: Any) -> Opened:
        size: Any = {"width": width, "height": height}
        context = chromium.new_context(viewport=size, offline=True, **options)
        page = Opened(context.new_page(), path, address, options.get("java_script_enabled", True))
        opened.append(page)
        return page

    yield open_
    for page in opened:
        page.context.close()
        assert page.errors == [] and page.requests == []


def describe_figure(spec: Any, *_: object) -> drawings.Drawing:
    """Return a figure of matplotlib with its words and without an image."""
    return drawings.Drawing(spec.slug, spec.title, spec.caption, "data:image/svg+xml,", {}, "")


def write_page(folder: Path, *others: Path, output: Path | None = None) -> Path:
    """Write a page without figures of matplotlib, which take most of its time.

    They are back when it returns: the page of another fixture has its images, whichever is made first.
    """
    with pytest.MonkeyPatch.context() as patched:
        for module in (drawings, comparison):
            patched.setattr(module, "draw_figure", describe_figure)
        if output is None:
            return redraw_report(folder)
        assert main([*map(str, (folder, *others)), "-o", str(output)]) == 0
        return output


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 30 configurations as friendly_k has them, and 3 seeds, with its figures."""
    made = Made(study="study", methods=METHODS, subsets=SUBSETS, faults=False)
    return redraw_report(write_sweep(tmp_path_factory.mktemp("browser") / "study", made))


@pytest.fixture(scope="session")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 60 configurations, some of them stopped or diverged."""
    return write_page(write_search(tmp_path_factory.mktemp("browser") / "searched"))


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 1,000 configurations, 3 seeds and 200 epochs."""
    made = Searched(count=1000, seeds=3, epochs=200, study="large")
    return write_page(write_search(tmp_path_factory.mktemp("browser") / "large", made))


@pytest.fixture(scope="session")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with trainings that diverged, failed or left torn records."""
    return write_page(write_sweep(tmp_path_factory.mktemp("browser") / "made_up", Made()))


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of which nothing has ended yet."""
    made = Made(study="begun", finished=False, profile=False)
    return write_page(write_sweep(tmp_path_factory.mktemp("browser") / "begun", made))


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies on one page."""
    place = tmp_path_factory.mktemp("browser")
    made = Made(study="first", noise=(0.0,), methods=METHODS, faults=False, profile=False)
    first = write_sweep(place / "first", made)
    second = write_sweep(place / "second", replace(made, study="second", lift=0.02))
    return write_page(first, second, output=place / "both.html")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study one of whose methods has HTML for a name."""
    made = Made(study="hostile", noise=(0.0,), methods=("AT 0.10", HOSTILE), faults=False, profile=False)
    return write_page(write_sweep(tmp_path_factory.mktemp("browser") / "hostile", made))


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose methods have a name of 150 broad letters, and one that is written from right to left."""
    made = Made(study="named", noise=(0.0,), methods=("W" * 150, TURNED), faults=False, profile=False)
    return write_page(write_sweep(tmp_path_factory.mktemp("browser") / "named", made))


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two subsets of one method, which nothing names, and three seeds; accuracy is known by class."""
    made = Made(study="few", noise=(0.1,), methods=("AT",), subsets=("all", "friendly 108"), faults=False)
    folder = write_sweep(tmp_path_factory.mktemp("browser") / "few", made)
    for path in folder.glob("trials/*/result.json"):
        classes = {kind: [0.5] * CLASSES for kind in ("clean", "pgd", "aa")}
        write_json(path, read_json(path) | {"classes": {"best": classes, "last": classes}})
    return write_page(folder)
