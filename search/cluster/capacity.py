"""The number of trials that the machines of a cluster can run at once."""

from __future__ import annotations

from typing import Any

from search.exceptions import Infeasible
from search.ray_env import ray
from search.schema.resources import GB, Resources
from trainers.formatting import format_count


def list_live_nodes() -> list[dict[str, Any]]:
    """Return the nodes that answer, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def count_slots(resources: Resources) -> int:
    """Return how many trials run at once. Raises Infeasible, naming what is missing, if no node can run one."""
    nodes = [node["Resources"] for node in list_live_nodes()]
    total = sum(count_fitting(node, resources) for node in nodes)
    if total:
        return total
    asked = resources.amounts
    best = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in asked}
    short = [
        f"{kind} {_format_amount(kind, amount)} asked, {_format_amount(kind, best[kind])} on the largest machine"
        for kind, amount in asked.items()
        if best[kind] < amount
    ] or ["no single machine has all of it at once"]
    raise Infeasible(f"resources: a trial fits on no machine: {'; '.join(short)}; lower `resources:` or join a cluster")


def count_fitting(node: dict[str, float], resources: Resources) -> int:
    """Return how many trials a node with these resources runs at once. A share of a GPU is part of a single GPU."""
    return min(_count_fitting_by_resource(node, resources).values())


def explain_idle_gpus(node: dict[str, float], resources: Resources) -> str:
    """Return why a node's GPUs stay idle for lack of CPUs; empty if they do not."""
    fitting = _count_fitting_by_resource(node, resources)
    if fitting["CPU"] >= fitting.get("GPU", 0):
        return ""
    return (
        f"its GPUs would hold {format_count(fitting['GPU'], 'trial')} at once, "
        f"its {format_count(int(node.get('CPU', 0)), 'CPU')} "
        f"only {fitting['CPU']} of {resources.cpus} each: give it more (in Slurm --exclusive or --cpus-per-task), or "
        "lower resources.cpus"
    )


def _count_fitting_by_resource(node: dict[str, float], resources: Resources) -> dict[str, int]:
    """Return how many trials each resource of a node suffices for."""
    return {
        kind: int(node.get(kind, 0)) * int(1 / amount + 1e-9)
        if kind == "GPU" and amount < 1
        else int(node.get(kind, 0) / amount + 1e-9)
        for kind, amount in resources.amounts.items()
    }


def _format_amount(kind: str, amount: float) -> str:
    return f"{amount / GB:.1f} GB" if kind == "memory" else f"{amount:g}"
