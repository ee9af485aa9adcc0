"""A trial's configuration: what YAML may say, what an epoch's stage is, and the chain of hashes that names states."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import trainers.state_chain
from trainers.attacks import PGD, NoAttack
from trainers.config import Compute, Stage, TrialConfig
from trainers.evaluate import Evaluation
from trainers.losses import TRADES
from trainers.methods import METHODS, Method, overlay
from trainers.optimizers import SGD
from trainers.ranked_subsets import Ranked
from trainers.schedules import Cyclic, Piecewise, Ramp
from trainers.state_chain import Surroundings, chain, training_code
from trainers.trainer import Trainer

from .helpers import composed

AROUND = Surroundings(data="d", compute=Compute().resolved(False), threads=1, torch="t", code="c")

# The first and the last link. They are the same in every process, on every machine and in every version of Python;
# a change orphans every stage that was ever stored.
PINNED = {
    "{}": (
        "89535dff992ff10a4aa12a5b475f1078",
        "7865133dd694aa70fde320399046e22a",
    ),
    "{method: trades, epochs: 3, seed: 7, subset: {name: ranked, size: 80%}}": (
        "da250c1786617a496b3c9e4cce7ef310",
        "accceb36800b3d0b134bd4b9ea24c566",
    ),
    "{method: fast-at, epochs: 15, batch_size: 64, optimizer: {name: sgd, lr: {name: cyclic, peak: 1/5}}}": (
        "89535dff992ff10a4aa12a5b475f1078",
        "5672e924a2d4bd96d023266d7e82c2d5",
    ),
}  # fmt: skip


def parse(text: str) -> TrialConfig:
    return TrialConfig.model_validate(yaml.safe_load(text))


def links(config: TrialConfig, evaluation: Evaluation = Evaluation(), around: Any = AROUND, ranks: Any = "r") -> Any:  # noqa: B008
    return list(chain(config, evaluation, around, ranks))


def shared(one: list[str], other: list[str]) -> int:
    """Return how many epochs two trials have in common; -1 if not even the start."""
    return sum(a == b for a, b in zip(one, other, strict=False)) - 1


# What YAML may say


def test_an_empty_trial_is_pgd_at_on_digits() -> None:
    config = parse("{}")
    assert config.method == METHODS["pgd-at"]
    assert (config.data.name, config.model.name, config.subset.name) == ("digits", "mlp", "all")


def test_a_full_dump_reads_back_to_the_same_trial() -> None:
    config = parse(list(PINNED)[2])
    assert TrialConfig.model_validate(config.model_dump()) == config
    assert parse(yaml.safe_dump(config.model_dump())) == config


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{metod: trades}", "metod"),
        ("{epochs: 0}", "greater than 0"),
        ("{epochs: 1.0}", "valid integer"),
        ("{epochs: true}", "valid integer"),
        ("{seed: -1}", "greater than or equal to 0"),
        ("{batch_size: '128'}", "valid integer"),
        ("{optimizer: {name: sgd, lr: -0.1}}", "greater than or equal to 0"),
        ("{optimizer: {name: sgd, momentum: 1.5}}", "less than or equal to 1"),
        ("{optimizer: {name: lion}}", "'sgd'"),
        ("{compute: {compile: 1}}", "compile"),
        ("{method: trade}", "did you mean trades"),
        ("{method: [trades]}", "method"),
        ("{method: {base: [trades]}}", "no method is called"),
        ("{method: {base: trades, los: {beta: 3}}}", "los"),
        ("{method: {base: trades, loss: {bta: 3}}}", "bta"),
    ],
)
def test_wrong_trials_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        parse(text)


def test_a_trial_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parse("{}").epochs = 3


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("trades", METHODS["trades"]),
        ("{base: trades}", METHODS["trades"]),
        ("{base: trades, loss: {beta: 3}}", Method(attack=composed(METHODS["trades"]).attack, loss=TRADES(beta=3))),
        ("{base: pgd-at, loss: {name: trades}}", Method(loss=TRADES())),  # a new piece, all of it by default
        ("{attack: {name: none}}", Method(attack=NoAttack())),
        (
            "{base: fgsm-at, attack: {epsilon: 0.1}}",
            Method(attack=PGD(epsilon=0.1, steps=1, step_size="epsilon", start="none")),
        ),
        (
            "{base: trades, attack: {name: pgd, steps: 3}}",
            Method(attack=PGD(epsilon=0.031, step_size=0.007, steps=3, start="normal", ascend="kl"), loss=TRADES()),
        ),
        ("{attack: {steps: 3}}", Method(attack=PGD(steps=3))),  # without a base it is pgd-at
    ],
)  # fmt: skip
def test_a_method_is_a_row_of_the_table_with_changes_laid_over_it(text: str, method: Method) -> None:
    assert TrialConfig(method=yaml.safe_load(text)).method == method


def test_overlay_merges_mappings_and_replaces_renamed_pieces_whole() -> None:
    base = {"a": {"name": "x", "k": 1, "m": {"p": 1}}, "b": 2}
    assert overlay(base, {}) == base
    assert overlay(base, {"a": {"k": 3}}) == {"a": {"name": "x", "k": 3, "m": {"p": 1}}, "b": 2}
    assert overlay(base, {"a": {"name": "x", "m": {"q": 2}}})["a"] == {"name": "x", "k": 1, "m": {"p": 1, "q": 2}}
    assert overlay(base, {"a": {"name": "y", "j": 1}})["a"] == {"name": "y", "j": 1}
    assert overlay(base, {"b": {"name": "curve"}})["b"] == {"name": "curve"}
    assert base == {"a": {"name": "x", "k": 1, "m": {"p": 1}}, "b": 2}


def test_a_schedule_replaces_a_number_and_a_number_a_schedule() -> None:
    text = "{base: trades, loss: {beta: {name: piecewise, values: [1, 6], drops: [0.5]}}}"
    assert composed(TrialConfig(method=yaml.safe_load(text)).method).loss == TRADES(
        beta=Piecewise(values=(1, 6), drops=(0.5,))
    )


@pytest.mark.parametrize(
    ("cuda", "device", "precision", "compiled"), [(False, "cpu", "fp32", False), (True, "cuda", "bf16", True)]
)
def test_auto_is_exact_on_a_cpu_and_fast_on_a_gpu(cuda: bool, device: str, precision: str, compiled: bool) -> None:
    resolved = Compute().resolved(cuda)
    assert (resolved.device, resolved.precision, resolved.compile) == (device, precision, compiled)
    assert resolved.resolved(cuda) == resolved
    chosen = Compute(device="cpu", precision="bf16", channels_last=False, compile=True, deterministic=False)
    assert chosen.resolved(cuda) == chosen


# Stages


def test_a_stage_holds_plain_values() -> None:
    beta = Piecewise(values=(1, 6), drops=(0.5,))
    config = TrialConfig(method=Method(loss=TRADES(beta=beta)), optimizer=SGD(lr=Cyclic(peak=0.2)), epochs=10, seed=3)
    early, late = config.stage(4), config.stage(5)
    assert [composed(stage.method).loss for stage in (early, late)] == [TRADES(beta=1), TRADES(beta=6)]
    assert early.optimizer.lr == Ramp(start=0.2, end=0.2 - 0.2 / 6)
    assert (early.epoch, early.seed, early.batch_size, early.subset) == (4, 3, 128, config.subset)
    assert Stage.model_validate(early.model_dump()) == early
    assert composed(config.method).loss == TRADES(beta=beta)


def test_a_step_relative_to_a_scheduled_epsilon_follows_it() -> None:
    epsilon = {"name": "piecewise", "values": [0.1, 0.2], "drops": [1]}
    config = TrialConfig.model_validate({"method": {"attack": {"epsilon": epsilon}}, "epochs": 2})
    attacks: list[Any] = [composed(config.stage(epoch).method).attack for epoch in range(2)]
    assert [(a.epsilon, a.step_size) for a in attacks] == [(0.1, "epsilon/4"), (0.2, "epsilon/4")]


def test_which_ranking_a_trial_needs() -> None:
    assert parse("{}").needs_ranking() is None
    assert parse("{subset: {name: ranked, side: hardest, size: 10}}").needs_ranking() == "difficulty"


# Chains


@pytest.mark.parametrize("text", PINNED)
def test_a_chain_is_the_same_everywhere(text: str) -> None:
    found = links(parse(text))
    assert len(found) == parse(text).epochs + 1
    assert (found[0], found[-1]) == PINNED[text]


PRINT = """
import sys, yaml
from trainers.state_chain import Surroundings, chain
from trainers.config import Compute, TrialConfig
from trainers.evaluate import Evaluation
around = Surroundings(data="d", compute=Compute().resolved(False), threads=1, torch="t", code="c")
for text in sys.stdin.read().splitlines():
    links = chain(TrialConfig.model_validate(yaml.safe_load(text)), Evaluation(), around, "r")
    print(links[0], links[-1])
"""


@pytest.mark.long
def test_a_chain_is_the_same_in_another_process() -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{PRINT}"
    run = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(PINNED),
        env=os.environ | {"PYTHONHASHSEED": "random"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert [tuple(line.split()) for line in run.stdout.splitlines()] == list(PINNED.values())


def test_links_differ_from_one_another() -> None:
    found = links(parse("{}"))
    assert len(set(found)) == len(found) and all(len(link) == 32 for link in found)


@given(first=st.integers(1, 19), second=st.integers(1, 19))
def test_trials_share_their_states_until_they_part(first: int, second: int) -> None:
    """Two learning rates that drop at different epochs have the earlier drop's epochs in common, and no more."""
    one, other = (
        links(TrialConfig(optimizer=SGD(lr=Piecewise(values=(0.1, 0.01), drops=(drop,))), epochs=20))
        for drop in (first, second)
    )
    assert shared(one, other) == (20 if first == second else min(first, second))


def test_trials_share_their_states_until_one_of_them_is_averaged() -> None:
    plain, averaged = parse("epochs: 6"), parse("{epochs: 6, average: {name: ema, burn_in: 2}}")
    assert shared(links(plain), links(averaged)) == 2


def test_a_longer_trial_begins_as_a_shorter_one() -> None:
    short, long = (links(TrialConfig(optimizer=SGD(lr=0.1), epochs=epochs)) for epochs in (4, 9))
    assert long[:5] == short


def test_a_last_epoch_is_measured_and_so_is_another_state(
    tiny: Callable[..., TrialConfig], trainer: Callable[..., Trainer]
) -> None:
    """Measured every other epoch, a trial of three knows more of its third epoch than one of six does."""
    every = Evaluation(every=2)
    short, long = (tiny(epochs=epochs, optimizer={"name": "sgd", "lr": 0.1}) for epochs in (3, 6))
    assert shared(links(short, every), links(long, every)) == 2
    ended, passing = trainer(short, every=2), trainer(long, every=2)
    for epoch in range(3):
        ended.run_epoch(short.stage(epoch))
        passing.run_epoch(long.stage(epoch))
    assert ended.last["train_loss"] == passing.last["train_loss"]
    assert "val_pgd_acc" in ended.last and "val_pgd_acc" not in passing.last


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"model": {"name": "mlp", "hidden": [8]}}],
    ids=lambda change: next(iter(change)),
)
def test_changes_at_the_root_share_no_state(change: dict[str, Any]) -> None:
    assert shared(links(parse("{}")), links(TrialConfig.model_validate(change))) == -1


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 64},
        {"last_batch": "join"},
        {"optimizer": {"name": "sgd", "weight_decay": 0}},
        {"optimizer": {"name": "sgd", "loss_scale": 0.5}},
        {"optimizer": {"name": "adam"}},
        {"subset": {"name": "random", "size": 10}},
        {"method": {"attack": {"steps": 3}}},
        {"method": "trades"},
    ],
    ids=str,
)
def test_changes_that_act_from_the_first_epoch_on_share_the_initial_state_alone(change: dict[str, Any]) -> None:
    assert shared(links(parse("{}")), links(TrialConfig.model_validate(change))) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"data": "e"}, {"threads": 2}, {"torch": "u"}, {"code": "f"}, {"compute": Compute().resolved(True)},
        {"compute": Compute(deterministic=False).resolved(False)},
    ],
    ids=str,
)  # fmt: skip
def test_surroundings_stand_at_the_root(change: dict[str, Any]) -> None:
    assert shared(links(parse("{}")), links(parse("{}"), around=AROUND.model_copy(update=change))) == -1


def test_the_final_attacks_move_no_state_but_the_curve_does() -> None:
    base = links(parse("{}"))
    final = {"wide": {"name": "pgd", "epsilon": 0.1}, "aa": {"name": "autoattack"}}
    assert links(parse("{}"), Evaluation.model_validate({"final": final, "min_perturbation": {}})) == base
    curves: dict[str, Any] = {"epsilon": 0.1, "norm": "l2", "steps": 20, "step_size": 0.01, "every": 2}
    curves |= {"train": True, "test_losses": True, "start": "none"}
    assert set(curves) == set(Evaluation(train=True).curve()) == {*Evaluation().curve(), "train"}
    curves |= {"ascend": "margin", "along": {"fgsm": {"name": "fgsm"}}}  # no part of it where they are off
    for knob, value in curves.items():
        budget = {"epsilon": 8 / 255} if knob == "norm" else {}  # which another norm asks for
        assert shared(base, links(parse("{}"), Evaluation.model_validate({knob: value} | budget))) == -1, knob


def test_measurements_left_out_are_no_part_of_a_study() -> None:
    """Whoever takes them has other states; nobody else's plan, ids or chains know of them."""
    known = {"entropy", "gradient_norm", "train_losses", "loss_attacks", "by_class"}
    assert not known & {*Evaluation().model_dump(), *Evaluation().curve()}
    fgsm: dict[str, Any] = {"train_losses": True, "loss_attacks": {"fgsm": {"name": "fgsm"}}}
    for asked in ({"entropy": True}, {"gradient_norm": True}, {"train_losses": True}, {"by_class": True}, fgsm):
        evaluation = Evaluation.model_validate(asked)
        assert asked.keys() <= evaluation.curve().keys()
        assert Evaluation.model_validate(evaluation.model_dump(mode="json")) == evaluation
        assert shared(links(parse("{}")), links(parse("{}"), evaluation)) == -1


def test_a_ranking_moves_a_ranked_subset_only() -> None:
    ranked = TrialConfig(subset=Ranked(size=10))
    assert shared(links(ranked, ranks="r"), links(ranked, ranks="s")) == 0
    assert links(parse("{}"), ranks="r") == links(parse("{}"), ranks=None)


def test_an_epoch_is_named_by_its_values_not_by_the_schedule_they_come_from() -> None:
    drop = TrialConfig(optimizer=SGD(lr=Piecewise(values=(0.1, 0.01), drops=(5,))), epochs=10)
    assert shared(links(drop), links(TrialConfig(optimizer=SGD(lr=0.1), epochs=10))) == 5
    share = TrialConfig(optimizer=SGD(lr=Piecewise(values=(0.1, 0.01), drops=(0.5,))), epochs=10)
    assert links(share) == links(drop)


def test_how_a_value_is_written_does_not_matter() -> None:
    one = "{method: {attack: {epsilon: 8/255, step_size: ' epsilon / 4 '}}, subset: {name: random, size: 80 %}}"
    other = "{method: {attack: {epsilon: 0.03137254901960784}}, subset: {size: 80%, name: random}}"
    assert links(parse(one)) == links(parse(other))


def test_here_is_this_machine_and_this_code() -> None:
    here = Surroundings.here("d", AROUND.compute, 1, None, training_code())
    assert here.code == training_code() and len(here.code) == 64
    assert here.model_copy(update={"torch": "t", "code": "c"}) == AROUND


def test_every_edit_of_a_file_that_trains_counts_and_one_that_is_undone_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As README.md and the refusal of a changed sweep say."""
    monkeypatch.setattr(trainers.state_chain, "__file__", str(tmp_path / "state_chain.py"))
    for name in ("losses.py", "bench_ops.py", "models/small.py", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("import torch\n")

    def hashed(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return training_code.__wrapped__()

    before = training_code.__wrapped__()
    for name in ("losses.py", "models/small.py"):
        for text in ("import torch\n\n\nclass Unused: ...\n", "import torch  # a comment\n"):
            assert hashed(name, text) != before
        assert hashed(name, "import torch\n") == before
    assert hashed("models/new.py", "") != before
    (tmp_path / "models" / "new.py").unlink()
    assert hashed("bench_ops.py", "import math\n") == hashed("notes.md", "more") == before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{method: {base: trades, attack: {name: none}}}", "compares an image with its adversary"),
        ("{method: {base: trades, attack: {start: none}}}", "no gradient at the image itself"),
        ("{method: {attack: {epsilon: 8}}}", "write 8/255"),
        ("{method: {attack: {tau: 0, steps: 1, start: none}}}", "tau rests examples between steps"),
        ("{method: {base: mart, target: {name: smoothed}}}", "needs labels"),
        ("{method: {base: trades, weight: {name: confidence}}}", "running target"),
        ("{method: {base: gairat, weight: {lam: -50}}}", "makes all weights vanish"),
        ("{method: {weight: {name: gair-steps, values: [1, 0], drops: [1.5]}}}", "shares of the steps"),
        ("{method: {base: gair-rst, attack: {ascend: margin}}}", "two adversaries"),
        ("{average: {name: ema, momentum: 1}}", "less than 1"),
        ("{method: atta, data: {name: digits, extra: {name: rest}}}", "several"),
        ("{method: {base: gairat, attack: {name: iat}}}", "counts none"),
    ],
)
def test_meaningless_configuration_is_refused_with_its_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        parse(text)


@pytest.mark.parametrize(
    ("method", "stale"),
    [
        ("{attack: {norm: l2}}", "method.attack.norm: l2, and epsilon 0.03137 would be that of linf"),
        ("{base: trades, attack: {norm: l2, epsilon: 0.5}}", "step_size 0.007 would be that of linf"),
        ("{base: pgd-at-l2, attack: {norm: linf}}", "epsilon 0.502, step_size 0.05882 would be that of l2"),
        ("{base: standard, attack: {name: pgd, norm: l2}}", "epsilon 0.03137 would be that of linf"),
        ("{base: mma, norm: l2}", "d_max 0.07843, least 0.005 would be that of linf"),
        ("{kind: mma, norm: l2, d_max: 1}", "least 0.005 would be that of linf"),
        ("{base: gair-rst, attack: {norm: l2, step_size: epsilon/4}}", "epsilon 0.031 would be that of linf"),
    ],
)
def test_a_norm_takes_no_length_over_from_the_other(method: str, stale: str) -> None:
    """An l2 ball of 8/255 is next to nothing, a linf one of 128/255 is half of all there is."""
    with pytest.raises(ValidationError, match=re.escape(stale.removeprefix("method."))):
        parse(f"method: {method}")


@pytest.mark.parametrize(
    "method",
    [
        "pgd-at-l2", "{base: pgd-at-l2, attack: {norm: l2}}", "{attack: {norm: linf}}", "{base: mma, norm: linf}",
        "{attack: {norm: l2, epsilon: 0.5}}", "{base: trades, attack: {norm: l2, epsilon: 0.5, step_size: epsilon/4}}",
        "{base: mma, norm: l2, d_max: 1.0, least: 0.1}",
    ],
)  # fmt: skip
def test_a_norm_with_lengths_of_its_own_is_taken_and_read_back(method: str) -> None:
    config = parse(f"method: {method}")
    assert TrialConfig.model_validate(config.model_dump(mode="json")) == config
