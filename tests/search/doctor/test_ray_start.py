"""The checks of Ray, on this machine and on stand-ins for machines that fail them."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from search.doctor.check import Conditions
from search.doctor.ray_start import (
    check_gpus_counted,
    check_open_files,
    check_ports,
    check_ray,
    check_shared_memory,
    check_start,
    check_temporary_folder,
    check_token,
)
from search.exceptions import Infeasible


@pytest.mark.long
def test_this_machine_passes(tmp_path: Path) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = {check.name: check for check in check_ray(Conditions(tmp_path, tmp_path, device))}
    assert [check for check in found.values() if check.state != "passed"] == []
    assert {"open files", "shared memory", "Ray's folder", "ports", "start", "token"} <= found.keys()


def test_too_few_open_files_fail() -> None:
    found = check_open_files(1024, 4096)
    assert found.state == "failed" and found.found == "4,096 for each process"
    assert "`ulimit -Hn 8192` as root" in found.remedy and "--ulimit nofile=8192" in found.remedy


@pytest.mark.parametrize(
    ("soft", "hard", "shown"),
    [(1024, 1 << 20, "65,536"), (20_000, 20_000, "20,000"), (1024, resource.RLIM_INFINITY, "unlimited")],
)
def test_ray_raises_the_soft_limit_itself(soft: int, hard: int, shown: str) -> None:
    found = check_open_files(soft, hard)
    assert found.state == "passed" and found.found == f"{shown} for each process"


def test_the_shared_memory_of_a_container_is_too_small() -> None:
    found = check_shared_memory(64 << 20)
    assert found.state == "failed" and found.found == "67.1 MB free in /dev/shm"
    assert "--shm-size=4g" in found.remedy
    assert check_shared_memory(None).found == "there is none"
    assert check_shared_memory(1 << 32).state == "passed"


def test_a_full_disk_under_rays_folder_fails() -> None:
    found = check_temporary_folder(0.97)
    assert found.state == "failed" and found.found == "/tmp is 97% full" and found.remedy == "free room in /tmp"
    assert check_temporary_folder(0.5).state == "passed"


def test_a_firewall_before_the_machines_own_address_fails() -> None:
    def refuse(address: str) -> None:
        if address != "127.0.0.1":
            raise TimeoutError(110, "Connection timed out")

    found = check_ports(refuse)
    assert found.state == "failed" and found.found.endswith(": Connection timed out")
    assert found.remedy.startswith("let the firewall pass connections from this machine to ")


def test_a_ray_that_does_not_start_fails() -> None:
    @contextmanager
    def start(address: str | None) -> Iterator[None]:
        raise Infeasible("Ray did not start on this machine: The raylet exited\nunexpectedly.")
        yield

    (found,) = check_start(False, start)
    assert found.state == "failed"
    assert found.found == "Ray did not start on this machine: The raylet exited unexpectedly."
    assert "`ray start --head --temp-dir /tmp/ray_debug` keeps the logs" in found.remedy


def test_a_ray_that_lets_strangers_in_fails() -> None:
    found = check_token(refused=False)
    assert found.state == "failed" and found.found == "a client with another token is let in"
    assert "update Ray" in found.remedy
    assert check_token(refused=True).state == "passed"


def test_gpus_that_ray_does_not_count_fail() -> None:
    assert check_gpus_counted(2).found == "2 GPUs"
    found = check_gpus_counted(0)
    assert found.state == "failed" and "unset CUDA_VISIBLE_DEVICES" in found.remedy
