"""The robust stopping rule: each part on curves with a known answer, and what holds for all curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from search.schema.stopping import Stopping
from search.stopping.base import NoStopping
from search.stopping.curves import Candidate, read_curve
from search.stopping.decisions import Decision, DecisionState
from search.stopping.median_rule import MedianStopping
from search.stopping.robust_rule import RobustStopping, Rung

from ..made_curves import OBJECTIVES, SHORT, flat, made_candidate, made_groups

pytestmark = pytest.mark.long

RULE = RobustStopping()
DUDS = RobustStopping(patience="100%")  # no patience ends


def judged(*group: Candidate, rule: RobustStopping = RULE, decided: Sequence[Decision] = ()) -> list[Decision]:
    return rule.decide(group, DecisionState(decided))


def stops(*group: Candidate, rule: RobustStopping = RULE) -> dict[str, tuple[int, str]]:
    found = judged(*group, rule=rule)
    return {d.configuration: (d.epochs, d.rule) for d in found if d.action == "stop"}


# --- knobs


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("none", NoStopping()),
        ("robust", RobustStopping()),
        ({"margin": "1/20", "rungs": [5, "20%"]}, RobustStopping(margin=0.05, rungs=(5, "20%"))),
        ({"margin": "10%", "finish": "2 %", "patience": "10%"}, RobustStopping(margin=0.1, finish=0.02)),
        ({"name": "robust", "patience": 7}, RobustStopping(patience=7)),
        ("median", MedianStopping()),
        ({"name": "median", "rungs": ["10%", 5], "least": 3}, MedianStopping(rungs=("10%", 5), least=3)),
    ],
)
def test_stopping_block_is_a_word_or_the_knobs_of_a_rule(written: object, read: object) -> None:
    assert TypeAdapter(Stopping).validate_python(written) == read


@pytest.mark.parametrize("written", ["asha", {"patiance": 3}, {"margin": 2}, {"dominators": 0}, {"rungs": ["140%"]}, 3])
def test_invalid_stopping_block_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Stopping).validate_python(written)


@pytest.mark.parametrize(
    ("epochs", "every", "rungs"),
    [
        (200, 1, (12, 30, 60)),
        (80, 5, (5, 15, 25)),  # 4.8, 12 and 24 epochs, at the measurements that follow
        (10, 1, (1, 2, 3)),
        (4, 1, (1,)),  # none twice
        (1, 1, ()),  # none at the end
        (20, 20, ()),
    ],
)
def test_rungs_are_at_measurements(epochs: int, every: int, rungs: tuple[int, ...]) -> None:
    candidate = made_candidate("a", flat(0, 0, epochs), epochs=epochs, every=every)
    assert RULE.rung_epochs(epochs, candidate.measured) == rungs


# --- duds

GOOD, BETTER, BAD = flat(0.8, 0.5), flat(0.82, 0.52), flat(0.69, 0.39)


def test_dud_is_beaten_by_two_candidates_by_ten_points_in_both_objectives() -> None:
    a, b, dud = made_candidate("a", GOOD), made_candidate("b", BETTER), made_candidate("dud", BAD)
    assert stops(a, b, dud)["dud"] == (6, "dominated")
    assert "dud" not in stops(a, dud, rule=DUDS)  # one is not enough
    near = made_candidate("near", flat(0.69, 0.41))  # by nine points in one
    assert "near" not in stops(a, b, near, rule=DUDS)
    assert stops(a, dud, rule=RobustStopping(dominators=1))["dud"] == (6, "dominated")


def test_dominators_that_share_all_epochs_count_once() -> None:
    """Seven burn-ins that have not ended yet are one training, and must not be seven dominators."""
    shared = [made_candidate(f"burn-in-{i}", GOOD, switches=(40 + i,)) for i in range(7)]
    assert "dud" not in stops(*shared, made_candidate("dud", BAD), rule=DUDS)


def test_candidate_is_judged_by_its_highest_values() -> None:
    """Standard training is most robust at once and accurate later; its best checkpoint is the accurate one, no dud."""
    learning = [(min(0.3 + 0.1 * e, 0.95), 0.25 if e == 0 else 0.0) for e in range(100)]
    standard = made_candidate("standard", learning, adversarial=False)
    assert standard.at_best(6).tolist() == [[0.8, 0.0]]
    assert standard.at_most(6).tolist() == [[0.8, 0.25]]
    assert stops(standard, made_candidate("a", GOOD), made_candidate("b", BETTER), rule=DUDS) == {}


def test_spread_over_seeds_widens_the_margin() -> None:
    wide = made_candidate("wide", flat(0.72, 0.42), flat(0.66, 0.36))  # its means are those of BAD
    others = [made_candidate("a", GOOD, GOOD), made_candidate("b", BETTER, BETTER)]
    rule = DUDS
    assert stops(*others, made_candidate("even", BAD, BAD), rule=rule) == {"even": (6, "dominated")}
    assert stops(*others, wide, rule=rule) == {}  # 3 x 4.2 points


def test_rungs_compare_only_within_the_first_phase() -> None:
    early = made_candidate("early", BAD, drops=(5,))
    others = [made_candidate("a", GOOD), made_candidate("b", BETTER)]
    assert [d.rule for d in judged(*others, early, rule=DUDS) if d.configuration == "early"] == ["last epoch"]
    switched = made_candidate("switched", BAD, switches=(10,))
    assert stops(*others, switched)["switched"] == (6, "dominated")  # before its burn-in ends
    late = [(0.8, 0.5)] * 10 + BAD[10:]
    assert "late" not in stops(*others, made_candidate("late", late, switches=(10,)), rule=DUDS)


def test_guessing_stops_at_the_second_rung_and_late_learning_does_not() -> None:
    rule = DUDS
    assert stops(made_candidate("a", flat(0.11, 0.10)), rule=rule) == {"a": (15, "chance")}
    assert stops(made_candidate("a", [(0.1, 0.1)] * 10 + flat(0.5, 0.1, 90)), rule=rule) == {}
    assert stops(made_candidate("a", flat(0.3, 0.0)), rule=rule) == {}  # it has learned, if nothing robust


# --- stops by the candidate's own curve


def curve(*pieces: tuple[int, float, float]) -> list[tuple[float, float]]:
    """Return robust accuracy on straight lines: pieces of (epochs, from, to); clean accuracy is constant at 0.8."""
    return [(0.8, float(r)) for n, start, end in pieces for r in np.linspace(start, end, n)]


OVERFITTING = curve((50, 0.2, 0.4), (5, 0.45, 0.5), (45, 0.5, 0.42))  # the best is epoch 54, the drops are 50 and 75


def own(candidate: Candidate, rule: RobustStopping = RULE) -> tuple[int, str] | None:
    found = rule.own_stop(candidate)
    return (found.epochs, found.rule) if found else None


def test_patience_counts_from_the_last_drop() -> None:
    assert own(made_candidate("a", OVERFITTING)) == (86, "no new best")  # epoch 85 = 75 + 10
    assert own(made_candidate("a", OVERFITTING), RobustStopping(patience=3)) == (79, "no new best")
    at_once = RobustStopping(skip_later_drops=True)
    assert own(made_candidate("a", OVERFITTING), at_once) == (65, "no new best")  # 54 + 10
    assert own(made_candidate("a", OVERFITTING, drops=(50,))) == (65, "no new best")
    assert own(made_candidate("a", OVERFITTING, drops=(50, 80))) == (91, "no new best")
    assert own(made_candidate("a", OVERFITTING, drops=(50, 95))) is None


def test_each_drop_restarts_patience_even_when_later_drops_are_skipped() -> None:
    late = curve((50, 0.2, 0.4), (20, 0.5, 0.5), (30, 0.42, 0.45))
    assert own(made_candidate("a", late, drops=(50, 58)), RobustStopping(skip_later_drops=True)) == (69, "no new best")


def test_patience_waits_for_a_switch_of_the_method() -> None:
    assert own(made_candidate("a", OVERFITTING, drops=(50,), switches=(70,))) == (81, "no new best")
    assert own(made_candidate("a", OVERFITTING, drops=(), switches=(50,))) is None  # the rate stands still to the end


def test_patience_ignores_a_best_before_the_selection_window() -> None:
    """Nothing stops before the window begins; within it patience counts from the best epoch of the window."""
    at_once = made_candidate("a", OVERFITTING, drops=(50,), selects=70)  # falls from the first epoch of the window on
    assert own(at_once) == (81, "no new best")
    assert at_once.at_best(60)[0, 1] == 0.5 and at_once.at_best(90)[0, 1] < 0.48
    later = made_candidate("a", curve((60, 0.2, 0.6), (20, 0.3, 0.5), (20, 0.45, 0.45)), drops=(50,), selects=60)
    assert own(later) == (90, "no new best")  # epoch 79 is its best, not the peak of epoch 59
    assert own(made_candidate("a", OVERFITTING, drops=(50,), selects=95)) is None


def test_nothing_is_exhausted_before_a_drop_or_without_one() -> None:
    falling = curve((100, 0.5, 0.3))
    assert own(made_candidate("a", falling, drops=())) is None
    assert own(made_candidate("a", falling[:60])) is None  # of 100, not known further
    assert own(made_candidate("a", falling, drops=(95,))) is None


def test_diverged_seed_stops_all_seeds_once_they_arrive() -> None:
    candidate = made_candidate("a", GOOD[:7], GOOD[:30], diverged={0: 7})
    assert own(candidate) == (8, "diverged")
    early = made_candidate("a", GOOD[:7], GOOD[:6], diverged={0: 7})
    assert own(early) is None  # the other seed may diverge before that
    assert RULE.own_limit(made_candidate("a", GOOD[:7], GOOD[:6], diverged={0: 7})) == 8
    assert own(made_candidate("a", GOOD[:5], GOOD, every=5, diverged={0: 7})) == (10, "diverged")


def test_collapse_is_a_fall_within_an_epoch_without_recovery() -> None:
    fgsm = curve((20, 0.2, 0.4), (80, 0.01, 0.0))
    assert own(made_candidate("a", fgsm)) == (22, "collapsed")
    back = curve((20, 0.2, 0.4), (1, 0.0, 0.0), (29, 0.4, 0.4))
    assert own(made_candidate("a", back)) is None
    slow = curve((20, 0.2, 0.4), (30, 0.4, 0.0))
    assert own(made_candidate("a", slow)) is None
    assert own(made_candidate("a", fgsm[:50], adversarial=False)) is None  # robustness is not what it trains for
    assert own(made_candidate("a", curve((20, 0.1, 0.1), (30, 0.0, 0.0)))) is None  # there was no best above guessing


def test_training_without_attacks_stops_by_its_clean_accuracy() -> None:
    """The robust accuracy of such a training is highest in the first epochs, and is no sign of exhaustion."""
    learns = [(0.3 + 0.006 * e, 0.2 - 0.002 * e) for e in range(100)]
    assert own(made_candidate("a", learns, adversarial=False)) is None
    assert own(made_candidate("a", [(robust, clean) for clean, robust in learns])) is None
    spent = [(max(0.9 - 0.005 * abs(e - 55), 0.1), 0.01 * e) for e in range(100)]
    (found,) = [own(made_candidate("a", spent, adversarial=False))]
    assert found is not None and found[1] == "no new best"
    assert own(made_candidate("a", spent)) is None


def test_seeds_stop_together_by_their_mean() -> None:
    falls, rises = OVERFITTING, curve((50, 0.2, 0.4), (50, 0.41, 0.6))
    assert own(made_candidate("a", falls)) and own(made_candidate("a", rises)) is None
    assert own(made_candidate("a", falls, rises)) is None
    assert own(made_candidate("a", falls, falls)) == own(made_candidate("a", falls))


def test_reasons_are_sentences_with_numbers() -> None:
    curves = {"a": OVERFITTING, "b": BETTER, "dud": BAD, "c": GOOD}
    found = judged(*(made_candidate(name, curve) for name, curve in curves.items()))
    reasons = {d.configuration: d.reason for d in found if d.action == "stop"}
    assert reasons["a"] == (
        "after 86 of 100 epochs val_pgd_acc was highest after 55 epochs, 50.0%, and is 44.5%; the last phase began "
        "after 75"
    )
    assert reasons["dud"] == (
        "after 6 of 100 epochs at most val_clean_acc 69.0 %, val_pgd_acc 39.0 %: 2 are better in all by 10.0% or more, "
        "such as b (val_clean_acc 82.0 %, val_pgd_acc 52.0 %); c (val_clean_acc 80.0 %, val_pgd_acc 50.0 %)"
    )


# --- finishing


def finished(*rivals: Candidate, stopped: dict[str, int], rule: RobustStopping = RULE) -> set[str]:
    decided = [
        Decision(action="stop", rule="no new best", configuration=name, epochs=n, values={}, reason="")
        for name, n in stopped.items()
    ]
    return {decision.configuration for decision in rule.resume_stopped(rivals, DecisionState(decided))}


def test_candidates_within_two_points_of_the_front_are_finished() -> None:
    front = made_candidate("front", flat(0.80, 0.50))
    rivals = [
        made_candidate("near", flat(0.785, 0.40)),
        made_candidate("far", flat(0.775, 0.475)),
        made_candidate("edge", flat(0.78, 0.48)),
        made_candidate("on", flat(0.70, 0.55)),
    ]
    stopped = {candidate.name: 86 for candidate in rivals}
    assert finished(front, *rivals, stopped=stopped) == {"near", "edge", "on"}
    assert finished(front, *rivals, stopped=stopped, rule=RobustStopping(finish=0)) == {"on"}
    assert finished(front, *rivals, stopped={}) == set()  # nothing was stopped


def test_candidate_on_the_front_of_latest_measurements_is_finished() -> None:
    """The candidate that overfits least may be far from the front of best checkpoints and on that of last epochs."""
    peaks = [made_candidate(f"peaks-{i}", curve((60, 0.5, 0.6), (40, 0.5, 0.3))) for i in range(2)]
    steady = made_candidate("steady", flat(0.75, 0.45))
    assert finished(*peaks, steady, stopped={"steady": 86, "peaks-0": 86}) == {"steady", "peaks-0"}
    assert finished(*peaks, made_candidate("weak", flat(0.75, 0.25)), stopped={"weak": 86}) == set()


def test_diverged_seed_keeps_its_configuration_off_the_front() -> None:
    other = made_candidate("other", flat(0.6, 0.3))
    gone = made_candidate("gone", flat(0.9, 0.9)[:20], flat(0.9, 0.9)[:21], diverged={0: 20})
    assert finished(other, gone, stopped={"gone": 21, "other": 86}) == {"other"}


def test_curve_skips_a_row_that_lost_a_measurement() -> None:
    """A record may be damaged by hand, while its training goes on."""
    rows = [{"epoch": epoch, "val_clean_acc": 0.8, "val_pgd_acc": 0.4} for epoch in range(4)]
    del rows[1]["val_clean_acc"], rows[2]["val_pgd_acc"]
    assert [point.epoch for point in read_curve(rows, OBJECTIVES).points] == [0, 3]


# --- laws

RULES = st.builds(
    RobustStopping,
    dominators=st.integers(1, 2),
    rungs=st.sampled_from([(), ("10%",), (2, 5, 7), (1, 2)]),
    patience=st.sampled_from([1, 3, "20%"]),
    skip_later_drops=st.booleans(),
)


def sound(group: list[Candidate]) -> list[Candidate]:
    return [candidate for candidate in group if candidate.diverged is None]


@given(made_groups(least=2), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_added_candidate_stops_only_candidates_that_it_beats(group: list[Candidate], dominators: int) -> None:
    rule = RobustStopping(dominators=dominators)
    *field, added = sound(group) or [made_candidate("c", flat(0, 0))]

    def duds(those: list[Candidate]) -> set[str]:
        rung = Rung(those, 3, rule)
        return {candidate.name for i, candidate in enumerate(those) if rung.verdict(i, early=True).action == "stop"}

    if field:
        before, after = duds(field), duds([*field, added]) - {added.name}
        assert before <= after  # no one is saved
        for candidate in field:
            if candidate.name in after - before:
                assert (added.at_best(3).mean(0) - candidate.at_most(3).mean(0) >= 0.1 - 1e-9).all()


@given(made_groups(least=2))
@settings(max_examples=60, deadline=None)
def test_candidate_on_the_front_at_a_rung_is_no_dud(group: list[Candidate]) -> None:
    field = sound(group)
    if not field:
        return
    rung = Rung(field, 3, RobustStopping(dominators=1))
    points = np.array([candidate.at_best(3).mean(axis=0) for candidate in field])
    for i, point in enumerate(points):
        if not ((points >= point).all(axis=1) & (points > point).any(axis=1)).any():
            assert rung.verdict(i, early=True).action == "pass"


@given(st.lists(st.floats(0.001, 0.01), min_size=SHORT, max_size=SHORT), RULES)
@settings(max_examples=60, deadline=None)
def test_rising_curve_is_never_exhausted(steps: list[float], rule: RobustStopping) -> None:
    rising = [(0.5, float(r)) for r in 0.2 + np.cumsum(steps)]
    for drops in ((), (1,), (8, 14)):
        assert rule.own_stop(made_candidate("a", rising, epochs=SHORT, drops=drops)) is None


@given(made_groups(), RULES)
@settings(max_examples=60, deadline=None)
def test_own_limit_never_exceeds_a_stop_without_a_new_best(group: list[Candidate], rule: RobustStopping) -> None:
    """After any epoch, no seed trains further than where patience will have ended."""
    for candidate in group:
        end = rule.own_stop(candidate)
        if end and end.rule == "no new best":
            assert all(rule.own_limit(candidate.cut(n)) <= end.epochs for n in range(end.epochs))


@given(made_groups(), RULES, st.integers(0, SHORT - 1))
@settings(max_examples=60, deadline=None)
def test_selection_window_stops_nothing_before_it_begins(
    group: list[Candidate], rule: RobustStopping, selects: int
) -> None:
    for candidate in group:
        windowed = replace(candidate, phases=replace(candidate.phases, selects=selects))
        end = rule.own_stop(windowed)
        if end and end.rule == "no new best":
            assert end.epochs > selects
            assert all(rule.own_limit(windowed.cut(n)) <= end.epochs for n in range(end.epochs))
