"""Checkpoints to start from: a network's weights from a file, checked against the network that wants them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainers.files import FileError, check_file, first_line, user_path
from trainers.knobs import Knobs

Weights = dict[str, Tensor]
NO_CODE = "it is torn, or pickles other things than tensors, which could run any code and is not unpickled"
STATISTICS = ("mean", "std")  # of the data; a network from elsewhere may not have them


class StartFrom(Knobs):
    """The weights that training starts from; optimiser, schedules and memory begin afresh.

    A file as a sweep stores them (stages/<hash>/state.pt), or a network's own state_dict.
    """

    path: str
    weights: Literal["best", "last"] = "best"  # of a training's state: chosen on validation, or the final ones

    @property
    def file(self) -> Path:
        """The absolute path. Raises CheckpointError if no file can have it."""
        try:
            return user_path(self.path).absolute()
        except FileError as error:
            raise CheckpointError(f"start_from.path: {error}") from error


class CheckpointError(ValueError):
    """A checkpoint cannot be used: why, and what to do."""


def load_weights(path: Path, which: str) -> Weights:
    """The weights in a file. Raises CheckpointError if there are none."""
    try:
        check_file(path)
    except FileError as error:
        raise CheckpointError(f"start_from.path: {error}") from error
    try:
        content: Any = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # of bytes that are no checkpoint torch raises whatever its reader stumbles over
        unsafe = isinstance(error, pickle.UnpicklingError)  # here torch's advice is to load it as code
        reason = NO_CODE if unsafe else first_line(error)
        raise CheckpointError(
            f"start_from.path: {path} holds no tensors that can be read safely ({reason}); "
            "store a state_dict alone: torch.save(model.state_dict(), path)"
        ) from error
    return weights_of(content, which, str(path))


def weights_of(content: Any, which: str, where: str) -> Weights:
    """The weights of a training's state or a bare state_dict. Raises CheckpointError."""
    if isinstance(content, dict) and "model" in content:
        if which == "best":
            if not isinstance(content.get("best"), dict):
                raise CheckpointError(f"start_from.weights: {where} has no best weights; take weights: last")
            content = content["best"].get("model")
        else:
            measured = content.get("measured")
            content = measured if isinstance(measured, dict) and measured else content["model"]
    if isinstance(content, dict):
        content = content.get("state_dict", content)
    named = isinstance(content, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    if not named or not content:
        raise CheckpointError(f"start_from.path: {where} is no state_dict: names and tensors")
    for name, value in content.items():
        if value.layout != torch.strided or value.is_meta or value.is_quantized or value.is_complex():
            raise CheckpointError(
                f"start_from.path: {where}: {name} is no plain tensor; store dense weights of real numbers"
            )
        if value.is_floating_point() and not value.float().isfinite().all():
            raise CheckpointError(
                f"start_from.path: {where}: {name} holds NaN or infinite values, from a training that diverged; take "
                "earlier weights"
            )
    return {name.removeprefix("module."): value for name, value in content.items()}


def normalizing(weights: Weights) -> bool | None:
    """Whether the network of these weights normalises its input; None where they bring no statistics of the data."""
    mean, std = (weights.get(name) for name in STATISTICS)
    if mean is None or std is None:
        return None
    return bool(mean.any()) or bool((std != 1).any())


def start(network: nn.Module, weights: Weights) -> None:
    """Load weights into a network. Raises CheckpointError if they are those of another architecture."""
    check(network, weights)
    network.load_state_dict(weights, strict=False)


def check(network: nn.Module, weights: Weights) -> None:
    """Raises CheckpointError if weights are those of another architecture; the network may be one on meta."""
    own = network.state_dict()
    missing = [name for name in own if name not in weights and name not in STATISTICS]
    unknown = [name for name in weights if name not in own]
    misfits = [
        f"{name} {tuple(weights[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    for what, names in (("lacks", missing), ("has besides", unknown), ("has in another shape", misfits)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise CheckpointError(
                f"start_from: the checkpoint is one of another architecture: it {what} {', '.join(names[:3])}{more}; "
                "set trial.model to the one that it was trained with"
            )
