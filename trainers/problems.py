"""The problems of trainings, which are their `data` blocks: accuracies are compared within one problem alone.

Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from trainers.record_io import Row


def identify_problem(config: Row) -> str:
    """Return the `data` block of a trial's config as JSON: accuracies are compared within one such problem alone."""
    return json.dumps(config.get("data", {}), sort_keys=True)


def title_problems(problems: Iterable[str]) -> dict[str, str]:
    """Return a title for each problem, a `data` block as JSON: the fields in which the problems differ.

    A field that a problem leaves open is left out of its title, unless the title would be empty. A problem without
    another beside it has an empty title.
    """
    blocks = {problem: json.loads(problem) for problem in problems}
    fields = dict.fromkeys(key for block in blocks.values() for key in block)
    differ = [key for key in fields if len({json.dumps(block.get(key)) for block in blocks.values()}) > 1]
    return {problem: _title(block, differ) for problem, block in blocks.items()}


def _title(block: Row, fields: Iterable[str]) -> str:
    given = {key: block[key] for key in fields if key in block}
    words = [f"{key} {value}".removesuffix(".0") for key, value in given.items() if value is not None]
    return ", ".join(words or [f"{key} not set" for key in given])
