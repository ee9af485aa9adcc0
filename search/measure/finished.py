"""The work of `python -m search.measure` once its arguments are parsed. Importing this module imports Ray."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Set
from typing import Any

import yaml

from search.cli import HANDLED_ERRORS, report_error
from search.cluster.gpu_packing import resolve_gpus
from search.confirm.front import load_stored_space, select_front
from search.exceptions import SpaceError
from search.execution.backend import Backend
from search.execution.compatibility import check_compatible, find_accepted_code
from search.measure.further_accuracy import describe_attacks
from search.planning.datasets import DatasetCache, find_corruptions
from search.planning.front_first import list_postponed
from search.planning.measurements import check_attack_names, check_corruptions, check_weights_exist, is_unmeasured
from search.planning.plan import Plan, PlannedTrial
from search.planning.planner import Planner
from search.planning.validation import check_plan
from search.run.driver import measure_sweep
from search.sampling.ask_tell import AskTellLoop
from search.sampling.study import AskTellStudy
from search.schema.budget import Budget
from search.schema.space import LoadedSpace
from search.stopping.base import NoStopping
from search.store.plan_file import load_plan
from search.store.remote import check_reachable
from search.store.store import Store
from trainers.formatting import did_you_mean, format_count, format_list
from trainers.record_io import Row
from trainers.terminal.console import Console, error_console

Further = tuple[str, str]  # an option as it was typed, and the override of a space that it stands for
INSTEAD = "Add the option that it names to this command, or see what the command that ran the sweep says."


def measure_finished(options: argparse.Namespace, began: float, backend: Backend | None = None) -> int:
    """Measure finished trainings of a run by what was not asked for before. Return the exit code.

    `began` is time.monotonic at the start of the command. `backend` measures instead of Ray at the address that the
    environment names.
    """
    console, errors = Console(), error_console()
    try:
        check_reachable(options.run)
        stored = load_plan(options.run)
        own = load_stored_space(options.run, [])
        asked = [*_read_attacks(options.attack, own, options.only == "front"), *_read_further(options, own, stored)]
        if not asked:
            raise SpaceError(["nothing to measure: give --attack, --distances, --diagnostic or --corruptions"])
        typed, overrides = zip(*asked, strict=True)
        loaded = load_stored_space(options.run, overrides, typed)
        sources = DatasetCache()
        store = Store(options.run)
        plan = _restore_plan(own, store, sources, options.accept_code_change, errors)
        check_compatible(options.run, plan, own.document.tree)
        if options.corruptions is not None:  # the same trainings, which are not named by what their last states meet
            plan = _restore_plan(loaded, store, sources, options.accept_code_change, errors)
        search = loaded.space.search.model_copy(update={"stopping": NoStopping(), "budget": Budget()})
        resources = resolve_gpus(loaded.space.resources, os.environ.get("RAY_ADDRESS"), console)
        loaded.space = loaded.space.model_copy(update={"search": search, "resources": resources})
        plan.evaluation, plan.stopping = loaded.space.evaluate, search.stopping
        check_plan(loaded, plan, sources)
        chosen = _choose_trials(plan, store, options.where)
        further = loaded.space.evaluate.final.keys() - own.space.evaluate.final.keys()
        what = sorted({*further, *_list_further(own, loaded)})
        if options.only == "front" and not {*what} <= plan.evaluation.for_front().keys():
            front = select_front(store, stored, search)
            chosen = [trial for trial in chosen if trial.configuration in front]
        finished = _select_finished(chosen, store)
        check_attack_names(store, finished, plan.evaluation, further)
        check_corruptions(store, finished)
        lacking = [trial for trial in finished if _lacks(trial, store, plan, further)]
        check_weights_exist(lacking, store.list_states())
        finals = {trial.final for trial in finished}  # a training may have several names
        names = {trial.id for trial in plan.trials if trial.final in finals}
        most = "at most " * bool(further & plan.evaluation.for_front().keys())
        console.print(
            f"{format_count(len(finished), 'training')} of {len(plan.trials)} chosen, {most}{len(lacking)} to measure "
            f"by {format_list(what)}."
        )
        code = measure_sweep(loaded, plan, sources, store, names, console, began, backend)
        for line in describe_attacks(sorted(further), chosen, store, search.checkpoint):
            console.print(line, markup=False, soft_wrap=True)
        return code
    except HANDLED_ERRORS as error:
        return report_error(error, options.run, INSTEAD, errors)


def _read_attacks(texts: Iterable[str], own: LoadedSpace, for_front: bool) -> list[Further]:
    """Return the attacks with the option of each. Raises SpaceError if a text names no attack, or one of the space.

    for_front: an AutoAttack has a front of its own, and measures what may be on it alone.
    """
    found: list[Further] = []
    names = set()
    for text in texts:
        name, attack = _read_named(text, "--attack", "a name and an attack, such as 'aa: {name: autoattack}'")
        if name in own.space.evaluate.final:
            raise SpaceError([f"--attack {name}: the space measures an attack of this name; take another name"])
        if for_front and isinstance(attack, dict) and attack.get("name") == "autoattack":
            attack = attack | {"for": "front"}
        names.add(attack.get("for") if isinstance(attack, dict) else None)
        written = yaml.safe_dump(attack, default_flow_style=True).strip()
        found.append((f"--attack {text!r}", f"evaluate.final.{name}={written}"))
    if for_front and len(names) > 1:
        why = "AutoAttack has a front of its own, other attacks that of validation; give them in commands of their own"
        raise SpaceError([f"--only front: {why}"])
    return found


def _read_further(options: argparse.Namespace, own: LoadedSpace, stored: Row) -> Iterator[Further]:
    """Yield distances and diagnostics with the option of each. Raises SpaceError if the space has them."""
    evaluation = own.space.evaluate
    if options.corruptions is not None:
        if any(row["config"]["data"].get("corruptions") for row in stored["trials"]):
            raise SpaceError(["--corruptions: the space measures them; the records have them"])
        if evaluation.test_losses:
            why = (
                "evaluate.test_losses records the loss of each corrupted image after each epoch, whose weights are gone"
            )
            raise SpaceError([f"--corruptions: {why}; `search.run --name NEW` with trial.data.corruptions records it"])
        yield f"--corruptions {options.corruptions!r}", f"trial.data.corruptions={options.corruptions}"
    if options.distances is not None:
        if evaluation.min_perturbation is not None:
            raise SpaceError(["--distances: the space measures them; the records have them"])
        if any(row["kind"] == "profile" for row in stored["trials"]):
            why = "would also be a score of the rankings that trainings of this sweep make, and cut its subsets"
            raise SpaceError([f"--distances: {why}; `search.run --name NEW` with evaluate.min_perturbation does both"])
        yield f"--distances {options.distances!r}", f"evaluate.min_perturbation={options.distances}"
    for text in options.diagnostic:
        name, knobs = _read_named(text, "--diagnostic", "a name and a diagnostic, such as 'lipschitz: {}'")
        if getattr(evaluation.diagnostics, str(name), None) is not None:
            raise SpaceError([f"--diagnostic {name}: the space measures it; the records have it"])
        if isinstance(knobs, dict) and knobs.get("after", ["100%"]) != ["100%"]:
            why = "of the weights after earlier epochs nothing is stored; leave `after` out, which measures the last"
            raise SpaceError([f"--diagnostic {name}: {why}"])
        written = yaml.safe_dump(knobs or {}, default_flow_style=True).strip()
        yield f"--diagnostic {text!r}", f"evaluate.diagnostics.{name}={written}"


def _list_further(own: LoadedSpace, loaded: LoadedSpace) -> list[str]:
    """Return the names of the further measurements that are no attacks."""
    before, now = own.space.evaluate, loaded.space.evaluate
    distances = ["minimum perturbations"] * (before.min_perturbation is None and now.min_perturbation is not None)
    corruptions = ["corrupted test sets"] * (find_corruptions(loaded.space.trial) != find_corruptions(own.space.trial))
    return [*corruptions, *distances, *sorted(now.diagnostics.asked().keys() - before.diagnostics.asked().keys())]


def _read_named(text: str, option: str, expected: str) -> tuple[str, Any]:
    """Return the one key of a text of YAML, and its value. Raises SpaceError if it is something else."""
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError:
        tree = None
    if not isinstance(tree, dict) or len(tree) != 1:
        raise SpaceError([f"{option} {text!r}: expected {expected}"])
    ((name, value),) = tree.items()
    return name, value


def _restore_plan(own: LoadedSpace, store: Store, sources: DatasetCache, accept: bool, errors: Console) -> Plan:
    """Plan the trainings of the stored sweep, as the command that ran it does."""
    planner = Planner(own, sources.fingerprint, find_accepted_code(store.folder, accept))
    asker = AskTellStudy(own.space.search, store.folder) if own.space.search.draws else None
    if asker or own.space.search.adds_seeds:
        return AskTellLoop(planner, store, errors.print, asker).restore_plan()
    return planner.plan()


def _choose_trials(plan: Plan, store: Store, where: list[str]) -> list[PlannedTrial]:
    """Return the trainings with some values of axes; all trainings if none are given. Raises SpaceError."""
    wanted = [_read_where(text, plan) for text in where]
    chosen = [
        trial
        for trial in plan.trials
        if not wanted or (trial.kind == "trial" and all(trial.axes.get(axis) == label for axis, label in wanted))
    ]
    if not chosen:
        raise SpaceError([f"--where {' --where '.join(where)}: {store.folder} has no such trial"])
    return chosen


def _read_where(text: str, plan: Plan) -> tuple[str, str]:
    """Return an axis of the sweep and the label of a value. Raises SpaceError if there is no such axis or value."""
    axis, equals, label = text.partition("=")
    if not equals:
        raise SpaceError([f"--where {text}: expected AXIS=VALUE, such as method=trades"])
    if axis not in plan.axes:
        near, known = did_you_mean(axis, plan.axes), ", ".join(plan.axes) or "none"
        raise SpaceError([f"--where {text}: the sweep has no axis {axis}{near} (it has {known})"])
    labels = dict.fromkeys(trial.axes[axis] for trial in plan.trials if axis in trial.axes)
    if label not in labels:
        near, known = did_you_mean(label, labels), ", ".join(labels)
        raise SpaceError([f"--where {text}: no trial has this value{near} (there are {known})"])
    return axis, label


def _select_finished(chosen: Iterable[PlannedTrial], store: Store) -> list[PlannedTrial]:
    """Return the trainings that ran to their end. Raises SpaceError if there are none.

    One that was killed while it was measured may have lost its result, and has its last state.
    """
    states = store.list_states()
    finished = []
    for trial in chosen:
        result = store.read_result(trial.id, trial.final)
        if (result["status"] == "completed") if result else trial.final in states:
            finished.append(trial)
    if not finished:
        raise SpaceError([f"{store.folder}: none of the chosen trainings has ended; there is nothing to measure yet"])
    return finished


def _lacks(trial: PlannedTrial, store: Store, plan: Plan, further: Set[str]) -> bool:
    """Return whether a training is to be measured, or may be: an attack for the front decides while it runs."""
    result = store.read_result(trial.id, trial.final)
    postponed = further & list_postponed(result, plan.evaluation)
    return result is None or is_unmeasured(store, trial.id, result, plan.evaluation, trial.corrupted) or bool(postponed)
