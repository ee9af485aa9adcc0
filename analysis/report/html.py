"""The elements of a self-contained HTML page: no script, no network, all text escaped, control characters visible."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from trainers.terminal.text import escape_lines

HYPHEN = "\N{NON-BREAKING HYPHEN}"  # in headers, which wrap only between words
HEAVY = 400_000  # bytes, above which a PNG is embedded instead of the SVG


def escape(text: str) -> str:
    """Escape a text, so that a name given by a user is neither markup nor a change of the writing direction."""
    return html.escape(escape_lines(text))


def render_document(title: str, body: Sequence[str]) -> str:
    """Render a whole page."""
    css = (files("analysis.report") / "report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def render_heading(text: str, level: int = 2) -> str:
    """Render a heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def render_paragraph(text: str, kind: str = "") -> str:
    """Render a paragraph; `kind` is a class of the style sheet."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def render_bullets(items: Sequence[str | tuple[str, str]]) -> str:
    """Render a list; a pair is a bold lead and its text."""
    lines = [
        f"<li>{escape(item)}</li>"
        if isinstance(item, str)
        else f"<li><strong>{escape(item[0])}.</strong> {escape(_capitalize(item[1]))}</li>"
        for item in items
    ]
    return "<ul>\n" + "\n".join(lines) + "\n</ul>"


def render_answers(answers: Sequence[tuple[str, str]]) -> str:
    """Render the answers to a question side by side: of each its number, large, and its sentence."""
    cells = [f"<li><strong>{escape(lead)}</strong> {escape(text)}</li>" for lead, text in answers]
    return '<ol class="answers">\n' + "\n".join(cells) + "\n</ol>"


def render_facts(pairs: Mapping[str, str]) -> str:
    """Render a description list of names and texts; a name without a text is omitted."""
    rows = [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs.items() if text]
    return "<dl>\n" + "\n".join(rows) + "\n</dl>"


def render_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str,
    texts: Sequence[int] = (0,),
    marked: Sequence[int] = (),
) -> str:
    """Render a table that scrolls in its own box. A row of one cell heads a group; `marked` rows are on the front.

    `texts` are the columns of text, which are aligned to the left.
    """
    lines = []
    for place, row in enumerate(rows):
        if len(row) == 1:
            lines.append(f'<tr class="group"><td colspan="{len(header)}">{escape(row[0])}</td></tr>')
        else:
            kind = ' class="front"' if place in marked else ""
            lines.append(f"<tr{kind}>{_render_cells('td', row, texts)}</tr>")
    return (
        f'<p class="caption">{escape(caption)}</p>\n<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table>\n<thead><tr>{_render_cells("th", header, texts)}</tr></thead>\n'
        "<tbody>\n" + "\n".join(lines) + "\n</tbody></table></div>"
    )


def render_figure(folder: Path, slug: str, title: str, caption: str) -> str:
    """Embed a drawn figure: the SVG, or the PNG if the SVG is too large."""
    vector = folder / f"{slug}.svg"
    path, kind = (vector, "svg+xml") if vector.stat().st_size < HEAVY else (folder / f"{slug}.png", "png")
    data = b64encode(path.read_bytes()).decode("ascii")
    return (
        f'<figure id="{escape(slug)}"><img src="data:image/{kind};base64,{data}" alt="{escape(title)}">'
        f"<figcaption><strong>{escape(title)}.</strong> {escape(caption)}</figcaption></figure>"
    )


def render_details(summary: str, text: str) -> str:
    """Render a long text in a box that scrolls on a screen and is printed whole."""
    return f'<p class="caption">{escape(summary)}</p><pre class="long" tabindex="0">{escape(text)}</pre>'


def _render_cells(tag: str, cells: Sequence[str], texts: Sequence[int]) -> str:
    kinds = [' class="text"' if place in texts else "" for place in range(len(cells))]
    texts_of = (escape(cell).replace("-", HYPHEN) if tag == "th" else escape(cell) for cell in cells)
    return "".join(f"<{tag}{kind}>{text}</{tag}>" for kind, text in zip(kinds, texts_of, strict=True))


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]
