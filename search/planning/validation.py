"""Validate a plan against its data, models and files before anything starts, and report all problems at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import torch
from torch import Tensor

from search.exceptions import SpaceError
from search.planning.attack_budgets import (
    check_lengths,
    find_training_budget,
    list_evaluation_budgets,
    note_evaluation,
    note_other_norm,
    note_short_reach,
    note_unmoved_attack,
    note_unusual_budget,
)
from search.planning.consistency import note_duplicate_trials
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan, PlannedTrial
from search.schema.limits import MAX_MODEL_WEIGHTS
from search.schema.space import LoadedSpace
from trainers import checkpoints
from trainers.arrays import format_classes
from trainers.attacks import PGD
from trainers.data import Data
from trainers.examples import compute_batch_sizes, explain_single_example
from trainers.formatting import format_count
from trainers.knobs import Knobs, to_epochs
from trainers.models import Network, needs_two_examples
from trainers.plain_subsets import Late
from trainers.ranked_subsets import Ranked
from trainers.sampling import check_images
from trainers.subsets import DropUnlearned


def check_plan(loaded: LoadedSpace, plan: Plan, sources: DatasetCache) -> None:
    """Raise SpaceError with every problem. Checks that need data skip data that is not loaded."""
    if loaded.space.search.keep == "none" and (names := list(plan.evaluation.for_front())):
        why = "attacks once all trainings have ended, and `search: {keep: none}` keeps no weights; write `keep: best`"
        raise SpaceError([loaded.format_problem(("evaluate", "final", names[0], "for"), why)])
    problems: dict[str, str] = {}  # with the first training that has each
    seen: set[Hashable] = set()
    for trial in plan.trials:
        for parts, check in CHECKS:
            asked = (check, *(getattr(trial.config, part) for part in parts))
            if asked in seen:
                continue
            seen.add(asked)
            try:
                check(trial, plan, sources.prepare(trial.config.data))
            except ValueError as error:
                problems.setdefault(loaded.format_trial_note(trial.kind, trial.axes, str(error)), trial.configuration)
    if problems:
        raise SpaceError([f"{problem} ({configuration})" for problem, configuration in problems.items()])


def _check_subset(trial: PlannedTrial, plan: Plan, data: Data | None) -> None:
    subset = trial.config.subset
    own = subset.ranks_by if isinstance(subset, Ranked) and subset.by == "self" else None
    inputs = {"difficulty_entropy": "entropy", "gradient_norm": "gradient_norm"}
    if own in inputs and not getattr(plan.evaluation, inputs[own]):
        raise ValueError(f"subset.score: no epoch records the {inputs[own]}; `evaluate: {{{inputs[own]}: true}}` does")
    if data is not None:
        y = data.train.y.numpy()
        if isinstance(subset, Ranked):
            subset.check_sizes(y)
        else:
            subset.select(y, None, 0)


def _check_model(trial: PlannedTrial, plan: Plan, data: Data | None) -> None:
    """Raise ValueError if the model does not take the images, or a file's weights do not fit the model."""
    given = trial.config.start_from
    weights = checkpoints.load_weights(given.file, given.weights) if given else None
    if data is None:
        return
    x = data.train.x
    try:
        with torch.device("meta"):
            network = trial.config.model.build(x.shape[1], x.shape[2], data.classes)
    except (RuntimeError, OverflowError, TypeError) as error:  # sizes beyond the range of torch
        raise ValueError(f"model: torch makes none of this size ({str(error).partition(chr(10))[0]})") from None
    if (n := sum(weights.numel() for weights in network.parameters())) > MAX_MODEL_WEIGHTS:
        raise ValueError(f"model: has {n:,} weights; take one of at most {MAX_MODEL_WEIGHTS:,}")
    if x.shape[2] != x.shape[3]:
        _check_rectangles(network, trial.config.model.name, x)
    if weights is not None:
        checkpoints.check_architecture(network, weights)
        normalized = checkpoints.is_normalized(weights)
        if normalized is not None and normalized != trial.config.model.normalize:
            does = "normalises" if normalized else "does not normalise"
            raise ValueError(
                f"model.normalize: {str(not normalized).lower()}, and the weights of start_from belong to a network "
                f"that {does} its input; write `normalize: {str(normalized).lower()}`"
            )


def _check_rectangles(network: Network, model: str, x: Tensor) -> None:
    """Raise ValueError if a network on the meta device takes no images that are not squares, such as x has."""
    height, width = x.shape[2:]
    try:
        network(torch.empty(2, *x.shape[1:], device="meta"))
    except RuntimeError:
        raise ValueError(
            f"model: {model} takes squares, and the images have {height}x{width} pixels; pad or crop them, or take a "
            "network that averages over its maps, such as resnet10"
        ) from None


def _check_target_classes(trial: PlannedTrial, plan: Plan, data: Data | None) -> None:
    attack = getattr(trial.config.method, "attack", None)
    if data is None or not isinstance(attack, PGD) or attack.toward is None:
        return
    for knob, label in attack.toward:
        if label >= data.classes:
            raise ValueError(
                f"method.attack.toward.{knob}: no class {label}; the data has "
                f"{format_classes(data.classes, data.names)} "
                "(data.classes numbers those that it keeps from 0)"
            )


def _check_batch(trial: PlannedTrial, plan: Plan, data: Data | None) -> None:
    if trial.config.data.extra is not None:
        trial.config.data.extra.split_batch(trial.config.batch_size)


def _check_single_example(trial: PlannedTrial, plan: Plan, data: Data | None) -> None:
    """Raise ValueError if a batch of one example meets BatchNorm on maps of one pixel.

    How many examples remain once unlearned ones are dropped is known only in training.
    """
    config = trial.config
    if data is None or config.data.extra is not None:  # mixed batches have two or more
        return
    if not needs_two_examples(config.model, data.train.x.shape[1], data.train.x.shape[2], data.classes):
        return
    y, subset = data.train.y.numpy(), config.subset
    n = subset.count_examples(y) if isinstance(subset, Ranked) else int(subset.select(y, None, 0).sum())
    if 1 in compute_batch_sizes(n, config.batch_size, config.last_batch):
        raise ValueError(f"{explain_single_example(config.stage(0), config.model.name)} ({n} examples)")
    attack = getattr(config.method, "attack", None)
    if isinstance(attack, PGD) and attack.tau is not None and attack.bn == "train":
        raise ValueError(
            "method.attack.bn: train takes the statistics of the images that still move, of which tau leaves "
            f"one in the end, and on maps of one pixel the BatchNorm of model {config.model.name} needs two; "
            "take bn: eval"
        )


def _check_evaluation(trial: PlannedTrial, plan: Plan, data: Data | None) -> None:
    if data is not None:
        check_lengths([*list_evaluation_budgets(plan.evaluation)], data)
        for (block, name), attack in plan.evaluation.named().items():
            key = f"evaluate.{block}.{name}"
            if why := attack.why_unfit(data.classes):
                raise ValueError(f"{key}: {why}")
            check_images(f"{key}.images", attack.images, data.classes)
        for name, diagnostic in plan.evaluation.diagnostics.asked().items():
            check_images(f"evaluate.diagnostics.{name}.images", getattr(diagnostic, "images", None), data.classes)
        if taken := sorted(set(plan.evaluation.loss_attacks) & set(data.corrupted)):
            raise ValueError(f"evaluate.loss_attacks.{taken[0]}: is the name of a corruption, too; take another")


def _check_budget(trial: PlannedTrial, plan: Plan, data: Data | None) -> None:
    budget = find_training_budget(trial.config)
    if data is not None and budget is not None:
        check_lengths([budget], data)


Check = Callable[[PlannedTrial, Plan, Data | None], None]
CHECKS: tuple[tuple[tuple[str, ...], Check], ...] = (  # with the parts of a trial that each check reads
    (("data", "subset"), _check_subset),
    (("data", "model", "start_from"), _check_model),
    (("data", "method"), _check_target_classes),
    (("data", "method"), _check_budget),
    (("data", "batch_size"), _check_batch),
    (("data", "model", "method", "subset", "batch_size", "last_batch"), _check_single_example),
    (("data",), _check_evaluation),
)


def list_notes(loaded: LoadedSpace, plan: Plan, sources: DatasetCache) -> list[str]:
    """Note what is allowed and seldom intended: duplicate trainings, unusual attack budgets, pieces that never act."""
    alike = note_duplicate_trials([trial for trial in plan.trials if trial.kind == "trial"])
    found: dict[str, None] = dict.fromkeys(filter(None, (alike, note_short_reach(plan.trials))))
    found |= dict.fromkeys(_note_budgets(loaded, plan, sources))
    if early := _note_early_selection(plan):
        found[loaded.format_trial_note("trial", {}, early)] = None
    if any(path.endswith((".burn_in", "subset.epoch", "subset.start")) for path in plan.axes):
        return list(found)  # an axis may include a training that ends before
    for trial in plan.trials:
        method, epochs = trial.config.method, trial.config.epochs
        pieces: dict[str, Knobs | None] = {
            "method": method,
            "average": trial.config.average,
            "subset": trial.config.subset,
        }
        pieces |= {f"method.{name}": piece for name, piece in method if isinstance(piece, Knobs)}
        for key, piece in pieces.items():
            knob = "epoch" if isinstance(piece, DropUnlearned) else "start" if isinstance(piece, Late) else "burn_in"
            first = getattr(piece, knob, 0)
            if to_epochs(first, epochs) >= epochs:
                message = f"{key}.{knob}: {first}, and training ends after {epochs} epochs: it never acts"
                found[loaded.format_trial_note(trial.kind, trial.axes, message)] = None
    return list(found)


def _note_early_selection(plan: Plan) -> str | None:
    """Note trials whose best checkpoint may lie within the burn-in of their method."""
    configs = {trial.configuration: trial.config for trial in plan.trials if trial.kind == "trial"}
    early = {
        name: config
        for name, config in configs.items()
        if config.data.holds_out and config.select_from < config.burn_in
    }
    if not early:
        return None
    name, first = next(iter(early.items()))
    begins = f"epoch {first.select_from}" if first.select_from else "the first epoch"
    share = f"{len(early)} of {format_count(len(configs), 'configuration')}"
    return (
        f"select.from: in {share} the epoch is selected from {begins} on, and may be one of the method's own "
        f"burn-in, {format_count(first.burn_in, 'epoch')} ({name}); "
        "`trial: {select: {from: burn-in}}` selects after it"
    )


def _note_budgets(loaded: LoadedSpace, plan: Plan, sources: DatasetCache) -> Iterator[str]:
    """Note unusual budgets of attacks that measure, then of those that train, each once."""
    by_name = {trial.configuration: trial for trial in plan.trials}
    blocks = {trial.data: trial.config.data for trial in by_name.values()}
    datas = {name: sources.prepare(block) for name, block in blocks.items()}
    budgets = {name: find_training_budget(trial.config) for name, trial in by_name.items()}
    epochs = [trial.config.epochs for trial in by_name.values() if trial.kind == "trial"]
    measured = list(note_evaluation(plan.evaluation, [len(data.test) for data in datas.values() if data], epochs))
    data = next(iter(datas.values()), None)
    measured += [
        text for budget in list_evaluation_budgets(plan.evaluation) for text in note_unusual_budget(budget, data)
    ]
    other = note_other_norm(
        plan.evaluation, (budgets[name] for name, trial in by_name.items() if trial.kind == "trial")
    )
    yield from (loaded.format_trial_note("trial", {}, text) for text in (*measured, *([other] if other else ())))
    for name, trial in by_name.items():
        budget = budgets[name]
        for text in (
            *note_unmoved_attack(trial.config),
            *(note_unusual_budget(budget, datas[trial.data]) if budget else ()),
        ):
            yield loaded.format_trial_note(trial.kind, trial.axes, text)
