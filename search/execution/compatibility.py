"""Compares the sweep stored in a folder with a new plan: the same, an extension, or a different sweep."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from search.exceptions import DifferentSweep, SpaceError
from search.execution.epoch_extension import find_extension_problems
from search.execution.stored_space import SPACE_FILE, compare_spaces, list_differences
from search.planning.measurements import (
    check_attack_names,
    check_corruptions,
    check_weights_exist,
    find_trained_part,
    is_unmeasured,
    list_changed,
)
from search.planning.plan import Plan, PlannedTrial
from search.store.command_line import format_command
from search.store.plan_file import find_format_problem, find_plan
from search.store.store import Store
from trainers.evaluate import Evaluation
from trainers.formatting import format_count
from trainers.record_io import Place, Row
from trainers.record_reader import Damage, read_json, read_yaml
from trainers.record_shapes import check_provenance, check_result
from trainers.state_chain import training_code

OTHER_SWEEP = "another sweep is stored there"
NAMED_BY_CORRUPTIONS = (
    "Its trainings are named by their corrupted test images (trial.data.corruptions), as older code named them and an "
    "axis does; those of this space are not. Its records stay readable, and --name NEW trains beside it."
)
LOST_JOURNAL = (
    "its generations.jsonl, which records the requested trials, is damaged or missing, and {n} of its trainings would "
    "not be in it any more. Run it once with the stored space, which requests them again. What differs:"
)


def describe_damage(folder: Place) -> list[str]:
    """Describe the damaged files of a sweep itself, a line each."""
    damage = Damage()
    find_plan(folder, damage)
    read_yaml(folder / SPACE_FILE, damage)
    read_json(folder / "provenance.json", check_provenance, damage)
    return damage.lines()


def check_compatible(folder: Place, plan: Plan, tree: Row, journal_lost: bool = False) -> int | None:
    """Return the number of trainings that a plan adds to the stored one; None if no plan is stored.

    A training counts as stored once it has begun. With `journal_lost` the journal of a search is damaged or missing, so
    that a training outside the plan will be requested again. Raises DifferentSweep if a stored training is outside the
    plan for another reason, or was made by other training code.
    """
    stored = find_plan(folder)
    if stored is None:
        if lines := find_foreign_contents(folder, plan):
            raise DifferentSweep(lines)
        return None
    now = {trial.id: trial for trial in plan.trials}
    before = {row["id"]: row for row in stored["trials"] if (folder / "trials" / row["id"]).exists()}
    gone = _select_lost([row for name, row in before.items() if name not in now], plan)
    lines = (
        []
        if not before
        else (
            _find_code_change(stored, len(before), plan)
            or _find_lost_trainings(folder, gone, len(before), plan, tree, journal_lost)
            or _find_evaluation_change(folder, stored, plan, tree)
            or _find_image_change(stored, plan.evaluation)
            or _find_state_change(folder, stored, [row for name, row in before.items() if name in now], plan, tree)
        )
    )
    if lines:
        raise DifferentSweep(lines)
    return len(now.keys() - {row["id"] for row in stored["trials"]})


def _find_code_change(stored: Row, begun: int, plan: Plan) -> list[str]:
    """Say that other training code made the stages, unless the user accepts that."""
    if stored["code"] == plan.code:
        return []
    return [
        f"the code in trainers/ has changed since {begun} of its trainings began; every edit of a file that trains or "
        "measures counts, also a comment, or a class that no training uses. Their stages are not mixed with new ones "
        "unless you say so: --accept-code-change goes on from them"
    ]


def _find_lost_trainings(
    folder: Place, gone: list[Row], begun: int, plan: Plan, tree: Row, journal_lost: bool
) -> list[str]:
    """Say that stored trainings would not be in the plan, unless the journal of their requests is lost."""
    if not gone:
        return []
    if journal_lost:
        changes = compare_spaces(folder, tree)
        return [LOST_JOURNAL.format(n=len(gone)), *changes] if changes else []
    lost = f"{len(gone)} of its {format_count(begun, 'training')} would not be in it any more"
    extension = "More epochs continue the stored trainings only if the stored epochs stay the same. These change:"
    problems = find_extension_problems(gone, plan)
    lines = [f"{OTHER_SWEEP}: {lost}. What differs:", *list_differences(folder, tree)]
    if any(_is_named_by_corruptions(row) for row in gone) and any(trial.corrupted for trial in plan.trials):
        lines.append(NAMED_BY_CORRUPTIONS)
    lines += [extension, *problems] if problems else []
    return [*lines, *_describe_last_command(folder)]


def _is_named_by_corruptions(row: Row) -> bool:
    return row["config"]["data"].get("corruptions") is not None and "corrupted" not in row


def _find_evaluation_change(folder: Place, stored: Row, plan: Plan, tree: Row) -> list[str]:
    """Say that the stored trainings were measured in another way that their last states cannot make up for.

    Further final attacks are measured on these states, and those that are left out stay in the records.
    """
    before, now = stored["evaluate"], plan.evaluation.model_dump(mode="json")
    changed = list_changed(before, now)
    one, two = find_trained_part(before), find_trained_part(now)
    if changed or one != two:
        diagnosed = one.get("diagnostics") != two.get("diagnostics") or any("diagnostics" in key for key in changed)
        what = "another final evaluation" if not diagnosed else "other diagnostics"
        lines = [f"{OTHER_SWEEP}: it has {what}. What differs:", *list_differences(folder, tree)]
        again = f"--name NEW --reuse {folder} measures again, and trains only trials whose last states are not kept."
        if diagnosed:
            again = f"--name NEW --reuse {folder} goes on from the states kept there that precede all diagnostics."
        elif changed:
            name = changed[0].removeprefix("final.")
            lines.append(f"Under a name of its own, what is now {name} is measured on the weights stored there.")
        return [*lines, again, *_describe_last_command(folder)]
    return _find_lost_weights(folder, plan, plan.evaluation.final.keys() - before["final"].keys())


def _find_lost_weights(folder: Place, plan: Plan, further: Set[str]) -> list[str]:
    """Say that trainings which are to be measured by further attacks have no weights any more."""
    store = Store(folder)
    results = ((trial, store.read_result(trial.id, trial.final)) for trial in plan.trials)
    lacking = [
        trial for trial, result in results if is_unmeasured(store, trial.id, result, plan.evaluation, trial.corrupted)
    ]
    try:
        check_corruptions(store, plan.trials)
        check_attack_names(store, plan.trials, plan.evaluation, further)
        check_weights_exist(lacking, store.list_states() if lacking else set())
    except SpaceError as error:
        return error.problems
    return []


def _find_image_change(stored: Row, evaluation: Evaluation) -> list[str]:
    """Say which final attacks older code ran on other images, as the stored descriptions of the attacks show."""
    sampled = {name for name, attack in evaluation.final.items() if attack.images is not None}
    descriptions, before = evaluation.attacks(), stored.get("attacks", {})
    known = sampled & stored["evaluate"]["final"].keys()
    changed = [f"evaluate.final.{name}" for name in known if before.get(name) != descriptions[name]]
    if not changed:
        return []
    return [
        f"{', '.join(changed)}: finished trials were measured on the first images of the test set, which may be of one "
        "class; now as many are drawn by class, and the two are not mixed"
    ]


def _find_state_change(folder: Place, stored: Row, rows: list[Row], plan: Plan, tree: Row) -> list[str]:
    """Say that trainings in both plans would end in other states; `rows` are the stored ones.

    If the result of a training matches the new plan, its stored row is damaged and does not count.
    """
    now, store = {trial.id: trial for trial in plan.trials}, Store(folder)
    finals = {row["id"]: now[row["id"]].final for row in rows}
    changed = [
        row
        for row in rows
        if row["chain"] != finals[row["id"]] and store.read_result(row["id"], finals[row["id"]]) is None
    ]
    if not changed:
        return []
    if all(_has_other_ranking(row, now[row["id"]]) for row in changed):
        lines = _list_changed_rankings(stored, plan) or list_differences(folder, tree)
        return [f"{len(changed)} of its trainings were cut by another ranking. What differs:", *lines]
    return [
        f"{len(changed)} of its trainings were planned with another torch, data, start_from or number of threads, and "
        "their stages must not be mixed with new ones"
    ]


def _describe_last_command(folder: Place) -> list[str]:
    """Describe the command that last ran the stored sweep, if it differs: it may have had other --set options."""
    past = read_json(folder / "provenance.json", check_provenance)
    runs = past.get("runs") if isinstance(past, dict) else None
    last = runs[-1] if isinstance(runs, list) and runs else None
    command = last.get("command") if isinstance(last, dict) else None
    known = isinstance(command, str) and command != format_command()
    return [f"It was last run by: {command}"] if known else []


def _select_lost(rows: list[Row], plan: Plan) -> list[Row]:
    """Select the rows that no training of the plan begins with: a newly swept knob or more epochs only rename them."""
    if not rows:
        return []
    names = {name for trial in plan.trials for name in trial.chain}
    return [row for row in rows if row["chain"] not in names]


def find_accepted_code(folder: Place, accept: bool) -> str | None:
    """Return the code hash in the names of stored stages if the user accepts, or has accepted, the changed code."""
    stored = find_plan(folder)
    if stored is None:
        return None
    return stored["code"] if accept or training_code() in stored.get("accepted", []) else None


def is_of_this_code(stored: Row) -> bool:
    """Return whether this training code made a stored plan, or was accepted for its sweep."""
    return training_code() in (stored["code"], *stored.get("accepted", []))


def describe_end_by_other_code(folder: Place, tree: Row) -> str | None:
    """Describe how the same space ended under other training code, if nothing is left to train; else None.

    Nothing is left if all trainings have their results, or if a budget was used up and has not been raised since.
    Code that the user accepted for this sweep counts as the sweep's own.
    """
    stored, past = find_plan(folder), read_json(folder / "provenance.json", check_provenance)
    if stored is None or is_of_this_code(stored):
        return None
    runs = past["runs"] if past else None
    if not runs or runs[-1].get("exit") != 0 or compare_spaces(folder, tree):
        return None
    store = Store(folder)
    left = sum(store.read_result(row["id"], row["chain"]) is None for row in stored["trials"])
    if spent := runs[-1].get("spent"):
        total = format_count(len(stored["trials"]), "training")
        missing = f"{left} of {total} without a result" if left else "some that were stopped are not trained on"
        return f"is not finished, its budget ended it: {spent}, {missing}"
    return None if left else "is finished: all its trainings have their results"


def _has_other_ranking(stored: Row, now: PlannedTrial) -> bool:
    """Return whether the ranking of a trial changed while its data did not."""
    return now.kind == "trial" and stored["data"] == now.data and stored["ranks"] != now.ranks


def _list_changed_rankings(stored: Row, plan: Plan) -> list[str]:
    """List the ranking files whose content changed, which the space does not show."""
    before = {row["file"]: row["sha256"] for row in stored.get("rankings", {}).values() if "file" in row}
    sources = [ranking.provenance for ranking in plan.rankings.values()]
    now = {source["file"]: source["sha256"] for source in sources if "file" in source}
    return [f"  the content of {file}" for file in before if before[file] != now.get(file, before[file])]


def move_aside(folder: Path) -> Path:
    """Rename a sweep to the next free name and return the new folder; nothing is deleted."""
    n = 1
    while (target := folder.with_name(f"{folder.name}.old-{n}")).exists():
        n += 1
    folder.rename(target)
    return target


def find_foreign_contents(folder: Place, plan: Plan) -> list[str]:
    """Say why a folder with a damaged plan.json does not belong to this plan; an empty list if it does.

    States are named after everything that they depend on, so they are never mixed up. Results may be of another sweep.
    """
    begun = [path.name for path in (folder / "trials").glob("*")]
    if not begun:
        return []
    if version := find_format_problem(folder):
        return [f"{version}, and its stages are not mixed with new"]
    finals = {trial.id: trial.final for trial in plan.trials}
    names = {trial.configuration for trial in plan.trials}
    results = {name: read_json(folder / "trials" / name / "result.json", check_result) for name in begun}
    chains = {name: result.get("chain") for name, result in results.items() if result}
    states = {state for trial in plan.trials for state in trial.chain}  # an extension renames what it builds on
    unknown = [name for name in begun if name not in finals and name.rpartition(",seed=")[0] not in names]
    strange = [name for name in unknown if chains.get(name) not in states]
    if len(strange) < len(begun):  # some belong to this plan; an unfinished one may have been renamed, too
        strange = [name for name in strange if name in chains]
    other = [name for name in finals if chains.get(name, finals[name]) != finals[name]]
    if not strange and not other:
        return []
    what = f"{strange[0]} is not in this space" if strange else f"{other[0]} was trained by other code, torch or data"
    return [f"its plan.json is damaged, and its trainings are of another sweep: {what}"]
