"""Tables of a page as HTML: all text escaped, control characters visible."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup
from markupsafe import escape as escape_markup

from trainers.terminal.text import escape_lines

# words of scripts that are written from right to left, with the spaces between them
_TURNED = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+(?: +[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+)*")
_CODE = re.compile("`([^`]+)`")
_ARGUMENT = re.compile("""(?:'[^']*'|"[^"]*"|[^ \n])+""")
LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"
HYPHEN = "\N{NON-BREAKING HYPHEN}"  # in headers, which wrap only between words


def escape(text: str) -> Markup:
    """Escape a text, so that a name given by a user is neither markup nor a change of the writing direction."""
    return escape_markup(show_text(text))


def show_text(text: str) -> str:
    """Write control characters as escapes, and end words that are written from right to left by a mark.

    Without the mark, numbers and names behind such words would change places.
    """
    return _TURNED.sub(rf"\g<0>{LEFT_TO_RIGHT}", escape_lines(text))


def render_prose(text: str) -> Markup:
    """Escape a text, and render as code what stands in backticks."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def render_commands(text: str) -> Markup:
    """Render commands, one a line, that are broken between arguments alone: a break within --set looks like a space."""
    return Markup("\n").join(
        Markup(" ").join(Markup(f'<span class="word">{escape(word)}</span>') for word in _ARGUMENT.findall(line))
        for line in text.split("\n")
    )


def render_paragraph(text: str, kind: str = "") -> Markup:
    """Render a paragraph; `kind` is a class of the style sheet."""
    return Markup(f'<p class="{kind}">{render_prose(text)}</p>' if kind else f"<p>{render_prose(text)}</p>")


def render_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str,
    texts: Sequence[int] = (0,),
    is_wordy: bool = False,
) -> Markup:
    """Render a table that scrolls in its own box. A row of one cell heads a group.

    `texts` are the columns of text, which are aligned to the left; in a wordy table they are broken into lines.
    """
    lines = []
    for row in rows:
        if len(row) == 1:
            lines.append(f'<tr class="group"><td class="t" colspan="{len(header)}">{escape(row[0])}</td></tr>')
        else:
            lines.append(f"<tr>{_render_cells('td', row, texts)}</tr>")
    return Markup(
        f'<p class="note">{render_prose(caption)}</p>\n<div class="tbl short" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table class="data{" words" * is_wordy}">\n'
        f"<thead><tr>{_render_cells('th', header, texts)}</tr></thead>\n"
        "<tbody>\n" + "\n".join(lines) + "\n</tbody></table></div>"
    )


def render_details(summary: str, text: str) -> Markup:
    """Render a long text in a box that scrolls on a screen and is printed whole."""
    return Markup(f'<p class="note">{escape(summary)}</p><pre class="long" tabindex="0">{escape(text)}</pre>')


def _render_cells(tag: str, cells: Sequence[str], texts: Sequence[int]) -> str:
    kinds = [' class="t"' if place in texts else "" for place in range(len(cells))]
    texts_of = (escape(cell).replace("-", HYPHEN) if tag == "th" else escape(cell) for cell in cells)
    return "".join(f"<{tag}{kind}>{text}</{tag}>" for kind, text in zip(kinds, texts_of, strict=True))
