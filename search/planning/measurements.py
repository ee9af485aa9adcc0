"""The final attacks of a training: those of the space, and those that `search.measure` has added to its records.

A training is measured at its end. An attack that is added later needs its last state alone, which holds the best
weights too: nothing is trained, and the records become those of a sweep that had the attack from the beginning. The
records of a training tell by which attacks it was measured; plan.json has those of the space alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from search.exceptions import SpaceError
from search.planning.plan import PlannedTrial
from search.store.store import Store
from trainers.evaluate import Evaluation
from trainers.formatting import format_count, format_list
from trainers.record_io import Row
from trainers.record_reader import read_yaml

MAX_NAMED = 3  # trainings


def list_missing_attacks(result: Row | None, evaluation: Evaluation) -> list[str]:
    """Return the final attacks by which a completed training was not measured; none if it has no result.

    Of an attack for the front, the bound suffices: search.planning.front_first tells who is attacked.
    """
    if result is None or "attacks" not in result or result["status"] != "completed":
        return []
    bounded = list_bounded(result) if evaluation.for_front() else set()
    return [name for name in evaluation.final if name not in result["attacks"] and name not in bounded]


def list_bounded(result: Row) -> set[str]:
    """Return the attacks for the front of which a training has the bound."""
    return set(result["last"].get("bounds", ())) if result["status"] == "completed" else set()


def has_more_attacks(result: Row, other: Row) -> bool:
    """Return whether a result has all attacks of another, and further ones; a bound is less than an attack."""
    one, two = (
        {*found.get("attacks", ()), *(f"<= {name}" for name in list_bounded(found))} for found in (result, other)
    )
    return one > two


def complete_evaluation(store: Store, trial: str, final: str, evaluation: Evaluation) -> Evaluation:
    """Return an evaluation with the attacks that a training was measured by and that the evaluation lacks."""
    result = store.read_result(trial, final)
    known = {*result.get("attacks", ()), *list_bounded(result)} if result else set()
    if not known - {"pgd", *evaluation.along, *evaluation.final}:
        return evaluation
    recorded = read_yaml(store.trial_folder(trial) / "config.yaml") or {}
    attacks = recorded.get("evaluate", {}).get("final", {})
    further = {name: attack for name, attack in attacks.items() if name not in evaluation.final}
    own = evaluation.model_dump(mode="json")
    return Evaluation.model_validate(own | {"final": own["final"] | further})


def check_attack_names(
    store: Store, trials: Iterable[PlannedTrial], evaluation: Evaluation, further: Iterable[str]
) -> None:
    """Raise SpaceError if a training was measured by another attack that has the name of one of the `further` ones."""
    now = evaluation.attacks()
    for trial in trials:
        result = store.read_result(trial.id, trial.final)
        known = dict((result or {}).get("attacks", {}))
        if result and list_bounded(result) - known.keys():
            known |= complete_evaluation(
                store, trial.id, trial.final, evaluation.model_copy(update={"final": {}})
            ).attacks()
        for name in further:
            if known.get(name, now[name]) != now[name]:
                was = f"the records of {trial.id} have {known[name]} under this name"
                raise SpaceError([f"{name}: {was}, which is not {now[name]}; give the attack a name of its own"])


def check_weights_exist(trials: Iterable[PlannedTrial], states: Set[str]) -> None:
    """Raise SpaceError if the last state of a training that is to be measured is not among those stored."""
    gone = [trial.id for trial in trials if trial.final not in states]
    if gone:
        what = f"the last weights of {format_count(len(gone), 'training')} are not stored any more"
        how = "nothing can be measured without them; `search: {keep: best}`, the default, would have kept them"
        raise SpaceError([f"{what} ({format_list(gone, MAX_NAMED)}), and {how}"])
