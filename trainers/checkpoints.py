"""Checkpoints to start from: weights read from a file and checked against the network that they are for."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainers.files import FileError, check_file, expand_path, first_line
from trainers.formatting import format_list
from trainers.knobs import Knobs

Weights = dict[str, Tensor]
NO_CODE = "it is torn, or pickles other things than tensors, which could run any code and is not unpickled"
STATISTICS = ("mean", "std")  # buffers with the data's mean and std, which a network from elsewhere may lack


class StartFrom(Knobs):
    """The weights that training starts from; optimiser, schedules and memory begin afresh.

    The file is a state of a sweep (stages/<hash>/state.pt) or a network's state_dict.
    """

    path: str
    weights: Literal["best", "last"] = "best"  # for a training's state: chosen on validation, or the final ones

    @property
    def file(self) -> Path:
        """The absolute path. Raises CheckpointError if no file can have this path."""
        try:
            return expand_path(self.path).absolute()
        except FileError as error:
            raise CheckpointError(f"start_from.path: {error}") from error


class CheckpointError(ValueError):
    """Raised if a checkpoint cannot be used; the message says why, and what to do."""


def load_weights(path: Path, which: str) -> Weights:
    """Return the best or last weights in a file, on the CPU. Raises CheckpointError if it holds no usable weights."""
    try:
        check_file(path)
    except FileError as error:
        raise CheckpointError(f"start_from.path: {error}") from error
    try:
        content: Any = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises errors of any class for bytes that are no checkpoint
        unsafe = isinstance(error, pickle.UnpicklingError)  # here torch's own message advises to load it as code
        reason = NO_CODE if unsafe else first_line(error)
        raise CheckpointError(
            f"start_from.path: {path} holds no tensors that can be read safely ({reason}); "
            "store a state_dict alone: torch.save(model.state_dict(), path)"
        ) from error
    return extract_weights(content, which, str(path))


def extract_weights(content: Any, which: str, where: str) -> Weights:
    """Return the weights in a training's state or a bare state_dict, without a prefix `module.` of their names.

    `which` (best or last) chooses among those of a state; `where` names the file in messages. Raises CheckpointError if
    there are no weights, or if one is not a plain tensor of finite real numbers.
    """
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


def is_normalized(weights: Weights) -> bool | None:
    """Return whether the network of these weights normalises its input; None if they lack the data's mean and std."""
    mean, std = (weights.get(name) for name in STATISTICS)
    if mean is None or std is None:
        return None
    return bool(mean.any()) or bool((std != 1).any())


def set_weights(network: nn.Module, weights: Weights) -> None:
    """Load weights into a network. Raises CheckpointError if they belong to another architecture."""
    check_architecture(network, weights)
    network.load_state_dict(weights, strict=False)


def check_architecture(network: nn.Module, weights: Weights) -> None:
    """Raise CheckpointError if weights belong to another architecture; the network may be on the meta device."""
    state = network.state_dict()
    missing = [name for name in state if name not in weights and name not in STATISTICS]
    unknown = [name for name in weights if name not in state]
    misfits = [
        f"{name} {tuple(weights[name].shape)} for {tuple(state[name].shape)}"
        for name in state
        if name in weights and weights[name].shape != state[name].shape
    ]
    for what, names in (("lacks", missing), ("has besides", unknown), ("has in another shape", misfits)):
        if names:
            raise CheckpointError(
                f"start_from: the checkpoint is one of another architecture: it {what} {format_list(names, 3)}; "
                "set trial.model to the one that it was trained with"
            )
