"""What a results folder already holds, against what is now asked: the same, an extension, or a contradiction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from search.plan import Plan
from trainers.records import Row, read_json


class Contradiction(Exception):
    """The stored sweep is another one; one readable line a difference."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def compare(folder: Path, plan: Plan, tree: Row) -> int | None:
    """How many trainings the plan adds to the stored one; None if none is stored.

    A training counts as stored once it has begun. Raises Contradiction if some of those are not in the plan, or other
    training code made them.
    """
    stored = read_json(folder / "plan.json")
    if not isinstance(stored, dict):
        return None
    now = {trial.id: trial for trial in plan.trials}
    before = {row["id"]: row for row in stored["trials"] if (folder / "trials" / row["id"]).exists()}
    gone = [name for name in before if name not in now]
    if gone or (before and stored["evaluate"] != plan.evaluation.model_dump(mode="json")):
        lost = (
            f"{len(gone)} of its {len(before)} trainings would not be in it any more"
            if gone
            else "it measures otherwise"
        )
        raise Contradiction(
            [f"the sweep stored there is another one: {lost}. What differs:", *differences(folder, tree)]
        )
    changed = [name for name, row in before.items() if row["chain"] != now[name].final]
    if changed:
        raise Contradiction(
            [
                f"{len(changed)} of its trainings were planned with other training code, torch, data, start_from or "
                "number of threads, and their stages must not be mixed with new ones"
            ]
        )
    return len(now.keys() - {row["id"] for row in stored["trials"]})


def differences(folder: Path, tree: Row) -> list[str]:
    """The stored space against this one, one line a key."""
    try:
        old = flat(yaml.safe_load((folder / "space.yaml").read_text()))
    except (OSError, yaml.YAMLError):
        return ["  (the stored space.yaml cannot be read)"]
    new = flat(tree)
    lines = [
        f"  {key}: stored {old.get(key, 'nothing')!r}, now {new.get(key, 'nothing')!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key, ...) != new.get(key, ...)
    ]
    return lines or ["  (nothing in the space itself: a default or the code behind it changed)"]


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    """A tree as dotted paths to its leaves."""
    if isinstance(tree, dict) and tree:
        return {k: v for key, value in tree.items() for k, v in flat(value, f"{path}.{key}".lstrip(".")).items()}
    if isinstance(tree, list) and tree:
        return {k: v for i, value in enumerate(tree) for k, v in flat(value, f"{path}.{i}").items()}
    return {path: tree}


def set_aside(folder: Path) -> Path:
    """Move a sweep to the next free name; nothing is deleted."""
    n = 1
    while (target := folder.with_name(f"{folder.name}.old-{n}")).exists():
        n += 1
    folder.rename(target)
    return target
