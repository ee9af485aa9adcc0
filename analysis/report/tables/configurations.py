"""The table of all configurations, a row for each, which scripts sort and hide but never rewrite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from analysis.report.html import escape


def render_configurations(block: Mapping[str, Any]) -> Markup:
    """Render the configurations of a data block, in its order."""
    told = block["configurations"]
    rows = [
        f'<tr data-i="{place}"><td class="t" data-v="{escape(name)}"><button type="button"><span>{escape(name)}</span>'
        f'</button></td><td data-v="{n}">{n}</td></tr>'
        for place, (name, n) in enumerate(zip(told["choice"], told["n"], strict=True))
    ]
    heads = "".join(
        f'<th scope="col"{kind}><button type="button">{name}</button></th>'
        for name, kind in (("configuration", ' class="t"'), ("n", ""))
    )
    return Markup(
        '<div class="tbl tall" tabindex="0" role="region" aria-label="All configurations"><table class="data">\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )
