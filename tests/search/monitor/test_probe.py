"""The estimate of a training without a record, against the passes that trainings and attacks do make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import search.monitor.probe as probe
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.schema.space import load_space
from trainers.attack_runs import FGSM, AutoAttackRun, PGDAttack
from trainers.bench_cost import Flops, counted
from trainers.bench_time import Case
from trainers.config import Compute
from trainers.data import Data, Split
from trainers.evaluate import Evaluation
from trainers.methods import METHODS
from trainers.models import MODELS
from trainers.passes import Passes

SPACE = """
trial:
  data: {name: digits, train: 100, val: 40, test: 60}
  model: {name: mlp, hidden: [16]}
  epochs: 6
  batch_size: 50
search: {axes: {method: {grid: {standard: standard, pgd: pgd-at}}}}
evaluate: {every: 3, final: {pgd20: {name: pgd, steps: 20}}}
"""
CPU = Compute(device="cpu", compile=False).resolved(False)
CASE = Case(MODELS["mlp"], 4, 1, 8, CPU, 1)
FLOPS = counted(MODELS["mlp"], 1, 8)


def plan_of(folder: Path, text: str = SPACE) -> tuple[Plan, dict[str, Data]]:
    (folder / "space.yaml").write_text(text)
    sources = DatasetCache()
    plan = Planner(load_space(folder / "space.yaml", []), sources.fingerprint).plan()
    splits = {trial.data: sources.prepare(trial.config.data) for trial in plan.trials}
    return plan, {name: data for name, data in splits.items() if data is not None}


@pytest.mark.parametrize("method", ["standard", "pgd-at", "trades", "mart", "gairat", "free-at", "atta"])
def test_the_flops_of_a_visit_are_those_of_the_passes_that_an_epoch_records(method: str) -> None:
    trainer = CASE.trainer(method, 2)
    trainer.run_epoch(trainer.config.stage(0))
    row = trainer.run_epoch(trainer.config.stage(1)).row
    acting = METHODS[method].at(98, 100)
    visits = 2 * CASE.batch
    per_visit = FLOPS.of_step(row, acting.graphs) * row["examples"] / visits  # a replay counts again in the row
    assert probe.count_flops(acting.passes(), FLOPS, acting.graphs) == pytest.approx(per_visit)


def count_looks(attack: Any) -> float:
    """Return how often each of three images passes forward through the network while an attack runs on them.

    Their labels are what the network says and the attack is too weak to change it, so that it never ends early.
    """
    trainer = CASE.trainer("standard", 1)
    x = trainer.splits["test"].x[:3]
    with torch.no_grad():
        y = trainer.net.module(x.float() / 255).argmax(1)
    before = trainer.net.forwards
    attack.find_robust(trainer.net, Split(x, y), 1e-6, "linf", 0)
    return (trainer.net.forwards - before) / len(x)


def data_of(images: int) -> Data:
    """Return random data with as many test images."""
    return CASE.trainer("standard", images // CASE.batch).data


@pytest.mark.parametrize("attack", [PGDAttack(steps=7), PGDAttack(steps=3, restarts=2), FGSM()], ids=str)
def test_an_attack_makes_the_passes_that_are_counted(attack: Any) -> None:
    passes = probe.count_attack_passes(attack, Evaluation(), data_of(4))
    assert passes.forwards / 4 == count_looks(attack)


@pytest.mark.long
@pytest.mark.parametrize("name", ["apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square"])
def test_autoattack_makes_about_the_passes_that_are_counted(name: Any) -> None:
    looks = count_looks(AutoAttackRun(version="custom", attacks=(name,)))
    assert looks == pytest.approx(
        probe.count_autoattack_passes(name, 1, 10).forwards, rel=0.1, abs=15
    )  # checks look too


def test_autoattack_on_some_images_counts_these_alone() -> None:
    few, all_images = AutoAttackRun(images=4), AutoAttackRun()
    assert probe.count_attack_passes(few, Evaluation(), data_of(8)).forwards == pytest.approx(
        probe.count_attack_passes(all_images, Evaluation(), data_of(8)).forwards / 2
    )


def test_the_costs_of_a_training_are_its_flops_times_the_pace_of_its_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, splits = plan_of(tmp_path)
    timed: list[str] = []

    def time_flop(config: Any, network: Any) -> float:
        timed.append(config.method.attack.name)
        return 1e-6

    monkeypatch.setattr(probe, "time_flop", time_flop)
    costs = probe.probe_costs(plan, plan.trials, splits)
    assert timed == ["pgd"], "one network, of which the costliest training is timed"
    config = next(trial.config for trial in plan.trials if trial.configuration.startswith("method=pgd"))
    mlp = counted(config.model, 1, 8)
    step, look, update = mlp.forward + mlp.to_input, mlp.forward, mlp.forward + mlp.to_weights
    train = 6 * 100 * (10 * step + update)
    evaluate = 2 * (100 * (10 * step + 2 * look) + 100 * look)  # val and test under PGD-10 and clean; train clean
    final = 2 * 60 * ((10 * step + 2 * look) + (20 * step + look))
    found = next(cost for name, cost in costs.items() if name.startswith("method=pgd"))
    assert (found.epochs, found.evaluations, found.final_evaluations) == (6, 2, 1)
    assert [found.train, found.evaluate, found.final] == pytest.approx([1e-6 * n for n in (train, evaluate, final)])


def test_a_training_whose_data_is_not_loaded_or_whose_gpu_is_elsewhere_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, splits = plan_of(tmp_path)
    monkeypatch.setattr(probe, "time_flop", lambda *of: 1e-6)
    assert probe.probe_costs(plan, plan.trials, {}) == {}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    on_gpu, _ = plan_of(tmp_path, SPACE + "resources: {gpus: 1}\n")
    assert probe.probe_costs(on_gpu, on_gpu.trials, splits) == {}


class Steps:
    """A clock by which each pass takes `own` seconds beside those of its FLOPs, and which lists the batches timed."""

    def __init__(self, flops: Flops, seconds_a_flop: float, own: float = 0.0) -> None:
        self.flops, self.seconds_a_flop, self.own = flops, seconds_a_flop, own
        self.device = torch.device("cpu")
        self.batches: list[int] = []

    def time(self, run: Any) -> float:
        run()
        row = run.args[0].last
        batch = row["examples"] // row["updates"]
        self.batches.append(batch)
        return self.measure(Passes(row["forwards"], row["backwards"], row["examples"]), batch)

    def measure(self, passes: Passes, batch: int) -> float:
        own = self.own * (passes.forwards + passes.backwards) / batch
        return own + self.seconds_a_flop * probe.count_flops(passes, self.flops)


def pgd_of(folder: Path) -> tuple[Any, probe.Network]:
    plan, splits = plan_of(folder, SPACE.replace("batch_size: 50", "batch_size: 32"))
    trial = next(trial for trial in plan.trials if trial.configuration.startswith("method=pgd"))
    return trial.config, probe._find_network(trial.config, splits[trial.data], 1)


@pytest.mark.parametrize(("seconds_a_flop", "largest"), [(1e-12, 32), (1e-4, 2)])
def test_larger_batches_are_timed_only_if_they_take_a_moment(
    seconds_a_flop: float, largest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, network = pgd_of(tmp_path)
    clock = Steps(network.flops, seconds_a_flop)
    monkeypatch.setattr(probe, "Clock", lambda *of: clock)
    assert probe.time_flop(config, network) == pytest.approx(seconds_a_flop)
    assert max(clock.batches) == largest


@pytest.mark.parametrize(("seconds_a_flop", "own", "largest"), [(2e-6, 0.01, 32), (2.9e-5, 0.1, 4)])
def test_what_a_pass_costs_whatever_its_images_is_counted_once_a_batch(
    seconds_a_flop: float, own: float, largest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The FLOPs of small batches, which take mostly that cost, would tell a multiple of the time."""
    config, network = pgd_of(tmp_path)
    clock = Steps(network.flops, seconds_a_flop, own)
    monkeypatch.setattr(probe, "Clock", lambda *of: clock)
    found = probe.time_flop(config, network) * probe.count_visit_flops(config, network.flops)
    assert found == pytest.approx(clock.measure(config.mean_passes() * 32, 32) / 32, rel=0.05)
    assert max(clock.batches) == largest


def test_on_a_gpu_the_first_step_which_loads_its_kernels_for_seconds_is_never_the_one_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, network = pgd_of(tmp_path)
    clock, warmed = Steps(network.flops, 1e-12), set[int]()
    clock.device = torch.device("cuda")

    def time(run: Any) -> float:
        loads = 5.0 * (id(run.args[0]) not in warmed)
        warmed.add(id(run.args[0]))
        kept.append(run.args[0])  # so that no later trainer has its id
        return loads + Steps.time(clock, run)

    kept: list[Any] = []
    monkeypatch.setattr(clock, "time", time)
    monkeypatch.setattr(probe, "Clock", lambda *of: clock)
    assert probe.time_flop(config, network) == pytest.approx(1e-12)


def test_late_networks_have_the_slowest_pace_that_was_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SPACE.replace("{axes: {", "{axes: {model: {grid: {small: mlp, large: digits_cnn}}, ")
    plan, splits = plan_of(tmp_path, text)
    monkeypatch.setattr(probe, "ALL_SECONDS", -1.0)
    timed: list[str] = []

    def time_flop(config: Any, network: Any) -> float:
        timed.append(config.model.name)
        return 1e-9

    monkeypatch.setattr(probe, "time_flop", time_flop)
    costs = probe.probe_costs(plan, plan.trials, splits)
    assert len(timed) == 1 and len(costs) == 4 and all(cost.train > 0 for cost in costs.values())
