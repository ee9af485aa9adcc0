"""The number of trials that fit: counted on each node by itself, a share of a GPU on one GPU."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import search.cluster.capacity
from search.cluster.capacity import count_fitting, count_slots, explain_idle_gpus
from search.exceptions import Infeasible
from search.schema.resources import Resources

GB = 1 << 30


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """The nodes of a cluster, as Ray would name them."""
    there: list[dict] = []
    monkeypatch.setattr(search.cluster.capacity.ray, "nodes", lambda: there)
    return there


def node(alive: bool = True, **resources: float) -> dict:
    return {"Alive": alive, "Resources": resources}


def test_each_node_is_counted_by_itself(nodes: list[dict]) -> None:
    nodes += [
        node(CPU=8, GPU=4),
        node(CPU=64, GPU=2),
        node(CPU=3, GPU=8),
        node(CPU=64),
        node(alive=False, CPU=8, GPU=8),
    ]
    assert count_slots(Resources(cpus=2, gpus=1.0)) == 4 + 2 + 1
    assert count_slots(Resources(cpus=2, gpus=0.5)) == 4 + 4 + 1
    assert count_slots(Resources(cpus=2)) == 4 + 32 + 1 + 32
    assert count_slots(Resources(cpus=1, gpus=2.0)) == 2 + 1 + 3


def test_gpus_left_idle_by_few_cpus_are_explained() -> None:
    assert explain_idle_gpus({"CPU": 1, "GPU": 4}, Resources(cpus=1, gpus=1.0)) == (
        "its GPUs would hold 4 trials at once, its 1 CPU only 1 of 1 each: give it more (in Slurm --exclusive or "
        "--cpus-per-task), or lower resources.cpus"
    )
    assert "would hold 8 trials at once, its 8 CPUs only 4 of 2 each" in explain_idle_gpus(
        {"CPU": 8, "GPU": 2}, Resources(cpus=2, gpus=0.25)
    )
    assert explain_idle_gpus({"CPU": 1, "GPU": 2}, Resources(gpus="auto"))
    for enough in ({"CPU": 8, "GPU": 4}, {"CPU": 64, "GPU": 4}, {"CPU": 1}):
        assert not explain_idle_gpus(enough, Resources(cpus=2, gpus=1.0))
    assert not explain_idle_gpus({"CPU": 1, "GPU": 8}, Resources(cpus=1)), "none is asked for"


def test_memory_limits_the_slots(nodes: list[dict]) -> None:
    nodes += [node(CPU=8, memory=7.5 * GB), node(CPU=8, memory=1.0 * GB)]
    assert count_slots(Resources(memory_gb=2.5)) == 3


def test_a_missing_resource_is_named(nodes: list[dict]) -> None:
    nodes += [node(CPU=8), node(CPU=2, GPU=1)]
    for resources, short in (
        (Resources(cpus=2, gpus=2.0), "GPU 2 asked, 1 on the largest machine"),
        (Resources(cpus=16, gpus=0.5), "CPU 16 asked, 8 on the largest machine"),
        (Resources(memory_gb=1.5), "memory 1.5 GB asked, 0.0 GB on the largest machine"),
        (Resources(cpus=8, gpus=1.0), "no single machine has all of it at once"),
    ):
        with pytest.raises(Infeasible, match=f"a trial fits on no machine: {short}; lower `resources:`"):
            count_slots(resources)


@given(st.integers(0, 4), st.integers(0, 16), st.integers(1, 4), st.integers(1, 12))
def test_shares_fill_each_gpu_by_itself(gpus: int, cpus: int, threads: int, copies: int) -> None:
    """As many fit as can be placed one by one on the first GPU with room, while CPUs are left."""
    free, placed = [copies] * gpus, 0
    for _, gpu in product(range(copies), range(gpus)):
        if free[gpu] and (placed + 1) * threads <= cpus:
            free[gpu] -= 1
            placed += 1
    assert count_fitting({"CPU": cpus, "GPU": gpus}, Resources(cpus=threads, gpus=1 / copies)) == placed


@pytest.mark.parametrize(
    ("resources", "complaint"),
    [
        (
            "{gpu: auto}",
            "resources.gpu: Resources has no such key; did you mean gpus? (allowed: cpus, gpus, memory_gb)",
        ),
        ("{gpus: many}", "resources.gpus: should be 'auto' or should be a number (0.1, 1e-3 or 8/255); got 'many'"),
        (
            "{gpus: 1.5}",
            "resources.gpus: should be 'auto' or should be a share of one GPU such as 0.5, or a whole number",
        ),
        (
            "{gpus: -1}",
            "resources.gpus: should be 'auto' or should be a share of one GPU such as 0.5, or a whole number",
        ),
    ],
)
def test_resources_that_no_machine_has_are_refused(
    refused: Callable[..., list[str]], resources: str, complaint: str
) -> None:
    (problem,) = refused(f"resources: {resources}")
    assert problem.startswith(f"space.yaml:1: {complaint}")
