"""The final attacks of a training: those of the space, and those that `search.measure` has added to its records.

A training is measured at its end. What is added later needs its last state alone, which holds the best weights too:
attacks, minimum perturbations, and diagnostics after the last epoch. Nothing is trained, and the records become those
of a sweep that had them from the beginning. The records of a training tell by what it was measured; plan.json has what
the space asks for alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace

from search.exceptions import SpaceError
from search.planning.datasets import DatasetCache
from search.planning.plan import PlannedTrial
from search.store.store import Store
from trainers.config import TrialConfig
from trainers.corruptions import Corruptions
from trainers.evaluate import Evaluation
from trainers.formatting import format_count, format_list
from trainers.images import DataError
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


def is_unmeasured(store: Store, trial: str, result: Row | None, evaluation: Evaluation, corrupted: str | None) -> bool:
    """Return whether a completed training lacks a measurement of its last state; False if it has no result.

    `corrupted`: identity of the corrupted test sets that this state is to be measured on.
    """
    if list_missing_attacks(result, evaluation):
        return True
    asked = corrupted or evaluation.min_perturbation is not None or evaluation.diagnostics.at_end()
    if not asked or result is None or result["status"] != "completed":
        return False
    recorded = _read_config(store, trial)
    if corrupted and not recorded.get("corrupted"):
        return True
    has = recorded.get("evaluate") or {}
    lacks_distances = evaluation.min_perturbation is not None and has.get("min_perturbation") is None
    return lacks_distances or bool(evaluation.diagnostics.at_end().keys() - _list_diagnostics(has))


def _read_config(store: Store, trial: str) -> Row:
    """Return what a training was trained and measured by, as its config.yaml has it; empty without one."""
    return read_yaml(store.trial_folder(trial) / "config.yaml") or {}


def _list_diagnostics(evaluate: Row) -> set[str]:
    return {name for name, knobs in (evaluate.get("diagnostics") or {}).items() if knobs is not None}


def find_trained_part(evaluate: Row) -> Row:
    """Return what of an `evaluate:` block, as plan.json has it, the last state of a training cannot make up for."""
    block = Evaluation.model_validate(evaluate)
    ends = dict.fromkeys(block.diagnostics.at_end())
    diagnostics = block.diagnostics.model_copy(update=ends)
    rest = block.model_copy(update={"final": {}, "min_perturbation": None, "diagnostics": diagnostics})
    return rest.model_dump(mode="json")


def list_changed(before: Row, now: Row) -> list[str]:
    """Return the keys of measurements that both of two `evaluate:` blocks have, and that differ between them."""
    one, two = ({f"final.{name}": attack for name, attack in block["final"].items()} for block in (before, now))
    for found, block in ((one, before), (two, now)):
        named = {f"diagnostics.{name}": knobs for name, knobs in (block.get("diagnostics") or {}).items()}
        found |= {
            key: knobs for key, knobs in (named | {"min_perturbation": block["min_perturbation"]}).items() if knobs
        }
    return sorted(key for key in one.keys() & two.keys() if one[key] != two[key])


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
    """Return an evaluation with the measurements that a training has and that the evaluation lacks."""
    result = store.read_result(trial, final)
    if result is None or result["status"] != "completed":
        return evaluation
    recorded, own = _read_config(store, trial).get("evaluate") or {}, evaluation.model_dump(mode="json")
    known = {"pgd", *result["attacks"], *list_bounded(result)}
    attacks = {name: attack for name, attack in recorded.get("final", {}).items() if name in known}
    diagnostics = {name: knobs for name, knobs in (recorded.get("diagnostics") or {}).items() if knobs is not None}
    whole = own | {
        "final": own["final"] | {name: attack for name, attack in attacks.items() if name not in own["final"]},
        "min_perturbation": own["min_perturbation"] or recorded.get("min_perturbation"),
        "diagnostics": diagnostics | {name: knobs for name, knobs in own.get("diagnostics", {}).items() if knobs},
    }
    return Evaluation.model_validate(whole) if whole != own else evaluation


def complete_corruptions(
    store: Store, trial: str, result: Row | None, config: TrialConfig, corrupted: str | None
) -> tuple[TrialConfig, str | None]:
    """Return a config with the corrupted test sets that a training has been measured on, and their identity.

    They are those of its records where the config has none: such a training is measured on them again.
    """
    if config.data.corruptions is not None or result is None or result["status"] != "completed":
        return config, corrupted
    recorded = _read_config(store, trial)
    if not recorded.get("corrupted"):
        return config, corrupted
    block = Corruptions.model_validate(recorded["trial"]["data"]["corruptions"])
    data = config.data.model_copy(update={"corruptions": block})
    return config.model_copy(update={"data": data}), str(recorded["corrupted"])


def complete_trial(store: Store, trial: PlannedTrial, sources: DatasetCache) -> PlannedTrial:
    """Return a training with the corrupted test sets that it has been measured on, which are loaded.

    Raises SpaceError if they are not there any more, or have changed.
    """
    result = store.read_result(trial.id, trial.final)
    config, corrupted = complete_corruptions(store, trial.id, result, trial.config, trial.corrupted)
    if corrupted == trial.corrupted:
        return trial
    try:
        changed = sources.fingerprint(config.data) != corrupted
    except DataError as error:
        raise SpaceError(
            [f"{trial.id} was measured on corrupted images, too, and is so again: data: {error}"]
        ) from None
    if changed:
        where = config.data.corruptions and config.data.corruptions.path
        why = f"{trial.id} was measured on corrupted images, too, and is so again, and those in {where} have changed"
        raise SpaceError([f"{why}; put back the files"])
    return replace(trial, config=config, corrupted=corrupted)


def check_corruptions(store: Store, trials: Iterable[PlannedTrial]) -> None:
    """Raise SpaceError if a training was measured on other corrupted test sets than those that are asked for now."""
    for trial in trials:
        if trial.corrupted is None or store.read_result(trial.id, trial.final) is None:
            continue
        if _read_config(store, trial.id).get("corrupted", trial.corrupted) != trial.corrupted:
            why = f"{trial.id} was measured on other corrupted images, and the two are not mixed"
            how = f"`search.run --name NEW --reuse {store.folder}` measures these, and trains nothing again"
            raise SpaceError([f"trial.data.corruptions: {why}; {how}"])


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
