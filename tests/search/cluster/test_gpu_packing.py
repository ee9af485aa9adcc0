"""`gpus: auto`: copies are added while they fit and raise the throughput; a resumed sweep uses what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import search.cluster.gpu_packing
import search.cluster.gpu_probe
from search.cluster.capacity import count_fitting
from search.cluster.gpu_packing import (
    MAX_COPIES,
    MEMORY_MARGIN,
    MIN_GAIN,
    choose_copies,
    count_saved_bytes,
    limit_copies,
    measure_copies,
    measure_gpu_share,
    resolve_gpus,
    select_largest,
)
from search.cluster.gpu_probe import CopiesMeasured, CopyGroup
from search.cluster.node_report import NodeReport
from search.cluster.ray_cluster import connect
from search.exceptions import Infeasible
from search.planning.datasets import DatasetCache, identify_source
from search.planning.plan import Plan
from search.ray_env import ray
from search.run.__main__ import main
from search.schema.resources import Resources
from trainers.models import MLP
from trainers.record_reader import read_json
from trainers.terminal.console import Console

from ..helpers import smoke

pytestmark = pytest.mark.long

GB = 1 << 30
NODE = {"Resources": {"CPU": 16, "GPU": 2}, "NodeManagerAddress": "10.0.0.1"}
AUTO = Resources(gpus="auto")


def curve(*rates: float, memory: int = GB) -> list[CopiesMeasured]:
    return [CopiesMeasured(i, rate, memory) for i, rate in enumerate(rates, 1)]


@pytest.mark.parametrize(
    ("rates", "copies"),
    [
        ((100,), 1),
        ((100, 109), 1),
        ((100, 111), 2),
        ((100, 180, 240, 250), 3),
        ((100, 180, 185, 300), 2),  # the third gained too little, whatever the fourth gained
        ((100, 90), 1),
    ],
)
def test_a_copy_is_added_while_each_raises_the_throughput_by_a_tenth(rates: tuple[float, ...], copies: int) -> None:
    assert choose_copies(curve(*rates), memory=100 * GB, limit=MAX_COPIES) == copies


def test_memory_and_cpus_limit_the_copies() -> None:
    rates = [100.0 * n for n in range(1, 9)]
    assert choose_copies(curve(*rates), memory=80 * GB, limit=8) == 8
    assert (
        choose_copies(curve(*rates, memory=20 * GB), memory=80 * GB, limit=8) == 3
    )  # a tenth of the memory is left free
    assert choose_copies(curve(*rates), memory=80 * GB, limit=4) == 4
    assert choose_copies(curve(100, 200, memory=79 * GB), memory=80 * GB, limit=8) == 1


@given(
    st.lists(st.floats(1, 1e5), min_size=1, max_size=MAX_COPIES), st.integers(1, 100 * GB), st.integers(1, MAX_COPIES)
)
def test_chosen_copies_fit_and_each_raised_the_throughput(rates: list[float], one: int, limit: int) -> None:
    measured, memory = curve(*rates, memory=one), 80 * GB
    copies = choose_copies(measured, memory, limit)
    assert copies == 1 or (copies <= limit and copies * one <= (1 - MEMORY_MARGIN) * memory)
    assert all(rates[n] >= (1 + MIN_GAIN) * rates[n - 1] for n in range(1, copies))
    if copies < len(rates):
        assert copies + 1 > limit_copies(measured, memory, limit) or rates[copies] < (1 + MIN_GAIN) * rates[copies - 1]


def test_a_copy_beyond_the_maximum_could_not_gain_enough() -> None:
    """With n perfectly parallel copies the next one gains 1/n."""
    assert 1 / MAX_COPIES < MIN_GAIN <= 1 / (MAX_COPIES - 1)


class Scripted:
    """A group whose measurements are given; None: the copy fails."""

    def __init__(self, *script: float | None) -> None:
        self.script, self.added = script, 0

    def add_copy(self) -> CopiesMeasured:
        rate = self.script[self.added]
        self.added += 1
        if rate is None:
            raise ray.exceptions.RayActorError
        return CopiesMeasured(self.added, rate, 10 * GB)


@pytest.mark.parametrize(
    ("script", "memory", "copies"),
    [
        ((100.0, 190.0, 195.0), 80, 2),  # the third is the last that is measured
        ((100.0, 190.0, None), 80, 2),  # if it fails, as without memory, it is left out
        ((100.0,), 20, 1),  # a second would not fit and is not measured
    ],
)
def test_no_more_copies_are_measured_than_could_be_chosen(
    script: tuple[float | None, ...], memory: int, copies: int
) -> None:
    group: Any = Scripted(*script)
    measured = measure_copies(group, memory * GB, MAX_COPIES)
    assert group.added == len(script)
    assert choose_copies(measured, memory * GB, MAX_COPIES) == copies


class SimulatedGpu:
    """A GPU of torch.cuda, whose processes each reserve memory and have a context; calls are answered for `current`."""

    def __init__(self, total: int, reserved: int, context: int) -> None:
        self.total, self.reserved, self.context = total, reserved, context
        self.processes = 0

    def mem_get_info(self, device: Any) -> tuple[int, int]:
        return self.total - self.processes * (self.reserved + self.context), self.total

    def memory_reserved(self, device: Any) -> int:
        return self.reserved

    max_memory_reserved = memory_reserved


class Local:
    """Ray with all actors in this process: .remote() calls at once."""

    exceptions = ray.exceptions

    class _Method:
        def __init__(self, call: Callable[..., Any]) -> None:
            self.remote = call

    def remote(self, **options: Any) -> Callable[[type], Any]:
        def wrap(kind: type) -> Any:
            class Actor:
                def __init__(self, *arguments: Any) -> None:
                    self._it = kind(*arguments)

                def __getattr__(self, name: str) -> Any:
                    return Local._Method(getattr(self._it, name))

            return SimpleNamespace(remote=Actor)

        return wrap

    def get(self, found: Any, timeout: float = 0) -> Any:
        return found

    put = get
    strategies = SimpleNamespace(PlacementGroupSchedulingStrategy=lambda group: group)
    util = SimpleNamespace(
        placement_group=lambda bundles: SimpleNamespace(wait=lambda seconds: True),
        remove_placement_group=lambda group: None,
        scheduling_strategies=strategies,
    )


@pytest.mark.parametrize("total", [80, 141])
@pytest.mark.parametrize("need", [2, 5, 8, 30])
def test_as_many_copies_are_chosen_as_fit_where_packing_pays(
    planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, need: int, total: int
) -> None:
    gpu = SimulatedGpu(total * GB, need * GB - GB // 2, GB // 2)

    class Copy(search.cluster.gpu_probe.TrainingCopy):
        def __init__(self, *arguments: Any) -> None:
            gpu.processes += 1
            self._trainer: Any = SimpleNamespace(device=torch.device("cuda"))

        def measure_rate(self, seconds: float) -> float:
            return 100.0

    monkeypatch.setattr(search.cluster.gpu_probe, "TrainingCopy", Copy)
    monkeypatch.setattr(search.cluster.gpu_probe, "ray", Local())
    for name in ("mem_get_info", "memory_reserved", "max_memory_reserved"):
        monkeypatch.setattr(torch.cuda, name, getattr(gpu, name))
    plan = planned(smoke(profile=None, search__axes=None))
    source: Any = None
    with CopyGroup(plan.trials[0].config, plan.evaluation, source, 1, MAX_COPIES) as group:
        measured = measure_copies(group, gpu.total, MAX_COPIES)
    fitting = min(MAX_COPIES, int((1 - MEMORY_MARGIN) * total / need))
    assert abs(choose_copies(measured, gpu.total, MAX_COPIES) - fitting) <= 1


@given(st.integers(1, 16))
def test_a_share_is_the_largest_with_which_the_copies_fit_one_gpu(copies: int) -> None:
    """Ray counts in ten thousandths."""
    resources = AUTO.share_gpus(copies)
    assert count_fitting({"CPU": 64, "GPU": 1}, resources) == copies
    assert (float(resources.gpus) + 1e-4) * copies > 1


@pytest.mark.parametrize("found", [True, False])
def test_auto_resolves_to_0_without_a_gpu(monkeypatch: pytest.MonkeyPatch, found: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    console = Console(file=StringIO(), width=200)
    assert resolve_gpus(AUTO, None, console) == (AUTO if found else Resources(gpus=0.0))
    assert resolve_gpus(Resources(gpus=0.5), None, console) == Resources(gpus=0.5)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed == ("" if found else "resources.gpus: auto: there is no GPU here; none is used.\n")


def test_a_dry_run_says_that_there_is_no_gpu(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    Path("space.yaml").write_text(smoke(resources={"gpus": "auto"}))
    assert main(["space.yaml", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("resources.gpus: auto: there is no GPU here; none is used.\n")
    assert "1 CPU, 0 GPU" in printed


def test_a_wider_network_saves_more_bytes_and_nothing_is_computed() -> None:
    """An MLP on 8 x 8 images with two layers of 1000 saves at least the inputs of its layers, 4 bytes each."""
    small, wide = (count_saved_bytes(MLP(hidden=(width,) * 2), 1, 8, 10) for width in (10, 1000))
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


def test_the_largest_training_of_the_largest_models_is_selected(on_gpu: tuple[Plan, dict]) -> None:
    plan, sources = on_gpu
    chosen = select_largest(plan.trials, sources)
    assert [trial.axes["model.hidden"] for trial in chosen] == ["64", "32", "16"]
    assert {(trial.config.batch_size, trial.axes["method"]) for trial in chosen} == {(32, "trades")}


def test_a_model_whose_measuring_needs_the_most_is_selected_first(planned: Callable[..., Plan]) -> None:
    """A batch of measuring has 512 images whatever that of training has."""
    axes = {"model.hidden": {"grid": [[64], [48]]}, "batch_size": {"grid": [16, 64]}}
    plan, sources = planned(smoke(search__axes=axes, profile=None, resources={"gpus": "auto"})), DatasetCache()
    sources.fingerprint(plan.trials[0].config.data)
    pairs = [("64", 16), ("48", 64)]
    trials = [trial for trial in plan.trials if (trial.axes["model.hidden"], trial.config.batch_size) in pairs]
    chosen = select_largest(trials, sources.loaded)
    assert [(trial.axes["model.hidden"], trial.config.batch_size) for trial in chosen] == pairs


def test_a_resumed_sweep_uses_the_stored_measurement(
    on_gpu: tuple[Plan, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, sources = on_gpu
    asked: list[int] = []

    def measured(*asked_of: Any) -> list[CopiesMeasured]:
        asked.append(1)
        return curve(1000, 1800, 1850, memory=9 * GB)

    monkeypatch.setattr(search.cluster.gpu_packing, "_measure_largest", measured)
    monkeypatch.setattr(search.cluster.gpu_packing, "list_live_nodes", lambda: [NODE])
    small, large = (
        NodeReport(name, "", {}, "", "", gpus=[(name, size * GB)] * 2) for name, size in (("A", 40), ("B", 80))
    )
    console = Console(file=StringIO(), width=200)
    for _ in range(2):
        assert measure_gpu_share(plan, sources, AUTO, tmp_path, [large, small], console) == Resources(gpus=0.5)
    assert len(asked) == 1
    stored = read_json(tmp_path / "packing.json")
    assert (stored["gpu"], stored["memory"], stored["at most"], stored["copies"]) == ("A", 40 * GB, 8, 2)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    line = "resources.gpus: auto: 2 on each A; one alone trains 1000 images/s, 2 together 1800, and needs 9 of 40 GB."
    assert printed.splitlines()[1:] == [line, line]
    for key, other in (("gpu", "C"), ("training_code", "f00d"), ("trainings", [])):
        (tmp_path / "packing.json").write_text(json.dumps(stored | {key: other}))
        measure_gpu_share(plan, sources, AUTO, tmp_path, [large, small], console)
        assert read_json(tmp_path / "packing.json") == stored
    assert len(asked) == 4


def test_trials_on_the_cpu_get_no_gpu(planned: Callable[..., Plan], tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_copies_run_at_once(planned: Callable[..., Plan], quick: None) -> None:
    """The test runs on CPUs, where the memory of the process is measured."""
    plan, sources = planned(smoke(profile=None, search__axes=None)), DatasetCache()
    config = plan.trials[0].config
    sources.fingerprint(config.data)
    with connect(None), CopyGroup(config, plan.evaluation, sources.loaded[identify_source(config.data)], 1, 2) as group:
        one, two = group.add_copy(), group.add_copy()
    assert (one.copies, two.copies) == (1, 2)
    assert one.images_per_s > 0 and two.images_per_s > 0
    assert 100 << 20 < one.memory < 8 * GB


def test_a_training_that_fails_alone_is_reported(
    on_gpu: tuple[Plan, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*asked: Any) -> list[CopiesMeasured]:
        raise ray.exceptions.RayTaskError("f", "Traceback ...\ntorch.OutOfMemoryError: CUDA out of memory", "")

    monkeypatch.setattr(search.cluster.gpu_packing, "_measure_largest", fails)
    monkeypatch.setattr(search.cluster.gpu_packing, "list_live_nodes", lambda: [NODE])
    node = NodeReport("A", "", {}, "", "", gpus=[("A", GB)])
    with pytest.raises(Infeasible, match=r"a trial could not be tried alone on one A: .*CUDA out of memory"):
        measure_gpu_share(*on_gpu, AUTO, tmp_path, [node], Console(file=StringIO()))
    assert not (tmp_path / "packing.json").exists()


@pytest.mark.gpu
def test_small_trainings_share_a_gpu(planned: Callable[..., Plan], tmp_path: Path, quick: None) -> None:
    """A training of a digits network does not fill a GPU: it needs less than a tenth of its memory."""
    plan, sources = planned(smoke(profile=None, search__axes=None, resources={"gpus": "auto"})), DatasetCache()
    sources.fingerprint(plan.trials[0].config.data)
    properties = torch.cuda.get_device_properties(0)
    node = NodeReport("here", "", {}, "", "", gpus=[(properties.name, properties.total_memory)])
    with connect(None):
        resources = measure_gpu_share(plan, sources.loaded, AUTO, tmp_path, [node], Console())
    stored = read_json(tmp_path / "packing.json")
    assert 0 < float(resources.gpus) <= 1
    assert (stored["copies"] > 1) == (stored["at most"] > 1)
    assert 100 << 20 < stored["measured"][0]["memory"] < properties.total_memory / 10
