"""The budgets of attacks that measure are looked at as those of attacks that train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.run.__main__ import main

Refused = Callable[..., list[str]]
QUIET: dict[str, Any] = {"epsilon": 0.1, "every": 2, "final": {"pgd20": {"name": "pgd"}}}
WEAKER = "so that the attack is weaker than it says; write it as a share of epsilon"

MEASURED: dict[str, tuple[dict[str, Any], str | None]] = {
    "as it should be": ({}, None),
    "a step that leads nowhere": (
        {"step_size": 0.0001},
        f"evaluate.step_size: 10 steps of 0.0001 reach 0.001 of epsilon 0.1, {WEAKER}",
    ),
    "from the image itself": (
        {"start": "none", "steps": 3},
        f"evaluate.step_size: 3 steps of 0.025 reach 0.075 of epsilon 0.1, {WEAKER}",
    ),
    "anywhere within": ({"steps": 3, "final": {}}, None),
    "a final attack that leads nowhere": (
        {"final": {"pgd50": {"name": "pgd", "steps": 50, "step_size": 0.0004}}},
        f"evaluate.final.pgd50.step_size: 50 steps of 0.0004 reach 0.02 of epsilon 0.1, {WEAKER}",
    ),
    "a final attack at its own epsilon": (
        {"final": {"pgd20": {"name": "pgd"}, "wide": {"name": "pgd", "epsilon": 0.4, "step_size": 0.001}}},
        "evaluate.final.wide.step_size: 20 steps of 0.001 reach 0.02 of epsilon 0.4",
    ),
    "steps that leap": (
        {"step_size": 0.3},
        "evaluate.step_size: a step of 0.3 is longer than epsilon (0.1) and leaps from edge to edge",
    ),
    "one step across": ({"steps": 1, "step_size": "2*epsilon"}, None),
    "all that there is": ({"epsilon": 0.5}, "evaluate.epsilon: within 0.5 in linf every image can become"),
    "pixels of 0 to 255": ({"epsilon": 1}, "write pixels of 0 to 255 as shares, such as 8/255"),
    "all that there is, in l2": (
        {"epsilon": 4, "norm": "l2"},
        "evaluate.epsilon: within 4 in l2 every image can become the same grey",
    ),
    "an l2 ball among images": ({"epsilon": 1.5, "norm": "l2"}, None),
    "final attacks at a smaller epsilon alone": (
        {"final": {"pgd20": {"name": "pgd", "epsilon": 0.05}}},
        "evaluate.final: none is at the epsilon of the curves, 0.1",
    ),
    "a final attack of fewer steps": (
        {"final": {"pgd5": {"name": "pgd", "steps": 5}}},
        "evaluate.final.pgd5.steps: 5, fewer than the 10 of the attack of the curves",
    ),
    "as many by restarts": ({"final": {"pgd5": {"name": "pgd", "steps": 5, "restarts": 2}}}, None),
    "losses under fewer steps": (
        {"test_losses": True, "loss_attacks": {"one": {"name": "pgd", "steps": 1, "step_size": 0.1}}},
        None,
    ),
    "losses under steps that fall short": (
        {"test_losses": True, "loss_attacks": {"short": {"name": "pgd", "steps": 1, "start": "none"}}},
        "evaluate.loss_attacks.short.step_size: 1 steps of 0.025 reach 0.025 of epsilon 0.1",
    ),
    "more images than there are": (
        {"final": {"aa": {"name": "pgd", "images": 9999}}},
        "evaluate.final.aa.images: 9999, and the test set has 1078: all are attacked",
    ),
    "one measurement": (
        {"every": 9},
        "evaluate.every: 9, and trainings have 4 epochs: only the last is measured, so that it is the selected one",
    ),
    "the loss that is climbed": (
        {"ascend": "margin", "final": {"cw": {"name": "pgd", "ascend": "margin"}, "fgsm": {"name": "fgsm"}}}, None
    ),
    "a margin that leads nowhere": (
        {"final": {"cw": {"name": "pgd", "ascend": "margin", "step_size": 0.001}}},
        f"evaluate.final.cw.step_size: 20 steps of 0.001 reach 0.02 of epsilon 0.1, {WEAKER}",
    ),
    "one step to all that there is": (
        {"along": {"fgsm": {"name": "fgsm", "epsilon": 0.5}}},
        "evaluate.along.fgsm.epsilon: within 0.5 in linf every image can become",
    ),
    "a further attack, weaker than the curves": ({"along": {"fgsm": {"name": "fgsm"}}}, None),
    "a further attack that leads nowhere": (
        {"along": {"pgd50": {"name": "pgd", "steps": 50, "step_size": 0.0004}}},
        f"evaluate.along.pgd50.step_size: 50 steps of 0.0004 reach 0.02 of epsilon 0.1, {WEAKER}",
    ),
    "a further attack on more images than there are": (
        {"along": {"fgsm": {"name": "fgsm", "images": 9999}}},
        "evaluate.along.fgsm.images: 9999, and the test set has 1078: all are attacked",
    ),
    "a further attack at the end alone": (
        {"along": {"fgsm": {"name": "fgsm", "every": 8}}},
        "evaluate.along.fgsm.every: 8, and trainings have 4 epochs: only the last is measured, as `final` does",
    ),
    "a diagnostic after epochs that are not trained": (
        {"diagnostics": {"flatness": {"after": [2, 9, "50%"], "images": 100}}},
        "evaluate.diagnostics.flatness.after: 9, and trainings have 4 epochs: it is not measured then",
    ),
    "a diagnostic whose attack leads nowhere": (
        {"diagnostics": {"flatness": {"steps": 50, "step_size": 0.0004}}},
        f"evaluate.diagnostics.flatness.step_size: 50 steps of 0.0004 reach 0.02 of epsilon 0.1, {WEAKER}",
    ),
    "a diagnostic like the curves": ({"diagnostics": {"flatness": {"after": [2, "100%"]}}}, None),
    "distances that end within the ball": (
        {"min_perturbation": {"limit": "16/255"}},
        "evaluate.min_perturbation.limit: 0.06275, within the epsilon of 0.1",
    ),
}  # fmt: skip


def noted(capsys: pytest.CaptureFixture[str], trial: dict[str, Any], evaluate: dict[str, Any]) -> str:
    trial = {"data": "digits", "epochs": 4, "method": {"attack": {"epsilon": 0.1}}} | trial
    Path("space.yaml").write_text(yaml.safe_dump({"trial": trial, "evaluate": QUIET | evaluate}))
    assert main(["space.yaml", "--dry-run"]) == 0
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("evaluate", "message"), MEASURED.values(), ids=MEASURED.keys())
def test_unusual_evaluation_budget_is_noted(
    here: Path, capsys: pytest.CaptureFixture[str], evaluate: dict[str, Any], message: str | None
) -> None:
    l2 = {"method": {"attack": {"norm": "l2", "epsilon": 1}}} if evaluate.get("norm") == "l2" else {}
    notes = noted(capsys, l2, evaluate)
    assert (message in notes and "note: space.yaml:" in notes) if message else notes == ""


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"attack": {"epsilon": 0.1, "step_size": 0.0001}}, "the attack's steps end within its epsilon"),
        (
            {"attack": {"epsilon": 0.1, "step_size": 0.3}},
            "trial: method.attack.step_size: a step of 0.3 is longer than",
        ),
        ({"attack": {"epsilon": 0.6}}, "trial: method.attack.epsilon: within 0.6 in linf every image"),
        ({"base": "mma", "step_size": 0.001}, "the attack's steps end within its epsilon"),
        ({"base": "fast-at", "attack": {"epsilon": 0.1}}, None),
        ({"base": "atta"}, None),
        ({"base": "free-at"}, None),
        ({"base": "iat", "attack": {"burn_in": 1}}, None),
        ("standard", None),
        ("pgd-at-l2", "evaluate.norm: linf, and every training against attacks uses l2"),
    ],
)
def test_unusual_training_budget_is_noted(
    here: Path, capsys: pytest.CaptureFixture[str], method: Any, message: str | None
) -> None:
    notes = noted(capsys, {"method": method, "select": {"from": "burn-in"}}, {})
    assert (message in notes) if message else notes == ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "trial: {data: digits}\nevaluate:\n  norm: l2\n  epsilon: 16\n",
            "space.yaml:4: evaluate.epsilon: 16 in l2, and no two images of 1x8x8 pixels in [0, 1] are farther apart"
            " than 8; write it in pixels of [0, 1], such as 16/255",
        ),
        (
            "trial: {data: digits}\nevaluate:\n  norm: l2\n  epsilon: 1\n"
            "  final:\n    wide: {name: autoattack, epsilon: 9}\n",
            "space.yaml:6: evaluate.final.wide.epsilon: 9 in l2",
        ),
        (
            "trial:\n  data: digits\n  method: {attack: {norm: l2, epsilon: 128, step_size: epsilon/4}}\n",
            "space.yaml:3: trial: method.attack.epsilon: 128 in l2",
        ),
        (
            "trial: {data: digits}\nevaluate:\n  final:\n    aa: {name: autoattack, images: 9}\n",
            "space.yaml:4: evaluate.final.aa.images: 9 images cannot show each of 10 classes; take at least 10",
        ),
        (
            "trial: {data: digits}\nevaluate:\n  along:\n    aa: {name: autoattack, images: 9}\n",
            "space.yaml:4: evaluate.along.aa.images: 9 images cannot show each of 10 classes; take at least 10",
        ),
        (
            "trial: {data: digits}\nevaluate:\n  norm: l2\n  epsilon: 1\n  along:\n"
            "    fgsm: {name: fgsm, epsilon: 9}\n",
            "space.yaml:6: evaluate.along.fgsm.epsilon: 9 in l2",
        ),
    ],
)
def test_l2_budget_beyond_all_images_is_refused(refused: Refused, text: str, complaint: str) -> None:
    (problem,) = refused(text)
    assert problem.startswith(complaint)
