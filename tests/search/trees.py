"""Sweeps of the literature, of which it is known how much they can share."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.schema.space import load_space
from trainers.state_chain import WIDTH, Chain


class Figure(NamedTuple):
    name: str
    text: str
    asked: int
    distinct: int
    makespans: dict[int, int] = {}


def chain_of(letters: str) -> Chain:
    """Return a chain whose states are named by the letters up to there."""
    names = (sha256(letters[:epoch].encode()).digest()[:WIDTH] for epoch in range(len(letters) + 1))
    return Chain(b"".join(names))


def planned_space(text: str) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "space.yaml")
        path.write_text(text)
        return Planner(load_space(path, []), DatasetCache().fingerprint).plan()


GAIRAT = """
trial:
  method: {{base: gairat}}
  optimizer: {{lr: {{name: piecewise, values: [0.1, 0.01], drops: [90]}}}}
  epochs: 100
search:
  axes:
    method.weight.lam: {{grid: {lam}}}
    method.weight.burn_in: {{grid: [20, 40, 60, 80]}}
"""
ADAPTIVE = """
trial: {method: {base: atta-reweight-adaptive}, optimizer: {lr: 0.1}, epochs: 38}
search:
  axes:
    method.target.momentum: {grid: [0.1, 0.3, 0.5, 0.7, 0.9]}
    method.target.keep: {grid: [0.1, 0.2, 0.3, 0.4, 0.5]}
"""
PAS = """
trial: {method: pgd-at, optimizer: {lr: {name: piecewise, values: [0.1, 0.01, 0.001], drops: [80, 120]}}, epochs: 160}
search: {axes: {subset.epoch: {grid: [40, 80, 120, 159]}, subset.name: {grid: [drop-unlearned]}}}
"""
DROPS = """
trial: {method: pgd-at, epochs: 200, optimizer: {lr: {name: piecewise, values: [0.1, 0.01], drops: [100]}}}
search: {axes: {optimizer.lr.drops: {grid: [[50], [75], [100], [125], [150]]}}}
"""
AFTER_A_DROP = """
trial: {method: pgd-at, epochs: 120}
search: {axes: {optimizer.lr: {grid: {VALUES}}}}
""".replace(
    "VALUES", ", ".join(f"{i}: {{name: piecewise, values: [0.1, 0.0{i}], drops: [100]}}" for i in range(10, 20))
)
RANKED = """
trial: {method: pgd-at, epochs: 160}
profile: {seeds: 10}
search:
  axes: {subset: {grid: {k20: {name: ranked, side: friendly, size: 20%}, k40: {name: ranked, side: friendly, size: 40%},
    k60: {name: ranked, side: friendly, size: 60%}, k80: {name: ranked, side: friendly, size: 80%},
    k90: {name: ranked, side: friendly, size: 90%}}}}
"""
LATE = """
trial: {method: pgd-at, optimizer: {lr: {name: piecewise, values: [0.1, 0.01, 0.001], drops: [80, 120]}}, epochs: 160}
search:
  axes:
    subset: {grid: {all: all, SUBSETS}}
""".replace(
    "SUBSETS",
    ", ".join(
        f"{name}{size}: {{{knobs}, size: {size}%, start: first drop}}"
        for name, knobs in (("self", "name: ranked, by: self"), ("random", "name: random"))
        for size in (20, 40, 60, 80, 90)
    ),
)
FIGURES = [
    Figure("lambda x burn-in", GAIRAT.format(lam="[-2, -1, 0, 1, 2, 3, 4]"), 2800, 1480, {1: 1480, 8: 220}),
    Figure("one lambda is plain training", GAIRAT.format(lam="[-2, -1, 0, 1, 2, 3, inf]"), 2800, 1300),
    Figure("rho x beta", ADAPTIVE, 950, 830),
    Figure("partial early stopping", PAS, 640, 400),
    Figure("learning-rate drops", DROPS, 1000, 650),
    Figure("ten variants after a drop", AFTER_A_DROP, 1200, 300),
    Figure("five k by ten trainings", RANKED, 2400, 2400),
    Figure("five late k by the training itself, beside random ones", LATE, 1760, 960),
]
