"""Letters of other scripts are drawn by installed fonts; what none has is said in words, once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.font_manager import fontManager

from analysis.charts import glyphs
from analysis.charts.saving import render_pixels, save_figure

NAME = "友善な例"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with matplotlib's own font alone."""
    caches = (glyphs.list_fallbacks, glyphs._read_letters, glyphs.warn_of_missing)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(glyphs, "FALLBACKS", ())
    yield
    for cached in caches:
        cached.cache_clear()


def write(figure: object) -> None:
    figure.text(0.1, 0.5, NAME)  # type: ignore[attr-defined]


def test_letters_that_no_font_has_are_named_once(
    bare: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for file in ("one.png", "two.png"):
            save_figure(write, (2, 1), [tmp_path / file])
    told = capsys.readouterr().err
    assert told.count("note: ") == 1 and "友 善 な 例" in told and "Noto Sans CJK" in told


def test_plain_names_lack_no_letter(bare: None) -> None:
    assert glyphs.find_missing(["friendly 90 %", "λ = −1", "Ærø", "Привет"]) == ""


@pytest.mark.skipif(not set(glyphs.FALLBACKS[:13]) & set(fontManager.get_font_names()), reason="no font with CJK")
def test_letters_of_an_installed_font_are_drawn() -> None:
    glyphs.list_fallbacks.cache_clear()
    assert glyphs.find_missing([NAME]) == ""
    one, other = (
        render_pixels(lambda figure, letter=letter: figure.text(0.1, 0.5, letter), (1, 1))  # type: ignore[misc]
        for letter in "友善"
    )
    assert (one != other).any(), "boxes would be equal"
