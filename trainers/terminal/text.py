"""Text that a terminal can show: control characters as escapes, and letters that its alphabet lacks by others."""

from __future__ import annotations

import codecs
import re

# C0 but for the tab, DEL, C1, line and paragraph separators, and what turns the direction of writing
_CONTROLS = re.compile("[\x00-\x08\n-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# what is drawn or written here that ASCII lacks; each by one letter, so that columns stay columns
ASCII = str.maketrans("━─└│┤●·…—–−×≥≤’", "=-+||@.~---x><'")
REPLACE = "replace_letters"  # the error handler of a stream that shall write whatever it can


def escape_controls(text: str) -> str:
    r"""Write control characters as escapes, such as \x1b: what a user called a thing must not steer a terminal."""
    return _CONTROLS.sub(_escaped, text)


def escape_lines(text: str) -> str:
    """Do as `escape_controls` does, but keep the breaks between lines."""
    return "\n".join(map(escape_controls, text.split("\n"))) if _CONTROLS.search(text) else text


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks by letters that are like it, and else by an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end].replace("±", "+/-").translate(ASCII)
    return letters.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(REPLACE, _replaced)
