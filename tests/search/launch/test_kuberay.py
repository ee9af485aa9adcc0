"""search/launch/kuberay.yaml: pods and volume against Kubernetes' own schemas, the RayJob against KubeRay's fields.

What no test here can: whether a cluster's storage class, images and GPUs are there.
"""

from __future__ import annotations

import shlex
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from search.run.__main__ import build_parser
from search.schema.space import load_space

from ..helpers import ROOT

MANIFEST = ROOT / "search" / "launch" / "kuberay.yaml"
Tree = dict[str, Any]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Metadata(Closed):
    name: str = Field(pattern="^[a-z]([-a-z0-9]{0,45}[a-z0-9])?$")  # KubeRay makes longer names of it


class Head(Closed):
    rayStartParams: dict[str, str]
    template: Tree


class Workers(Head):
    groupName: str
    replicas: int = Field(ge=1)
    minReplicas: int
    maxReplicas: int


class Auth(Closed):
    mode: str = Field(pattern="^(token|disabled)$")


class Cluster(Closed):
    rayVersion: str
    authOptions: Auth
    headGroupSpec: Head
    workerGroupSpecs: list[Workers]


class Spec(Closed):
    """Check the manifest for fields that are not in KubeRay's API reference, v1."""

    entrypoint: str
    backoffLimit: int
    shutdownAfterJobFinishes: bool
    ttlSecondsAfterFinished: int
    rayClusterSpec: Cluster


class RayJob(Closed):
    apiVersion: str = Field(pattern="^ray.io/v1$")
    kind: str = Field(pattern="^RayJob$")
    metadata: Metadata
    spec: Spec


@pytest.fixture(scope="module")
def documents() -> list[Tree]:
    return list(yaml.safe_load_all(MANIFEST.read_text()))


@pytest.fixture(scope="module")
def cluster(documents: list[Tree]) -> Cluster:
    return RayJob.model_validate(documents[1]).spec.rayClusterSpec


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> list[Tree]:
    return [group.template["spec"] for group in (cluster.headGroupSpec, *cluster.workerGroupSpecs)]


def valid(document: Tree) -> None:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_volume_and_pods_fit_the_schemas_of_kubernetes(documents: list[Tree], pods: list[Tree]) -> None:
    valid(documents[0])
    for pod in pods:
        valid({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod})


def test_a_misspelt_field_is_invalid(pods: list[Tree]) -> None:
    pod = pods[0] | {"terminationGracePeriodSecond": 120}
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriodSecond"):
        valid({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod})


def test_the_entrypoint_runs_a_command_of_this_project(documents: list[Tree], pods: list[Tree]) -> None:
    """It parses, its space exists and can be read, and it runs and writes where volumes are mounted."""
    *shell, command = shlex.split(documents[1]["spec"]["entrypoint"])
    assert shell == ["bash", "-c"]  # one word is all that is left of it: KubeRay quotes nothing itself
    assert command.startswith("cd /code && exec python -m search.run ")
    options = build_parser().parse_args(shlex.split(command.partition("search.run ")[2]))
    space = load_space(ROOT / options.space, options.set).space
    assert space.resources.gpus != 0
    head, *workers = ({mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]} for pod in pods)
    assert "/code" in head
    for mounted in (head, *workers):
        assert mounted[str(options.results)] == head[str(options.results)]
    assert pods[0]["initContainers"][0]["args"][-1] == "/code"


def test_all_pods_write_to_one_volume(documents: list[Tree], pods: list[Tree]) -> None:
    claim = documents[0]["metadata"]["name"]
    assert documents[0]["spec"]["accessModes"] == ["ReadWriteMany"]
    for pod in pods:
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert volumes["shared"]["persistentVolumeClaim"] == {"claimName": claim}
        mounts = [mount for container in pod["containers"] for mount in container["volumeMounts"]]
        assert {mount["name"] for mount in mounts} <= volumes.keys()


def test_a_trial_fits_a_worker_and_not_the_head(documents: list[Tree], cluster: Cluster, pods: list[Tree]) -> None:
    """Requests equal limits, as Ray counts the limits; start parameters do not override them."""
    (space,) = (word for word in documents[1]["spec"]["entrypoint"].split() if word.endswith(".yaml"))
    asked = load_space(ROOT / space, []).space.resources
    for pod in pods:
        (container,) = pod["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
    assert cluster.headGroupSpec.rayStartParams == {"num-cpus": "0"}
    for group in cluster.workerGroupSpecs:
        limits = group.template["spec"]["containers"][0]["resources"]["limits"]
        trials = int(limits["nvidia.com/gpu"]) / float(asked.gpus)
        assert trials >= 1 and trials * asked.cpus <= int(limits["cpu"])
        assert group.rayStartParams == {}
        assert group.minReplicas <= group.replicas <= group.maxReplicas


def test_all_pods_have_one_image_and_a_token(cluster: Cluster, pods: list[Tree]) -> None:
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    assert cluster.authOptions.mode == "token"
    assert tuple(map(int, cluster.rayVersion.split("."))) >= (2, 52, 0)


def test_the_sweep_is_stopped_before_the_head_ends(pods: list[Tree]) -> None:
    command = pods[0]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command[:2] == ["bash", "-c"] and "pkill -TERM" in command[2]
    assert pods[0]["terminationGracePeriodSeconds"] >= 60
