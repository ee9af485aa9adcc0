"""What was stopped and yet lies near a front: trained to its end when the search has ended, so that its last is known.

Best checkpoints and last epochs have fronts of their own, and who leads in one need not in the other; a training that
was stopped is measured in the second by where it stands. Whatever is not finished has no last epoch: it is censored,
shown as such, and on no front of last epochs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.schema.stopping import RobustStopping
from search.stopping.curves import Contestant, Objectives, plain
from search.stopping.decisions import Decision, Taken, shown


def worth_finishing(
    rivals: Sequence[Contestant], taken: Taken, knobs: RobustStopping, objectives: Objectives
) -> list[Decision]:
    """Those stopped, among configurations that share their fronts, whom no one beats by more than `finish` in every
    objective: by their best checkpoints or by where they stand. A diverged seed keeps off all fronts.
    """
    reached = {each.name: taken.reached(each.name, each.epochs) for each in rivals}
    sound = [each for each in sorted(rivals, key=lambda it: it.name) if _sound(each.cut(reached[each.name]))]
    found: dict[str, Decision] = {}
    for what in ("best", "latest"):
        points = np.array([_point(each, reached[each.name], what) for each in sound])  # (sound, objectives)
        for i, each in enumerate(sound):
            leads = (points - points[i]).min(axis=1)  # of each, where it leads least
            first = int(leads.argmax())
            if reached[each.name] < each.epochs and each.name not in found and leads[first] <= knobs.finish + 1e-9:
                rival = {sound[first].name: plain(points[first], objectives)} if leads[first] > 0 else {}
                values, n = plain(points[i], objectives), reached[each.name]
                found[each.name] = _finish(each, n, what, values, rival, float(leads[first]))
    return list(found.values())


def _sound(each: Contestant) -> bool:
    return each.diverged is None and all(curve.points for curve in each.curves)


def _point(each: Contestant, n: int, what: str) -> np.ndarray:
    mean: np.ndarray = (each.at_best(n) if what == "best" else each.at_end(n)).mean(axis=0)
    return mean


def _finish(
    each: Contestant, n: int, what: str, values: dict[str, float], rival: dict[str, dict[str, float]], lead: float
) -> Decision:
    """The lead is that of the rival, in the objective where it is least."""
    place = f"stopped after {n} of {each.epochs} epochs, its {what}, {shown(values)}, is"
    near = "".join(f"near the front: {name} ({shown(it)}) leads by {lead:.1%} or more" for name, it in rival.items())
    return Decision(
        action="finish",
        rule="near a front",
        configuration=each.name,
        epochs=n,
        values=values,
        comparators=rival,
        reason=f"{place} {near or 'on the front'}",
    )
