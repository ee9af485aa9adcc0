"""The generated documentation: the page of all keys of a space, and the tables of all recorded columns.

spaces/KEYS.md is written from the models that read a space and from the comments beside their fields; the section of
records in analysis/README.md from trainers.records and record_arrays. `python -m tests.docs.reference` writes both; a
test fails where they are stale.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from search.reference.keys import Key, find_shared_keys, list_keys
from search.reference.methods import list_methods
from search.reference.sections import get_tag, list_sections
from search.reference.wording import make_anchor
from trainers import columns
from trainers.knobs import Knobs

ROOT = Path(__file__).resolve().parents[2]
KEYS = ROOT / "spaces" / "KEYS.md"
ANALYSIS = ROOT / "analysis" / "README.md"
HEAD = """\
# Every key of a space

This page lists every key that a space's YAML file may hold, with what it takes and its default. It is generated from
the models that read the file, by `python -m tests.docs.reference`; do not edit it by hand. How a space is written and
what its parts are for: [README.md](README.md).

A piece is chosen by its `name` (a method by its `kind`): `optimizer: adam`, or `optimizer: {name: adam, lr: 0.001}`.
A number may be a fraction (`8/255`). A share is a percentage (`80%`) or a number from 0 to 1. A number of examples or
epochs is a whole number or a percentage of all. In `search.axes` the path of a key within `trial:` names the axis.

`python -m search.list knobs WORD` prints the keys in which a word occurs; `methods`, `models`, `data`, `subsets`,
`attacks` and `spaces` in place of `knobs` print the others.
"""
METHODS_HEAD = """\
The values of `method`, or of its `base`. Pieces are the keys below [trial.method](#trialmethod); those that a row
leaves out have their defaults.
"""


def format_row(key: Key) -> str:
    """Return a key as a row of a table."""
    default = "required" if key.default is None else f"`{key.default}`"
    return f"| `{key.name}` | {key.takes} | {default} | {escape_bars(key.meaning)} |"


def escape_bars(text: str) -> str:
    return text.replace("|", chr(92) + "|")


def table(keys: list[Key]) -> str:
    return "\n".join(["| key | takes | default | meaning |", "|---|---|---|---|", *map(format_row, keys)])


def described_model(model: type[Knobs], known: list[Key]) -> Iterator[str]:
    """Yield what a model's docstring says, and the table of the keys that are not known from its section."""
    text = inspect.cleandoc(vars(model).get("__doc__") or "")
    plain = re.sub(r"(?<![\\*])([*<])", r"\\\1", text)
    yield from filter(None, [plain])
    if found := [key for key in list_keys(model) if key not in known]:
        yield table(found)


def methods() -> str:
    """Return the table of methods: their pieces, and what the comments beside them say."""
    rows = (f"| `{row.name}` | `{row.pieces}` | {escape_bars(row.source)} |" for row in list_methods())
    return "\n".join(["| method | pieces | source and setting |", "|---|---|---|", *rows])


def page() -> str:
    """Return the whole page."""
    titles = ["methods", *list_sections()]
    parts = [HEAD, "\n".join(f"- [{title}](#{make_anchor(title)})" for title in titles)]
    parts += ["## methods", METHODS_HEAD, methods()]
    for path, models in list_sections().items():
        known = find_shared_keys(models)
        parts.append(f"## {path}")
        if known:
            parts += ["All of these have the following keys, unless a table below says otherwise.", table(known)]
        for model in models:
            if name := get_tag(model):
                parts.append(f"**`{name}`**")
            parts += described_model(model, known)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def with_records(text: str) -> str:
    """Return the page of analysis with its section of records as trainers.columns prints it."""
    before, title, rest = text.partition("\n## Records\n")
    head, _, _ = rest.partition("\n### ")
    _, after_title, after = rest.partition("\n## ")
    parts = columns.markdown().strip().split("`")  # every other one is code, where < begins no tag
    tables = "`".join(part if number % 2 else part.replace("<", "\\<") for number, part in enumerate(parts))
    return f"{before}{title}{head}\n{tables}\n{after_title}{after}"


def generated() -> dict[Path, str]:
    """Return each page as it should be."""
    return {KEYS: page(), ANALYSIS: with_records(ANALYSIS.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    for file, text in generated().items():
        file.write_text(text, encoding="utf-8")
