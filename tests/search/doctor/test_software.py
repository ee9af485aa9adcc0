"""The checks of the software, on this machine and on stand-ins for machines that fail them."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor

from search.doctor.check import Conditions
from search.doctor.software import (
    DeviceFacts,
    check_bf16,
    check_compiler,
    check_cudnn,
    check_determinism,
    check_device,
    check_packages,
    check_software,
    read_driver,
    read_requirements,
)

CPU = torch.device("cpu")
CUDA = torch.device("cuda")
HERE = DeviceFacts(gpus=(), built_for="13.0", driver=None, cpu="EPYC", cores=8)


@pytest.mark.long
def test_this_machine_passes(tmp_path: Path) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = list(check_software(Conditions(tmp_path, tmp_path, device)))
    assert [check for check in found if check.state != "passed"] == []
    assert {"Python and torch", "device", "bf16", "deterministic kernels", "compiler"} <= {
        check.name for check in found
    }


def test_packages_that_are_too_old_or_missing_fail() -> None:
    requirements = ["ray[tune]>=2.49", "torch>=2.6", "torchvision", "pyautoattack==0.2.0", "pydantic>=2.12,<3"]
    new = {"ray": "2.60.0", "torch": "2.14.1+cu130", "torchvision": "0.20", "pyautoattack": "0.2.0", "pydantic": "2.12"}
    assert check_packages(requirements, new.get).found == "5 are new enough"
    old = new | {"torch": "2.5.1", "torchvision": None}
    found = check_packages(requirements, old.get)
    assert found.state == "failed" and found.found == "torch 2.5.1, 2.6 is needed; torchvision is missing"
    assert found.remedy == "run `python -m pip install -e .` in the checkout"


def test_the_packages_of_this_project_are_known() -> None:
    assert {"torch", "ray", "numpy"} <= {re.split(r"\W", requirement)[0] for requirement in read_requirements()}


def test_gpus_are_named_with_their_memory_and_driver() -> None:
    facts = HERE._replace(gpus=[("H100", 80 << 30), ("H100", 80 << 30)], driver="575.1")
    found = check_device(facts)
    assert found.found == "2 x H100 (80 GiB), driver 575.1; 8 cores" and found.values["device"] == "cuda"


def test_a_machine_without_a_gpu_trains_on_its_processor() -> None:
    found = check_device(HERE)
    assert found.state == "passed" and found.found == "no GPU: trainings run on EPYC, 8 cores"


def test_a_build_of_torch_for_cpus_on_a_machine_with_a_driver_fails() -> None:
    found = check_device(HERE._replace(driver="575.1", built_for=None))
    assert found.state == "failed" and "is built for CPUs alone, sees no GPU" in found.found
    assert found.remedy == "install a build of torch for CUDA"


def test_a_driver_that_is_too_old_fails() -> None:
    found = check_device(HERE._replace(driver="470.1"))
    assert found.state == "failed" and "(470.1), and torch, which is built for CUDA 13.0, sees no GPU" in found.found
    assert "update the driver" in found.remedy and "CUDA_VISIBLE_DEVICES" in found.remedy


def test_the_driver_states_its_version(tmp_path: Path) -> None:
    file = tmp_path / "version"
    assert read_driver(file) is None
    file.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC 12\n")
    assert read_driver(file) == "550.54.15"
    file.write_text("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  575.1.2  Release Build\n")
    assert read_driver(file) == "575.1.2"


def test_a_gpu_without_cudnn_fails() -> None:
    assert check_cudnn(91002).state == "passed"
    found = check_cudnn(None)
    assert found.state == "failed" and found.remedy == "install a build of torch with cuDNN"


def test_a_gpu_without_bf16_fails_and_a_processor_does_not() -> None:
    found = check_bf16(CUDA, native=False)
    assert found.state == "failed" and found.remedy == "set trial.compute.precision: fp32"
    assert check_bf16(CPU, native=False).state == "passed"


def test_products_in_bf16_that_are_wrong_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    product = Tensor.__matmul__
    monkeypatch.setattr(Tensor, "__matmul__", lambda a, b: product(a, b) * (0.9 if a.dtype == torch.bfloat16 else 1))
    found = check_bf16(CPU, native=True)
    assert found.state == "failed" and found.found == "a product in bf16 is 11% off"
    assert found.remedy == "set trial.compute.precision: fp32"


def test_kernels_whose_bits_vary_fail() -> None:
    runs = count()
    found = check_determinism(CPU, lambda device: [torch.ones(3), torch.full((2,), float(next(runs)))])
    assert found.state == "failed" and found.found == "4 runs of the same kernels gave different bits"
    assert "update torch, cuDNN or the driver" in found.remedy


def test_a_kernel_without_a_deterministic_variant_fails() -> None:
    def run(device: torch.device) -> list[Tensor]:
        raise RuntimeError("cumsum_cuda_kernel does not have a deterministic implementation\nYou can turn off ...")

    found = check_determinism(CPU, run)
    assert found.state == "failed" and found.found == "cumsum_cuda_kernel does not have a deterministic implementation"
    assert "unset CUBLAS_WORKSPACE_CONFIG, or update torch" in found.remedy


def test_a_gpu_needs_a_compiler_and_triton() -> None:
    assert check_compiler(True, "/usr/bin/g++", True).state == "passed"
    found = check_compiler(True, None, False)
    assert found.state == "failed" and found.found == "a C++ compiler and Triton is missing"
    assert found.remedy == "install a C++ compiler and Triton, or set trial.compute.compile: false"
    assert check_compiler(True, "/usr/bin/g++", False).remedy.startswith("install Triton, or")


def test_a_processor_needs_no_compiler() -> None:
    found = check_compiler(False, None, False)
    assert found.state == "passed" and "none is needed unless a space compiles" in found.found
