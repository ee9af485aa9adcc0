"""Letters that fonts lack: installed fonts to fall back on, and in words what none of them has.

matplotlib's own font has Latin, Greek, Cyrillic and some other letters. No font of another script comes with this
package, as one takes some ten megabytes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

from trainers.terminal.console import error_console

FALLBACKS = (  # families with many scripts, on Linux, macOS and Windows; those installed are used, in this order
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "Droid Sans Fallback", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic",
    "Malgun Gothic", "Arial Unicode MS", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans",
)  # fmt: skip
OWN = "DejaVu Sans"  # comes with matplotlib
PLAIN = 0x0530  # letters below are Latin, Greek and Cyrillic, which that font has
SHOWN = 8  # missing letters that a text names


@cache
def list_fallbacks() -> tuple[str, ...]:
    """List the families of FALLBACKS that are installed."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return tuple(name for name in FALLBACKS if name in installed)


@contextmanager
def use_fallbacks() -> Iterator[None]:
    """Draw with the fonts of `list_fallbacks` behind those of the style, without matplotlib's own words on fonts.

    It would say of each fallback that it has no bold letters, and of each letter that a font lacks where in its code.
    """
    import matplotlib

    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        logger.setLevel(logging.ERROR)
        matplotlib.rcParams["font.family"] = [*matplotlib.rcParams["font.family"], *list_fallbacks()]
        try:
            yield
        finally:
            logger.setLevel(level)


def find_missing(texts: Iterable[str]) -> str:
    """Find the letters of texts that no font of figures has, each once, in their order."""
    letters = dict.fromkeys(letter for text in texts for letter in text if ord(letter) >= PLAIN)
    return "".join(letter for letter in letters if not any(ord(letter) in known for known in _read_letters()))


def describe_missing(letters: str) -> str:
    """Say which letters figures show as boxes, and what to do."""
    more = f" and {len(letters) - SHOWN} more" if len(letters) > SHOWN else ""
    return (
        f"Figures as files show boxes for letters that no installed font has: {' '.join(letters[:SHOWN])}{more}. "
        "Install a font that has them, such as Noto Sans CJK, and draw again."
    )


@cache
def warn_of_missing(letters: str) -> None:
    """Print on the error stream, once for the same letters, that figures show boxes for them."""
    error_console().print(f"note: {describe_missing(letters)}", markup=False, highlight=False)


@cache
def _read_letters() -> list[frozenset[int]]:
    """Read which letters each font of figures has."""
    from matplotlib.font_manager import findfont, get_font

    return [frozenset(get_font(findfont(name)).get_charmap()) for name in (OWN, *list_fallbacks())]
