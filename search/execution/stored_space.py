"""The space that a folder's sweep was last run with, and what differs from it in a new one."""

from __future__ import annotations

from typing import Any

from search.exceptions import DifferentSweep
from search.planning.datasets import KNOWN
from search.planning.plan import Plan
from search.schema.merging import IMPLIED_ALL, SPACE_NODE, add_implied_names, expand_short_forms
from search.store.plan_file import find_plan
from trainers.formatting import format_count
from trainers.record_io import Place, Row
from trainers.record_reader import Damage, read_yaml

SPACE_FILE = "space.yaml"


def count_stored_trials(folder: Place) -> int:
    """Return the number of trials that a stored search draws; 0 if no search is stored or it draws none.

    If the stored space is damaged, the number comes from the stored plan.
    """
    damage = Damage()
    tree = _read_stored_space(folder, damage)
    if damage and (plan := find_plan(folder)):
        return len({row["configuration"] for row in plan["trials"] if row["kind"] == "trial"})
    block = tree.get("search") if tree else None
    trials = block.get("trials") if isinstance(block, dict) else None
    return trials if isinstance(trials, int) else 0


def _read_stored_space(folder: Place, damage: Damage | None = None) -> Row | None:
    """Return the stored space, its short forms expanded as when a space is read; None if it is damaged."""
    tree = read_yaml(folder / SPACE_FILE, damage)
    return None if tree is None else expand_short_forms(tree, SPACE_NODE)[0]


def describe_replaced_plan(folder: Place, plan: Plan, tree: Row) -> list[str]:
    """Say what differs from a stored plan whose trainings are left out; only those that have not begun can be.

    A plan of which nothing has begun is replaced as a whole, with its evaluation.
    """
    stored, space, now = find_plan(folder), _read_stored_space(folder), {trial.id for trial in plan.trials}
    if stored is None or space is None or not (changes := _compare_keys(space, tree)):
        return []
    waiting = [row["id"] for row in stored["trials"] if not (folder / "trials" / row["id"]).exists()]
    if len(waiting) == len(stored["trials"]):
        return [f"{folder}: no training of the plan there has begun; this one replaces it. What differs:", *changes]
    left_out = {*waiting} - now
    if not left_out:
        return []
    trainings, are = format_count(len(left_out), "training"), "is" if len(left_out) == 1 else "are"
    return [f"{folder}: {trainings} that had not begun {are} no longer planned. What differs:", *changes]


def check_data_sets(folder: Place, plan: Plan) -> None:
    """Raise DifferentSweep if the names of data sets alone show that a training which began is not in the plan.

    This needs no data. A data set of the user's own, which has a path in place of a name, may hold any images.
    """
    stored, now = find_plan(folder), {trial.config.data.name for trial in plan.trials}
    if stored is None or not now <= {*KNOWN}:
        return
    begun = [row for row in stored["trials"] if (folder / "trials" / row["id"]).exists()]
    before = {row["config"]["data"].get("name") for row in begun}
    if other := sorted(before & {*KNOWN} - now):
        sets = f"of {' and '.join(other)}, this one of {' and '.join(sorted(now))}"
        raise DifferentSweep([f"another sweep is stored there: it is {sets}"])


def list_differences(folder: Place, tree: Row) -> list[str]:
    """List the differences between the stored space and this one, a line a key."""
    return compare_spaces(folder, tree) or ["  (nothing in the space itself: a default or the code behind it changed)"]


def compare_spaces(folder: Place, tree: Row) -> list[str]:
    """List the differences between the stored space and this one; say so if the stored one is damaged."""
    old = _read_stored_space(folder)
    return ["  (the stored space.yaml is damaged or missing)"] if old is None else _compare_keys(old, tree)


def _compare_keys(old: Row, new: Row) -> list[str]:
    stored, now = (flatten(add_implied_names(tree, IMPLIED_ALL)) for tree in (old, new))
    return [
        f"  {key}: {_format_leaf(stored, key, 'stored')}, {_format_leaf(now, key, 'now')}"
        for key in sorted((flatten(old).keys() | flatten(new).keys()) - {"question"})  # which changes no training
        if stored.get(key, ...) != now.get(key, ...)
    ]


def _format_leaf(leaves: dict[str, Any], key: str, when: str) -> str:
    return f"{when} {leaves[key]!r}" if key in leaves else f"not set {'before' if when == 'stored' else when}"


def flatten(tree: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of a tree by their dotted paths."""
    if isinstance(tree, dict) and tree:
        return {k: v for key, value in tree.items() for k, v in flatten(value, f"{path}.{key}".lstrip(".")).items()}
    if isinstance(tree, list) and tree:
        return {k: v for i, value in enumerate(tree) for k, v in flatten(value, f"{path}.{i}").items()}
    return {path: tree}
