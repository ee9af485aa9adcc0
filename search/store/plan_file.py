"""plan.json, written and read back; neither Ray nor torch is needed for that."""

from __future__ import annotations

import json
from pathlib import Path

from search.exceptions import NoSweep
from search.store.remote import explain_error
from trainers.plans import FORMAT as FORMAT
from trainers.plans import NAME, PlanFormatError, read_plan, seal_plan
from trainers.reading import Damage
from trainers.record_io import Place, Row, write_atomic

SHOWN = ("chain", "epochs", "config", "ranks")
NEEDED = (*SHOWN, "replicate", "axes", "values", "data", "start")  # by who goes on from it
OF_ALL = ("format", "study", "evaluate", "epochs")
AGAIN = "the command that ran it makes it again of the space and of what is stored"


def stored_plan(folder: Place, damage: Damage | None = None) -> Row | None:
    """The plan.json of a sweep; None where there is none, one that is damaged, or one of another version."""
    found = Damage()
    try:
        plan = read_plan(folder, found, NEEDED)
    except PlanFormatError:
        return None
    if damage is not None:
        damage.update(found)
    return plan if not found and plan and _complete(plan) and {"threads", "code"} <= plan.keys() else None


def plan_of(folder: Place, damage: Damage | None = None) -> Row:
    """The plan.json of a sweep. Raises NoSweep, saying why there is none to read.

    With `damage` what of it is damaged is named there and left out, as long as there is something else.
    """
    found = Damage() if damage is None else damage
    try:
        plan = read_plan(folder, found, NEEDED if damage is None else SHOWN)
        there = plan is not None or (folder / NAME).exists()
    except PlanFormatError as error:
        raise NoSweep(f"{folder}: {error}; take the version that made it") from None
    except OSError as error:
        raise NoSweep(f"{folder}: its {NAME} cannot be read: {explain_error(error)}") from None
    what = found.get(str(folder / NAME), "")
    if plan and _complete(plan) and (not what or (damage is not None and plan["trials"])):
        return plan
    if what:
        raise NoSweep(f"{folder}: its {NAME} is damaged: {what}; {AGAIN}")
    if there:
        raise NoSweep(f"{folder}: its {NAME} is none of this program, which has {', '.join(OF_ALL)}")
    if isinstance(folder, Path) and not folder.exists():
        raise NoSweep(f"{folder}: there is no such folder; give that of a sweep, such as results/friendly_k")
    raise NoSweep(f"{folder}: no sweep is stored there (no {NAME})")


def of_other_format(folder: Place) -> str | None:
    """Why this version reads no plan of a folder, if another one made it."""
    try:
        read_plan(folder, Damage())
    except PlanFormatError as error:
        return str(error)
    return None


def write_plan(folder: Place, plan: Row) -> None:
    """Store a plan, a line a training: of ten thousand, indented JSON takes a second and 150 MB."""
    whole = seal_plan(plan)
    head = json.dumps({key: value for key, value in whole.items() if key != "trials"}, indent=1, allow_nan=False)
    rows = ",\n".join(json.dumps(row, allow_nan=False) for row in whole["trials"])
    write_atomic(folder / NAME, head.removesuffix("\n}") + f',\n "trials": [\n{rows}\n ]\n}}\n')


def _complete(plan: Row) -> bool:
    return all(key in plan for key in OF_ALL)
