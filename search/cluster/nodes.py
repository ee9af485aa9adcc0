"""Whether every node of a cluster would train what the driver planned: asked of each before a trial starts."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from search.cluster.capacity import alive, room, short_of_cpus
from search.cluster.node_report import NodeReport, report, waited
from search.exceptions import Infeasible
from search.ray_env import ray
from search.schema.resources import Resources
from trainers.record_io import Place

PATIENCE = 300.0  # seconds: a node may have to fetch the checkout, and to read torch from a slow disk
LITTLE = 1 << 30  # bytes of free disk
PACKAGES = ("torch", "ray", "numpy")


def check_nodes(address: str | None, folder: Place, resources: Resources) -> list[NodeReport]:
    """What each node that can hold a trial says of itself; of this machine alone this process says it.

    Raises Infeasible, naming all that differs from the driver.
    """
    nonce = uuid.uuid4().hex
    try:
        (folder / f".{nonce}.tmp").touch()
        here = report(str(folder), nonce, gpus=not address and resources.on_gpu)
        said, problems = _asked(folder, nonce, resources) if address else ({"this machine": here}, [])
        for node, theirs in said.items():
            problems += [f"{node}: {problem}" for problem in differences(theirs, here)]
            if theirs.answer and waited((folder / theirs.answer).exists) is None:
                problems.append(f"{node}: what it writes to {folder} is not seen here; share one file system")
    except OSError as error:
        raise Infeasible(f"{folder}: cannot be written: {error.strerror or error}; free room") from None
    finally:
        for path in folder.glob(f".{nonce}*.tmp"):
            path.unlink(missing_ok=True)
    if problems:
        raise Infeasible("not every node would train what was planned:\n  " + "\n  ".join(problems))
    return list(said.values())


def _asked(folder: Place, nonce: str, resources: Resources) -> tuple[dict[str, NodeReport], list[str]]:
    """What the nodes say, by their names, and what is wrong with those that cannot."""
    asked: dict[Any, tuple[str, str, float, str]] = {}
    for node in alive():
        if room(node["Resources"], resources):
            gpus = node["Resources"].get("GPU", 0) if resources.on_gpu else 0
            there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(report)
            ip = node["NodeManagerAddress"]
            name = f"node {node['NodeManagerHostname']} ({ip}, {node['NodeID'][:6]})"
            asked[task.remote(str(folder), nonce, gpus=gpus > 0)] = (
                name,
                ip,
                gpus,
                short_of_cpus(node["Resources"], resources),
            )
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE) if asked else ([], [])
    said, problems = {}, [f"{asked[it][0]}: no answer within {PATIENCE / 60:g} minutes" for it in late]
    for it in done:
        name, ip, gpus, idle = asked[it]
        try:
            said[name] = replace(ray.get(it), ip=ip, idle=idle)
        except ray.exceptions.RayError as error:
            problems.append(f"{name}: cannot run what the driver sends: {str(error).strip().splitlines()[-1]}")
            continue
        if len(said[name].gpus) < gpus:
            problems.append(f"{name}: Ray counts {gpus:g} GPUs, torch can use {len(said[name].gpus)}")
    return said, problems


def differences(theirs: NodeReport, here: NodeReport) -> list[str]:
    """Why a node cannot train for this driver: what it complains of, and what differs."""
    found = list(theirs.trouble)
    if theirs.python != here.python:
        found.append(f"Python {theirs.python}, the driver has {here.python}; install the same on every node")
    for name in PACKAGES:
        if theirs.versions.get(name) != here.versions[name]:
            its = theirs.versions.get(name, "is not there")
            found.append(f"{name} {its}, the driver has {here.versions[name]}; install the same on every node")
    if theirs.training_code not in ("", here.training_code):
        found.append(
            f"training code {theirs.training_code[:12]}, the driver has {here.training_code[:12]}; install the same on "
            "every node, or start from a checkout, which is sent to them"
        )
    return found


def notes(nodes: Sequence[NodeReport]) -> list[str]:
    """What is allowed and should be known: nodes of several kinds, idle GPUs, and disks that are nearly full."""
    found = []
    if len(kinds(nodes)) > 1:
        shown = "; ".join(f"{', '.join(hosts)}: {kind}" for kind, hosts in kinds(nodes).items())
        found.append(f"the nodes differ, and the last bits of a trial may with the kind of node it runs on ({shown})")
    found += [f"{node.host}: {node.idle}" for node in nodes if node.idle]
    found += [
        f"{node.host}: only {node.free / 2**20:.0f} MB are free where the sweep is stored"
        for node in nodes
        if node.free < LITTLE
    ]
    return found


def kinds(nodes: Sequence[NodeReport]) -> dict[str, list[str]]:
    """The hosts of each kind of hardware."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        models = [model for model, _ in node.gpus]
        counted = [f"{models.count(model)} {model}" for model in sorted(set(models))]
        found.setdefault(", ".join([node.cpu, *counted]), []).append(node.host)
    return found
