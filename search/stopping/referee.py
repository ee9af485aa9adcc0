"""Between the trainings of a sweep and the rules of stopping: who may train how far, and what was decided.

It goes by what it is told of the records and by its journal alone: made again from both, after a kill, it answers as
before. Whoever runs the trainings enters them, reports what they measure, and acts on decisions, which are on disk
before they are returned. In which order trainings report decides nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from search.schema.stopping import RobustStopping
from search.stopping.curves import Contestant, Curve, Objectives, curve
from search.stopping.decisions import Decision, Journal, Taken
from search.stopping.entry import Entry
from search.stopping.exhaustion import exhausted, horizon
from search.stopping.finishing import worth_finishing
from search.stopping.judging import judge, stands
from trainers.evaluate import Evaluation
from trainers.reading import Damage
from trainers.record_io import Place, Row

JOURNAL = "stopping.jsonl"


class Referee:
    """Where stopping stands in one sweep."""

    def __init__(self, folder: Place, knobs: RobustStopping, evaluation: Evaluation, objectives: Objectives) -> None:
        """Reads the sweep's journal. Raises Damaged."""
        self.knobs, self.evaluation, self.objectives = knobs, evaluation, objectives
        self._journal = Journal(folder / JOURNAL)
        self._entries: dict[str, Entry] = {}  # by training: that of its configuration's first seed
        self._first: dict[str, Entry] = {}
        self._curves: dict[str, dict[str, Curve]] = defaultdict(dict)  # configuration -> training -> heard of it
        self._contestants: dict[str, Contestant] = {}  # by configuration, as are the next four
        self._rungs: dict[str, tuple[int, ...]] = {}
        self._ends: dict[str, Decision | None] = {}
        self._horizons: dict[str, int] = {}
        self._lost: set[str] = set()
        self._touched: set[tuple] = set()  # contests in which something was heard since they were judged
        self._contests: dict[tuple, dict[str, None]] = defaultdict(dict)  # configurations that are judged together
        self._problems: dict[str, dict[str, None]] = defaultdict(dict)  # ... that share a front

    def enter(self, entries: Iterable[Entry]) -> None:
        """Trainings that there are from now on; a grid, or a generation, enters whole before it is heard of."""
        for each in entries:
            entry = self._first.setdefault(each.configuration, each)
            self._entries[each.training] = entry
            self._curves[each.configuration].setdefault(each.training, Curve())
            self._contests[entry.contest][each.configuration] = None
            self._problems[entry.problem][each.configuration] = None
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
        if name in self._lost or name in self.taken.finished or (name, each.epochs) in self.taken.passed:
            return each.epochs
        if name in self.stopped:
            return self.stopped[name]
        undecided = (n for n in self._rungs[name] if (name, n) not in self.taken.passed)
        return min(next(undecided, each.epochs), self._horizons[name])

    @property
    def damage(self) -> Damage:
        """What of the journal was damaged, and is decided again."""
        return self._journal.damage

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
        return {name: n for name, n in self.taken.stops.items() if name not in self.taken.finished}

    def decisions(self) -> list[Decision]:
        """What can be decided now and was not before; on disk on return. Raises OSError when that is full."""
        new: list[Decision] = []
        for key in sorted(self._touched):
            contest = self._present(self._contests[key])
            ends = {each.name: self._ends[each.name] for each in contest}
            new += judge(contest, ends, self.taken, self.knobs, self.objectives)
        self._journal.take(new)
        self._touched.clear()
        return new

    def finish(self) -> list[Decision]:
        """Once all has ended or stopped: what is trained to its end after all; decided and on disk as the others."""
        new: list[Decision] = []
        for names in self._problems.values():
            new += worth_finishing(self._present(names), self.taken, self.knobs, self.objectives)
        self._journal.take(new)
        return new

    def _present(self, names: Iterable[str]) -> list[Contestant]:
        return [self._contestants[name] for name in names if name not in self._lost]

    def _update(self, entry: Entry) -> None:
        name = entry.configuration
        each = entry.contestant(self.evaluation, self._curves[name].values())
        if name not in self._rungs:
            heights = self.knobs.heights(each.epochs, each.measured)
            self._rungs[name] = tuple(n for n in heights if stands(each, n))
        self._contestants[name] = each
        self._ends[name] = exhausted(each, self.knobs, self.objectives)
        self._horizons[name] = horizon(each, self.knobs)
        self._touched.add(entry.contest)
