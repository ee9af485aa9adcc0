"""Read a finished sweep from its records alone: the whole curves of all trials, and which epochs they share."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from search.exceptions import NotReplayable
from search.pareto import Objectives
from search.stopping.curves import Candidate, Curve, TrialInfo, read_curve
from trainers.best import ROBUST
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.plan_reader import NAME, PlanFormatError, read_plan
from trainers.record_io import Place, Row, digest
from trainers.record_reader import Damage, expected_files, is_epoch_row, read_json, read_rows
from trainers.record_shapes import check_result
from trainers.state_chain import Chain, Surroundings, chain
from trainers.terminal.suggesting import list_sweeps, suggest_folder

EPOCHS = "epochs.jsonl"
NEEDED = ("config", "configuration", "data", "ranks", "epochs")
REMEDY = "restore it, or let the command that ran the sweep make it again"


@dataclass(frozen=True)
class FinishedSweep:
    """All configurations of a finished sweep, with the whole curves of their seeds."""

    name: str
    objectives: Objectives
    candidates: dict[str, Candidate]
    groups: tuple[tuple[str, ...], ...]  # the configurations that are compared at an epoch
    problems: tuple[tuple[str, ...], ...]  # the configurations that share a front
    stages: dict[str, tuple[np.ndarray, ...]]  # for each seed the numbers of its epochs' stages; shared ones are equal

    @property
    def seeds(self) -> list[int]:
        """The numbers of seeds that configurations have."""
        return sorted({len(candidate.curves) for candidate in self.candidates.values()})


def read_sweep(folder: Place) -> FinishedSweep:
    """Read a finished sweep. Raises NotReplayable."""
    plan = _plan(folder)
    objectives: Objectives = plan.get("objectives", {})
    if len(objectives) < 2:
        raise NotReplayable(f"{folder}: it has one objective, {', '.join(objectives)}; a front needs two or more")
    trials = [row for row in plan["trials"] if row["kind"] == "trial"]
    results = _results(folder, trials)
    try:
        evaluation = Evaluation.model_validate(plan["evaluate"])
        configs = [TrialConfig.model_validate(row["config"]) for row in trials]
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise NotReplayable(
            f"{folder}: recorded by another version ({where}: {problem['msg']}); replay it with that"
        ) from None
    blind = [row["id"] for row, config in zip(trials, configs, strict=True) if not config.data.holds_out]
    if blind:
        raise NotReplayable(
            f"{folder}: {len(blind)} of {len(trials)} trials hold out no validation examples ({blind[0]}, "
            "data.val: 0), and stopping rules go by validation; replay a sweep that holds some out"
        )
    if not any(evaluation.due(epoch, config.epochs) for config in configs for epoch in range(config.epochs - 1)):
        raise NotReplayable(
            f"{folder}: no curve was measured: evaluate.every is {evaluation.every}, so that trials have their last "
            "epoch alone; measure more often"
        )
    return _join(folder, plan, list(zip(trials, configs, results, strict=True)), evaluation)


def _plan(folder: Place) -> Row:
    damage = Damage()
    try:
        plan = read_plan(folder, damage, NEEDED)
    except PlanFormatError as error:
        raise NotReplayable(f"{folder}: {error}; replay it with that") from None
    if damage:
        raise NotReplayable(
            f"{'; '.join(damage.lines())}; the command that ran the sweep makes it again from the space and the "
            "stored records"
        )
    if not plan or not plan["trials"]:
        near = (suggest_folder(folder, NAME) or list_sweeps(folder, NAME)) if isinstance(folder, Path) else ""
        hint = near or "; give a folder such as results/friendly_k"
        raise NotReplayable(f"{folder}: no sweep is stored there (no {NAME}){hint}")
    return plan


def _results(folder: Place, trials: list[Row]) -> list[Row]:
    damage = Damage()
    read = {row["id"]: read_json(folder / "trials" / row["id"] / "result.json", check_result, damage) for row in trials}
    found = {trial: result for trial, result in read.items() if result}
    if damage:
        raise NotReplayable(f"{'; '.join(damage.lines())}; {REMEDY}")
    missing = [trial for trial in read if trial not in found]
    if missing:
        raise NotReplayable(
            f"{folder}: unfinished, {len(missing)} of {len(read)} trials have no result ({missing[0]}); run it first"
        )
    stopped = [trial for trial, result in found.items() if result["status"] not in ("completed", "diverged")]
    if stopped:
        raise NotReplayable(
            f"{folder}: {len(stopped)} of {len(read)} trials were themselves stopped ({stopped[0]}), so the rest "
            "of their curves is unknown; replay a sweep that ran with stopping: none"
        )
    return list(found.values())


def _join(
    folder: Place, plan: Row, trained: list[tuple[Row, TrialConfig, Row]], evaluation: Evaluation
) -> FinishedSweep:
    objectives: Objectives = plan["objectives"]
    infos: dict[str, TrialInfo] = {}
    curves: dict[str, list[Curve]] = {}
    stages: dict[str, list[np.ndarray]] = {}
    numbers: dict[str, int] = {}
    for row, config, result in trained:
        name, diverged = row["configuration"], result.get("diverged", {}).get("epoch")
        curves.setdefault(name, []).append(_curve(folder, row, objectives, diverged, result))
        if "classes" not in result.get("data", {}):
            raise NotReplayable(f"{folder}: the result of {row['id']} lacks the number of classes; {REMEDY}")
        info = TrialInfo(
            row["id"], name, config, result["data"]["classes"], str(row.get("generation", "")), not row.get("start")
        )
        infos.setdefault(name, info)
        links = list(_chain(row, config, evaluation))[1 : config.epochs + 1 if diverged is None else diverged + 2]
        stages.setdefault(name, []).append(
            np.array([numbers.setdefault(link, len(numbers)) for link in links], dtype=int)
        )
    return FinishedSweep(
        name=folder.name,
        objectives=objectives,
        candidates={name: info.candidate(evaluation, curves[name], objectives) for name, info in infos.items()},
        groups=_grouped((name, info.group) for name, info in infos.items()),
        problems=_grouped((name, info.problem) for name, info in infos.items()),
        stages={name: tuple(of_seeds) for name, of_seeds in stages.items()},
    )


def _curve(folder: Place, row: Row, objectives: Objectives, diverged: int | None, result: Row) -> Curve:
    path, damage = folder / "trials" / row["id"] / EPOCHS, Damage()
    rows = read_rows(path, is_epoch_row, damage, expected_files(result).get(EPOCHS))
    epochs = row["epochs"] if diverged is None else diverged
    if damage or len(rows) < epochs:
        what = damage.get(str(path), f"it has {len(rows)} of {epochs} epochs of a trial that ended")
        raise NotReplayable(f"{path}: damaged, {what}; {REMEDY}")
    lacking = sorted({name for r in rows if ROBUST in r for name in objectives if name not in r})
    if lacking:
        raise NotReplayable(f"{path}: {', '.join(lacking)} is not measured along training, so there is no curve of it")
    return read_curve(rows[:epochs], objectives, diverged)


def _chain(row: Row, config: TrialConfig, evaluation: Evaluation) -> Chain:
    """Return the names of a trial's stages, comparable within the sweep; what all of its trials share is left out."""
    around = Surroundings(
        data=row["data"], compute=config.compute, threads=1, torch="", code="", start=digest(row.get("start"))
    )
    return chain(config, evaluation, around, row["ranks"])


def _grouped(pairs: Iterable[tuple[str, Hashable]]) -> tuple[tuple[str, ...], ...]:
    groups: dict[Hashable, list[str]] = {}
    for name, key in pairs:
        groups.setdefault(key, []).append(name)
    return tuple(tuple(names) for names in groups.values())
