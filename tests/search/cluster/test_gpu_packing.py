"""`gpus: auto`: copies are added while they fit and pay; what was measured once serves a sweep that goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import search.cluster.gpu_packing
import search.cluster.gpu_probe
from search.cluster.capacity import room
from search.cluster.gpu_packing import (
    GAIN,
    MARGIN,
    MOST,
    fitting,
    hungriest,
    keeps,
    kept_bytes,
    measure,
    measure_gpu_share,
    resolve_gpus,
)
from search.cluster.gpu_probe import Crowd, Measured
from search.cluster.node_report import NodeReport
from search.cluster.ray_cluster import connected
from search.exceptions import Infeasible
from search.planning.datasets import DatasetCache, identify_source
from search.planning.plan import Plan
from search.ray_env import ray
from search.run.__main__ import main
from search.schema.resources import Resources
from trainers.models import MLP
from trainers.reading import read_json
from trainers.terminal.console import Console

from ..helpers import smoke

pytestmark = pytest.mark.sweeps

GB = 1 << 30
NODE = {"Resources": {"CPU": 16, "GPU": 2}, "NodeManagerAddress": "10.0.0.1"}
AUTO = Resources(gpus="auto")


def curve(*rates: float, memory: int = GB) -> list[Measured]:
    return [Measured(i, rate, memory) for i, rate in enumerate(rates, 1)]


@pytest.mark.parametrize(
    ("rates", "copies"),
    [
        ((100,), 1),
        ((100, 109), 1),
        ((100, 111), 2),
        ((100, 180, 240, 250), 3),
        ((100, 180, 185, 300), 2),  # the third did not pay, whatever the fourth did
        ((100, 90), 1),
    ],
)
def test_a_copy_is_kept_while_each_raises_what_all_train_by_a_tenth(rates: tuple[float, ...], copies: int) -> None:
    assert keeps(curve(*rates), memory=100 * GB, most=MOST) == copies


def test_memory_and_cpus_bound_what_throughput_would_allow() -> None:
    rates = [100.0 * n for n in range(1, 9)]
    assert keeps(curve(*rates), memory=80 * GB, most=8) == 8
    assert keeps(curve(*rates, memory=20 * GB), memory=80 * GB, most=8) == 3  # a tenth of the memory is left free
    assert keeps(curve(*rates), memory=80 * GB, most=4) == 4
    assert keeps(curve(100, 200, memory=79 * GB), memory=80 * GB, most=8) == 1


@given(st.lists(st.floats(1, 1e5), min_size=1, max_size=MOST), st.integers(1, 100 * GB), st.integers(1, MOST))
def test_what_is_kept_fits_and_paid_at_every_step(rates: list[float], one: int, most: int) -> None:
    measured, memory = curve(*rates, memory=one), 80 * GB
    copies = keeps(measured, memory, most)
    assert copies == 1 or (copies <= most and copies * one <= (1 - MARGIN) * memory)
    assert all(rates[n] >= (1 + GAIN) * rates[n - 1] for n in range(1, copies))
    if copies < len(rates):
        assert copies + 1 > fitting(measured, memory, most) or rates[copies] < (1 + GAIN) * rates[copies - 1]


def test_no_number_of_copies_beyond_the_most_could_pay() -> None:
    """Were they perfectly parallel, the next copy would bring one part in as many as there are."""
    assert 1 / MOST < GAIN <= 1 / (MOST - 1)


class Scripted:
    """A crowd of which it is known what it will measure; None: it fails."""

    def __init__(self, *script: float | None) -> None:
        self.script, self.grown = script, 0

    def grow(self) -> Measured:
        rate = self.script[self.grown]
        self.grown += 1
        if rate is None:
            raise ray.exceptions.RayActorError
        return Measured(self.grown, rate, 10 * GB)


@pytest.mark.parametrize(
    ("script", "memory", "copies"),
    [
        ((100.0, 190.0, 195.0), 80, 2),  # the third is the last that is tried
        ((100.0, 190.0, None), 80, 2),  # and if it fails, for want of memory say, it is not among them
        ((100.0,), 20, 1),  # a second would not fit: not tried
    ],
)
def test_no_more_are_tried_than_could_be_kept(script: tuple[float | None, ...], memory: int, copies: int) -> None:
    crowd: Any = Scripted(*script)
    measured = measure(crowd, memory * GB, MOST)
    assert crowd.grown == len(script)
    assert keeps(measured, memory * GB, MOST) == copies


@given(st.integers(1, 16))
def test_a_share_is_the_largest_of_which_so_many_fit_one_gpu(copies: int) -> None:
    """In the ten thousandths that Ray counts in."""
    resources = AUTO.share_gpus(copies)
    assert room({"CPU": 64, "GPU": 1}, resources) == copies
    assert (float(resources.gpus) + 1e-4) * copies > 1


@pytest.mark.parametrize("found", [True, False])
def test_auto_is_none_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch, found: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    console = Console(file=StringIO(), width=200)
    assert resolve_gpus(AUTO, None, console) == (AUTO if found else Resources(gpus=0.0))
    assert resolve_gpus(Resources(gpus=0.5), None, console) == Resources(gpus=0.5)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said == ("" if found else "resources.gpus: auto: there is no GPU here; none is used.\n")


def test_the_command_says_that_there_is_no_gpu(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    Path("space.yaml").write_text(smoke(resources={"gpus": "auto"}))
    assert main(["space.yaml", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("resources.gpus: auto: there is no GPU here; none is used.\n")
    assert "1 CPU, 0 GPU" in said


def test_autograd_keeps_more_of_a_wider_network_and_nothing_is_computed() -> None:
    """Of an MLP on 8 x 8 images, two layers of 1000: at least what enters each of them, 4 bytes each."""
    small, wide = (kept_bytes(MLP(hidden=(width,) * 2), 1, 8, 10) for width in (10, 1000))
    assert 4 * (64 + 2 * 1000) <= wide < 3 * 4 * (64 + 2 * 1000)
    assert small < wide / 10


AXES = {
    "model.hidden": {"grid": [[16], [64], [32], [8]]},
    "batch_size": {"grid": [16, 32]},
    "method": {"grid": ["pgd-at", "trades"]},
}


@pytest.fixture
def on_gpu(planned: Callable[..., Plan]) -> tuple[Plan, dict]:
    plan = planned(smoke(search__axes=AXES, profile=None, resources={"gpus": "auto"}))
    sources = DatasetCache()
    for trial in plan.trials:
        sources.fingerprint(trial.config.data)
    return plan, sources.loaded


def test_the_hungriest_training_of_the_hungriest_models_is_tried(on_gpu: tuple[Plan, dict]) -> None:
    plan, sources = on_gpu
    chosen = hungriest(plan.trials, sources)
    assert [trial.axes["model.hidden"] for trial in chosen] == ["64", "32", "16"]
    assert {(trial.config.batch_size, trial.axes["method"]) for trial in chosen} == {(32, "trades")}


def test_a_sweep_that_goes_on_packs_as_it_did(
    on_gpu: tuple[Plan, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, sources = on_gpu
    asked: list[int] = []

    def measured(*asked_of: Any) -> list[Measured]:
        asked.append(1)
        return curve(1000, 1800, 1850, memory=9 * GB)

    monkeypatch.setattr(search.cluster.gpu_packing, "_measured", measured)
    monkeypatch.setattr(search.cluster.gpu_packing, "alive", lambda: [NODE])
    small, large = (
        NodeReport(name, "", {}, "", "", gpus=[(name, size * GB)] * 2) for name, size in (("A", 40), ("B", 80))
    )
    console = Console(file=StringIO(), width=200)
    for _ in range(2):
        assert measure_gpu_share(plan, sources, AUTO, tmp_path, [large, small], console) == Resources(gpus=0.5)
    assert len(asked) == 1
    stored = read_json(tmp_path / "packing.json")
    assert (stored["gpu"], stored["memory"], stored["at most"], stored["copies"]) == ("A", 40 * GB, 8, 2)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    line = "resources.gpus: auto: 2 to each A; one alone trains 1000 images/s, 2 together 1800, and holds 9 of 40 GB."
    assert said.splitlines()[1:] == [line, line]
    for key, other in (("gpu", "C"), ("training_code", "f00d"), ("trainings", [])):
        (tmp_path / "packing.json").write_text(json.dumps(stored | {key: other}))
        measure_gpu_share(plan, sources, AUTO, tmp_path, [large, small], console)
        assert read_json(tmp_path / "packing.json") == stored
    assert len(asked) == 4


def test_trials_that_stay_on_the_cpu_get_no_gpu(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(smoke(profile=None, trial__compute={"device": "cpu"}, search__axes=None, resources={"gpus": "auto"}))
    sources = DatasetCache()
    sources.fingerprint(plan.trials[0].config.data)
    console = Console(file=StringIO(), width=200)
    assert measure_gpu_share(plan, sources.loaded, AUTO, tmp_path, [], console) == Resources(gpus=0.0)
    assert "no trial computes on a GPU" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.cluster.gpu_probe, "SECONDS", 0.2)
    monkeypatch.setattr(search.cluster.gpu_probe, "WINDOWS", 1)


def test_copies_are_run_beside_each_other(planned: Callable[..., Plan], quick: None) -> None:
    """On CPUs, as there may be no GPU: what is measured is the process then."""
    plan, sources = planned(smoke(profile=None, search__axes=None)), DatasetCache()
    config = plan.trials[0].config
    sources.fingerprint(config.data)
    with connected(None), Crowd(config, plan.evaluation, sources.loaded[identify_source(config.data)], 1, 2) as crowd:
        one, two = crowd.grow(), crowd.grow()
    assert (one.copies, two.copies) == (1, 2)
    assert one.images_per_s > 0 and two.images_per_s > 0
    assert 100 << 20 < one.memory < 8 * GB


def test_what_cannot_be_trained_alone_is_said(
    on_gpu: tuple[Plan, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*asked: Any) -> list[Measured]:
        raise ray.exceptions.RayTaskError("f", "Traceback ...\ntorch.OutOfMemoryError: CUDA out of memory", "")

    monkeypatch.setattr(search.cluster.gpu_packing, "_measured", fails)
    monkeypatch.setattr(search.cluster.gpu_packing, "alive", lambda: [NODE])
    node = NodeReport("A", "", {}, "", "", gpus=[("A", GB)])
    with pytest.raises(Infeasible, match=r"a trial could not be tried alone on one A: .*CUDA out of memory"):
        measure_gpu_share(*on_gpu, AUTO, tmp_path, [node], Console(file=StringIO()))
    assert not (tmp_path / "packing.json").exists()


@pytest.mark.gpu
def test_on_a_gpu_small_trainings_are_packed(planned: Callable[..., Plan], tmp_path: Path, quick: None) -> None:
    """Of a digits network no single training fills a GPU; each holds less than a tenth of it, context and all."""
    plan, sources = planned(smoke(profile=None, search__axes=None, resources={"gpus": "auto"})), DatasetCache()
    sources.fingerprint(plan.trials[0].config.data)
    properties = torch.cuda.get_device_properties(0)
    node = NodeReport("here", "", {}, "", "", gpus=[(properties.name, properties.total_memory)])
    with connected(None):
        resources = measure_gpu_share(plan, sources.loaded, AUTO, tmp_path, [node], Console())
    stored = read_json(tmp_path / "packing.json")
    assert 0 < float(resources.gpus) <= 1
    assert (stored["copies"] > 1) == (stored["at most"] > 1)
    assert 100 << 20 < stored["measured"][0]["memory"] < properties.total_memory / 10
