"""Where a sweep stands, in numbers: what its records and the process that runs it say, and what follows from that."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from search.monitor.cost_model import CostModel, Costs, Left, estimate_time
from search.monitor.epoch_progress import Partial
from search.monitor.heartbeat import Heartbeat
from search.monitor.reader import Branch, Entry, SweepReader
from search.monitor.trial_progress import ENDED, FOR_GOOD, Speed, TrialProgress
from search.pareto import non_dominated
from trainers.best import CLEAN, ROBUST

STATES = (
    "completed", "stopped", "diverged", "failed", "damaged", "lost", "left out", "running", "paused", "begun",
    "planned",
)  # fmt: skip
BUSY = ("running", "failed", "damaged", "lost")  # what to look at
FLATTERED = ("diverged", "failed", "lost")  # a configuration of which a seed is, by the seeds that are left


class Point(NamedTuple):
    """A configuration that ended: the mean over its seeds of validation at the best epoch."""

    name: str
    clean: float
    robust: float
    seeds: int
    problem: str  # by what tells it from the others; empty where there is one only
    on_front: bool  # of its problem


class Training(NamedTuple):
    """A training, its state now, and what its records say."""

    entry: Entry
    state: str
    seen: TrialProgress

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True)
class SweepStatus:
    """Where a sweep stands."""

    study: str
    held: bool  # a process runs it
    now: Heartbeat | None
    trainings: list[Training]
    asked: int  # epochs, each training counted by itself
    distinct: int  # epochs, less what trainings share
    done: int  # distinct epochs trained
    to_do: int  # distinct epochs still wanted
    left: Left  # seconds on one process
    longest: float  # seconds of the longest training that is left, however many run at once
    billed: Costs
    shared: Costs  # that trainings took from others
    points: list[Point]
    under_way: Partial  # of all epochs that run now
    generation: int | None = None  # the newest, from 1, of a search that asks in generations; what comes is not planned
    spent: str | None = None  # the budget that ended its last run, in words

    @property
    def states(self) -> dict[str, int]:
        """How many trainings are in each state."""
        found = Counter(training.state for training in self.trainings)
        return {state: found[state] for state in STATES if found[state]}

    @property
    def constant(self) -> int:
        """How many trainings ended with a network that names one class whatever the image."""
        return sum(training.seen.constant for training in self.trainings)

    @property
    def all_ended(self) -> bool:
        return all(training.ended for training in self.trainings)

    @property
    def finished(self) -> bool:
        """All has ended, and nothing comes: between generations a search goes on."""
        return self.all_ended and (self.generation is None or not self.held)

    @property
    def spared(self) -> int:
        """Distinct epochs that nobody will train, as trainings were stopped, diverged or failed."""
        return self.distinct - self.done - self.to_do

    @property
    def open(self) -> list[Training]:
        """Those that have begun and not ended, first what runs."""
        order = {state: i for i, state in enumerate((*BUSY, "paused", "begun"))}
        return sorted((it for it in self.trainings if it.state in order), key=lambda it: order[it.state])

    @property
    def seconds_left(self) -> float | None:
        """Of all that is planned; None if it is not known of any training that is left."""
        if not self.left.seconds:
            return None if self.left.unknown else 0.0
        return max(self.left.seconds / self.slots, self.longest)

    @property
    def slots(self) -> int:
        return max(self.now.slots, 1) if self.now else 1

    @property
    def speed(self) -> Speed:
        """Of all that run now."""
        speeds = [it.seen.speed for it in self.trainings if it.state == "running"]
        return Speed(sum(it.epochs for it in speeds), sum(it.images for it in speeds))


def standing(ledger: SweepReader, now: Heartbeat | None, held: bool) -> SweepStatus:
    """What the records that were read come to."""
    told = now.states if now and held else {}
    trainings = [
        Training(entry, _state(seen, told.get(seen.name), held), seen)
        for entry, seen in zip(ledger.entries, ledger.seen, strict=True)
    ]
    pace, billed, shared = CostModel(), Costs(), Costs()
    for entry, _, seen in trainings:
        pace.add(entry.cost_key, seen.billed)
        billed += seen.billed
        shared += seen.shared
    parts = [
        (it.entry.cost_key, it.seen.partial) for it in trainings if it.state == "running" and it.seen.partial.share
    ]
    for of, part in parts:
        pace.add_partial(of, part)
    under_way = Partial(*(sum(values) for values in zip(*(part for _, part in parts), strict=True)))
    branches = [entry.branch for entry in ledger.entries]
    depths = [seen.epochs for seen in ledger.seen]
    deep, to_do = reached(depths, branches), remaining([_wanted(it) for it in trainings], depths, branches)
    left, longest = _left(trainings, pace, deep, to_do)
    left = left._replace(seconds=max(left.seconds - under_way.seconds, 0.0))
    return SweepStatus(
        study=ledger.study, held=held, now=now, trainings=trainings, asked=ledger.asked, distinct=ledger.distinct,
        done=sum(own(deep, branches)), to_do=sum(to_do), left=left, longest=longest, billed=billed, shared=shared,
        points=points(trainings), under_way=under_way, generation=ledger.generation,
        spent=None if held else ledger.spent(),
    )  # fmt: skip


def _state(seen: TrialProgress, told: str | None, held: bool) -> str:
    """By its records, unless they do not show what the process that runs the sweep tells."""
    if seen.status in FOR_GOOD or (seen.status == "stopped" and told != "running"):  # which may be taken up again
        return seen.status
    if told:
        return told
    return "paused" if held and seen.status == "begun" else seen.status


def _ends(training: Training) -> bool:
    """Whether its end is still to come; one that failed is tried again by the next command alone."""
    return not training.ended and training.state not in ("failed", "lost", "left out")


def _wanted(training: Training) -> int:
    return training.entry.epochs if _ends(training) else training.seen.epochs


def _left(trainings: list[Training], pace: CostModel, deep: list[int], epochs: list[int]) -> tuple[Left, float]:
    left = estimate_time(pace, ((it.entry.cost_key, n, _ends(it)) for it, n in zip(trainings, epochs, strict=True)))
    longest: dict[bool, float] = defaultdict(float)  # of those that make what others wait for, and of these
    at = begun(deep, [it.entry.branch for it in trainings])
    for (entry, state, seen), depth in zip(trainings, at, strict=True):
        if _ends(Training(entry, state, seen)):
            path = estimate_time(pace, [(entry.cost_key, entry.epochs - depth, True)]).seconds
            longest[entry.makes is None] = max(longest[entry.makes is None], path)
    return left, sum(longest.values())


def points(trainings: list[Training]) -> list[Point]:
    """The configurations that ended with a validation, those on their problem's front marked.

    Problem by problem, highest clean accuracy first.
    """
    dead = (it for it in trainings if it.state in FLATTERED or it.seen.constant)
    out = {it.entry.configuration for it in dead if it.entry.kind == "trial"}
    ended: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for entry, _, seen in trainings:
        if entry.kind != "trial" or entry.configuration in out:
            continue
        if seen.status in ("completed", "stopped") and all(seen.best.get(name) is not None for name in (CLEAN, ROBUST)):
            ended[entry.configuration].append((seen.best[CLEAN], seen.best[ROBUST]))
    problems = {it.entry.configuration: it.entry.problem for it in trainings}
    found: list[Point] = []
    for problem in dict.fromkeys(problems[name] for name in ended):
        here = [(name, *_means(values), len(values)) for name, values in ended.items() if problems[name] == problem]
        here.sort(key=lambda it: (-it[1], -it[2]))
        marks = non_dominated([it[1:3] for it in here], keep_duplicates=False)
        found += [Point(*it, problem, bool(marked)) for it, marked in zip(here, marks, strict=True)]
    return found


def _means(values: list[tuple[float, float]]) -> tuple[float, float]:
    clean, robust = (sum(axis) / len(values) for axis in zip(*values, strict=True))
    return clean, robust


def reached(depths: Iterable[int], branches: Sequence[Branch]) -> list[int]:
    """How deep each chain goes that somebody went: itself, or one that branches off it, as far as that is the same."""
    deep = list(depths)
    for i in range(len(deep) - 1, -1, -1):
        earlier, epoch = branches[i]
        deep[earlier] = max(deep[earlier], min(deep[i], epoch))
    return deep


def begun(deep: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """From which epoch on each could go, given what was reached: on its own chain or on the one it branches off."""
    at: list[int] = []
    for i, (earlier, epoch) in enumerate(branches):
        at.append(max(deep[i], min(epoch, at[earlier])) if i and epoch else deep[i])
    return at


def own(deep: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """How many distinct epochs that makes, each counted for the first training that has it."""
    return [max(0, depth - epoch) for depth, (_, epoch) in zip(deep, branches, strict=True)]


def remaining(wanted: Sequence[int], done: Sequence[int], branches: Sequence[Branch]) -> list[int]:
    """How many distinct epochs are still to be trained, counted likewise; `wanted` and `done` are depths."""
    asked, deep = reached(wanted, branches), reached(done, branches)
    starts = (max(depth, epoch) for depth, (_, epoch) in zip(deep, branches, strict=True))
    return [max(0, depth - start) for depth, start in zip(asked, starts, strict=True)]
