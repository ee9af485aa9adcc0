"""How long a plan takes on so many workers, by the very schedule that runs it, each epoch taking the same time."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from search.planning.plan import Plan
from search.planning.schedule import Schedule


class Simulated(NamedTuple):
    """What a simulated run of a plan came to."""

    makespan: int  # in epochs
    trained: int  # epochs
    tasks: int
    states: int  # stored for others to go on from
    reads: int  # of states, by those that go on from them


def simulate(plan: Plan, workers: int) -> Simulated:
    """Run a plan without training anything: a worker is free again when its training ends."""
    schedule = Schedule(plan, range(len(plan.trials)), {})
    making = {name: {i for i, t in enumerate(plan.trials) if t.makes == name} for name in _made(plan)}
    for name, makers in making.items():
        if not makers:  # a file has it
            schedule.made(name)
    events: list[tuple[int, int, int]] = []  # when, which training, after which epoch
    now = trained = tasks = states = reads = running = 0
    while True:
        while running < workers and (task := schedule.next()):
            marks = [*schedule.running[task.i], task.until]
            for epoch in sorted(set(marks)):
                heappush(events, (now + epoch - task.since, task.i, epoch))
            running, tasks, reads = running + 1, tasks + 1, reads + (task.since > 0)
            trained, states = trained + task.until - task.since, states + len(schedule.running[task.i])
        if not events:
            return Simulated(now, trained, tasks, states, reads)
        now, i, epoch = heappop(events)
        schedule.stored(i, epoch)
        if epoch == plan.trials[i].config.epochs:
            schedule.released(i, ended=True)
            running -= 1
            made = plan.trials[i].makes
            if made and not making[made] & schedule.open:
                schedule.made(made)


def _made(plan: Plan) -> set[str]:
    return set(plan.rankings).union(*(trial.needs for trial in plan.trials))
