"""What the machines of a cluster can hold."""

from __future__ import annotations

from typing import Any

from search.cluster import Infeasible
from search.environment import ray
from search.space import Resources

MIB = 1 << 20


def alive() -> list[dict[str, Any]]:
    """The nodes that answer, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def slots(resources: Resources) -> int:
    """How many trials run at once. Raises Infeasible, naming what is short, if no node can hold one."""
    nodes = [node["Resources"] for node in alive()]
    fitting = sum(room(node, resources) for node in nodes)
    if fitting:
        return fitting
    asked = amounts(resources)
    best = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in asked}
    short = [
        f"{kind} {_amount(kind, amount)} asked, {_amount(kind, best[kind])} on the largest machine"
        for kind, amount in asked.items()
        if best[kind] < amount
    ] or ["no single machine has all of it at once"]
    raise Infeasible(f"resources: a trial fits on no machine: {'; '.join(short)}; lower `resources:` or join a cluster")


def room(node: dict[str, float], resources: Resources) -> int:
    """How many trials a node with these resources holds at once; a share of a GPU is of one, never of two."""
    return min(
        int(node.get(kind, 0)) * int(1 / amount + 1e-9)
        if kind == "GPU" and amount < 1
        else int(node.get(kind, 0) / amount + 1e-9)
        for kind, amount in amounts(resources).items()
    )


def amounts(resources: Resources) -> dict[str, float]:
    """What a trial asks for, by Ray's names."""
    asked = {"CPU": float(resources.cpus), "GPU": resources.gpus, "memory": (resources.memory_gb or 0) * 1024 * MIB}
    return {kind: amount for kind, amount in asked.items() if amount > 0}


def _amount(kind: str, amount: float) -> str:
    return f"{amount / MIB / 1024:.1f} GB" if kind == "memory" else f"{amount:g}"
