"""What further attacks found, a line each; the summary of a report shows the strongest attack alone."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from search.planning.plan import PlannedTrial
from search.store.store import Store
from trainers.formatting import format_count
from trainers.record_io import Place, Row

EPOCHS = {"best": "the selected epoch", "last": "the last epoch"}


def describe_attacks(attacks: Iterable[str], trials: Iterable[PlannedTrial], store: Store, epoch: str) -> list[str]:
    """Describe from where to where configurations reach under each attack, and name the command that shows them all.

    The accuracy of a configuration is the mean of its seeds. `epoch`: best or last, whose accuracies are compared. An
    attack that measured nothing yet has no line.
    """
    results = [
        (trial.configuration, store.read_result(trial.id, trial.final) or {})
        for trial in trials
        if trial.kind == "trial"
    ]
    lines = [line for attack in attacks if (line := _describe(attack, results, epoch))]
    return [*lines, f"Every configuration: {_format_command(store.folder)}"] if lines else []


def _format_command(folder: Place) -> str:
    """Return the command that shows every configuration; it reads folders, so that a URL is copied to one first."""
    run = shlex.quote(str(folder))
    if isinstance(folder, Path):
        return f"python -m analysis.markdown {run}"
    copy = shlex.quote(folder.name)
    return f"python -m analysis.mirror {run} {copy} && python -m analysis.markdown {copy}"


def _describe(attack: str, results: Iterable[tuple[str, Row]], epoch: str) -> str:
    seeds: dict[str, list[float]] = defaultdict(list)
    for configuration, result in results:
        accuracy = (result.get(epoch) or {}).get(f"test_{attack}_acc")
        if accuracy is not None:
            seeds[configuration].append(100 * accuracy)
    means = [fmean(accuracies) for accuracies in seeds.values()]
    if not means:
        return ""
    ends = " to ".join(dict.fromkeys(f"{mean:.1f}" for mean in (min(means), max(means))))
    return f"Test accuracy under {attack}, {EPOCHS[epoch]}: {ends} % ({format_count(len(means), 'configuration')})."
