"""The processors and GPUs that train, by name: bits depend on them, and chains of states do not name them."""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path

import torch

DRIVER_FILE = Path("/proc/driver/nvidia/version")


def name_device(device: torch.device) -> str:
    """Return the model of the GPU, or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())


@cache
def describe_device(device: torch.device) -> str:
    """Return all of a device that bits may depend on: its model, and of a GPU the driver and cuDNN as well."""
    if device.type != "cuda":
        return name_device(device)
    parts = [name_device(device), f"driver {_read_driver()}", f"cuDNN {_format_cudnn(torch.backends.cudnn.version())}"]
    return ", ".join(parts)


def _read_driver() -> str:
    """Return the version of NVIDIA's driver, as its kernel module states it."""
    try:
        found = re.search(r"Kernel Module.*?\s(\d+(?:\.\d+)+)\s", DRIVER_FILE.read_text())
    except OSError:
        found = None
    return found[1] if found else "unknown"


def _format_cudnn(version: int | None) -> str:
    """Return a version as cuDNN writes it: 91002 is 9.10.2; before version 9, 8907 was 8.9.7."""
    if version is None:
        return "none"
    thousands = 10_000 if version >= 10_000 else 1_000
    return f"{version // thousands}.{version % thousands // 100}.{version % 100}"
