"""The attacks that `evaluate:` names: what they are, which blocks are refused, and that what is off is nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from trainers.accuracy import find_correct
from trainers.attack_runs import FGSM, PGDAttack
from trainers.attacks import PGD
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.trainer import Trainer

AA = {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce"]}


@pytest.fixture(scope="module")
def fitted(tiny: Callable[..., TrialConfig], trained: Callable[..., Trainer]) -> Trainer:
    """An MLP with clean accuracy well above chance, which attacks lower."""
    return trained(tiny(epochs=25, optimizer={"name": "sgd", "lr": 0.05}, method={"attack": {"epsilon": 0.05}}))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("ascend", ["ce", "kl", "margin"])
@pytest.mark.parametrize("more", [{}, {"restarts": 3}, {"restarts": 2, "keep": "worst"}], ids=str)
def test_evaluation_climbs_the_given_loss(fitted: Trainer, norm: Any, ascend: Any, more: dict[str, Any]) -> None:
    """As the PGD of trainings does, with each number of restarts and each point that is kept."""
    test, epsilon = fitted.splits["test"], {"linf": 0.08, "l2": 0.4}[norm]
    attack = PGD(epsilon=epsilon, norm=norm, steps=6, ascend=ascend, **more)
    found = PGDAttack(steps=6, ascend=ascend, **more).find_robust(fitted.net, test, epsilon, norm, 3)
    assert torch.equal(found, find_correct(fitted.net, test, attack, 3)) and 0 < found.sum() < len(test)


def test_the_climbed_loss_is_a_knob_that_acts(fitted: Trainer) -> None:
    test = fitted.splits["test"]
    runs = [PGDAttack(steps=3, ascend=ascend) for ascend in ("ce", "kl", "margin")]  # type: ignore[arg-type]
    found = [run.find_robust(fitted.net, test, 0.08, "linf", 0).tolist() for run in runs]
    assert found[0] != found[1] != found[2] != found[0]


def test_fgsm_is_one_step_of_pgd_from_the_image(fitted: Trainer) -> None:
    test = fitted.splits["test"]
    one = PGDAttack(steps=1, step_size="epsilon", start="none")
    for norm, epsilon in (("linf", 0.08), ("l2", 0.4)):
        found, one_step = (run.find_robust(fitted.net, test, epsilon, norm, 0) for run in (FGSM(), one))  # type: ignore[arg-type]
        assert torch.equal(found, one_step) and 0 < found.sum() < len(test)
    wide = FGSM(epsilon=0.2).find_robust(fitted.net, test, 0.08, "linf", 0)
    assert torch.equal(wide, FGSM().find_robust(fitted.net, test, 0.2, "linf", 0))


def test_words_say_which_loss_is_climbed() -> None:
    """So that fronts of different losses never join: analysis.results.measurement_terms compares these words."""
    final = {
        "cw": {"name": "pgd", "ascend": "margin"},
        "cw_worst": {"name": "pgd", "ascend": "margin", "restarts": 5, "keep": "worst", "images": 300},
        "kl": {"name": "pgd", "ascend": "kl", "start": "normal"},
        "fgsm": {"name": "fgsm", "epsilon": "4/255", "images": 20},
    }
    along = {"aa": AA | {"images": 100, "every": 4}}
    assert Evaluation.model_validate({"ascend": "margin", "every": 2, "final": final, "along": along}).attacks() == {
        "pgd": "PGD-10 on the margin, linf, epsilon 8/255, step epsilon/4",
        "aa": "AutoAttack custom (apgd-ce), linf, epsilon 8/255 on 100 images drawn by class",
        "cw": "PGD-20 on the margin, linf, epsilon 8/255, step epsilon/4",
        "cw_worst": "PGD-20 on the margin, 5 restarts, linf, epsilon 8/255, step epsilon/4, right at every iterate"
        " on 300 images drawn by class",
        "kl": "PGD-20 on the KL divergence, linf, epsilon 8/255, step epsilon/4, start normal",
        "fgsm": "FGSM, linf, epsilon 4/255 on 20 images drawn by class",
    }
    assert FGSM().describe(0.5, "l2") == "FGM, l2, epsilon 0.5"


def test_knobs_switched_off_are_no_part_of_a_study() -> None:
    """Plans, ids and names of states are those of before these knobs were there."""
    dumped = Evaluation.model_validate({"final": {"p": {"name": "pgd"}, "aa": AA}}).model_dump(mode="json")
    told = {"epsilon", "norm", "steps", "step_size", "start", "every", "train", "test_losses", "final"}
    assert set(dumped) == told | {"min_perturbation"}
    assert set(dumped["final"]["p"]) == {
        "name", "steps", "step_size", "start", "restarts", "keep", "epsilon", "images"
    }  # fmt: skip
    assert set(dumped["final"]["aa"]) == {"name", "version", "attacks", "restarts", "epsilon", "images"}
    assert set(Evaluation().curve()) == told - {"train", "final"}


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ({"ascend": "cw"}, "'ce', 'kl' or 'margin'"),
        ({"ascend": "kl", "start": "none"}, "no gradient at the image itself; take start: normal or uniform"),
        ({"final": {"k": {"name": "pgd", "ascend": "kl", "start": "none"}}}, "no gradient at the image itself"),
        ({"final": {"f": {"name": "fgsm", "steps": 2}}}, "steps"),
        ({"final": {"f": {"name": "fgsm", "epsilon": 8}}}, "write 8/255"),
        ({"final": {"aa": AA | {"every": 5}}}, "final attacks are run once, at the end"),
        ({"along": {"f": {"name": "fgsm", "every": 0}}}, "greater than 0"),
        ({"along": {"f": {"name": "fgsm", "epsilon": 8}}}, "along.f.epsilon: is in pixels of .* write 8/255"),
        ({"along": {"pgd": {"name": "fgsm"}}}, "other than clean and pgd"),
        ({"along": {"f-1": {"name": "fgsm"}}}, "identifiers"),
        ({"along": {"pgd20": {"name": "fgsm"}}}, "along.pgd20: final has an attack of this name too"),
        ({"along": {"pgd20_clean": {"name": "fgsm"}}}, "recorded beside pgd20"),
        (
            {"every": 2, "along": {"f": {"name": "fgsm", "every": 5}}},
            r"along.f.every: 5, and evaluate.every measures each 2 epochs; take a multiple, such as 6",
        ),
        ({"every": 4, "along": {"f": {"name": "fgsm", "every": 1}}}, "take a multiple, such as 4"),
    ],
    ids=str,
)
def test_wrong_blocks_are_refused(block: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Evaluation.model_validate(block)


def test_when_further_attacks_are_due() -> None:
    along = {"each": {"name": "fgsm"}, "rare": {"name": "fgsm", "every": 6}}
    evaluation = Evaluation.model_validate({"every": 3, "along": along})
    assert [[*evaluation.due_along(e, 11)] for e in range(11) if evaluation.due(e, 11)] == [
        ["each"], ["each", "rare"], ["each"], ["each", "rare"]
    ]  # fmt: skip
    assert not any(evaluation.due_along(e, 11) for e in range(11) if not evaluation.due(e, 11))
    assert evaluation.rhythms() == {"evaluate.every": 3, "evaluate.along.rare.every": 6}
