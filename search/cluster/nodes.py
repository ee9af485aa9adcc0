"""Checks, before a trial starts, that every node of a cluster would train what the driver planned."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from search.cluster.capacity import count_fitting, explain_idle_gpus, list_live_nodes
from search.cluster.node_report import NodeReport, report_node, wait_for
from search.exceptions import Infeasible
from search.ray_env import ray
from search.schema.resources import Resources
from trainers.record_io import Place

PATIENCE = 300.0  # seconds: a node may have to fetch the checkout, and to load torch from a slow disk
LOW_DISK = 1 << 30  # bytes
PACKAGES = ("torch", "ray", "numpy")


def check_nodes(address: str | None, folder: Place, resources: Resources) -> list[NodeReport]:
    """Return the reports of all nodes that can run a trial; without a cluster, that of this process.

    Raises Infeasible, naming everything that differs from the driver.
    """
    nonce = uuid.uuid4().hex
    try:
        (folder / f".{nonce}.tmp").touch()
        here = report_node(str(folder), nonce, gpus=not address and resources.on_gpu)
        reports, problems = _ask_nodes(folder, nonce, resources) if address else ({"this machine": here}, [])
        for node, report in reports.items():
            problems += [f"{node}: {problem}" for problem in find_differences(report, here)]
            if report.answer and wait_for((folder / report.answer).exists) is None:
                problems.append(f"{node}: its files in {folder} are not visible here; share one file system")
    except OSError as error:
        raise Infeasible(f"{folder}: cannot be written: {error.strerror or error}; free room") from None
    finally:
        for path in folder.glob(f".{nonce}*.tmp"):
            path.unlink(missing_ok=True)
    if problems:
        raise Infeasible("not every node would train what was planned:\n  " + "\n  ".join(problems))
    return list(reports.values())


class _Asked(NamedTuple):
    """A node whose report is awaited."""

    name: str
    ip: str
    gpus: float  # that Ray counts
    idle: str  # why some of them will be idle


def _ask_nodes(folder: Place, nonce: str, resources: Resources) -> tuple[dict[str, NodeReport], list[str]]:
    """Return the reports of the nodes by their names, and the problems of those that cannot report."""
    asked: dict[Any, _Asked] = {}
    for node in list_live_nodes():
        if count_fitting(node["Resources"], resources):
            gpus = node["Resources"].get("GPU", 0) if resources.on_gpu else 0
            there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(report_node)
            ip = node["NodeManagerAddress"]
            name = f"node {node['NodeManagerHostname']} ({ip}, {node['NodeID'][:6]})"
            idle = explain_idle_gpus(node["Resources"], resources)
            asked[task.remote(str(folder), nonce, gpus=gpus > 0)] = _Asked(name, ip, gpus, idle)
    done, late = ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE) if asked else ([], [])
    reports, problems = {}, [f"{asked[task].name}: no answer within {PATIENCE / 60:g} minutes" for task in late]
    for task in done:
        name, ip, gpus, idle = asked[task]
        try:
            report = reports[name] = replace(ray.get(task), ip=ip, idle=idle)
        except ray.exceptions.RayError as error:
            problems.append(f"{name}: cannot run the driver's code: {str(error).strip().splitlines()[-1]}")
            continue
        if len(report.gpus) < gpus:
            problems.append(f"{name}: Ray counts {gpus:g} GPUs, torch can use {len(report.gpus)}")
    return reports, problems


def find_differences(report: NodeReport, here: NodeReport) -> list[str]:
    """Return why a node cannot train for this driver: its own problems, and what differs from the driver's report."""
    found = list(report.problems)
    if report.python != here.python:
        found.append(f"Python {report.python}, the driver has {here.python}; install the same on every node")
    for name in PACKAGES:
        if report.versions.get(name) != here.versions[name]:
            version = report.versions.get(name, "is not installed")
            found.append(f"{name} {version}, the driver has {here.versions[name]}; install the same on every node")
    if report.training_code not in ("", here.training_code):
        found.append(
            f"training code {report.training_code[:12]}, the driver has {here.training_code[:12]}; install the same on "
            "every node, or start from a checkout, which is sent to them"
        )
    return found


def list_notes(nodes: Sequence[NodeReport]) -> list[str]:
    """Return what the user should know about the nodes: several kinds of hardware, idle GPUs, nearly full disks."""
    found = []
    kinds = group_by_hardware(nodes)
    if len(kinds) > 1:
        shown = "; ".join(f"{', '.join(hosts)}: {kind}" for kind, hosts in kinds.items())
        found.append(f"the nodes differ, and the last bits of a trial may depend on the node that it runs on ({shown})")
    found += [f"{node.host}: {node.idle}" for node in nodes if node.idle]
    found += [
        f"{node.host}: only {node.free / 2**20:.0f} MB are free where the sweep is stored"
        for node in nodes
        if node.free < LOW_DISK
    ]
    return found


def group_by_hardware(nodes: Sequence[NodeReport]) -> dict[str, list[str]]:
    """Return the hosts of each kind of hardware."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        models = [model for model, _ in node.gpus]
        counted = [f"{models.count(model)} {model}" for model in sorted(set(models))]
        found.setdefault(", ".join([node.cpu, *counted]), []).append(node.host)
    return found
