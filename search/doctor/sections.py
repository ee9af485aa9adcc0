"""The sections of checks in their order, their limits of time, and when one is left out."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from search.doctor.check import CheckSection

TOTAL = {"cpu": 112.0, "cuda": 465.0}  # seconds for all, after which no section begins; those at the end are then named
ASKED = 900.0  # seconds at least of a section that was asked for: its machine may be busy
LEAST = 20.0  # seconds that a section needs at least
COMMAND = "python -m search.doctor --section"


class Section(NamedTuple):
    """Checks that run in one process."""

    name: str
    does: str
    module: str  # in this package; its function is check_NAME
    limits: dict[str, float]  # seconds, by device
    left_out_on_cpu: str = ""  # why it runs on a CPU only if it is asked for

    def load(self) -> CheckSection:
        """Import the section's function."""
        check: CheckSection = getattr(import_module(f"search.doctor.{self.module}"), f"check_{self.name}")
        return check

    def find_reason_to_skip(self, device: str | None, asked: bool, left: float) -> str:
        """Return why the section does not run; empty if it does. `left`: seconds of the time for all sections."""
        if device == "cpu" and self.left_out_on_cpu and not asked:
            return self.left_out_on_cpu
        return "no time is left" if left < LEAST else ""

    def find_limit(self, device: str | None, asked: bool) -> float:
        """Return the seconds after which the section is ended."""
        limit = self.limits[device] if device else max(self.limits.values())
        return max(limit, ASKED) if asked else limit


SECTIONS = {
    section.name: section
    for section in (
        Section("software", "Python, torch, GPU, bf16, kernels", "software", {"cpu": 60, "cuda": 60}),
        Section("ray", "Ray starts, and its limits", "ray_start", {"cpu": 60, "cuda": 60}),
        Section("storage", "where results are stored", "storage", {"cpu": 60, "cuda": 60}),
        Section("methods", "every method on this device", "methods", {"cpu": 60, "cuda": 90}),
        Section("promises", "equal bits: again, shared, killed and resumed", "promises", {"cpu": 80, "cuda": 120}),
        Section("speed", "training steps beside the device's peak", "speed", {"cpu": 60, "cuda": 150}),
        Section("costs", "measuring, checkpoints, memory", "costs", {"cpu": 60, "cuda": 60}),
        Section("packing", "copies of a training on one device", "packing", {"cpu": 240, "cuda": 180},
                "there is no GPU to share"),
        Section("compiled", "equal bits of compiled trainings", "promises", {"cpu": 1200, "cuda": 300},
                "compiling takes minutes on a CPU, and is not the default there"),
    )
}  # fmt: skip
