"""What a page is made of: scripts that share one scope, a style sheet, and built files with their licences."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

WEB = Path(str(files("analysis.report"))) / "web"
SCRIPTS = sorted((WEB / "scripts").glob("*.js"))
WIDTH = 120
TOP_LEVEL = re.compile(r"^(?:async )?(?:const|let|var|function|class) (\{[^}]+\}|\[[^\]]+\]|[\w$]+)", re.M)
MOST_BYTES = {"d3.min.js": 60_000, "fonts/inter.woff2": 35_000, "fonts/report-serif.woff2": 30_000}


def read(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def list_names(script: str) -> list[str]:
    return [name for found in TOP_LEVEL.findall(script) for name in re.findall(r"[\w$]+", found)]


def test_each_script_is_in_the_order_once() -> None:
    order = read("scripts/ORDER").split()
    assert sorted(order) == [path.name for path in SCRIPTS] and len(order) > 5


def test_no_two_scripts_define_the_same_name() -> None:
    counts = Counter(name for path in SCRIPTS for name in list_names(path.read_text(encoding="utf-8")))
    assert len(counts) > 100 and [name for name, count in counts.items() if count > 1] == []


def test_the_names_of_a_script_are_found() -> None:
    script = "const A = 1;\nlet { b, c } = A;\nfunction d() {\n  let x;\n}\nasync function e() {}\nconst [f, g] = A;"
    assert list_names(script) == ["A", "b", "c", "d", "e", "f", "g"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_written_as_the_others(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("/* ") and len(lines) <= 330
    assert [line for line in lines if "\t" in line or len(line) > WIDTH or line != line.rstrip()] == []
    assert not any(re.search(r"https?:|\beval\(|\bfetch\(|\bimport\b", line) for line in lines)
    for before, line in pairwise(lines):
        if re.match(r"(async )?function ", line):
            assert before.endswith("*/"), f"{line}: says what it does, in the line above"


def test_d3_has_all_that_the_scripts_use() -> None:
    used = {name for path in SCRIPTS for name in re.findall(r"\bd3\.(\w+)", path.read_text(encoding="utf-8"))}
    built = re.findall(r"export \{([^}]+)\} from", read("README.md"))
    offered = {name.strip() for names in built for name in names.split(",")}
    assert used <= offered and all(f"{name}:()=>" in read("d3.min.js") for name in offered)


def test_built_files_are_small_and_have_their_licences() -> None:
    for name, size in MOST_BYTES.items():
        assert 0 < (WEB / name).stat().st_size <= size
    assert read("d3.min.js").startswith(f"/*! {read('d3.LICENSE.txt').rstrip()}")
    for font in (WEB / "fonts").glob("*.woff2"):
        assert "SIL OPEN FONT LICENSE" in read(f"fonts/{font.stem}.LICENSE.txt")


def test_the_style_sheet_loads_its_fonts_alone() -> None:
    style = read("style.css")
    sources = re.findall(r"src: url\(([^)]*)\)", style)
    assert sorted(sources) == sorted(f'"fonts/{font.name}"' for font in (WEB / "fonts").glob("*.woff2"))
    assert "http" not in style and "@import" not in style and style.count("{") == style.count("}")


def test_both_themes_and_paper_have_every_colour() -> None:
    """A colour that the dark theme or paper forgets would keep that of the other."""
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", read("style.css"))
    light, dark, paper = ({*re.findall(r"(--[\w-]+): #", block)} for block in blocks)
    assert len(light) > 15 and light == dark and light - paper <= {"--focus", "--hit"}
