"""The status of a sweep in numbers, derived from its records and from the heartbeat of the process that runs it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from search.monitor.cost_model import CostModel, Costs, TimeLeft
from search.monitor.epoch_progress import EpochProgress
from search.monitor.heartbeat import Heartbeat
from search.monitor.reader import Branch, PlannedTraining, SweepReader
from search.monitor.trial_progress import ENDED, FINAL, Throughput, TrialProgress
from trainers.best import CLEAN, ROBUST
from trainers.objectives import non_dominated

STATES = (
    "completed", "stopped", "diverged", "failed", "damaged", "lost", "left out", "running", "paused", "begun",
    "planned",
)  # fmt: skip
SHOWN_FIRST = ("running", "failed", "damaged", "lost")
INCOMPLETE = ("diverged", "failed", "lost")  # a seed in such a state: the mean of the others would be biased upwards


class ConfigurationMean(NamedTuple):
    """A configuration that ended: validation accuracies at the selected epoch, averaged over its seeds."""

    name: str
    clean: float
    robust: float
    seeds: int
    ended: float  # when the last of these seeds ended, in seconds since the epoch
    problem: str  # the title of its problem among those of the sweep; empty if there is only one
    on_front: bool  # of its problem


class TrainingStatus(NamedTuple):
    """A training, its state now, and the progress according to its records."""

    planned: PlannedTraining
    state: str
    progress: TrialProgress

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def goes_on(self) -> bool:
        """Return whether the training will still end in this run; only the next command retries a failed one."""
        return not self.ended and self.state not in ("failed", "lost", "left out")


@dataclass(frozen=True)
class SweepStatus:
    """The status of a sweep."""

    study: str
    is_running: bool  # whether a process runs it
    heartbeat: Heartbeat | None
    trainings: list[TrainingStatus]
    asked_epochs: int  # summed over all trainings
    distinct_epochs: int  # each shared epoch counted once
    done_epochs: int  # distinct epochs that are trained
    remaining_epochs: int  # distinct epochs that will still be trained
    time_left: TimeLeft  # on one process
    longest_seconds: float  # of the longest remaining training, the lower bound whatever the number of processes
    billed: Costs
    shared: Costs  # of epochs that trainings copied from others
    points: list[ConfigurationMean]
    running_epochs: EpochProgress  # summed over all running trainings
    generation: int | None = None  # the newest, from 1, of a search that draws in generations; later ones are unplanned
    spent_budget: str | None = None  # the budget that ended its last run, in words

    @property
    def states(self) -> dict[str, int]:
        """State -> number of trainings, without states that none is in."""
        found = Counter(training.state for training in self.trainings)
        return {state: found[state] for state in STATES if found[state]}

    @property
    def constant(self) -> int:
        """The number of trainings whose final network predicts one class for every image."""
        return sum(training.progress.constant for training in self.trainings)

    @property
    def measuring(self) -> Heartbeat | None:
        """The heartbeat while trainings that had ended before are measured further; None at other times."""
        now = self.heartbeat
        return now if self.is_running and now and now.measured < now.to_measure else None

    @property
    def all_ended(self) -> bool:
        """Return whether all trainings ended, and none is being measured further."""
        return not self.measuring and all(training.ended for training in self.trainings)

    @property
    def finished(self) -> bool:
        """Return whether all trainings ended and none will be added; between generations a search is not finished."""
        return self.all_ended and (self.generation is None or not self.is_running)

    @property
    def skipped_epochs(self) -> int:
        """The distinct epochs that will not be trained, as trainings were stopped, diverged or failed."""
        return self.distinct_epochs - self.done_epochs - self.remaining_epochs

    @property
    def unfinished(self) -> list[TrainingStatus]:
        """The trainings that have begun and not ended, running ones first."""
        order = {state: i for i, state in enumerate((*SHOWN_FIRST, "paused", "begun"))}
        begun = (training for training in self.trainings if training.state in order)
        return sorted(begun, key=lambda training: order[training.state])

    @property
    def seconds_left(self) -> float | None:
        """The seconds until all planned trainings have ended; None if nothing of what remains can be estimated.

        That may be a last evaluation, whose like was not measured yet, or the first further measurement.
        """
        if not self.time_left.seconds:
            return None if self.time_left.further or any(training.goes_on for training in self.trainings) else 0.0
        return max(self.time_left.seconds / self.slots, self.longest_seconds)

    @property
    def undrawn_trials(self) -> int:
        """The trials that later generations of a search will plan, as far as the process that runs it says."""
        return max(0, self._expected_trials - sum(training.planned.kind == "trial" for training in self.trainings))

    @property
    def draws_no_more(self) -> bool:
        """Return whether the process that runs a search says that all of its trials are planned."""
        return bool(self._expected_trials) and not self.undrawn_trials

    @property
    def _expected_trials(self) -> int:
        return self.heartbeat.expected_trials if self.heartbeat and self.is_running else 0

    @property
    def seconds_left_in_all(self) -> float | None:
        """The seconds until a search in generations ends, if later trainings take the mean of those planned so far.

        None if nothing is left to draw, or if a part of the planned ones cannot be estimated.
        """
        left = self.seconds_left
        if left is None or not self.undrawn_trials or self.time_left.uncounted:
            return None
        each = (self.billed.seconds + self.time_left.seconds) / len(self.trainings)
        return left + self.undrawn_trials * each / self.slots

    @property
    def slots(self) -> int:
        return max(self.heartbeat.slots, 1) if self.heartbeat else 1

    @property
    def throughput(self) -> Throughput:
        """The throughput of all running trainings together."""
        running = [training.progress.throughput for training in self.trainings if training.state == "running"]
        return Throughput(sum(one.epochs for one in running), sum(one.images for one in running))


def compute_status(reader: SweepReader, heartbeat: Heartbeat | None, is_running: bool) -> SweepStatus:
    """Return the status of a sweep from the records that were read.

    While the sweep runs, a probe's estimate in the heartbeat counts for each part of a training, such as its final
    evaluation, to which nothing comparable is recorded.
    """
    reported = heartbeat.states if heartbeat and is_running else {}
    trainings = [
        TrainingStatus(planned, _resolve_state(progress, reported.get(progress.name), is_running), progress)
        for planned, progress in zip(reader.planned, reader.progress, strict=True)
    ]
    cost_model, billed, shared = CostModel(), Costs(), Costs()
    for planned, _, progress in trainings:
        cost_model.add_costs(planned.cost_key, progress.comparable)
        billed += progress.billed
        shared += progress.shared
    running = [
        (planned.cost_key, progress.running_epoch)
        for planned, state, progress in trainings
        if state == "running" and progress.running_epoch.fraction
    ]
    for key, epoch in running:
        cost_model.add_progress(key, epoch)
    probed = heartbeat.probed if heartbeat and is_running else {}
    keys = {
        reader.planned[reader.index[name]].cost_key: costs for name, costs in probed.items() if name in reader.index
    }
    for key, costs in keys.items():
        cost_model.add_probed(key, costs)
    running_epochs = EpochProgress(*(sum(values) for values in zip(*(epoch for _, epoch in running), strict=True)))
    branches = [planned.branch for planned in reader.planned]
    depths = [progress.epochs for progress in reader.progress]
    wanted = [one.planned.epochs if one.goes_on else one.progress.epochs for one in trainings]
    reached, remaining = compute_reached(depths, branches), count_remaining(wanted, depths, branches)
    time_left, longest = _estimate_time_left(trainings, cost_model, reached, remaining)
    further = heartbeat.list_measuring_left(time.time()) if heartbeat and is_running else []
    return SweepStatus(
        study=reader.study, is_running=is_running, heartbeat=heartbeat, trainings=trainings,
        asked_epochs=reader.asked_epochs, distinct_epochs=reader.distinct_epochs,
        done_epochs=sum(count_distinct(reached, branches)), remaining_epochs=sum(remaining),
        time_left=time_left._replace(
            seconds=max(time_left.seconds - running_epochs.seconds, 0.0) + sum(further or ()),
            further=heartbeat.to_measure if heartbeat and further is None else 0,
        ),
        longest_seconds=max([longest, *(further or ())]), billed=billed, shared=shared, points=average_seeds(trainings),
        running_epochs=running_epochs, generation=reader.generation,
        spent_budget=None if is_running else reader.read_spent_budget(),
    )  # fmt: skip


def _resolve_state(progress: TrialProgress, reported: str | None, is_running: bool) -> str:
    """Return a training's state: the reported one, unless its records show an end or a stop that was not resumed."""
    if progress.status in FINAL or (progress.status == "stopped" and reported != "running"):
        return progress.status
    if reported:
        return reported
    return "paused" if is_running and progress.status == "begun" else progress.status


def _estimate_time_left(
    trainings: list[TrainingStatus], cost_model: CostModel, reached: list[int], remaining: list[int]
) -> tuple[TimeLeft, float]:
    """Return the time of all remaining epochs on one process, and the seconds of the longest remaining path.

    Trainings that make what others wait for come first, so that the path is the longest of these plus the longest of
    the others.
    """
    time_left = cost_model.estimate(
        (training.planned.cost_key, epochs, training.goes_on)
        for training, epochs in zip(trainings, remaining, strict=True)
    )
    longest: dict[bool, float] = defaultdict(float)  # by whether others wait for it
    starts = compute_starts(reached, [training.planned.branch for training in trainings])
    for training, start in zip(trainings, starts, strict=True):
        if training.goes_on:
            planned = training.planned
            seconds = cost_model.estimate([(planned.cost_key, planned.epochs - start, True)]).seconds
            longest[planned.makes is None] = max(longest[planned.makes is None], seconds)
    return time_left, sum(longest.values())


def average_seeds(trainings: list[TrainingStatus]) -> list[ConfigurationMean]:
    """Return the configurations that ended with a validation, marking those on the front of their problem.

    They are sorted by problem, then highest clean accuracy first. A configuration is left out if one of its seeds
    diverged, failed, was lost or predicts one class for every image.
    """
    excluded = {
        planned.configuration
        for planned, state, progress in trainings
        if planned.kind == "trial" and (state in INCOMPLETE or progress.constant)
    }
    accuracies: dict[str, list[tuple[float, float]]] = defaultdict(list)
    ended: dict[str, float] = defaultdict(float)
    for planned, _, progress in trainings:
        if planned.kind != "trial" or planned.configuration in excluded:
            continue
        measured = all(progress.best.get(name) is not None for name in (CLEAN, ROBUST))
        if progress.status in ("completed", "stopped") and measured:
            accuracies[planned.configuration].append((progress.best[CLEAN], progress.best[ROBUST]))
            ended[planned.configuration] = max(ended[planned.configuration], progress.changed)
    problems = {training.planned.configuration: training.planned.problem for training in trainings}
    found: list[ConfigurationMean] = []
    for problem in dict.fromkeys(problems[name] for name in accuracies):
        means = [
            (name, *_average(values), len(values), ended[name])
            for name, values in accuracies.items()
            if problems[name] == problem
        ]
        means.sort(key=lambda mean: (-mean[1], -mean[2]))
        marks = non_dominated([mean[1:3] for mean in means], keep_duplicates=False)
        found += [ConfigurationMean(*mean, problem, bool(marked)) for mean, marked in zip(means, marks, strict=True)]
    return found


def _average(values: list[tuple[float, float]]) -> tuple[float, float]:
    clean, robust = (sum(axis) / len(values) for axis in zip(*values, strict=True))
    return clean, robust


def compute_reached(depths: Iterable[int], branches: Sequence[Branch]) -> list[int]:
    """Return how many epochs of each chain are trained, by the training itself or by one that branches off it.

    `depths` are the epochs that each training has; a branch counts as far as both chains are the same.
    """
    reached = list(depths)
    for i in range(len(reached) - 1, -1, -1):
        earlier, epoch = branches[i]
        reached[earlier] = max(reached[earlier], min(reached[i], epoch))
    return reached


def compute_starts(reached: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """Return the epoch from which each training can go on: on its own chain or on the one that it branches off."""
    starts: list[int] = []
    for i, (earlier, epoch) in enumerate(branches):
        starts.append(max(reached[i], min(epoch, starts[earlier])) if i and epoch else reached[i])
    return starts


def count_distinct(reached: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """Return how many of the trained epochs are counted for each training: a shared one counts for the first."""
    return [max(0, depth - epoch) for depth, (_, epoch) in zip(reached, branches, strict=True)]


def count_remaining(wanted: Sequence[int], done: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """Return how many distinct epochs each training still has to do; `wanted` and `done` are epochs of each chain."""
    asked, reached = compute_reached(wanted, branches), compute_reached(done, branches)
    starts = (max(depth, epoch) for depth, (_, epoch) in zip(reached, branches, strict=True))
    return [max(0, depth - start) for depth, start in zip(asked, starts, strict=True)]
