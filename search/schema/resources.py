"""The `resources:` block: CPUs, GPUs and memory that each trial requests from Ray."""

from __future__ import annotations

from math import floor
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt

from trainers.knobs import Knobs, Real

GB = 1 << 30


def _check_gpus(gpus: float) -> float:
    if gpus < 0 or (gpus > 1 and gpus != int(gpus)):
        raise ValueError(f"should be a share of one GPU such as 0.5, or a whole number of them; got {gpus:g}")
    return gpus


class Resources(Knobs):
    """CPUs (also the number of threads), GPUs and main memory of a trial.

    `gpus: auto` is 0 if no machine has a GPU. Otherwise it is the measured share of one GPU at which packing more
    trials onto it no longer pays.
    """

    cpus: PositiveInt = 1
    gpus: Literal["auto"] | Annotated[Real, AfterValidator(_check_gpus)] = 0.0
    memory_gb: Annotated[Real, Field(gt=0)] | None = None

    @property
    def on_gpu(self) -> bool:
        """Return whether trials train on a GPU; `auto` does until `resolve_auto` finds that there is none."""
        return self.gpus != 0

    @property
    def amounts(self) -> dict[str, float]:
        """The amounts by Ray's names; `auto` counts as a whole GPU until the share is measured."""
        gpus = 1.0 if self.gpus == "auto" else self.gpus
        asked = {"CPU": float(self.cpus), "GPU": gpus, "memory": (self.memory_gb or 0) * GB}
        return {kind: amount for kind, amount in asked.items() if amount > 0}

    def resolve_auto(self, gpus: bool) -> Resources:
        """Replace `auto` by 0 if there are no GPUs."""
        return self if gpus or self.gpus != "auto" else self.model_copy(update={"gpus": 0.0})

    def share_gpus(self, copies: int) -> Resources:
        """Let `copies` trials share each GPU. Ray counts in ten thousandths, and their sum must not exceed 1."""
        return self.model_copy(update={"gpus": floor(1e4 / copies) / 1e4})

    def __str__(self) -> str:
        gpus = "as much of a GPU as pays off (auto)" if self.gpus == "auto" else f"{self.gpus:g} GPU"
        return f"{self.cpus} CPU, {gpus}" + (f", {self.memory_gb:g} GB" if self.memory_gb else "")
