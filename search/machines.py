"""What the machines of a cluster can hold."""

from __future__ import annotations

from search.cluster import Infeasible
from search.environment import ray
from search.space import Resources

MIB = 1 << 20


def slots(resources: Resources) -> int:
    """How many trials run at once. Raises Infeasible, naming what is short, if no node can hold one."""
    asked = {"CPU": float(resources.cpus), "GPU": resources.gpus}
    if resources.memory_gb:
        asked["memory"] = resources.memory_gb * 1024 * MIB
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fitting = sum(
        min(int(node.get(kind, 0) / amount + 1e-9) for kind, amount in asked.items() if amount > 0) for node in nodes
    )
    if fitting:
        return fitting
    best = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in asked}
    short = [
        f"{kind} {_amount(kind, amount)} asked, {_amount(kind, best[kind])} on the largest machine"
        for kind, amount in asked.items()
        if best[kind] < amount
    ] or ["no single machine has all of it at once"]
    raise Infeasible(f"resources: a trial fits on no machine: {'; '.join(short)}; lower `resources:` or join a cluster")


def _amount(kind: str, amount: float) -> str:
    return f"{amount / MIB / 1024:.1f} GB" if kind == "memory" else f"{amount:g}"
