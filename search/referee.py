"""Between the trainings of a sweep and the rules of stopping: who may train how far, and what was decided.

It goes by what it is told of the records and by its journal alone: made again from both, after a kill, it answers as
before. Whoever runs the trainings enters them, reports what they measure, and acts on decisions, which are on disk
before they are returned. In which order trainings report decides nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from search.curves import Contestant, Curve, Objectives, curve
from search.decisions import Decision, Journal, Taken
from search.entry import Entry
from search.exhaustion import exhausted, horizon
from search.finishing import worth_finishing
from search.judging import judge, stands
from search.stopping import RobustStopping
from trainers.evaluate import Evaluation
from trainers.records import Place, Row

JOURNAL = "stopping.jsonl"


class Referee:
    """Where stopping stands in one sweep."""

    def __init__(self, folder: Place, knobs: RobustStopping, evaluation: Evaluation, objectives: Objectives) -> None:
        """Reads the sweep's journal. Raises Damaged."""
        self.knobs, self.evaluation, self.objectives = knobs, evaluation, objectives
        self._journal = Journal(folder / JOURNAL)
        self._entries: dict[str, Entry] = {}  # by training
        self._curves: dict[str, dict[str, Curve]] = defaultdict(dict)  # configuration -> training -> heard of it
        self._contestants: dict[str, Contestant] = {}  # by configuration, as are the next two
        self._ends: dict[str, Decision | None] = {}
        self._lost: set[str] = set()
        self._touched: set[tuple] = set()  # contests in which something was heard since they were judged
        self._contests: dict[tuple, dict[str, None]] = defaultdict(dict)  # configurations that are judged together
        self._problems: dict[str, dict[str, None]] = defaultdict(dict)  # ... that share a front

    def enter(self, entries: Iterable[Entry]) -> None:
        """Trainings that there are from now on; a grid, or a generation, enters whole before it is heard of."""
        for entry in entries:
            self._entries[entry.training] = entry
            self._curves[entry.configuration].setdefault(entry.training, Curve())
            self._contests[entry.contest][entry.configuration] = None
            self._problems[entry.problem][entry.configuration] = None
            self._update(entry)

    def heard(self, training: str, rows: Iterable[Row], diverged: int | None = None) -> None:
        """Rows of a training's record, new or all, and the epoch in which it diverged if it did."""
        entry = self._entries[training]
        known = self._curves[entry.configuration][training]
        points = {point.epoch: point for point in (*known.points, *curve(rows, self.objectives).points)}
        ended = known.diverged if diverged is None else diverged
        self._curves[entry.configuration][training] = Curve(tuple(points[epoch] for epoch in sorted(points)), ended)
        self._update(entry)

    def lost(self, training: str) -> None:
        """A training failed for good: its configuration is no longer judged, waited for, or measured by."""
        entry = self._entries[training]
        self._lost.add(entry.configuration)
        self._touched.add(entry.contest)

    def limit(self, training: str) -> int:
        """How many epochs a training may have now: to its stop, to what is decided next, or to its end."""
        name = self._entries[training].configuration
        each = self._contestants[name]
        if name in self._lost or name in self._journal.taken.finished:
            return each.epochs
        if name in self.stopped:
            return self.stopped[name]
        rungs = (n for n in self.knobs.heights(each.epochs, each.measured) if stands(each, n))
        undecided = (n for n in rungs if (name, n) not in self._journal.taken.passed)
        return min(next(undecided, each.epochs), horizon(each, self.knobs))

    @property
    def taken(self) -> Taken:
        """What all decisions so far come to."""
        return self._journal.taken

    def why(self, configuration: str) -> Decision | None:
        """The decision by which a configuration ends early, if it does."""
        return None if configuration in self.taken.finished else self.taken.why.get(configuration)

    @property
    def stopped(self) -> dict[str, int]:
        """Configurations that ended before their last epoch, finished ones not among them: after how many."""
        taken = self._journal.taken
        return {name: n for name, n in taken.stops.items() if name not in taken.finished}

    def decisions(self) -> list[Decision]:
        """What can be decided now and was not before; on disk on return. Raises OSError when that is full."""
        new: list[Decision] = []
        for key in sorted(self._touched):
            contest = self._present(self._contests[key])
            ends = {each.name: self._ends[each.name] for each in contest}
            new += judge(contest, ends, self._journal.taken, self.knobs, self.objectives)
        self._journal.take(new)
        self._touched.clear()
        return new

    def finish(self) -> list[Decision]:
        """Once all has ended or stopped: what is trained to its end after all; decided and on disk as the others."""
        new: list[Decision] = []
        for names in self._problems.values():
            new += worth_finishing(self._present(names), self._journal.taken, self.knobs, self.objectives)
        self._journal.take(new)
        return new

    def _present(self, names: Iterable[str]) -> list[Contestant]:
        return [self._contestants[name] for name in names if name not in self._lost]

    def _update(self, entry: Entry) -> None:
        name = entry.configuration
        each = entry.contestant(self.evaluation, self._curves[name].values())
        self._contestants[name], self._ends[name] = each, exhausted(each, self.knobs, self.objectives)
        self._touched.add(entry.contest)
