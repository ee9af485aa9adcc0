"""Attacks in bf16 are as strong as in fp32, and the comparison that shows it compares what it says."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from trainers import bench_attacks
from trainers.bench_attacks import ATTACKS, METHODS, SHIPPED, TRADES, PassByPass, Way, compare, compare_all, table
from trainers.data import Split
from trainers.models import MLP, Network, build_network
from trainers.step import Batch, Net

POINT = 0.001  # a tenth of a point of accuracy


def network() -> Network:
    return build_network(MLP(hidden=(16,)), 1, 8, 10, (0.5,), (0.3,), seed=1).eval()


def images(count: int = 40) -> Split:
    rng = Generator().manual_seed(0)
    x = torch.randint(256, (count, 1, 8, 8), generator=rng, dtype=torch.uint8)
    return Split(x, torch.randint(10, (count,), generator=rng))


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_in_fp32_equals_itself(attack: str) -> None:
    assert compare(network(), images(), ATTACKS[attack], {"fp32": Way((), "fp32")}) == {"fp32": (1, 0, 0)}


def test_training_in_bf16_looks_at_image_and_start_of_trades_in_fp32_on_a_cpu() -> None:
    ways = {
        SHIPPED: None,
        "both": Way(("fp32", "fp32"), "bf16"),
        "none": Way((), "bf16"),
        "one": Way(("fp32",), "bf16"),
    }
    found = compare(network(), images(), ATTACKS[TRADES], ways)
    assert found[SHIPPED] == found["both"] and found[SHIPPED].alike == 1
    assert max(found["none"].alike, found["one"].alike) < 0.8


def test_training_in_bf16_looks_at_the_image_in_fp32_and_at_the_start_of_trades_in_tf32_on_a_gpu() -> None:
    module, batch = network(), Batch(images().x / 255, images().y)
    look, passes = module.features_and_logits, []

    def noted(x: Tensor) -> tuple[Tensor, Tensor]:
        passes.append("bf16" if net.bf16 else "tf32" if torch.backends.cudnn.allow_tf32 else "fp32")
        return look(x)

    module.features_and_logits = noted  # type: ignore[method-assign]
    net = Net(module, "bf16")
    was, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False  # as a training sets it
    try:
        ATTACKS[TRADES].model_copy(update={"steps": 3})(net, batch, Generator().manual_seed(0))
    finally:
        torch.backends.cudnn.allow_tf32 = was
    assert passes == ["fp32", "tf32", "bf16", "bf16"]


def test_each_pass_has_its_precision() -> None:
    plain, x = network(), images().x / 255
    net = PassByPass(plain, Way(("fp32", "bf16"), "tf32"))
    with torch.no_grad():
        exact, first, second, third, fourth = (each(x) for each in (plain, net, net, net, net))
    assert torch.equal(first, exact) and torch.equal(third, fourth)
    apart = [float((logits - exact).abs().max()) for logits in (second, third)]
    assert 0 < 4 * apart[1] < apart[0] < 0.1  # TF32 has three bits more than bf16


def test_tf32_rounds_to_the_nearest_of_ten_bits() -> None:
    ulp = 2.0**-10
    given = torch.tensor([1.0, 1 + ulp, 1 + 0.49 * ulp, 1 + 0.51 * ulp, -(3 + 2.2 * ulp)])
    assert bench_attacks._rounded(given).tolist() == [1, 1 + ulp, 1, 1 + ulp, -(3 + 2 * ulp)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_attack_is_weaker_in_bf16_than_in_fp32_by_a_tenth_of_a_point() -> None:
    """Fifteen networks: five models, each trained by TRADES, PGD-AT and GAIRAT; attacks as they train and measure."""
    networks = [bench_attacks.trained(model, method, 0, "cpu") for model in bench_attacks.MODELS for method in METHODS]
    found = compare_all(networks, tried=False)
    print(table(found))
    assert {attack for attack, _ in found} == set(ATTACKS)
    for (attack, _), rows in found.items():
        assert len(rows) == 15
        mean = sum(row.accuracy for row in rows) / 15
        assert mean <= POINT, f"{attack}: {mean:.2%} of the images withstand it in bf16 alone"
        assert abs(sum(row.rise for row in rows)) / 15 < 0.005, attack
        if "toward" not in attack:  # which measures nothing
            assert mean >= -POINT, attack
