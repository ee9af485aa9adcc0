"""A page from a template: text escaped, with style, fonts, scripts and data inside, and a policy against all else."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.report.block import format_block
from analysis.report.html import render_prose, show_text

WEB = files("analysis.report") / "web"
_FONT = re.compile(r"""url\(["']?(fonts/[\w.-]+)["']?\)""")


def render_template(name: str, /, **context: Any) -> str:
    """Render a template of the folder `web`; names of users are text, whatever they hold."""
    return _open_environment().get_template(name).render(context)


def render_page(block: Mapping[str, Any], /, **context: Any) -> str:
    """Render the whole page around a data block."""
    script = read_script()
    return render_template(
        "page.html.jinja",
        block=block,
        style=Markup(read_style()),
        script=Markup(script),
        data=Markup(format_block(block)),
        policy=describe_policy(script),
        **context,
    )


def read_style() -> str:
    """Read the style sheet, with its fonts inside."""
    return _FONT.sub(lambda found: f"url({_embed(found[1], 'font/woff2')})", _read("style.css"))


@cache
def read_script() -> str:
    """Read all scripts as one: D3, then the product's in the order of ORDER, in a function of their own."""
    names = _read("scripts/ORDER").split()
    own = "\n".join(_read(f"scripts/{name}") for name in names)
    return f'{_read("d3.min.js")}\n(() => {{\n"use strict";\n{own}}})();\n'.replace("</", "<\\/")


def describe_policy(script: str) -> str:
    """Return the content security policy: the page loads nothing, and runs this one script alone."""
    digest = b64encode(sha256(script.encode()).digest()).decode("ascii")
    return f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; font-src data:"


@cache
def _open_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis.report", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_keep_order,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = render_prose
    return environment


def _keep_order(value: Any) -> Any:
    """Keep the order of what a text says, whatever the direction of writing of its words."""
    return show_text(value) if type(value) is str else value


def _read(name: str) -> str:
    path = WEB / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _embed(name: str, kind: str) -> str:
    return f"data:{kind};base64,{b64encode((WEB / name).read_bytes()).decode('ascii')}"
