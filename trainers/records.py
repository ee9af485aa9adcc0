"""What the records of a training say: with trainers.reading, which reads them, the only bridge to analysis."""

from __future__ import annotations

import json
from collections.abc import Iterable

from trainers.record_io import Row


def problem_titles(problems: Iterable[str]) -> dict[str, str]:
    """Problems, each a `data` block as JSON, by the fields in which they differ; one that is alone has no title."""
    blocks = {problem: json.loads(problem) for problem in problems}
    fields = dict.fromkeys(key for block in blocks.values() for key in block)
    differ = [key for key in fields if len({json.dumps(block.get(key)) for block in blocks.values()}) > 1]
    return {
        problem: ", ".join(f"{key} {block[key]}".removesuffix(".0") for key in differ if key in block)
        for problem, block in blocks.items()
    }


def constant(outcome: Row, checkpoint: str) -> int | None:
    """The class that a network names whatever the image, by a result.json; None where it names several.

    checkpoint: best or last. A result of older code does not say it, and its accuracies class by class do: one class is
    always right, and no other ever.
    """
    ended, classes = outcome.get(checkpoint) or {}, outcome.get("classes") or {}
    if "constant" in ended:
        return int(ended["constant"])
    clean = {
        label: share for label, share in enumerate(classes.get(checkpoint, {}).get("clean", ())) if share is not None
    }
    always = [label for label, share in clean.items() if share == 1]
    return always[0] if len(always) == 1 < len(clean) and sum(clean.values()) == 1 else None
