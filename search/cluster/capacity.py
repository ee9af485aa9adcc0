"""What the machines of a cluster can hold."""

from __future__ import annotations

from typing import Any

from search.exceptions import Infeasible
from search.formatting import format_count
from search.ray_env import ray
from search.schema.resources import GB, Resources


def alive() -> list[dict[str, Any]]:
    """The nodes that answer, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def slots(resources: Resources) -> int:
    """How many trials run at once. Raises Infeasible, naming what is short, if no node can hold one."""
    nodes = [node["Resources"] for node in alive()]
    fitting = sum(room(node, resources) for node in nodes)
    if fitting:
        return fitting
    asked = resources.amounts
    best = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in asked}
    short = [
        f"{kind} {_amount(kind, amount)} asked, {_amount(kind, best[kind])} on the largest machine"
        for kind, amount in asked.items()
        if best[kind] < amount
    ] or ["no single machine has all of it at once"]
    raise Infeasible(f"resources: a trial fits on no machine: {'; '.join(short)}; lower `resources:` or join a cluster")


def room(node: dict[str, float], resources: Resources) -> int:
    """How many trials a node with these resources holds at once; a share of a GPU is of one, never of two."""
    return min(_rooms(node, resources).values())


def short_of_cpus(node: dict[str, float], resources: Resources) -> str:
    """A sentence on a node where CPUs leave GPUs idle; empty where they do not."""
    rooms = _rooms(node, resources)
    if rooms["CPU"] >= rooms.get("GPU", 0):
        return ""
    return (
        f"its GPUs would hold {format_count(rooms['GPU'], 'trial')} at once, "
        f"its {format_count(int(node.get('CPU', 0)), 'CPU')} "
        f"only {rooms['CPU']} of {resources.cpus} each: give it more (in Slurm --exclusive or --cpus-per-task), or "
        "lower resources.cpus"
    )


def _rooms(node: dict[str, float], resources: Resources) -> dict[str, int]:
    """How many trials each resource of a node would hold."""
    return {
        kind: int(node.get(kind, 0)) * int(1 / amount + 1e-9)
        if kind == "GPU" and amount < 1
        else int(node.get(kind, 0) / amount + 1e-9)
        for kind, amount in resources.amounts.items()
    }


def _amount(kind: str, amount: float) -> str:
    return f"{amount / GB:.1f} GB" if kind == "memory" else f"{amount:g}"
