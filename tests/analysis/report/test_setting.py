"""What a page says of the trainings themselves: all that a reader needs, and nothing that goes without saying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.report.page import redraw_report
from analysis.report.setting import describe_setting
from trainers.config import TrialConfig
from trainers.methods import METHODS
from trainers.record_io import write_json
from trainers.record_reader import read_json
from trainers.wording import format_value

from ..synthetic import Made, write_sweep


def trials(*configs: dict[str, Any], kind: str = "trial", **more: Any) -> list[dict[str, Any]]:
    dumped = [
        TrialConfig.model_validate(config | {"seed": i}).model_dump(mode="json") for i, config in enumerate(configs)
    ]
    return [{"kind": kind, "config": config} | more for config in dumped]


def test_defaults_that_say_nothing_are_left_out() -> None:
    found = describe_setting({"trials": trials({}, {})})
    assert found == {
        "model": "mlp, hidden 256, 256",
        "attack": "pgd, epsilon 8/255, step size epsilon/4, steps 10, norm linf, start uniform, ascend ce",
        "loss": "ce",
        "optimizer": "sgd, lr (0.1, 0.01 from 50 %, 0.001 from 75 %), weight decay 0.0005, momentum 0.9",
        "epochs": "100",
        "batch size": "128",
        "data set": found["data set"],
        "computed on": "device auto, precision auto, channels last auto, compile auto",
    }
    assert found["data set"].startswith("digits, ") and "noise" not in found["data set"]


@pytest.mark.parametrize(
    ("trial", "row", "told"),
    [
        ({"model": {"name": "mlp", "normalize": False}}, "model", "mlp, normalize off, hidden 256, 256"),
        ({"method": {"weight": {"name": "gair", "normalize": False}}}, "weight", ", normalize off, lam 0"),
        ({"method": {"weight": {"name": "probability", "detach": False}}}, "weight", ", detach off"),
        ({"method": {"weight": {"name": "probability"}}}, "weight", "of robust, which label"),
        ({"compute": {"channels_last": False, "deterministic": False}}, "computed on", "channels last off, compile"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, "optimizer", ", nesterov"),
        ({"method": {"weight": {"name": "loss-size", "tilt": -1}}}, "weight", "loss-size, burn in 50%, tilt -1"),
        ({"optimizer": {"name": "sgd", "loss_scale": "1/64"}}, "optimizer", ", loss scale 0.015625"),
        ({"method": {"base": "iat", "attack": {"warm_up": "gated"}}}, "attack", ", warm up gated"),
        ({"method": {"base": "atta-adaptive", "target": {"updates": "always"}}}, "target", ", updates always"),
    ],
)  # fmt: skip
def test_default_pieces_switched_off_are_named(trial: dict[str, Any], row: str, told: str) -> None:
    assert told in describe_setting({"trials": trials(trial)})[row]


def test_setting_marks_varied_values_and_names_the_rest() -> None:
    gairat = [{"base": "gairat", "weight": {"lam": lam, "burn_in": 2}} for lam in (-1, 0)]
    found = describe_setting({"trials": trials(*({"method": method} for method in gairat))})
    assert found["weight"] == "gair, burn in 2, lam varied"
    mixed = describe_setting({"trials": trials({"method": "pgd-at"}, {"method": "trades"}, {"epochs": 7})})
    assert (mixed["loss"], mixed["epochs"]) == ("varied: ce, trades", "varied")
    assert "epsilon varied" in mixed["attack"] and "steps 10" in mixed["attack"]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_told_apart_from_plain_training(name: str) -> None:
    found, plain = (describe_setting({"trials": trials({"method": method})}) for method in (name, "standard"))
    assert (found == plain) == (name == "standard")
    assert not any("None" in text or "{" in text for text in found.values())


def test_kinds_of_methods_that_have_nothing_in_common_vary() -> None:
    assert describe_setting({"trials": trials({"method": "free-at"}, {"method": "pgd-at"})})["method"] == (
        "varied: free, pgd with ce"
    )
    assert describe_setting({"trials": trials({"method": "free-at"})})["method"] == "free, epsilon 8/255, replays 8"


def test_setting_of_a_ranking_names_its_differences_from_the_trials() -> None:
    noisy = {"epochs": 9, "data": {"name": "digits", "label_noise": 0.1}}
    plan = {"trials": trials(noisy, {"epochs": 9}) + trials({"epochs": 4}, {"epochs": 4}, kind="profile", ranks="r")}
    made = {"average": "scores", "first_epoch": 2}
    found = describe_setting(plan | {"rankings": {"r": made}})["ranking"]
    pieces = "mlp on digits, pgd with ce, sgd"
    assert (
        found == f"scores averaged over 2 seeds, losses from epoch 2; {pieces}; trained as the trials, but for epochs 4"
    )
    assert (
        describe_setting(plan | {"rankings": {"r": {"file": "rank.npy", "sha256": "0"}}})["ranking"]
        == "the file rank.npy"
    )
    several = [
        trials({"method": {"attack": {"epsilon": epsilon}}}, kind="profile", ranks=str(epsilon))
        for epsilon in (0.1, 0.2)
    ]
    axis = [{"method": {"attack": {"epsilon": epsilon}}} for epsilon in (0.1, 0.2)]
    following = {"trials": [*trials(*axis), *several[0], *several[1]], "rankings": {"0.1": made, "0.2": made}}
    assert describe_setting(following)["ranking"].endswith(
        f"over 1 seed, losses from epoch 2; {pieces}; trained as the trials"
    )
    plan["trials"] = trials({}) + trials({}, kind="pretrain")
    assert describe_setting(plan)["pretraining"] == f"{pieces}; trained as the trials"


def test_a_piece_in_another_one_s_place_is_seen_in_each_family() -> None:
    usual = {"method": "pgd-at", "optimizer": {"name": "sgd"}, "model": {"name": "mlp"}, "data": {"name": "digits"}}
    swaps = {
        "method": "trades",
        "optimizer": {"name": "adam"},
        "model": {"name": "digits_cnn"},
        "data": {"name": "cifar10"},
    }
    made = {"rankings": {"r": {"average": "ranks"}}}

    def told(of_trials: dict[str, Any], first: dict[str, Any]) -> dict[str, str]:
        both = trials(first, kind="profile", ranks="r") + trials(first, kind="pretrain")
        return describe_setting({"trials": trials(of_trials) + both} | made)

    for piece, other in swaps.items():
        swapped = usual | {piece: other}
        assert told(swapped, usual) != told(usual, usual)
        for row in ("ranking", "pretraining"):
            assert told(usual, swapped)[row] != told(usual, usual)[row]
            assert told(swapped, swapped)[row] != told(usual, usual)[row], "though it is as the trials are"


def test_a_piece_that_only_some_have_is_named() -> None:
    found = describe_setting({"trials": trials({}, {"average": {"name": "ema"}}, {"average": {"name": "swa"}})})
    assert found["average of weights"] == "varied: none, ema, swa"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8 / 255, "8/255"),
        (0.1, "0.1"),
        ({"name": "piecewise", "values": [0.1, 0.05], "drops": [8.0]}, "0.1, 0.05 from epoch 8"),
        ({"name": "ranked", "side": "friendly", "size": 90, "score": None}, "ranked, side friendly, size 90"),
        ({"name": "cifar10", "crop": 4, "flip": True, "extra": None}, "cifar10, crop 4, flip"),
        ({"base": "trades", "loss": {"beta": 6}}, "trades, loss (beta 6)"),
    ],
)
def test_values_in_words(value: Any, text: str) -> None:
    assert format_value(value) == text


@pytest.mark.long
def test_the_page_says_what_was_trained_and_what_named_values_stand_for(tmp_path: Path, unrendered: None) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(noise=(0.1,), methods=("AT",), profile=False, faults=False))
    plan = read_json(folder / "plan.json")
    for trial in plan["trials"]:
        trial["config"] |= {"model": {"name": "mlp", "hidden": [32]}, "epochs": 24}
    write_json(folder / "plan.json", plan)
    text = redraw_report(folder).read_text(encoding="utf-8")
    assert "What was trained" in text and "<dd>mlp, hidden 32</dd>" in text
    assert "friendly 108 (ranked, side friendly, size 108)" in text
