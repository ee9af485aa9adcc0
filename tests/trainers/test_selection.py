"""The selection window: which epochs may be the best, in the trainer as in every reader of its records."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from search.monitor.trial_progress import TrialProgress
from search.stopping.curves import read_curve
from search.store.segments import format_json_lines, summarize_rows
from trainers.best import BEGINS, best_of, replaces_best
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.methods import METHODS
from trainers.selection import burn_in
from trainers.state_chain import Surroundings, chain
from trainers.trainer import Trainer

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]
GAIRAT = {"base": "gairat", "attack": {"epsilon": 0.1, "steps": 2}, "weight": {"burn_in": 3}}
BURN_INS = {  # of 100 epochs; all other rows of the table have their pieces from the first epoch on
    "gairat": 50, "gair-fat": 50, "gair-trades": 75, "gair-mart": 62, "gair-mart-kl": 62, "gair-rst": 50,
    "atta-reweight": 5, "atta-adaptive": 5, "atta-reweight-adaptive": 5, "iat": 5, "self-adaptive": 70,
}  # fmt: skip


def window(value: object) -> dict[str, object]:
    return {"select": {"from": value}}


@pytest.mark.parametrize("name", METHODS)
def test_a_burn_in_ends_where_a_method_has_all_of_its_pieces(name: str) -> None:
    assert burn_in(METHODS[name], 100) == BURN_INS.get(name, 0)


def test_the_last_piece_to_act_ends_the_burn_in_and_one_that_never_acts_has_none(tiny: Tiny) -> None:
    both = {"base": "atta-reweight-adaptive", "weight": {"burn_in": 4}, "target": {"burn_in": 7}}
    assert tiny(method=both, epochs=10).burn_in == 7
    assert tiny(method={"base": "gairat", "weight": {"lam": "inf"}}, epochs=10).burn_in == 0
    assert tiny(method={"awp": {"burn_in": 6}}, epochs=10).burn_in == 6
    assert tiny(method={"base": "iat", "attack": {"warm_up": "gated", "burn_in": 4}}, epochs=10).burn_in == 4


def test_later_averaging_or_dropping_has_a_burn_in_too(tiny: Tiny) -> None:
    """Before averages are taken the network's own weights are measured, and before examples are dropped all count."""
    assert tiny(average={"name": "swa", "burn_in": "50%"}, epochs=10, **window("burn-in")).select_from == 5
    assert tiny(average={"name": "ema"}, epochs=10).burn_in == 0
    assert tiny(subset={"name": "drop-unlearned", "epoch": 7}, epochs=10).burn_in == 7


@pytest.mark.parametrize(("written", "first"), [(0, 0), (4, 4), ("50%", 5), ("burn-in", 3)])
def test_a_window_begins_after_a_number_of_epochs_a_share_or_the_burn_in(tiny: Tiny, written: Any, first: int) -> None:
    config = tiny(method=GAIRAT, epochs=10, **window(written))
    assert config.select_from == first
    assert TrialConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("written", [10, "100%", "burnin", -1, 0.5, True])
def test_window_without_an_epoch_and_malformed_windows_are_refused(tiny: Tiny, written: Any) -> None:
    with pytest.raises(ValidationError, match=r"select|burn-in|percent"):
        tiny(method=GAIRAT, epochs=10, **window(written))


def test_a_window_needs_validation(tiny: Tiny) -> None:
    blind = {"name": "digits", "train": 60, "val": 0, "test": 60}
    assert tiny(data=blind).select_from == 0
    with pytest.raises(ValidationError, match=r"data\.val: 0 leaves none"):
        tiny(data=blind, **window("50%"))


def names(config: TrialConfig) -> list[str]:
    around = Surroundings(data="d", compute=config.compute, threads=1, torch="t", code="c")
    return list(chain(config, Evaluation(), around, None))


def test_the_epochs_before_a_window_are_those_of_a_training_without(tiny: Tiny) -> None:
    """Written out or not, a window from the first epoch on is none: same config, same states."""
    without = tiny(method=GAIRAT, epochs=8)
    assert tiny(method=GAIRAT, epochs=8, **window(0)).model_dump() == without.model_dump()
    assert "select" not in without.model_dump()
    plain, behind = names(without), names(tiny(method=GAIRAT, epochs=8, **window("burn-in")))
    assert plain[:4] == behind[:4] and not set(plain[4:]) & set(behind[4:])
    assert names(tiny(method=GAIRAT, epochs=8, **window(3))) == behind  # the same window, however written


def test_the_best_is_of_the_window_and_the_weights_are_as_without_one(tiny: Tiny, trainer: Make) -> None:
    config = tiny(method=GAIRAT, epochs=7, **window("burn-in"))
    one, other = trainer(config), trainer(config.model_copy(update={"select": TrialConfig().select}))
    rows = [one.run_epoch(config.stage(epoch)).row for epoch in range(3)]
    for epoch in range(3):
        other.run_epoch(config.stage(epoch))
    assert one.best and other.best and one.best["row"] == other.best["row"]
    again = trainer(config)
    again.load_state_dict(deepcopy(one.state_dict()))
    for ready in (one, again):
        later = [ready.run_epoch(config.stage(epoch)).row for epoch in range(3, 7)]
        assert ready.best is not None
        within = max(later, key=lambda row: row["val_pgd_acc"])
        assert ready.best["row"] == within and best_of([*rows, *later]) == within
        assert [row.get(BEGINS) for row in later] == [3, None, None, None]
        ended, _, _ = ready.final()
        assert ended["best"]["epoch"] == within["epoch"] >= 3
    plain = [other.run_epoch(config.stage(epoch)).row for epoch in range(3, 7)]
    assert [{key: value for key, value in row.items() if key != BEGINS} for row in later] == plain
    state, other_state = one.net.module.state_dict(), other.net.module.state_dict()
    assert all(torch.equal(state[name], other_state[name]) for name in state)


@st.composite
def records(draw: st.DrawFn) -> tuple[list[dict[str, float]], int]:
    """Draw rows and the first epoch of a window; equal accuracies are likely, and some are not measured."""
    epochs = draw(st.integers(1, 12))
    first = draw(st.integers(0, epochs))
    rows: list[dict[str, float]] = []
    for epoch in range(epochs):
        row: dict[str, float] = {"epoch": epoch, "train_loss": 1.0}
        if epoch == first and first:
            row[BEGINS] = first
        if draw(st.booleans()):
            robust = draw(st.sampled_from([0.1, 0.2, 0.3]))
            row |= {"val_pgd_acc": robust, "val_clean_acc": 0.9}
        rows.append(row)
    return rows, first


@given(records())
def test_trainer_stopping_status_and_stopped_trials_choose_the_same_epoch(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[list[dict[str, float]], int]
) -> None:
    """After any number of epochs: the first of the most robust of the window, of all while the window has none."""
    rows, first = made
    best = None
    for row in rows:
        best = row if replaces_best(row, best, first) else best
    known = [row for row in rows if "val_pgd_acc" in row]
    within = [row for row in known if row["epoch"] >= first] or known
    if not within:
        assert best is None and best_of(rows) is None and summarize_rows(rows) == {}
        return
    assert best == max(within, key=lambda row: row["val_pgd_acc"]) == best_of(rows)
    assert (
        summarize_rows(rows)["best"]["epoch"] == best["epoch"]
        and summarize_rows(rows)["last"]["epoch"] == known[-1]["epoch"]
    )
    assert read_curve(rows, {"val_pgd_acc": "max"}).best(len(rows), first).epoch == best["epoch"]
    folder: Path = tmp_path_factory.mktemp("seen")
    (folder / "epochs.jsonl").write_bytes(format_json_lines(rows))
    seen = TrialProgress(folder, "trial", "chain")
    seen.update()
    assert seen.best == best
