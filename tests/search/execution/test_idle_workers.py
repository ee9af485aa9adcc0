"""Workers that results leave without a job stay, as starting new ones takes longer than many a training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from search.execution.idle_workers import IdleWorkers, keep_idle_workers
from search.ray_env import tune_controller

from ..helpers import SweepProcess, find_workers

SEARCH = """
trial:
  data: {name: digits, train: 192, val: 60, test: 60}
  model: {name: mlp, hidden: [32]}
  method: {base: pgd-at, attack: {epsilon: 0.1, steps: 2}}
  batch_size: 32
  epochs: 50
search:
  strategy: tpe
  trials: 4
  generation: 2
  replicates: 3
  axes: {optimizer.lr: {loguniform: [0.01, 0.2]}}
evaluate: {epsilon: 0.1, steps: 2, every: 25}
"""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_second_generation_of_a_search_trains_on_all_processes(tmp_path: Path) -> None:
    """One worker ends its last training of a generation before the other, and has no job until that one ends too."""
    (tmp_path / "search.yaml").write_text(SEARCH)
    driver = SweepProcess(tmp_path / "search.yaml", "--results", tmp_path / "results", scratch=tmp_path / "tmp")

    def train_together() -> bool:
        ended = len([*(tmp_path / "results").glob("search/trials/*/result.json")])
        return ended > 6 and len(find_workers(driver)) == 2  # two configurations of three seeds are a generation

    try:
        driver.wait_until(train_together)
        assert driver.wait() == 0, driver.output
    finally:
        driver.close()


def kept(workers: IdleWorkers, idle: int) -> int:
    """Return how many of some idle workers are kept while nothing waits for them."""
    for worker in range(idle):
        workers.cache_object("resources", worker)
    ended = [*workers.flush_cached_objects()]
    return workers.num_cached_objects if not ended else -1


@pytest.mark.parametrize(("alone", "expected"), [(False, 3), (True, 1)])
def test_all_idle_workers_are_kept_unless_a_training_runs_alone(alone: bool, expected: int) -> None:
    workers = IdleWorkers(SimpleNamespace(trains_alone=alone))
    assert kept(workers, 3) == expected
    assert len([*workers.flush_cached_objects(force_all=True)]) == expected and workers.num_cached_objects == 0


def test_tune_has_its_own_cache_again_afterwards() -> None:
    of_tune = tune_controller._ObjectCache
    with keep_idle_workers(SimpleNamespace(trains_alone=False)):
        assert isinstance(tune_controller._ObjectCache(may_keep_one=True), IdleWorkers)
    assert tune_controller._ObjectCache is of_tune
