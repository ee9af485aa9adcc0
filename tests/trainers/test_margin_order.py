"""AutoAttack by growing margin: the chunks, the stop, the audit, and what happens where the order fails."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, get_type_hints

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from trainers.accuracy import BROKEN, find_margins
from trainers.attack_runs import AutoAttackRun
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.margin_order import Attacked, attack_by_margin, measure_steps
from trainers.measure import evaluate_final
from trainers.record_shapes import check_result
from trainers.records import OrderRecord
from trainers.trainer import Trainer
from trainers.verdict_log import NAME, VerdictLog

AUDIT = 0.1
CE: dict[str, Any] = {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce"]}
BY_MARGIN = CE | {"order": "margin"}


class Breaks:
    """An attack that breaks some images, and remembers which it was asked for, and when."""

    def __init__(self, broken: set[int]) -> None:
        self.broken, self.asked = broken, list[list[int]]()

    def __call__(self, positions: Tensor) -> Tensor:
        self.asked.append(positions.tolist())
        return torch.tensor([position in self.broken for position in positions.tolist()])

    @property
    def seen(self) -> list[int]:
        return [position for part in self.asked for position in part]


def run(margins: Tensor, broken: set[int], seed: int = 0) -> tuple[Attacked, Breaks]:
    attack = Breaks(broken)
    return attack_by_margin(margins, attack, AUDIT, Generator().manual_seed(seed)), attack


@pytest.mark.parametrize(
    ("survivors", "chunk", "length"), [(30, 32, 32), (640, 32, 64), (2000, 40, 200), (9999, 200, 1000)]
)
def test_steps_are_a_fiftieth_and_a_tenth_of_the_survivors(survivors: int, chunk: int, length: int) -> None:
    assert measure_steps(survivors) == (chunk, length)


def test_survivors_are_attacked_by_growing_margin_and_ties_by_number() -> None:
    margins = torch.tensor([3.0, 1.0, BROKEN, 1.0, 2.0, 0.0, BROKEN, 1.0])
    went, attack = run(margins, set())
    assert attack.seen == [5, 1, 3, 7, 4, 0] and went == Attacked(6, 6, 0, 0, 0, 0)


@pytest.mark.parametrize("last", [0, 15, 16, 99, 250])
def test_it_stops_at_the_end_of_a_run_without_a_success(last: int) -> None:
    """By the definition itself: images are attacked up to the run's end, or a least chunk if that is nearer."""
    margins, broken = torch.arange(1000.0), set(range(0, last + 1, 5)) | {last}
    went, attack = run(margins, broken)
    chunk, length = measure_steps(1000)
    stop, ends = 0, [0]
    while stop < (end := max((i + 1 for i in broken if i < stop), default=0) + length):
        stop = max(end, stop + chunk)
        ends.append(stop)
    assert attack.seen[:stop] == list(range(stop)) and (went.attacked, went.deepest) == (stop, last + 1)
    assert [len(part) for part in attack.asked[: len(ends) - 1]] == [b - a for a, b in pairwise(ends)]
    assert went.audited == -(-went.rest // 10) == len(attack.seen) - stop


@given(st.integers(1, 2000), st.sets(st.integers(0, 600)))
def test_no_image_is_attacked_in_vain_but_for_the_least_chunk(n: int, broken: set[int]) -> None:
    """The order ends with the run or less than a chunk behind it; no chunk but the last is smaller than the least."""
    went, attack = run(torch.arange(float(n)), {image for image in broken if image < n})
    chunk, length = measure_steps(n)
    assert went.attacked == n or went.deepest + length <= went.attacked < went.deepest + length + chunk
    sizes = [len(part) for part in attack.asked if part and part[-1] < went.attacked]
    assert all(size >= chunk for size in sizes[:-1])


def test_the_audit_is_drawn_before_anything_is_attacked() -> None:
    """Whatever is broken, the audit holds those images of the rest that come first in one draw of all images."""
    margins = torch.arange(1000.0)
    drawn = torch.randperm(1000, generator=Generator().manual_seed(3)).tolist()
    for last in (0, 200, 500):
        went, attack = run(margins, set(range(0, last + 1, 5)), seed=3)
        rest = [image for image in drawn if image >= went.attacked]
        assert attack.seen[went.attacked :] == rest[: went.audited]


def test_an_audit_that_finds_a_broken_image_attacks_all() -> None:
    margins = torch.arange(1000.0)
    went, attack = run(margins, {0, *range(900, 1000)})
    assert went.hits and went.found == 100 and sorted(attack.seen) == list(range(1000)) and went.masked


@given(st.integers(0, 400), st.sets(st.integers(0, 399)), st.integers(0, 5))
def test_no_image_is_attacked_twice_and_the_counts_add_up(n: int, broken: set[int], seed: int) -> None:
    went, attack = run(torch.arange(float(n)), broken, seed)
    assert len(set(attack.seen)) == len(attack.seen)
    assert went.survivors == n and went.attacked + went.rest == n and went.hits <= went.audited <= went.rest
    assert len(attack.seen) == (n if went.hits else went.attacked + went.audited)
    assert went.found == (len([image for image in broken if went.attacked <= image < n]) if went.hits else 0)


def test_gradients_look_masked_where_the_order_goes_deep_or_fails() -> None:
    assert Attacked(1000, 500, 400, 50, 0, 0).masked and Attacked(1000, 100, 1, 90, 1, 7).masked
    assert not Attacked(1000, 480, 380, 52, 0, 0).masked
    assert Attacked(30, 30, 30, 0, 0, 0).masked and not Attacked(30, 30, 4, 0, 0, 0).masked  # of few, all are attacked
    assert not Attacked(0, 0, 0, 0, 0, 0).masked


@pytest.fixture(scope="module")
def fitted(tiny: Callable[..., TrialConfig], trained: Callable[..., Trainer]) -> Trainer:
    data = {"name": "digits", "train": 200, "val": 0, "test": 600}
    return trained(tiny(data=data, epochs=20, optimizer={"name": "sgd", "lr": 0.05}))


def evaluation(**final: Any) -> Evaluation:
    return Evaluation.model_validate({"epsilon": 0.04, "steps": 5, "final": final})


def measure(trainer: Trainer, block: Evaluation, log: VerdictLog | None = None) -> Any:
    record, classes = evaluate_final(trainer.net, block, {"test": trainer.splits["test"]}, 7, log)
    return {"record": record, "classes": classes}


@pytest.mark.long
def test_attacked_images_have_the_verdicts_of_all(fitted: Trainer) -> None:
    test = fitted.splits["test"]
    margins = find_margins(fitted.net, test, Evaluation(epsilon=0.04, steps=5).pgd(), 7)
    log = VerdictLog()
    whole, some = (
        AutoAttackRun.model_validate(run).measure(fitted.net, test, 0.04, "linf", 7, left, log)
        for run, left in ((CE, None), (BY_MARGIN, margins))
    )
    assert some.went is not None and some.went.rest > 200 and some.costs.forwards < whole.costs.forwards / 2
    missed = some.robust & ~whole.robust
    assert (
        int(missed.sum()) <= some.went.rest - some.went.audited
        and not (~some.robust & whole.robust & (margins > BROKEN)).any()
    )
    (codes,) = (row["by"] for row in log._rows.values() if "?" in row["by"])
    seen = torch.tensor([code != "?" for code in codes])
    assert (
        torch.equal(some.robust[seen], whole.robust[seen]) and int(seen.sum()) == some.went.attacked + some.went.audited
    )


@pytest.mark.long
def test_records_say_how_far_it_went_and_accuracy_is_that_under_all_attacks(fitted: Trainer) -> None:
    pgd = {"name": "pgd", "steps": 5}
    found = measure(fitted, evaluation(pgd5=pgd, aa=BY_MARGIN))["record"]
    order = found["margin_order"]["aa"]
    assert order.keys() == get_type_hints(OrderRecord).keys()
    assert order["audit"] == AUDIT and 0 < order["attacked"] < order["survivors"] <= 600 * found["test_pgd5_acc"]
    assert found["test_aa_acc"] <= found["test_pgd5_acc"]
    check_result({"status": "completed", "last": found})
    assert "margin_order" not in measure(fitted, evaluation(aa=CE))["record"]


def test_some_of_the_images_are_ordered_alone(fitted: Trainer) -> None:
    """Those that the attack looks at, by the margins that attacks on all images, and on other ones, leave on them."""
    final = {"fgsm": {"name": "fgsm", "images": 100}, "aa": BY_MARGIN | {"images": 300}}
    found = measure(fitted, evaluation(**final))["record"]
    order = found["margin_order"]["aa"]
    assert order["attacked"] < order["survivors"] <= 300 and round(300 * found["test_aa_acc"]) <= order["survivors"]
    assert found["test_aa_acc"] <= found["test_aa_clean_acc"]


@pytest.mark.long
def test_attacks_of_a_larger_budget_do_not_count_as_cheap(fitted: Trainer) -> None:
    """An image that falls to a larger budget may withstand AutoAttack at its own."""
    large = {"name": "pgd", "steps": 5, "epsilon": 0.2}
    alone, beside = (measure(fitted, evaluation(**more, aa=BY_MARGIN))["record"] for more in ({}, {"large": large}))
    assert beside["test_large_acc"] < beside["test_aa_acc"] == alone["test_aa_acc"]
    assert alone["margin_order"] == beside["margin_order"]


def test_the_order_of_final_does_not_matter(fitted: Trainer) -> None:
    blocks = {"fgsm": {"name": "fgsm"}, "aa": BY_MARGIN}
    one, other = (measure(fitted, evaluation(**dict(items))) for items in (blocks.items(), reversed(blocks.items())))
    assert one["record"] == other["record"]


@pytest.mark.long
@pytest.mark.parametrize("run", [CE, BY_MARGIN], ids=["all", "margin"])
def test_a_kill_costs_one_chunk(fitted: Trainer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    """An evaluation that is killed again and again ends with the bits of one that is not, and attacks nothing twice."""
    from trainers import autoattack

    monkeypatch.setattr(autoattack, "CHUNK", 100)
    expected = measure(fitted, evaluation(aa=run))
    attack, sizes, calls = autoattack.AutoAttack.attack, [], iter(range(1000))

    def killed(self: Any, x: Tensor, y: Tensor) -> Tensor:
        if next(calls) % 2:
            raise KeyboardInterrupt
        sizes.append(len(x))
        return attack(self, x, y)

    monkeypatch.setattr(autoattack.AutoAttack, "attack", killed)
    found, kills = None, 0
    while found is None:
        try:
            found = measure(fitted, evaluation(aa=run), VerdictLog(tmp_path))
        except KeyboardInterrupt:
            kills += 1
    assert found == expected and kills > 1
    assert sum(sizes) <= 600 and (tmp_path / NAME).exists()
    sizes.clear()
    assert measure(fitted, evaluation(aa=run), VerdictLog(tmp_path)) == expected and not sizes


@pytest.mark.long
def test_stored_verdicts_of_other_weights_or_settings_are_not_used(fitted: Trainer, tmp_path: Any) -> None:
    measure(fitted, evaluation(aa=CE), VerdictLog(tmp_path))
    keys = set(VerdictLog(tmp_path)._rows)
    measure(fitted, evaluation(aa=CE | {"epsilon": 0.05}), VerdictLog(tmp_path))
    with torch.no_grad():
        fitted.net.module.head.bias[0] += 1e-3
    measure(fitted, evaluation(aa=CE), VerdictLog(tmp_path))
    with torch.no_grad():
        fitted.net.module.head.bias[0] -= 1e-3
    assert len(set(VerdictLog(tmp_path)._rows) - keys) == 2


@pytest.mark.long
def test_a_damaged_file_of_verdicts_is_begun_anew(fitted: Trainer, tmp_path: Any) -> None:
    expected = measure(fitted, evaluation(aa=CE), VerdictLog(tmp_path))
    text = (tmp_path / NAME).read_text()
    for damaged in (text[:-40], text.replace(".", "x"), "[]"):
        (tmp_path / NAME).write_text(damaged)
        assert measure(fitted, evaluation(aa=CE), VerdictLog(tmp_path)) == expected


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ({"final": {"aa": CE | {"audit": "5%"}}}, "audit is of the images that `order: margin` leaves out"),
        ({"final": {"aa": BY_MARGIN | {"audit": 0}}}, "greater than 0"),
        ({"final": {"aa": BY_MARGIN | {"order": "random"}}}, "'all' or 'margin'"),
        ({"along": {"aa": BY_MARGIN}}, "along.aa.order: margins are those that the attacks of evaluate.final leave"),
    ],
    ids=str,
)
def test_wrong_orders_are_refused(block: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Evaluation.model_validate(block)


def test_words_and_identity_know_the_order_only_where_there_is_one() -> None:
    plain, ordered = (evaluation(aa=run) for run in (CE | {"order": "all"}, BY_MARGIN | {"audit": "5%"}))
    assert plain.attacks()["aa"] == "AutoAttack custom (apgd-ce), linf, epsilon 0.04"
    assert ordered.attacks()["aa"] == "AutoAttack custom (apgd-ce) by growing margin, audit 5%, linf, epsilon 0.04"
    assert not {"order", "audit"} & set(plain.model_dump(mode="json")["final"]["aa"])
    assert ordered.model_dump(mode="json")["final"]["aa"]["audit"] == 0.05
