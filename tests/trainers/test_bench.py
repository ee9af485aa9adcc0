"""What the benchmark counts is the closed form, what it compares is the same computation, and it says what is wrong."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from trainers import bench
from trainers.bench_cost import CLASSES, Clock, Flops, Peak, counted
from trainers.bench_plain import Plain, agreement
from trainers.bench_time import Case, timed
from trainers.config import Compute
from trainers.methods import METHODS
from trainers.models import MLP, DigitsCNN, Model

TINY = ["--model", "mlp", "--size", "4", "--channels", "1", "--batch", "8", "--rounds", "2"]
SMALL = MLP(hidden=(16,))
CPU = Clock(torch.device("cpu"), 1)


def case(model: Model = SMALL) -> Case:
    return Case(model, 16, 1, 8, Compute(device="cpu").resolved(False), 1)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        bench.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_flops_of_an_mlp() -> None:
    """2 a weight; back to the weights it is as much for them and as much for what reaches the second layer."""
    first, second = 64 * 16, 16 * CLASSES
    forward = 2 * (first + second)
    assert counted(SMALL, 1, 8) == Flops(forward, forward, forward + 2 * second)


def test_flops_of_a_cnn() -> None:
    """2 a weight and position: strides 2 halve 8x8 to 4x4 and 2x2."""
    first, rest = 2 * 9 * 32 * 16, 2 * (9 * 32 * 64 * 4 + 256 * CLASSES)
    assert counted(DigitsCNN(), 1, 8) == Flops(first + rest, first + rest, first + 2 * rest)


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "forwards", "backwards", "passes"),
    [
        ("standard", 1, 1, 3),
        ("fgsm-at", 2, 2, 5),
        ("pgd-at", 11, 11, 23),
        ("trades", 13, 11, 27),  # clean logits for the KL; then two forwards and a backward through both
    ],
)
def test_useful_passes_of_a_step(method: str, forwards: int, backwards: int, passes: int) -> None:
    """Counted by the network as it trains; a backward to the weights is worth two passes."""
    (timing,) = timed(case(), [method], rounds=1, plain=False, flops=Flops(1, 1, 2), clock=CPU)
    examples = timing.row["examples"]
    assert (timing.row["forwards"], timing.row["backwards"]) == (forwards * examples, backwards * examples)
    assert timing.flops == passes


@pytest.mark.parametrize("method", ["fgsm-at", "fast-at", "pgd-at"])
@pytest.mark.parametrize("model", [SMALL, DigitsCNN()], ids=lambda model: model.name)
def test_the_plain_loop_computes_the_same(method: str, model: Model) -> None:
    exact = agreement(case(model).trainer(method, 1), torch.float64)
    assert exact.moved == 0 and exact.furthest < 1e-9
    assert exact.update < 1e-9
    usual = agreement(case(model).trainer(method, 1), torch.float32)
    assert usual.moved < 0.02
    assert usual.update < 0.1


def test_a_different_attack_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = case().trainer("pgd-at", 1)
    weaker = Plain(trainer).attack.model_copy(update={"steps": 9})
    monkeypatch.setattr(Plain, "_attacked", _attacking_with(weaker))
    apart = agreement(trainer, torch.float64)
    assert apart.moved > 0.01
    assert apart.update > 1e-6


def _attacking_with(attack: object) -> object:
    original = Plain._attacked

    def attacked(self: Plain, *batch: torch.Tensor) -> torch.Tensor:
        self.attack = attack  # type: ignore[assignment]
        return original(self, *batch)  # type: ignore[arg-type]

    return attacked


def settings() -> tuple[bool, bool, bool, bool, bool]:
    cudnn: Any = torch.backends.cudnn
    product = torch.backends.cuda.matmul.allow_tf32
    return (
        cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, torch.are_deterministic_algorithms_enabled(), product
    )  # fmt: skip


class OnGpu:
    """A batch that stays where it is when it is moved to a GPU."""

    def to(self, device: torch.device) -> OnGpu:
        return self


@pytest.mark.parametrize("fails", [False, True])
def test_the_plain_loop_has_the_settings_of_the_field_on_a_gpu_and_gives_back_the_trainers(fails: bool) -> None:
    plain = Plain(case(DigitsCNN()).trainer("pgd-at", steps=1))
    before, seen = settings(), []

    def step(*batch: Any) -> Any:
        seen.append(settings())
        if fails:
            raise RuntimeError

    plain.step = step  # type: ignore[method-assign, assignment]
    plain.device, plain.loader = torch.device("cuda"), [(OnGpu(), OnGpu())]
    with pytest.raises(RuntimeError) if fails else nullcontext():
        plain.run_epoch()
    assert before == (False, False, False, True, False)
    assert seen == [(True, True, False, False, False)]
    assert settings() == before


def test_a_plain_epoch_moves_every_weight() -> None:
    plain = Plain(case(DigitsCNN()).trainer("pgd-at", steps=2))
    before = [parameter.clone() for parameter in plain.network.parameters()]
    plain.run_epoch()
    after = plain.network.parameters()
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_share_of_the_peak_and_rate_follow_from_the_seconds() -> None:
    (timing,) = timed(case(), ["standard"], rounds=1, plain=False, flops=Flops(1, 1, 2), clock=CPU)
    timing = timing._replace(flops=2e9, images=100, seconds=[4.0, 2.0, 1.0], row=timing.row | {"updates": 4})
    line = bench.table([timing], Peak(4e11, "a kernel")).splitlines()[1].split()
    assert line[:4] == ["standard", "50", "[25..100]", "0.5"]
    assert line[-2:] == ["100", "25%"]  # 2 GFLOP * 100 images / 2 s


@pytest.mark.long
@pytest.mark.parametrize("columns", [80, 100])
def test_a_table_wider_than_the_terminal_is_printed_in_blocks(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    timings = timed(case(), ["standard", "pgd-at"], rounds=1, plain=False, flops=Flops(1, 1, 2), clock=CPU)
    whole = bench.table(timings, Peak(4e11, "a kernel")).splitlines()
    monkeypatch.setenv("COLUMNS", str(columns))
    blocks = [block.splitlines() for block in bench.table(timings, Peak(4e11, "a kernel")).split("\n\n")]
    assert len(whole[0]) > columns >= max(len(line) for block in blocks for line in block)
    assert [[line.split()[0] for line in block] for block in blocks] == [["step", "standard", "pgd-at"]] * len(blocks)
    for i, line in enumerate(whole):
        assert line.split()[1:] == [word for block in blocks for word in block[i].split()[1:]]


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of one step."""
    monkeypatch.setattr(Case, "steps", lambda case, flops: 1)


@pytest.mark.long
def test_benchmark_prints_a_line_of_every_method(brief: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main([*TINY, "--all"]) == 0
    header, body = capsys.readouterr().out.split("\n\n", 1)
    assert torch.__version__ in header and "1 thread, fp32, eager" in header
    assert "mlp on 1x4x4, batch 8" in header and "GFLOP/s" in header
    table, legend = body.split("\n\n")
    lines = table.splitlines()
    assert [line.split()[0] for line in lines] == ["step", *METHODS]
    assert "x standard" in legend
    assert len({len(line) for line in lines}) == 1  # aligned


@pytest.fixture
def rated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose peak is known."""
    monkeypatch.setattr(bench, "measured_peak", lambda clock, bf16: Peak(1e11, "a kernel"))


def test_benchmark_compares_the_plain_loop_with_the_trainer(
    brief: None, rated: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main([*TINY, "--method", "fgsm-at", "--plain"]) == 0
    out = capsys.readouterr().out
    assert [line.split("  ")[0] for line in out.splitlines() if line.startswith("fgsm-at")] == [
        "fgsm-at",
        "fgsm-at, plain",
    ]
    assert "ours / plain: " in out
    assert "in fp64 0.00% of the adversaries' pixels differ" in out


@pytest.mark.long
def test_benchmark_says_how_long_the_first_steps_wait_for_graphs(
    brief: None, rated: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second training of a kind makes no graph. Two kinds of pass: the attack's and the update's."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda run, **how: compile_(run, **how | {"backend": "eager"}))
    torch._dynamo.reset()
    assert bench.main([*TINY, "--method", "fgsm-at", "--compile"]) == 0
    out = capsys.readouterr().out
    assert "fp32, compiled" in out
    first, later = out.partition("\ncompiled:\n")[2].splitlines()
    pattern = (
        r"  fgsm-at: first step after [\d.]+ s, with 2 new graphs; that of a second training after [\d.]+ s, with 0"
    )
    assert re.fullmatch(pattern, first)
    assert later == "  graphs made by later steps: 0"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--method", "pgdat"], "no method is called 'pgdat'; did you mean pgd-at? (there are standard,"),
        (
            ["--model", "preact_resnet"],
            "no model is called 'preact_resnet'; did you mean preact_resnet18? (there are mlp,",
        ),
        (["--model", "small_cnn", "--size", "4"], "needs 8x8 pixels or more; got 4x4"),
        (["--rounds", "0"], "--rounds: expected a whole number of at least 1; got '0'"),
        ([*TINY, "--method", "trades", "--plain"], "--plain: the plain loop is written for linf PGD on cross-entropy"),
        (["--all", "--plain"], "not allowed with argument"),
    ],
)
def test_wrong_options_are_refused(
    rated: None, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint in " ".join(refused(arguments, capsys).split())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_benchmark_refuses_an_absent_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert "torch sees no GPU here; take cpu" in refused(["--device", "cuda"], capsys)
