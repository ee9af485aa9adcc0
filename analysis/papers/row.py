"""A row of the tables of figures: what a figure or table of a paper selects, measures and draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analysis.measures.difficulty_reference import has_references
from analysis.papers.part import Part
from analysis.results.choice import Choice, find_lack, find_missing, read_path
from analysis.results.sweep import Sweep


@dataclass(frozen=True)
class PaperFigure:
    """A figure or table of a paper."""

    name: str  # "hard:F1a"
    title: str
    study: str  # the space that trains it, without .yaml; a comma parts those of a joined figure
    paper: str = ""  # the paper's own setting, for the caption
    parts: tuple[Part, ...] = ()
    choice: Choice = field(default_factory=Choice)
    pretrained: str = ""  # the attack of the training that the network starts from, "none" for standard training
    reference: bool = False  # whether it needs the difficulty of examples in PGD trainings of this or another run
    ordered: bool = False  # whether the lines have an order although they are no numbers, such as nested subsets
    sets: str = ""  # what the study needs on its command line beside the space
    without: str = ""  # panels or columns of the paper that this figure does not have
    lacks: str = ""  # the measure or recording that does not exist yet, if nothing can be drawn

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that train what the figure needs, one a study."""
        sets = f" {self.sets}" if self.sets else ""
        return tuple(f"python -m search.run spaces/{study}.yaml{sets}" for study in self.study.split(", "))

    @property
    def recipe(self) -> str:
        """The same in one line."""
        return " and ".join(self.commands)


def find_usable(row: PaperFigure, sweeps: Sequence[Sweep]) -> tuple[list[Sweep], str]:
    """Return the sweeps that a figure can be drawn from, and if there are none what they lack.

    If the sweeps lack different data, the least lack is returned: that of the sweep that comes nearest.
    """
    usable, lacks = [], []
    for sweep in sweeps:
        lack = find_lack(sweep, row.choice) or _lack_pretraining(row, sweep) or _lack_reference(row, sweep, sweeps)
        if not lack and row.choice.join and not _contributes(row, sweep):
            lack = _tell_missing(row, [sweep])
        recorded = "" if lack else _join_once(part.find_lack(sweep) for part in row.parts)
        if not lack and not recorded:
            usable.append(sweep)
        else:
            lacks.append((not recorded, recorded or lack))
    if usable and row.choice.join and (missing := _tell_missing(row, usable)):
        return [], missing
    return usable, "" if usable else min(lacks, key=lambda lack: (lack[0], len(lack[1])))[1] if lacks else "a run"


def _join_once(lacks: Iterable[str]) -> str:
    """Join what parts lack; parts that lack the same say it once."""
    return "; ".join(dict.fromkeys(filter(None, lacks)))


def _lack_pretraining(row: PaperFigure, sweep: Sweep) -> str:
    """Say whether the sweep lacks the pretraining of a figure."""
    attacks = {
        read_path(t.get("config"), "method.attack.name") for t in sweep.plan["trials"] if t["kind"] == "pretrain"
    }
    return (
        f"a pretraining with method.attack.name {row.pretrained}"
        if row.pretrained and row.pretrained not in attacks
        else ""
    )


def _lack_reference(row: PaperFigure, sweep: Sweep, sweeps: Sequence[Sweep]) -> str:
    """Say whether no run has a PGD training by whose difficulty a figure orders examples."""
    if not row.reference or any(has_references(other) for other in (sweep, *sweeps)):
        return ""
    return "a PGD training on all examples, which the same or another run may have on the same data"


def _contributes(row: PaperFigure, sweep: Sweep) -> bool:
    """Return whether a sweep has some of what a joined figure brings together."""
    wanted = sum(len(values) for values in row.choice.contains.values())
    return len(find_missing([sweep], row.choice)) < wanted


def _tell_missing(row: PaperFigure, sweeps: Sequence[Sweep]) -> str:
    missing = find_missing(sweeps, row.choice)
    return f"trials with {' and '.join(missing)}" if missing else ""
