"""What each trial asks of Ray."""

from __future__ import annotations

from math import floor
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt

from trainers.knobs import Knobs, Real

GB = 1 << 30


def _whole_beyond_one(gpus: float) -> float:
    if gpus < 0 or (gpus > 1 and gpus != int(gpus)):
        raise ValueError(f"should be a share of one GPU such as 0.5, or a whole number of them; got {gpus:g}")
    return gpus


class Resources(Knobs):
    """CPUs (also the number of threads), GPUs, and main memory.

    gpus auto: none where there is none; else the share of one at which packing more on it no longer pays, measured.
    """

    cpus: PositiveInt = 1
    gpus: Literal["auto"] | Annotated[Real, AfterValidator(_whole_beyond_one)] = 0.0
    memory_gb: Annotated[Real, Field(gt=0)] | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether trials train on a GPU: auto does, unless it was decided that there is none."""
        return self.gpus != 0

    @property
    def amounts(self) -> dict[str, float]:
        """By Ray's names; of a GPU that is not measured yet, all."""
        gpus = 1.0 if self.gpus == "auto" else self.gpus
        asked = {"CPU": float(self.cpus), "GPU": gpus, "memory": (self.memory_gb or 0) * GB}
        return {kind: amount for kind, amount in asked.items() if amount > 0}

    def decided(self, gpus: bool) -> Resources:
        """For machines with or without GPUs: auto is none without."""
        return self if gpus or self.gpus != "auto" else self.model_copy(update={"gpus": 0.0})

    def shared(self, copies: int) -> Resources:
        """With so many trials on each GPU; Ray counts in ten thousandths, which must not add up to more than one."""
        return self.model_copy(update={"gpus": floor(1e4 / copies) / 1e4})

    def __str__(self) -> str:
        gpus = "as much of a GPU as pays off (auto)" if self.gpus == "auto" else f"{self.gpus:g} GPU"
        return f"{self.cpus} CPU, {gpus}" + (f", {self.memory_gb:g} GB" if self.memory_gb else "")
