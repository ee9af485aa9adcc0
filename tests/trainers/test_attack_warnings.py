"""AutoAttack's warnings of its own numbers are kept with the checkpoint, and only where there are any."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainers.attack_warnings import LOGGER, collect_warnings
from trainers.data import Split
from trainers.evaluate import Evaluation
from trainers.measure import evaluate_final
from trainers.models.network import Network
from trainers.record_shapes import check_result
from trainers.step import Net

AA = {"name": "autoattack", "version": "custom"}


class Flat(nn.Flatten):
    """Pixels rounded to whole numbers: no gradient anywhere, and yet other classes within reach."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).round()


def measured(body: nn.Module, attacks: list[str]) -> Any:
    network = Network(body, 64, 1, 4)
    with torch.no_grad():
        network.head.weight.copy_(3 * torch.eye(4, 64))  # logits that are no probabilities
        network.head.bias.zero_()
    x = torch.full((12, 1, 8, 8), 120, dtype=torch.uint8)
    x[:, 0, 0, 0] = 135  # the first pixel is the largest, so that all are of class 0
    x[:, 0, 7, 7] = torch.arange(12)  # draws are those of an image: equal images would all fall or none
    splits = {"test": Split(x, torch.zeros(12, dtype=torch.long))}
    evaluation = Evaluation.model_validate({"epsilon": 0.1, "steps": 1, "final": {"aa": AA | {"attacks": attacks}}})
    return evaluate_final(Net(network), evaluation, splits, 0)[0]


@pytest.mark.long
def test_zero_gradients_are_warned_of_with_the_most_points_of_a_batch() -> None:
    record = measured(Flat(), ["apgd-t"])
    (text,) = record["warnings"]["aa"]
    assert text.startswith("there are 12 points with zero gradient!") and "flags_doc" not in text
    check_result({"status": "completed", "last": record})  # as readers check it


@pytest.mark.long
def test_attack_without_a_warning_leaves_no_key() -> None:
    assert "warnings" not in measured(nn.Flatten(), ["apgd-t"])


@pytest.mark.long
def test_a_square_attack_that_breaks_what_gradients_left_is_warned_of() -> None:
    record = measured(Flat(), ["apgd-ce", "apgd-t", "square"])
    assert record["test_aa_acc"] < 1
    assert any(text.startswith("Square Attack has decreased") for text in record["warnings"]["aa"])


def test_equal_texts_are_collected_once_in_their_order_and_nothing_is_collected_after() -> None:
    say: Callable[[str], None] = logging.getLogger(LOGGER).warning
    with collect_warnings() as texts:
        say("it seems to be a randomized defense! See flags_doc.md for details.")
        for n in (3, 40, 5):
            say(f"there are {n} points with zero gradient! This might lead to unreliable evaluation.")
        say("it seems to be a randomized defense! See flags_doc.md for details.")
        logging.getLogger(LOGGER).info("clean accuracy: 20 %")
    handlers = logging.getLogger(LOGGER).handlers
    assert texts == [
        "it seems to be a randomized defense!",
        "there are 40 points with zero gradient! This might lead to unreliable evaluation.",
    ]
    assert handlers == []
