"""The pieces of a self-contained HTML page: no script, no network, everything escaped, control characters visible."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from trainers.terminal.text import escape_lines

HYPHEN = "\N{NON-BREAKING HYPHEN}"  # of names in headers, which are broken where words end
HEAVY = 400_000  # bytes above which a vector figure weighs more than it is worth


def escape(text: str) -> str:
    """Write any text as text: what a user called a thing is no markup, and turns no direction of writing."""
    return html.escape(escape_lines(text))


def document(title: str, body: Sequence[str]) -> str:
    """A whole page."""
    css = (files("analysis") / "report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, of a class of the style sheet."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def bullets(items: Sequence[str | tuple[str, str]]) -> str:
    """A list; a pair is a bold lead and its text."""
    lines = [
        f"<li>{escape(item)}</li>"
        if isinstance(item, str)
        else f"<li><strong>{escape(item[0])}.</strong> {escape(_capital(item[1]))}</li>"
        for item in items
    ]
    return "<ul>\n" + "\n".join(lines) + "\n</ul>"


def facts(pairs: Mapping[str, str]) -> str:
    """A list of names and what they are."""
    rows = [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs.items() if text]
    return "<dl>\n" + "\n".join(rows) + "\n</dl>"


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str,
    texts: Sequence[int] = (0,),
    marked: Sequence[int] = (),
) -> str:
    """A table that scrolls in its own box; a row of one cell heads a group, `marked` rows are on the front."""
    lines = []
    for place, row in enumerate(rows):
        if len(row) == 1:
            lines.append(f'<tr class="group"><td colspan="{len(header)}">{escape(row[0])}</td></tr>')
        else:
            kind = ' class="front"' if place in marked else ""
            lines.append(f"<tr{kind}>{_cells('td', row, texts)}</tr>")
    return (
        f'<p class="caption">{escape(caption)}</p>\n<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table>\n<thead><tr>{_cells("th", header, texts)}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def figure(folder: Path, slug: str, title: str, caption: str) -> str:
    """A drawn figure, embedded: the SVG, or the PNG where that is much lighter."""
    vector = folder / f"{slug}.svg"
    path, kind = (vector, "svg+xml") if vector.stat().st_size < HEAVY else (folder / f"{slug}.png", "png")
    data = b64encode(path.read_bytes()).decode("ascii")
    return (
        f'<figure id="{escape(slug)}"><img src="data:image/{kind};base64,{data}" alt="{escape(title)}">'
        f"<figcaption><strong>{escape(title)}.</strong> {escape(caption)}</figcaption></figure>"
    )


def details(summary: str, text: str) -> str:
    """Long text in a box that scrolls on a screen and is whole on paper."""
    return f'<p class="caption">{escape(summary)}</p><pre class="long" tabindex="0">{escape(text)}</pre>'


def _cells(tag: str, cells: Sequence[str], texts: Sequence[int]) -> str:
    kinds = [' class="text"' if place in texts else "" for place in range(len(cells))]
    texts_of = (escape(cell).replace("-", HYPHEN) if tag == "th" else escape(cell) for cell in cells)
    return "".join(f"<{tag}{kind}>{text}</{tag}>" for kind, text in zip(kinds, texts_of, strict=True))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
