"""Who of comparable configurations ends where: the decisions at the rungs together with those by the own curve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from search.schema.stopping import RobustStopping
from search.stopping.curves import Contestant, Objectives
from search.stopping.decisions import Decision, Taken
from search.stopping.duds import Rung
from search.stopping.exhaustion import exhausted

Ends = Mapping[str, Decision | None]  # of each configuration, by its own curve


def ends(contest: Iterable[Contestant], knobs: RobustStopping, objectives: Objectives) -> Ends:
    return {each.name: exhausted(each, knobs, objectives) for each in contest}


def judge(
    contest: Sequence[Contestant], ends: Ends, taken: Taken, knobs: RobustStopping, objectives: Objectives
) -> list[Decision]:
    """All decisions, beyond those taken, that the measurements allow of configurations of as many epochs each.

    A rung is decided when all that stand there have arrived, in one go. What was decided stands: who comes later, as
    a sweep is extended, is compared with all and judged alone, and a further seed goes as far as the others went.
    """
    whole = {each.name for each in contest if (each.name, each.epochs) in taken.passed}
    own = {name: end for name, end in sorted(ends.items()) if end and name not in whole}
    stops = {name: end.epochs for name, end in own.items()} | taken.stops
    new: list[Decision] = []
    for place, n in enumerate(heights(contest, knobs)):
        there = (each for each in contest if each.diverged is None or each.diverged >= n)
        field = [each for each in there if stands(each, n) and stops.get(each.name, each.epochs) > n]
        if not all(each.arrived(n) for each in field):
            break
        if all((each.name, n) in taken.passed for each in field):
            continue
        field.sort(key=lambda each: each.name)  # the order in which they are given decides nothing
        rung = Rung(field, n, knobs, objectives)
        fresh = [rung.verdict(i, place == 0) for i, each in enumerate(field) if (each.name, n) not in taken.passed]
        new += fresh
        stops |= {it.configuration: n for it in fresh if it.action == "stop"}
    known = taken.stops.keys() | {it.configuration for it in new if it.action == "stop"}
    new += [end for name, end in own.items() if name not in known]
    open_ = (each for each in contest if each.name not in stops.keys() | whole)
    return new + [_ended(each) for each in sorted(open_, key=lambda it: it.name) if each.arrived(each.epochs)]


def _ended(each: Contestant) -> Decision:
    reason = f"it had all of its {each.epochs} epochs"
    return Decision(
        action="pass", rule="last epoch", configuration=each.name, epochs=each.epochs, values={}, reason=reason
    )


def heights(contest: Sequence[Contestant], knobs: RobustStopping) -> tuple[int, ...]:
    """After how many epochs the rungs of a contest stand."""
    return knobs.heights(contest[0].epochs, contest[0].measured) if contest else ()


def stands(each: Contestant, n: int) -> bool:
    """Whether a configuration is judged, and others by it, after n epochs: only within its first phase."""
    return n <= each.phases.first
