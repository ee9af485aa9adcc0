"""Reads and writes plan.json, without Ray and torch."""

from __future__ import annotations

import json
from pathlib import Path

from search.exceptions import NoSweep
from search.store.remote import explain_error
from trainers.plan_reader import FORMAT as FORMAT
from trainers.plan_reader import NAME, PlanFormatError, read_plan, seal_plan
from trainers.record_io import Place, Row, write_atomic
from trainers.record_reader import Damage
from trainers.terminal.suggesting import list_sweeps, name_working_directory, suggest_folder

DISPLAY_KEYS = ("chain", "epochs", "config", "ranks")  # of a trial; enough to show it
RESUME_KEYS = (*DISPLAY_KEYS, "replicate", "axes", "values", "data", "start")  # of a trial; needed to continue it
PLAN_KEYS = ("format", "study", "evaluate", "epochs")
REMEDY = "the command that ran it makes it again from the space and the stored records"


def find_plan(folder: Place, damage: Damage | None = None) -> Row | None:
    """Return the plan.json of a sweep; None if it is missing, damaged, or of another version."""
    found = Damage()
    try:
        plan = read_plan(folder, found, RESUME_KEYS)
    except PlanFormatError:
        return None
    if damage is not None:
        damage.update(found)
    return plan if not found and plan and _is_complete(plan) and {"threads", "code"} <= plan.keys() else None


def load_plan(folder: Place, damage: Damage | None = None) -> Row:
    """Return the plan.json of a sweep. Raises NoSweep, which says why none can be read.

    With `damage`, damaged parts are noted there and left out, as long as trials remain.
    """
    found = Damage() if damage is None else damage
    try:
        plan = read_plan(folder, found, RESUME_KEYS if damage is None else DISPLAY_KEYS)
        exists = plan is not None or (folder / NAME).exists()
    except PlanFormatError as error:
        raise NoSweep(f"{folder}: {error}; take the version that made it") from None
    except OSError as error:
        raise NoSweep(f"{folder}: its {NAME} cannot be read: {explain_error(error)}") from None
    problem = found.get(str(folder / NAME), "")
    if plan and _is_complete(plan) and (not problem or (damage is not None and plan["trials"])):
        return plan
    if problem:
        raise NoSweep(f"{folder}: its {NAME} is damaged: {problem}; {REMEDY}")
    if exists:
        raise NoSweep(f"{folder}: its {NAME} is not from this program, whose plans have {', '.join(PLAN_KEYS)}")
    check_exists(folder)
    near = list_sweeps(folder, NAME) if isinstance(folder, Path) else ""
    raise NoSweep(f"{folder}: no sweep is stored there (no {NAME}){near}")


def check_exists(folder: Place) -> None:
    """Raise NoSweep, with the folder that may be meant, if there is no such folder; a URL is not looked at."""
    if isinstance(folder, Path) and not folder.exists():
        others = list_sweeps(folder, NAME)
        elsewhere = f"{name_working_directory(folder)}; give that of a sweep, such as results/friendly_k{others}"
        raise NoSweep(f"{folder}: there is no such folder{suggest_folder(folder, NAME) or elsewhere}")


def find_format_problem(folder: Place) -> str | None:
    """Return why this version cannot read the plan of a folder, if another version wrote it; else None."""
    try:
        read_plan(folder, Damage())
    except PlanFormatError as error:
        return str(error)
    return None


def write_plan(folder: Place, plan: Row) -> None:
    """Store a plan with one line a training: indented JSON of ten thousand trainings takes a second and 150 MB."""
    sealed_plan = seal_plan(plan)
    head = json.dumps({key: value for key, value in sealed_plan.items() if key != "trials"}, indent=1, allow_nan=False)
    rows = ",\n".join(json.dumps(row, allow_nan=False) for row in sealed_plan["trials"])
    write_atomic(folder / NAME, head.removesuffix("\n}") + f',\n "trials": [\n{rows}\n ]\n}}\n')


def _is_complete(plan: Row) -> bool:
    return all(key in plan for key in PLAN_KEYS)
