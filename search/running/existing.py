"""What a results folder already holds, against what is now asked: the same, an extension, or a contradiction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from search.planning.plan import Plan, Planned
from search.running.lengthening import hindrances
from search.running.salvage import foreign
from search.storing.planfile import stored_plan
from search.storing.store import Store
from search.words import number
from trainers.chain import training_code
from trainers.evaluate import Evaluation
from trainers.records import Place, Row, read_json


class Contradiction(Exception):
    """The stored sweep is another one; one readable line a difference."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def compare(folder: Place, plan: Plan, tree: Row) -> int | None:
    """How many trainings the plan adds to the stored one; None if none is stored.

    A training counts as stored once it has begun. Raises Contradiction if some of those are not in the plan, or other
    training code made them.
    """
    stored = stored_plan(folder)
    if stored is None:
        if lines := foreign(folder, plan):
            raise Contradiction(lines)
        return None
    now = {trial.id: trial for trial in plan.trials}
    before = {row["id"]: row for row in stored["trials"] if (folder / "trials" / row["id"]).exists()}
    if before and stored["code"] != plan.code:
        raise Contradiction(
            [
                f"the code in trainers/ has changed since {len(before)} of its trainings began; their stages are not "
                "mixed with new ones unless you say so: --accept-code-change goes on from them"
            ]
        )
    gone = _gone([row for name, row in before.items() if name not in now], plan)
    if gone or (before and stored["evaluate"] != plan.evaluation.model_dump(mode="json")):
        another = "the sweep stored there is another one"
        if gone:
            lost = f"{len(gone)} of its {number(len(before), 'training')} would not be in it any more"
            why = hindrances(gone, plan)
            lines = [
                "More epochs go on from the stored ones where they leave these as they are, and here differs:",
                *why,
            ]
            raise Contradiction(
                [f"{another}: {lost}. What differs:", *differences(folder, tree), *(lines if why else ())]
            )
        lines = [f"{another}: it measures otherwise at the end. What differs:", *differences(folder, tree)]
        again = f"--name NEW --reuse {folder} measures anew and trains nothing again of which the last state is kept."
        raise Contradiction([*lines, again])
    if before and (anew := _looked_elsewhere(stored, plan.evaluation)):
        raise Contradiction(
            [
                f"{', '.join(anew)}: what ended was measured on the first images of the test set, which may be of one "
                "class; now as many are drawn by class, and the two are not mixed"
            ]
        )
    changed = [name for name, row in before.items() if name in now and row["chain"] != now[name].final]
    if changed and all(_ranked_anew(before[name], now[name]) for name in changed):
        lines = _rankings(stored, plan) or differences(folder, tree)
        raise Contradiction([f"{len(changed)} of its trainings were cut by another ranking. What differs:", *lines])
    if changed:
        raise Contradiction(
            [
                f"{len(changed)} of its trainings were planned with another torch, data, start_from or number of "
                "threads, and their stages must not be mixed with new ones"
            ]
        )
    return len(now.keys() - {row["id"] for row in stored["trials"]})


def _looked_elsewhere(stored: Row, evaluation: Evaluation) -> list[str]:
    """The final attacks on some of the images that older code showed others: the words of a plan tell how they came."""
    some = {name for name, it in evaluation.final.items() if it.images is not None}
    words = evaluation.attacks()
    return [f"evaluate.final.{name}" for name in some if stored.get("attacks", {}).get(name) != words[name]]


def stored_trials(folder: Place) -> int:
    """How many trials a stored search draws; 0 if none is stored, or it does not draw."""
    try:
        tree = yaml.safe_load((folder / "space.yaml").read_text())
        return int(tree["search"]["trials"])
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError):
        return 0


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


def over_by_other_code(folder: Place, tree: Row) -> bool:
    """Whether the very space was run to its end by other training code, so that nothing is left for this one to train.

    A code that was accepted counts as the same.
    """
    stored, past = stored_plan(folder), read_json(folder / "provenance.json")
    if stored is None or training_code() in (stored["code"], *stored.get("accepted", [])):
        return False
    runs = past.get("runs") if isinstance(past, dict) else None
    if not runs or runs[-1].get("exit") != 0 or _difference(folder, tree):
        return False
    store = Store(folder)
    return all(store.result(row["id"], row["chain"]) is not None for row in stored["trials"])


def _ranked_anew(stored: Row, now: Planned) -> bool:
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
    try:
        old = yaml.safe_load((folder / "space.yaml").read_text())
    except (OSError, yaml.YAMLError):
        return ["  (the stored space.yaml cannot be read)"]
    return _lines(old, tree)


def _lines(old: Row, new: Row) -> list[str]:
    stored, now = flat(old), flat(new)
    return [
        f"  {key}: stored {stored.get(key, 'nothing')!r}, now {now.get(key, 'nothing')!r}"
        for key in sorted(stored.keys() | now.keys())
        if stored.get(key, ...) != now.get(key, ...)
    ]


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
