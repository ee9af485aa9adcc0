"""Checks of the software: Python, torch, the GPU and its driver, bf16, deterministic kernels, the compiler."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from search import ROOT
from search.doctor.check import Check, Conditions, failed, passed
from trainers.bench import machine
from trainers.formatting import format_count
from trainers.trainer import configure

DRIVER = Path("/proc/driver/nvidia/version")
COMPILERS = ("g++", "c++", "clang++", "gcc", "cc", "clang")
REQUIREMENT = re.compile(r"([\w-]+)(?:\[\w+\])?(?:\s*[>=]=\s*([\d.]+))?")
TOLERANCE = 0.02  # relative error of a product in bf16, whose numbers have 8 bits
REPEATS = 4  # of the kernels whose bits are compared


class DeviceFacts(NamedTuple):
    """What torch and the system know of this machine's GPUs."""

    gpus: Sequence[tuple[str, int]]  # that torch can use: model, bytes of memory
    built_for: str | None  # the CUDA version of this build of torch; None: a build for CPUs
    driver: str | None  # the version of the NVIDIA driver; None: there is none
    cpu: str
    cores: int


def check_software(conditions: Conditions) -> Iterator[Check]:
    """Check the software of this machine."""
    configure(True, conditions.threads)  # before anything computes, as cuBLAS reads its settings once
    facts = read_device_facts()
    yield check_versions()
    yield check_packages(read_requirements(), find_version)
    yield check_device(facts)
    if conditions.cuda:
        yield check_cudnn(torch.backends.cudnn.version())
    device = torch.device(conditions.device)
    yield check_bf16(device, _supports_bf16(device))
    yield check_determinism(device)
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    yield check_compiler(conditions.cuda, compiler, find_spec("triton") is not None)


def check_versions() -> Check:
    """Report the versions of Python and torch."""
    python, built = platform.python_version(), torch.version.cuda
    build = f"for CUDA {built}" if built else "for CPUs"
    return passed("Python and torch", f"Python {python}, torch {torch.__version__} {build}", python=python,
                  torch=str(torch.__version__), cuda=built)  # fmt: skip


def read_requirements() -> list[str]:
    """Return the requirements of this project: of the checkout, or of the installed package."""
    project = ROOT / "pyproject.toml"
    if not project.exists():
        return requires("robust-search") or []
    found: list[str] = tomllib.loads(project.read_text())["project"]["dependencies"]
    return found


def find_version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def check_packages(requirements: Sequence[str], find: Callable[[str], str | None]) -> Check:
    """Check that all packages are installed in versions that are not too old."""
    parsed = [found for text in requirements if "extra ==" not in text and (found := REQUIREMENT.match(text))]
    wrong, found_versions = [], {}
    for package, least in (match.groups() for match in parsed):
        found_versions[package] = there = find(package)
        if there is None or (least and _parse(there) < _parse(least)):
            wrong.append(f"{package} {there or 'is missing'}" + (f", {least} is needed" if least else ""))
    if wrong:
        return failed("packages", "; ".join(wrong), "the packages of pyproject.toml",
                      "run `python -m pip install -e .` in the checkout", versions=found_versions)  # fmt: skip
    return passed("packages", f"{len(parsed)} are new enough", versions=found_versions)


def _parse(text: str) -> tuple[int, ...]:
    """Return the numbers of a version: 2.14.1+cu130 is (2, 14, 1)."""
    return tuple(int(part) for part in re.split(r"[^\d.]", text)[0].split(".") if part)


def read_device_facts() -> DeviceFacts:
    """Return what torch and the system know of this machine's GPUs."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = [torch.cuda.get_device_properties(i) for i in range(there)]
    return DeviceFacts(
        gpus=[(device.name, device.total_memory) for device in found],
        built_for=torch.version.cuda,
        driver=read_driver(DRIVER),
        cpu=machine(torch.device("cpu")),
        cores=len(os.sched_getaffinity(0)),
    )


def read_driver(path: Path) -> str | None:
    """Return the version of the NVIDIA driver from the file in which it states this; None without a driver."""
    try:
        text = path.read_text()
    except OSError:
        return None
    found = re.search(r"Module.*?\s(\d+\.[\d.]+)\s", text)
    return found[1] if found else "of unknown version"


def check_device(facts: DeviceFacts) -> Check:
    """Check that torch can use the GPUs that the machine has."""
    if facts.gpus:
        model, memory = facts.gpus[0]
        found = f"{len(facts.gpus)} x {model} ({memory / 2**30:.0f} GiB), driver {facts.driver}"
        return passed("device", f"{found}; {format_count(facts.cores, 'core')}",
                      device="cuda", model=model, gpus=len(facts.gpus), memory=memory, driver=facts.driver,
                      cores=facts.cores)  # fmt: skip
    if facts.driver:
        why = f"is built for CUDA {facts.built_for}" if facts.built_for else "is built for CPUs alone"
        update = "update the driver, or install a build of torch for an older CUDA; check CUDA_VISIBLE_DEVICES"
        return failed(
            "device", f"there is an NVIDIA driver ({facts.driver}), and torch, which {why}, sees no GPU",
            "a build of torch that this driver can run",
            update if facts.built_for else "install a build of torch for CUDA",
            device="cpu", model=facts.cpu, driver=facts.driver, cores=facts.cores,
        )  # fmt: skip
    return passed("device", f"no GPU: trainings run on {facts.cpu}, {format_count(facts.cores, 'core')}",
                  device="cpu", model=facts.cpu, gpus=0, cores=facts.cores)  # fmt: skip


def check_cudnn(version: int | None) -> Check:
    """Check that torch has cuDNN, without which convolutions are many times slower."""
    if version is None:
        return failed("cuDNN", "torch has no cuDNN", "cuDNN for convolutions", "install a build of torch with cuDNN")
    return passed("cuDNN", str(version), version=version)


def _supports_bf16(device: torch.device) -> bool:
    """Return whether a device computes in bf16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def check_bf16(device: torch.device, native: bool) -> Check:
    """Check that a GPU computes in bf16, its default precision, and that a product in bf16 is near the exact one."""
    cuda, exact = device.type == "cuda", "trial.compute.precision: fp32"
    if not native:
        if cuda:
            return failed(
                "bf16", "this GPU has no bf16 arithmetic", "bf16, the default precision on a GPU", f"set {exact}"
            )
        return passed("bf16", "this processor emulates bf16; fp32 is the default on a CPU", native=False)
    a = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    product = (a.to(device, torch.bfloat16) @ a.to(device, torch.bfloat16)).double().cpu()
    error = float((product - a.double() @ a.double()).norm() / product.norm())
    if not error < TOLERANCE:
        return failed("bf16", f"a product in bf16 is {error:.0%} off", f"at most {TOLERANCE:.0%}", f"set {exact}")
    default = "the default" if cuda else "fp32 is the default on a CPU"
    return passed("bf16", f"native; {default}", native=True, error=error)


def check_determinism(device: torch.device, run: Callable[[torch.device], list[Tensor]] | None = None) -> Check:
    """Check that kernels which a training step uses exist in a deterministic variant and give equal bits again.

    `run` runs these kernels and returns what they computed.
    """
    run = run or _run_kernels
    try:
        first, *others = [[tensor.cpu() for tensor in run(device)] for _ in range(REPEATS)]
    except RuntimeError as error:
        return failed(
            "deterministic kernels", str(error).strip().splitlines()[0], "deterministic variants of all kernels",
            "unset CUBLAS_WORKSPACE_CONFIG, or update torch; with trial.compute.deterministic: false trainings run, "
            "and their bits may vary",
        )  # fmt: skip
    if not all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True)):
        return failed(
            "deterministic kernels", f"{REPEATS} runs of the same kernels gave different bits", "equal bits",
            "update torch, cuDNN or the driver; until then trainings cannot be verified on this device",
        )  # fmt: skip
    return passed("deterministic kernels", f"{REPEATS} runs of convolution, product and indexing gave equal bits")


def _run_kernels(device: torch.device) -> list[Tensor]:
    """Return what a convolution, its backward pass, a matrix product and an indexed update compute."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(32, 16, 16, 16, generator=rng).to(device, memory_format=torch.channels_last).requires_grad_()
    weights = torch.randn(32, 16, 3, 3, generator=rng).to(device).requires_grad_()
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        y = functional.conv2d(x, weights, padding=1)
        product = y.flatten(1) @ y.flatten(1).T
    product.float().sum().backward()  # type: ignore[no-untyped-call]
    column = torch.zeros(16, device=device)
    column[torch.arange(32, device=device) % 16] = product.detach().float()[0]  # each position twice
    assert x.grad is not None and weights.grad is not None
    return [y.detach(), product.detach(), x.grad, weights.grad, column]


def check_compiler(cuda: bool, compiler: str | None, triton: bool) -> Check:
    """Check that torch.compile has what it needs where trainings are compiled by default, which is on GPUs."""
    lacks = [name for name, there in (("a C++ compiler", compiler), ("Triton", triton or not cuda)) if not there]
    if not lacks:
        default = "the default" if cuda else "not the default on a CPU"
        return passed("compiler", f"{compiler}; compiling is {default}", compiler=compiler)
    missing = " and ".join(lacks)
    if not cuda:
        return passed("compiler", f"there is no {missing.removeprefix('a ')}; none is needed unless a space compiles")
    return failed("compiler", f"{missing} is missing", "both, as trainings on a GPU are compiled by default",
                  f"install {missing}, or set trial.compute.compile: false")  # fmt: skip
