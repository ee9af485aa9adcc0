"""What a sampler learns: more than draws find, and where constraints are kept."""

from __future__ import annotations

import math
from pathlib import Path

import moocore
import numpy as np
import pytest

from search.sampling.outcomes import Outcome
from search.sampling.study import AskTellStudy
from search.schema.axes import AxisPoint
from search.schema.blocks import Search

KNOBS = {f"knob{i}": {"uniform": [0, 1]} for i in range(5)}


def traded(point: AxisPoint) -> dict[str, float]:
    """Return a trade-off by the first knob, the others best at 0.3."""
    first, *others = (choice.value for choice in point.values())
    quality = math.exp(-2 * sum((value - 0.3) ** 2 for value in others))
    return {"val_clean_acc": (1 - first) * quality, "val_pgd_acc": first**0.5 * quality}


def found(folder: Path, **knobs: object) -> np.ndarray:
    """Return clean and robust accuracy of a search's configurations, (trials, 2)."""
    search = Search.model_validate({"axes": KNOBS, "generation": 8} | knobs)
    asker, values = AskTellStudy(search, folder), []
    while asker.list_waiting() or asker.ask():
        rows = [traded(point) for point in asker.list_waiting()]
        broken = [
            {str(constraint): constraint.measure_violation(row[constraint.metric]) for constraint in search.constraints}
            for row in rows
        ]
        asker.tell(
            [
                Outcome("c", "completed", (0,), row, None, violations)
                for row, violations in zip(rows, broken, strict=True)
            ]
        )
        values += [list(row.values()) for row in rows]
    return np.array(values)


@pytest.mark.long
@pytest.mark.parametrize(
    ("strategy", "seeds", "trials"),
    [("tpe", 4, 64), ("nsga2", 4, 96), pytest.param("gp", 3, 32, marks=pytest.mark.slow)],
)
def test_a_sampler_finds_more_than_drawing_at_random(strategy: str, seeds: int, trials: int, tmp_path: Path) -> None:
    def volume(strategy: str, seed: int) -> float:
        values = found(tmp_path / f"{strategy}-{seed}", strategy=strategy, trials=trials, seed=seed)
        return float(moocore.hypervolume(values, ref=[0, 0], maximise=True))

    gains = [volume(strategy, seed) - volume("random", seed) for seed in range(seeds)]
    assert np.mean(gains) > 2 * np.std(gains, ddof=1) / seeds**0.5, gains


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["tpe", "nsga2"])
def test_constraint_leads_a_search_to_feasible_points(strategy: str, tmp_path: Path) -> None:
    def kept(constraints: list[str]) -> float:
        values = found(tmp_path / f"{len(constraints)}", strategy=strategy, trials=64, constraints=constraints)
        return float(np.mean(values[32:, 0] >= 0.5))

    assert kept(["val_clean_acc >= 0.5"]) > kept([]) + 0.2
