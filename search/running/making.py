"""What trainings make for others: a ranking of several together, the weights of one to start from."""

from __future__ import annotations

from search.planning.plan import Plan, Planned
from search.planning.sources import Sources
from search.planning.starting import lost
from search.running.rankings import make_ranking
from search.storing import filesystem
from search.storing.store import Store


class Maker:
    """Makes what a plan's trainings wait for, once those have ended that it is made of."""

    def __init__(self, store: Store, plan: Plan, sources: Sources) -> None:
        self.store, self.plan, self.sources = store, plan, sources

    def made(self, waiting: list[Planned]) -> tuple[set[str], dict[str, str]]:
        """What is there of rankings and of weights that are waited for; rankings are made now; and why others are not.

        Of trainings that have not all ended nothing is said.
        """
        ready, blocked = set(), {}
        for name in set(self.plan.rankings).union(*(trial.needs for trial in waiting)):
            if all(self.store.result(trial.id, trial.final) for trial in self.makers(name)):
                why = self.make(name)
                if why is None:
                    ready.add(name)
                else:
                    blocked[name] = why
        return ready, blocked

    def makers(self, name: str) -> list[Planned]:
        return [trial for trial in self.plan.trials if trial.makes == name]

    def never(self, name: str) -> bool:
        """Whether what trainings wait for cannot come: one that makes it diverged, and so it would again."""
        results = (self.store.result(trial.id, trial.final) for trial in self.makers(name))
        return any(result is not None and result["status"] == "diverged" for result in results)

    def make(self, name: str) -> str | None:
        """Make what trainings that have ended make together, or a file has. Returns why it cannot be, if so."""
        if name in self.plan.rankings:
            why = self.rank(name)
            return why and f"a ranking: {why}"
        (training,) = self.makers(name)
        why = self._weights(training)
        return why and f"weights: {why}"

    def rank(self, ranks: str) -> str | None:
        try:
            filesystem.check(self.store.folder)
            return make_ranking(self.store, self.plan.rankings[ranks], self.makers(ranks), self.sources)
        except OSError as error:
            return f"{ranks} cannot be written: {filesystem.trouble_of(error, self.store.folder) or error}"

    def _weights(self, trial: Planned) -> str | None:
        result = self.store.result(trial.id, trial.final)
        if result is None or result["status"] != "completed":
            return f"{trial.id} {'did not end' if result is None else result['status']}, and trials start from it"
        return None if self.store.state(trial.final) else lost(trial.id)
