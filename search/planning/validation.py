"""What a plan asks of data, models and files that they do not have; told before anything starts, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import torch

from search.exceptions import SpaceError
from search.formatting import format_count
from search.planning.attack_budgets import (
    check_lengths,
    elsewhere,
    measuring,
    oddities,
    of_measuring,
    out_of_reach,
    training,
    unmoved,
)
from search.planning.consistency import twins
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan, Planned
from search.schema.limits import WEIGHTS
from search.schema.space import Loaded
from trainers import checkpoints
from trainers.arrays import format_classes
from trainers.attacks import PGD
from trainers.data import Data
from trainers.examples import compute_batch_sizes, explain_single_example
from trainers.knobs import Knobs, to_epochs
from trainers.models import needs_two_examples
from trainers.sampling import check_images
from trainers.subsets import DropUnlearned, Ranked


def check(loaded: Loaded, plan: Plan, sources: DatasetCache) -> None:
    """Raises SpaceError with every problem; what hangs on data that is not loaded yet is passed over."""
    problems: dict[str, str] = {}  # with the first training that has it
    seen: set[Hashable] = set()
    for trial in plan.trials:
        for parts, look in LOOKS:
            asked = (look, *(getattr(trial.config, part) for part in parts))
            if asked in seen:
                continue
            seen.add(asked)
            try:
                look(trial, plan, sources.prepared(trial.config.data))
            except ValueError as error:
                problems.setdefault(loaded.about(trial.kind, trial.axes, str(error)), trial.configuration)
    if problems:
        raise SpaceError([f"{problem} ({configuration})" for problem, configuration in problems.items()])


def _subset(trial: Planned, plan: Plan, data: Data | None) -> None:
    subset = trial.config.subset
    if data is not None:
        y = data.train.y.numpy()
        if isinstance(subset, Ranked):
            subset.check_sizes(y)
        else:
            subset.select(y, None, 0)


def _model(trial: Planned, plan: Plan, data: Data | None) -> None:
    """The model takes images of this size, and a file's weights are those of such a model."""
    given = trial.config.start_from
    weights = checkpoints.load_weights(given.file, given.weights) if given else None
    if data is None:
        return
    x = data.train.x
    try:
        with torch.device("meta"):
            network = trial.config.model.build(x.shape[1], x.shape[2], data.classes)
    except (RuntimeError, OverflowError, TypeError) as error:  # sizes beyond those that torch counts in
        raise ValueError(f"model: torch makes none of this size ({str(error).partition(chr(10))[0]})") from None
    if (n := sum(weights.numel() for weights in network.parameters())) > WEIGHTS:
        raise ValueError(f"model: has {n:,} weights; take one of at most {WEIGHTS:,}")
    if weights is not None:
        checkpoints.check_architecture(network, weights)
        theirs = checkpoints.is_normalized(weights)
        if theirs is not None and theirs != trial.config.model.normalize:
            does = "normalises" if theirs else "does not normalise"
            raise ValueError(
                f"model.normalize: {str(not theirs).lower()}, and the weights of start_from belong to a network that "
                f"{does} its input; write `normalize: {str(theirs).lower()}`"
            )


def _toward(trial: Planned, plan: Plan, data: Data | None) -> None:
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


def _batch(trial: Planned, plan: Plan, data: Data | None) -> None:
    if trial.config.data.extra is not None:
        trial.config.data.extra.split_batch(trial.config.batch_size)


def _one_left(trial: Planned, plan: Plan, data: Data | None) -> None:
    """A batch of one example does not go with BatchNorm on maps of one pixel.

    What is left once unlearned examples are dropped is known in training alone.
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
            "method.attack.bn: train takes the statistics of the images that still move, which tau makes one in the "
            f"end, and the BatchNorm of model {config.model.name} needs two, seeing maps of one pixel; take bn: eval"
        )


def _evaluation(trial: Planned, plan: Plan, data: Data | None) -> None:
    if data is not None:
        check_lengths([*measuring(plan.evaluation)], data)
        for (block, name), attack in plan.evaluation.named().items():
            key = f"evaluate.{block}.{name}"
            if why := attack.why_unfit(data.classes):
                raise ValueError(f"{key}: {why}")
            check_images(f"{key}.images", attack.images, data.classes)
        if taken := sorted(set(plan.evaluation.loss_attacks) & set(data.corrupted)):
            raise ValueError(f"evaluate.loss_attacks.{taken[0]}: is the name of a corruption, too; take another")


def _budget(trial: Planned, plan: Plan, data: Data | None) -> None:
    climb = training(trial.config)
    if data is not None and climb is not None:
        check_lengths([climb], data)


Look = Callable[[Planned, Plan, Data | None], None]
LOOKS: tuple[tuple[tuple[str, ...], Look], ...] = (  # each with the parts of a trial that it looks at
    (("data", "subset"), _subset),
    (("data", "model", "start_from"), _model),
    (("data", "method"), _toward),
    (("data", "method"), _budget),
    (("data", "batch_size"), _batch),
    (("data", "model", "method", "subset", "batch_size", "last_batch"), _one_left),
    (("data",), _evaluation),
)


def notes(loaded: Loaded, plan: Plan, sources: DatasetCache) -> list[str]:
    """What is allowed and seldom meant: the same training twice, odd budgets of attacks, a piece that never acts."""
    alike = twins([trial for trial in plan.trials if trial.kind == "trial"])
    found: dict[str, None] = dict.fromkeys(filter(None, (alike, out_of_reach(plan.trials))))
    found |= dict.fromkeys(_budgets(loaded, plan, sources))
    if early := _selected_early(plan):
        found[loaded.about("trial", {}, early)] = None
    if any(path.endswith((".burn_in", "subset.epoch")) for path in plan.axes):
        return list(found)  # one end of it may well be a training that never gets there
    for trial in plan.trials:
        method, epochs = trial.config.method, trial.config.epochs
        pieces: dict[str, Knobs | None] = {
            "method": method,
            "average": trial.config.average,
            "subset": trial.config.subset,
        }
        pieces |= {f"method.{name}": piece for name, piece in method if isinstance(piece, Knobs)}
        for key, piece in pieces.items():
            knob = "epoch" if isinstance(piece, DropUnlearned) else "burn_in"
            first = getattr(piece, knob, 0)
            if to_epochs(first, epochs) >= epochs:
                message = f"{key}.{knob}: {first}, and training ends after {epochs} epochs: it never acts"
                found[loaded.about(trial.kind, trial.axes, message)] = None
    return list(found)


def _selected_early(plan: Plan) -> str | None:
    """A word on trials whose best checkpoint may lie where their method is not yet itself."""
    of = {trial.configuration: trial.config for trial in plan.trials if trial.kind == "trial"}
    early = {name: it for name, it in of.items() if it.data.holds_out and it.select_from < it.burn_in}
    if not early:
        return None
    name, first = next(iter(early.items()))
    begins = f"epoch {first.select_from}" if first.select_from else "the first epoch"
    return (
        f"select.from: in {len(early)} of {format_count(len(of), 'configuration')} the best checkpoint is sought from "
        f"{begins} on, and may be one of the method's own burn-in, {format_count(first.burn_in, 'epoch')} ({name}); "
        "`trial: {select: {from: burn-in}}` seeks it behind"
    )


def _budgets(loaded: Loaded, plan: Plan, sources: DatasetCache) -> Iterator[str]:
    """What is odd about the attacks that measure, then about those that train, each told once."""
    of = {trial.configuration: trial for trial in plan.trials}
    blocks = {trial.data: trial.config.data for trial in of.values()}
    datas = {name: sources.prepared(block) for name, block in blocks.items()}
    climbs = {name: training(trial.config) for name, trial in of.items()}
    epochs = [trial.config.epochs for trial in of.values() if trial.kind == "trial"]
    measured = list(of_measuring(plan.evaluation, [len(it.test) for it in datas.values() if it], epochs))
    data = next(iter(datas.values()), None)
    measured += [text for climb in measuring(plan.evaluation) for text in oddities(climb, data)]
    other = elsewhere(plan.evaluation, (climbs[name] for name, trial in of.items() if trial.kind == "trial"))
    yield from (loaded.about("trial", {}, text) for text in (*measured, *([other] if other else ())))
    for name, trial in of.items():
        climb = climbs[name]
        for text in (*unmoved(trial.config), *(oddities(climb, datas[trial.data]) if climb else ())):
            yield loaded.about(trial.kind, trial.axes, text)
