"""What a results folder already holds, against what is now asked: the same, an extension, or a contradiction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search.exceptions import DifferentSweep
from search.execution.extension import why_not_extendable
from search.formatting import format_count
from search.planning.plan import Plan, PlannedTrial
from search.schema.merging import IMPLIED_ALL, SPACE_NODE, add_implied_names, expand_short_forms
from search.store.plan_file import of_other_format, stored_plan
from search.store.provenance import command_line
from search.store.store import Store
from trainers.chain import training_code
from trainers.evaluate import Evaluation
from trainers.reading import Damage, read_json, read_yaml
from trainers.record_io import Place, Row
from trainers.shapes import check_provenance, check_result

STORED = "space.yaml"
ANOTHER = "the sweep stored there is another one"
FORGOTTEN = (
    "its generations.jsonl, which holds what was asked, is damaged or missing, and {n} of its trainings would not be "
    "in it any more. Run it once with the space as it is stored: that asks for them again. What differs:"
)


def damaged(folder: Place) -> list[str]:
    """Which of a sweep's own files are damaged, a line each."""
    damage = Damage()
    stored_plan(folder, damage)
    read_yaml(folder / STORED, damage)
    read_json(folder / "provenance.json", check_provenance, damage)
    return damage.lines()


def check_compatible(folder: Place, plan: Plan, tree: Row, forgotten: bool = False) -> int | None:
    """How many trainings the plan adds to the stored one; None if none is stored.

    A training counts as stored once it has begun. `forgotten`: what a search has asked is damaged or lost, so that a
    training that is not in the plan will be asked for again. Raises DifferentSweep if some are not in it otherwise, or
    other training code made them.
    """
    stored = stored_plan(folder)
    if stored is None:
        if lines := foreign_contents(folder, plan):
            raise DifferentSweep(lines)
        return None
    now = {trial.id: trial for trial in plan.trials}
    before = {row["id"]: row for row in stored["trials"] if (folder / "trials" / row["id"]).exists()}
    gone = _gone([row for name, row in before.items() if name not in now], plan)
    lines = (
        []
        if not before
        else (
            _of_other_code(stored, len(before), plan)
            or _not_asked_for(folder, gone, len(before), plan, tree, forgotten)
            or _measured_otherwise(folder, stored, plan, tree)
            or _looked_elsewhere(stored, plan.evaluation)
            or _planned_otherwise(folder, stored, [row for name, row in before.items() if name in now], plan, tree)
        )
    )
    if lines:
        raise DifferentSweep(lines)
    return len(now.keys() - {row["id"] for row in stored["trials"]})


def _of_other_code(stored: Row, begun: int, plan: Plan) -> list[str]:
    """Say that other code made its stages, if it did and that is not accepted."""
    if stored["code"] == plan.code:
        return []
    return [
        f"the code in trainers/ has changed since {begun} of its trainings began; their stages are not mixed with new "
        "ones unless you say so: --accept-code-change goes on from them"
    ]


def _not_asked_for(folder: Place, gone: list[Row], begun: int, plan: Plan, tree: Row, forgotten: bool) -> list[str]:
    """Say that some of its trainings would not be in the plan, unless a search has forgotten that it asked for them."""
    if not gone:
        return []
    if forgotten:
        differs = _difference(folder, tree)
        return [FORGOTTEN.format(n=len(gone)), *differs] if differs else []
    lost = f"{len(gone)} of its {format_count(begun, 'training')} would not be in it any more"
    more = "More epochs go on from the stored ones where they leave these as they are, and here differs:"
    why = why_not_extendable(gone, plan)
    lines = [f"{ANOTHER}: {lost}. What differs:", *differences(folder, tree), *([more, *why] if why else ())]
    return [*lines, *_run_as(folder)]


def _measured_otherwise(folder: Place, stored: Row, plan: Plan, tree: Row) -> list[str]:
    """Say that its trainings were measured by another `evaluate:`."""
    if stored["evaluate"] == plan.evaluation.model_dump(mode="json"):
        return []
    lines = [f"{ANOTHER}: it measures otherwise at the end. What differs:", *differences(folder, tree)]
    again = f"--name NEW --reuse {folder} measures anew and trains nothing again of which the last state is kept."
    return [*lines, again, *_run_as(folder)]


def _looked_elsewhere(stored: Row, evaluation: Evaluation) -> list[str]:
    """Say which final attacks had other images under older code: the words of a plan tell how they were drawn."""
    some = {name for name, it in evaluation.final.items() if it.images is not None}
    words, told = evaluation.attacks(), stored.get("attacks", {})
    anew = [f"evaluate.final.{name}" for name in some if told.get(name) != words[name]]
    if not anew:
        return []
    return [
        f"{', '.join(anew)}: what ended was measured on the first images of the test set, which may be of one class; "
        "now as many are drawn by class, and the two are not mixed"
    ]


def _planned_otherwise(folder: Place, stored: Row, rows: list[Row], plan: Plan, tree: Row) -> list[str]:
    """Say that trainings which both have would end in other states; `rows` are the stored ones.

    A result that is of the plan shows that what is stored of a training was damaged.
    """
    now, store = {trial.id: trial for trial in plan.trials}, Store(folder)
    finals = {row["id"]: now[row["id"]].final for row in rows}
    changed = [
        row for row in rows if row["chain"] != finals[row["id"]] and store.result(row["id"], finals[row["id"]]) is None
    ]
    if not changed:
        return []
    if all(_ranked_anew(row, now[row["id"]]) for row in changed):
        lines = _rankings(stored, plan) or differences(folder, tree)
        return [f"{len(changed)} of its trainings were cut by another ranking. What differs:", *lines]
    return [
        f"{len(changed)} of its trainings were planned with another torch, data, start_from or number of threads, and "
        "their stages must not be mixed with new ones"
    ]


def _run_as(folder: Place) -> list[str]:
    """The command that the stored sweep was last run by, if it is another one: it may have had more --set."""
    past = read_json(folder / "provenance.json", check_provenance)
    runs = past.get("runs") if isinstance(past, dict) else None
    last = runs[-1] if isinstance(runs, list) and runs else None
    command = last.get("command") if isinstance(last, dict) else None
    known = isinstance(command, str) and command != command_line()
    return [f"It was last run by: {command}"] if known else []


def stored_trials(folder: Place) -> int:
    """How many trials a stored search draws, by its plan where its space is damaged; 0 if none is stored, or drawn."""
    damage = Damage()
    tree = _stored_space(folder, damage)
    if damage and (plan := stored_plan(folder)):
        return len({row["configuration"] for row in plan["trials"] if row["kind"] == "trial"})
    block = tree.get("search") if tree else None
    trials = block.get("trials") if isinstance(block, dict) else None
    return trials if isinstance(trials, int) else 0


def _stored_space(folder: Place, damage: Damage | None = None) -> Row | None:
    """The tree of the stored space, its words written out as those of one that is read now; None if it is damaged."""
    tree = read_yaml(folder / STORED, damage)
    return None if tree is None else expand_short_forms(tree, SPACE_NODE)[0]


def _gone(rows: list[Row], plan: Plan) -> list[Row]:
    """Those that no training of the plan has as its beginning: a newly swept knob or more epochs only rename them."""
    if not rows:
        return []
    names = {name for trial in plan.trials for name in trial.chain}
    return [row for row in rows if row["chain"] not in names]


def standing_code(folder: Place, accept: bool) -> str | None:
    """The training code that a sweep's stages are named after, if the user accepts or accepted that it has changed."""
    stored = stored_plan(folder)
    if stored is None:
        return None
    return stored["code"] if accept or training_code() in stored.get("accepted", []) else None


def over_by_other_code(folder: Place, tree: Row) -> str | None:
    """Say how the very space came to its end by other training code, if this one has nothing left to train of it.

    Its trainings all have their results, or a budget is used up, which has not been raised since. A code that was
    accepted counts as the same.
    """
    stored, past = stored_plan(folder), read_json(folder / "provenance.json", check_provenance)
    if stored is None or training_code() in (stored["code"], *stored.get("accepted", [])):
        return None
    runs = past["runs"] if past else None
    if not runs or runs[-1].get("exit") != 0 or _difference(folder, tree):
        return None
    store = Store(folder)
    left = sum(store.result(row["id"], row["chain"]) is None for row in stored["trials"])
    if spent := runs[-1].get("spent"):
        of = format_count(len(stored["trials"]), "training")
        missing = f"{left} of {of} without a result" if left else "some that were stopped are not trained on"
        return f"is not finished, its budget ended it: {spent}, {missing}"
    return None if left else "is finished: all its trainings have their results"


def _ranked_anew(stored: Row, now: PlannedTrial) -> bool:
    """Whether a trial's ranking changed and its data did not."""
    return now.kind == "trial" and stored["data"] == now.data and stored["ranks"] != now.ranks


def _rankings(stored: Row, plan: Plan) -> list[str]:
    """Files of ranks whose content changed, which the space does not show."""
    before = {it["file"]: it["sha256"] for it in stored.get("rankings", {}).values() if "file" in it}
    now = {it.provenance["file"]: it.provenance["sha256"] for it in plan.rankings.values() if "file" in it.provenance}
    return [f"  the content of {file}" for file in before if before[file] != now.get(file, before[file])]


def differences(folder: Place, tree: Row) -> list[str]:
    """The stored space against this one, one line a key."""
    return _difference(folder, tree) or ["  (nothing in the space itself: a default or the code behind it changed)"]


def _difference(folder: Place, tree: Row) -> list[str]:
    old = _stored_space(folder)
    return ["  (the stored space.yaml is damaged or missing)"] if old is None else _lines(old, tree)


def _lines(old: Row, new: Row) -> list[str]:
    stored, now = (flat(add_implied_names(tree, IMPLIED_ALL)) for tree in (old, new))
    return [
        f"  {key}: stored {stored.get(key, 'nothing')!r}, now {now.get(key, 'nothing')!r}"
        for key in sorted(flat(old).keys() | flat(new).keys())
        if stored.get(key, ...) != now.get(key, ...)
    ]


def flat(tree: Any, path: str = "") -> dict[str, Any]:
    """A tree as dotted paths to its leaves."""
    if isinstance(tree, dict) and tree:
        return {k: v for key, value in tree.items() for k, v in flat(value, f"{path}.{key}".lstrip(".")).items()}
    if isinstance(tree, list) and tree:
        return {k: v for i, value in enumerate(tree) for k, v in flat(value, f"{path}.{i}").items()}
    return {path: tree}


def move_aside(folder: Path) -> Path:
    """Move a sweep to the next free name; nothing is deleted."""
    n = 1
    while (target := folder.with_name(f"{folder.name}.old-{n}")).exists():
        n += 1
    folder.rename(target)
    return target


def foreign_contents(folder: Place, plan: Plan) -> list[str]:
    """Why what a folder holds is not of this plan, where its plan.json cannot tell; empty if it is, and may go on.

    States are named after all that they depend on, so that none is ever mixed up; what was finished may be another's.
    """
    begun = [path.name for path in (folder / "trials").glob("*")]
    if not begun:
        return []
    if version := of_other_format(folder):
        return [f"{version}, and its stages are not mixed with new"]
    finals = {trial.id: trial.final for trial in plan.trials}
    names = {trial.configuration for trial in plan.trials}
    results = {name: read_json(folder / "trials" / name / "result.json", check_result) for name in begun}
    chains = {name: it.get("chain") for name, it in results.items() if it}
    states = {state for trial in plan.trials for state in trial.chain}  # an extension renames what it builds on
    unknown = [name for name in begun if name not in finals and name.rpartition(",seed=")[0] not in names]
    strange = [name for name in unknown if chains.get(name) not in states]
    if len(strange) < len(begun):  # it is of this plan, then; what did not end may have been renamed too
        strange = [name for name in strange if name in chains]
    other = [name for name in finals if chains.get(name, finals[name]) != finals[name]]
    if not strange and not other:
        return []
    what = f"{strange[0]} is not in this space" if strange else f"{other[0]} was trained by other code, torch or data"
    return [f"its plan.json is damaged, and what it holds is of another sweep: {what}"]
