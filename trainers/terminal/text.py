"""Text that a terminal can show: control characters as escapes, and letters that its encoding lacks by similar ones."""

from __future__ import annotations

import codecs
import re

# C0 except the tab, DEL, C1, line and paragraph separators, and characters that change the direction of writing
_CONTROLS = re.compile("[\x00-\x08\n-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# the non-ASCII letters in this program's output; each is replaced by one letter, so that columns stay aligned
ASCII = str.maketrans("━─└│┤●·…—–−×≥≤’✓✗", "=-+||@.~---x><'+x")
REPLACE = "replace_letters"  # the error handler of a stream that must not fail on any letter


def escape_controls(text: str) -> str:
    r"""Write control characters as escapes, such as \x1b, so that user text cannot control a terminal."""
    return _CONTROLS.sub(_escaped, text)


def escape_lines(text: str) -> str:
    """Write control characters as escapes, except line breaks."""
    return "\n".join(map(escape_controls, text.split("\n"))) if _CONTROLS.search(text) else text


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Replace letters that an encoding lacks by similar ones, or by an escape if there is none."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end].replace("±", "+/-").translate(ASCII)
    return letters.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(REPLACE, _replaced)
