"""A page runs its own script alone, and shows every name as text."""

from __future__ import annotations

import re
from base64 import b64decode
from hashlib import sha256

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from analysis.report.html import escape, render_prose
from analysis.report.rendering import describe_policy, read_script, read_style, render_template


def test_the_policy_has_the_hash_of_the_script_as_it_stands_in_the_page() -> None:
    policy = describe_policy("const a = '<é>';\n")
    (digest,) = re.findall(r"script-src 'sha256-([^']+)'", policy)
    assert b64decode(digest) == sha256("const a = '<é>';\n".encode()).digest()
    assert policy.startswith("default-src 'none';") and "script-src 'unsafe" not in policy


def test_the_script_has_every_file_of_the_order_within_one_function_and_cannot_end_its_element() -> None:
    script = read_script()
    d3, start, own = script.partition('(() => {\n"use strict";\n')
    assert d3 and start and own.index("const DATA") < own.index("function drawAll") and own.endswith("})();\n")
    assert "</" not in script


def test_the_style_has_its_fonts_inside() -> None:
    style = read_style()
    assert style.count("url(data:font/woff2;base64,") == 2 and "url(fonts/" not in style


def test_a_template_escapes_names_and_control_characters_and_misses_no_word() -> None:
    text = render_template("parts.html.jinja")
    assert text.strip() == ""
    parts = "{% import 'parts.html.jinja' as parts %}{{ parts.facts(pairs) }}"
    shown = _render(parts, pairs={"<b>": "a\x1b[31m\u202e", "none": ""})
    assert "<dt>&lt;b&gt;</dt><dd>a\\x1b[31m\\u202e</dd>" in shown and "none" not in shown
    assert "<i>x</i>" in _render("{{ mark }}", mark=Markup("<i>x</i>"))
    with pytest.raises(UndefinedError):
        _render("{{ nothing }}")


def test_code_in_a_text_is_code_and_names_beside_it_stay_text() -> None:
    text = "<b>: for a stated error `replicates: {until: 'certified'}`; one ` alone stays."
    shown = "&lt;b&gt;: for a stated error <code>replicates: {until: &#39;certified&#39;}</code>; one ` alone stays."
    assert _render("{{ text|prose }}", text=text) == str(render_prose(text)) == shown
    assert f"<li>{shown}</li>" in _render(
        "{% import 'parts.html.jinja' as parts %}{{ parts.bullets([text]) }}", text=text
    )


def test_numbers_behind_a_name_from_right_to_left_stay_behind_it() -> None:
    assert _render("{{ name }} 80", name="שם חדש") == "שם חדש\u200e 80"
    assert str(escape("שם · אחר <80>")) == "שם\u200e · אחר\u200e &lt;80&gt;"
    assert _render("{{ name }}", name="plain") == "plain"


def _render(source: str, **context: object) -> str:
    from analysis.report.rendering import _open_environment

    return _open_environment().from_string(source).render(context)
