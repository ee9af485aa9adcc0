"""The rule of stopping: its parts against curves of which it is known what they ask for, and its laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from search.schema.stopping import NoStopping, RobustStopping, Stopping
from search.stopping.curves import Candidate
from search.stopping.curves import curve as measured_curve
from search.stopping.decisions import Decision, DecisionState
from search.stopping.robust_rule import Rung, decide, ends, near_front, own_curve_stop, train_limit

from ..made_curves import OBJECTIVES, Accuracies, contestant, flat

RULE = RobustStopping()
DUDS = RobustStopping(patience="100%")  # no patience ends


def judged(*contest: Candidate, knobs: RobustStopping = RULE, decided: Sequence[Decision] = ()) -> list[Decision]:
    return decide(contest, ends(contest, knobs, OBJECTIVES), DecisionState(decided), knobs, OBJECTIVES)


def stops(*contest: Candidate, knobs: RobustStopping = RULE) -> dict[str, tuple[int, str]]:
    found = judged(*contest, knobs=knobs)
    return {it.configuration: (it.epochs, it.rule) for it in found if it.action == "stop"}


# --- knobs


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("none", NoStopping()),
        ("robust", RobustStopping()),
        ({"margin": "1/20", "rungs": [5, "20%"]}, RobustStopping(margin=0.05, rungs=(5, "20%"))),
        ({"margin": "10%", "finish": "2 %", "patience": "10%"}, RobustStopping(margin=0.1, finish=0.02)),
        ({"name": "robust", "patience": 7}, RobustStopping(patience=7)),
    ],
)
def test_the_block_is_a_word_or_the_knobs_of_the_rule(written: object, read: object) -> None:
    assert TypeAdapter(Stopping).validate_python(written) == read


@pytest.mark.parametrize("written", ["asha", {"patiance": 3}, {"margin": 2}, {"dominators": 0}, {"rungs": ["140%"]}, 3])
def test_what_is_no_stopping_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Stopping).validate_python(written)


@pytest.mark.parametrize(
    ("epochs", "every", "heights"),
    [
        (200, 1, (12, 30, 60)),
        (80, 5, (5, 15, 25)),  # 4.8, 12 and 24 epochs, at the measurements that follow
        (10, 1, (1, 2, 3)),
        (4, 1, (1,)),  # none twice
        (1, 1, ()),  # none at the end
        (20, 20, ()),
    ],
)
def test_rungs_stand_at_measurements(epochs: int, every: int, heights: tuple[int, ...]) -> None:
    assert RULE.heights(epochs, contestant("a", flat(0, 0, epochs), epochs=epochs, every=every).measured) == heights


# --- duds

GOOD, BETTER, BAD = flat(0.8, 0.5), flat(0.82, 0.52), flat(0.69, 0.39)


def test_a_dud_is_beaten_by_two_by_ten_points_in_both() -> None:
    a, b, dud = contestant("a", GOOD), contestant("b", BETTER), contestant("dud", BAD)
    assert stops(a, b, dud)["dud"] == (6, "dominated")
    assert "dud" not in stops(a, dud, knobs=DUDS)  # one is not enough
    near = contestant("near", flat(0.69, 0.41))  # by nine points in one
    assert "near" not in stops(a, b, near, knobs=DUDS)
    assert stops(a, dud, knobs=RobustStopping(dominators=1))["dud"] == (6, "dominated")


def test_trainings_that_share_all_their_epochs_are_one() -> None:
    """Seven burn-ins that have not ended yet are one training, and would be seven dominators."""
    shared = [contestant(f"burn-in-{i}", GOOD, switches=(40 + i,)) for i in range(7)]
    assert "dud" not in stops(*shared, contestant("dud", BAD), knobs=DUDS)


def test_the_most_that_was_ever_had_counts_for_who_is_judged() -> None:
    """Standard training is most robust at once and accurate later: its best checkpoint is the accurate one, no dud."""
    learning = [(min(0.3 + 0.1 * e, 0.95), 0.25 if e == 0 else 0.0) for e in range(100)]
    standard = contestant("standard", learning, adversarial=False)
    assert standard.at_best(6).tolist() == [[0.8, 0.0]]
    assert standard.at_most(6).tolist() == [[0.8, 0.25]]
    assert stops(standard, contestant("a", GOOD), contestant("b", BETTER), knobs=DUDS) == {}


def test_the_spread_over_seeds_widens_the_margin() -> None:
    wide = contestant("wide", flat(0.72, 0.42), flat(0.66, 0.36))  # its means are those of BAD
    others = [contestant("a", GOOD, GOOD), contestant("b", BETTER, BETTER)]
    knobs = DUDS
    assert stops(*others, contestant("even", BAD, BAD), knobs=knobs) == {"even": (6, "dominated")}
    assert stops(*others, wide, knobs=knobs) == {}  # 3 x 4.2 points


def test_no_one_is_judged_beyond_the_first_phase() -> None:
    early = contestant("early", BAD, drops=(5,))
    others = [contestant("a", GOOD), contestant("b", BETTER)]
    assert [d.rule for d in judged(*others, early, knobs=DUDS) if d.configuration == "early"] == ["last epoch"]
    switched = contestant("switched", BAD, switches=(10,))
    assert stops(*others, switched)["switched"] == (6, "dominated")  # before its burn-in ends
    late = [(0.8, 0.5)] * 10 + BAD[10:]
    assert "late" not in stops(*others, contestant("late", late, switches=(10,)), knobs=DUDS)


def test_guessing_is_told_from_learning_late_at_the_second_rung() -> None:
    knobs = DUDS
    assert stops(contestant("a", flat(0.11, 0.10)), knobs=knobs) == {"a": (15, "chance")}
    assert stops(contestant("a", [(0.1, 0.1)] * 10 + flat(0.5, 0.1, 90)), knobs=knobs) == {}
    assert stops(contestant("a", flat(0.3, 0.0)), knobs=knobs) == {}  # it has learned, if nothing robust


# --- a configuration's own end


def curve(*pieces: tuple[int, float, float]) -> list[tuple[float, float]]:
    """Robust accuracy on straight lines: (epochs, from, to) each; clean stands at 0.8."""
    return [(0.8, float(r)) for n, start, end in pieces for r in np.linspace(start, end, n)]


OVERFITTING = curve((50, 0.2, 0.4), (5, 0.45, 0.5), (45, 0.5, 0.42))  # the best is epoch 54, the drops are 50 and 75


def own(each: Candidate, knobs: RobustStopping = RULE) -> tuple[int, str] | None:
    found = own_curve_stop(each, knobs, OBJECTIVES)
    return (found.epochs, found.rule) if found else None


def test_patience_counts_from_the_last_drop_and_later_ones_are_waited_for() -> None:
    assert own(contestant("a", OVERFITTING)) == (86, "no new best")  # epoch 85 = 75 + 10
    assert own(contestant("a", OVERFITTING), RobustStopping(patience=3)) == (79, "no new best")
    assert own(contestant("a", OVERFITTING), RobustStopping(skip_later_drops=True)) == (65, "no new best")  # 54 + 10
    assert own(contestant("a", OVERFITTING, drops=(50,))) == (65, "no new best")
    assert own(contestant("a", OVERFITTING, drops=(50, 80))) == (91, "no new best")
    assert own(contestant("a", OVERFITTING, drops=(50, 95))) is None


def test_a_drop_restarts_the_clock_even_where_later_ones_are_not_waited_for() -> None:
    late = curve((50, 0.2, 0.4), (20, 0.5, 0.5), (30, 0.42, 0.45))
    assert own(contestant("a", late, drops=(50, 58)), RobustStopping(skip_later_drops=True)) == (69, "no new best")


def test_a_switch_of_the_method_is_waited_for_as_a_drop_is() -> None:
    assert own(contestant("a", OVERFITTING, drops=(50,), switches=(70,))) == (81, "no new best")
    assert own(contestant("a", OVERFITTING, drops=(), switches=(50,))) is None  # the rate stands still to the end


def test_a_best_before_the_selection_window_is_none() -> None:
    """Nothing ends before the window begins, and in it patience counts from the best that it has itself."""
    at_once = contestant("a", OVERFITTING, drops=(50,), selects=70)  # falls from the first epoch of the window on
    assert own(at_once) == (81, "no new best")
    assert at_once.at_best(60)[0, 1] == 0.5 and at_once.at_best(90)[0, 1] < 0.48
    later = contestant("a", curve((60, 0.2, 0.6), (20, 0.3, 0.5), (20, 0.45, 0.45)), drops=(50,), selects=60)
    assert own(later) == (90, "no new best")  # epoch 79 is its best, not the peak of epoch 59
    assert own(contestant("a", OVERFITTING, drops=(50,), selects=95)) is None


def test_before_a_drop_and_without_one_nothing_is_exhausted() -> None:
    falling = curve((100, 0.5, 0.3))
    assert own(contestant("a", falling, drops=())) is None
    assert own(contestant("a", falling[:60])) is None  # of 100, not known further
    assert own(contestant("a", falling, drops=(95,))) is None


def test_one_diverged_seed_ends_all_when_they_have_come_there() -> None:
    each = contestant("a", GOOD[:7], GOOD[:30], diverged={0: 7})
    assert own(each) == (8, "diverged")
    assert own(contestant("a", GOOD[:7], GOOD[:6], diverged={0: 7})) is None  # the other one may diverge before that
    assert train_limit(contestant("a", GOOD[:7], GOOD[:6], diverged={0: 7}), RULE) == 8
    assert own(contestant("a", GOOD[:5], GOOD, every=5, diverged={0: 7})) == (10, "diverged")


def test_catastrophic_overfitting_is_a_fall_within_an_epoch_from_which_nothing_returns() -> None:
    fgsm = curve((20, 0.2, 0.4), (80, 0.01, 0.0))
    assert own(contestant("a", fgsm)) == (22, "collapsed")
    back = curve((20, 0.2, 0.4), (1, 0.0, 0.0), (29, 0.4, 0.4))
    assert own(contestant("a", back)) is None
    slow = curve((20, 0.2, 0.4), (30, 0.4, 0.0))
    assert own(contestant("a", slow)) is None
    assert own(contestant("a", fgsm[:50], adversarial=False)) is None  # robustness is not what it trains for
    assert own(contestant("a", curve((20, 0.1, 0.1), (30, 0.0, 0.0)))) is None  # there was no best above guessing


def test_a_training_without_attacks_ends_when_its_clean_accuracy_is_past_its_best() -> None:
    """Its robust accuracy is past its best from the first epochs on, and says nothing of it."""
    learns = [(0.3 + 0.006 * e, 0.2 - 0.002 * e) for e in range(100)]
    assert own(contestant("a", learns, adversarial=False)) is None
    assert own(contestant("a", [(robust, clean) for clean, robust in learns])) is None
    spent = [(max(0.9 - 0.005 * abs(e - 55), 0.1), 0.01 * e) for e in range(100)]
    (found,) = [own(contestant("a", spent, adversarial=False))]
    assert found is not None and found[1] == "no new best"
    assert own(contestant("a", spent)) is None


def test_seeds_stop_together_by_their_mean() -> None:
    falls, rises = OVERFITTING, curve((50, 0.2, 0.4), (50, 0.41, 0.6))
    assert own(contestant("a", falls)) and own(contestant("a", rises)) is None
    assert own(contestant("a", falls, rises)) is None
    assert own(contestant("a", falls, falls)) == own(contestant("a", falls))


def test_reasons_are_sentences_with_numbers() -> None:
    found = judged(contestant("a", OVERFITTING), contestant("b", BETTER), contestant("dud", BAD), contestant("c", GOOD))
    said = {it.configuration: it.reason for it in found if it.action == "stop"}
    assert said["a"] == (
        "after 86 of 100 epochs val_pgd_acc was highest after 55 epochs, 50.0%, and is 44.5%; the last phase began "
        "after 75"
    )
    assert said["dud"] == (
        "after 6 of 100 epochs at most val_clean_acc 69.0 %, val_pgd_acc 39.0 %: 2 are better in all by 10.0% or more, "
        "such as b (val_clean_acc 82.0 %, val_pgd_acc 52.0 %); c (val_clean_acc 80.0 %, val_pgd_acc 50.0 %)"
    )


# --- finishing


def finished(*rivals: Candidate, stopped: dict[str, int], knobs: RobustStopping = RULE) -> set[str]:
    taken = [
        Decision(action="stop", rule="no new best", configuration=name, epochs=n, values={}, reason="")
        for name, n in stopped.items()
    ]
    return {it.configuration for it in near_front(rivals, DecisionState(taken), knobs, OBJECTIVES)}


def test_what_no_one_beats_by_two_points_in_both_is_finished() -> None:
    front = contestant("front", flat(0.80, 0.50))
    rivals = [
        contestant("near", flat(0.785, 0.40)),
        contestant("far", flat(0.775, 0.475)),
        contestant("edge", flat(0.78, 0.48)),
        contestant("on", flat(0.70, 0.55)),
    ]
    stopped = {each.name: 86 for each in rivals}
    assert finished(front, *rivals, stopped=stopped) == {"near", "edge", "on"}
    assert finished(front, *rivals, stopped=stopped, knobs=RobustStopping(finish=0)) == {"on"}
    assert finished(front, *rivals, stopped={}) == set()  # nothing was stopped


def test_who_leads_where_it_stands_is_finished_too() -> None:
    """The least overfitting one may be far from the front of best checkpoints and on that of last epochs."""
    peaks = [contestant(f"peaks-{i}", curve((60, 0.5, 0.6), (40, 0.5, 0.3))) for i in range(2)]
    steady = contestant("steady", flat(0.75, 0.45))
    assert finished(*peaks, steady, stopped={"steady": 86, "peaks-0": 86}) == {"steady", "peaks-0"}
    assert finished(*peaks, contestant("weak", flat(0.75, 0.25)), stopped={"weak": 86}) == set()


def test_a_diverged_seed_keeps_off_the_front() -> None:
    other = contestant("other", flat(0.6, 0.3))
    gone = contestant("gone", flat(0.9, 0.9)[:20], flat(0.9, 0.9)[:21], diverged={0: 20})
    assert finished(other, gone, stopped={"gone": 21, "other": 86}) == {"other"}


def test_a_row_that_lost_a_measurement_is_passed_over() -> None:
    """A record may be damaged by hand, while its training goes on."""
    rows = [{"epoch": epoch, "val_clean_acc": 0.8, "val_pgd_acc": 0.4} for epoch in range(4)]
    del rows[1]["val_clean_acc"], rows[2]["val_pgd_acc"]
    assert [point.epoch for point in measured_curve(rows, OBJECTIVES).points] == [0, 3]


# --- laws

ACCURACY = st.integers(0, 20).map(lambda k: k / 20)
EPOCHS = 20


@st.composite
def contests(draw: st.DrawFn, least: int = 1) -> list[Candidate]:
    """Whole curves of up to six configurations, of one number of seeds, some of which diverge."""
    seeds = draw(st.integers(1, 2))
    found = []
    for i in range(draw(st.integers(least, 6))):
        lines: list[Accuracies] = []
        diverged = {}
        for seed in range(seeds):
            level = draw(st.tuples(ACCURACY, ACCURACY))
            steps = draw(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=EPOCHS, max_size=EPOCHS))
            line = np.clip(np.cumsum([level, *(np.array(steps[1:]) / 20)], axis=0), 0, 1)
            if draw(st.integers(0, 9)) == 0:
                diverged[seed] = draw(st.integers(0, EPOCHS - 1))
            lines.append([(float(c), float(r)) for c, r in line[: diverged.get(seed, EPOCHS)]])
        drops = draw(st.sampled_from([(), (8,), (8, 14), (14,)]))
        switches = draw(st.sampled_from([(), (3,), (12,)]))
        found.append(contestant(f"c{i}", *lines, epochs=EPOCHS, drops=drops, switches=switches, diverged=diverged))
    return found


KNOBS = st.builds(
    RobustStopping,
    dominators=st.integers(1, 2),
    rungs=st.sampled_from([(), ("10%",), (2, 5, 7), (1, 2)]),
    patience=st.sampled_from([1, 3, "20%"]),
    skip_later_drops=st.booleans(),
)


@given(contests(), KNOBS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_configurations_decides_nothing(
    contest: list[Candidate], knobs: RobustStopping, random: object
) -> None:
    shuffled = list(contest)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judged(*shuffled, knobs=knobs) == judged(*contest, knobs=knobs)


@given(contests(), KNOBS)
@settings(max_examples=60, deadline=None)
def test_curves_cut_where_they_stop_give_the_same_decisions(contest: list[Candidate], knobs: RobustStopping) -> None:
    found = judged(*contest, knobs=knobs)
    taken = DecisionState(found)
    cut = [each.cut(taken.reached(each.name, each.epochs)) for each in contest]
    assert judged(*cut, knobs=knobs) == found
    assert judged(*cut, knobs=knobs, decided=found) == []


def sound(contest: list[Candidate]) -> list[Candidate]:
    return [each for each in contest if each.diverged is None]


@given(contests(least=2), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_another_configuration_stops_only_whom_it_beats_itself(contest: list[Candidate], dominators: int) -> None:
    knobs = RobustStopping(dominators=dominators)
    *field, added = sound(contest) or [contestant("c", flat(0, 0))]

    def duds(those: list[Candidate]) -> set[str]:
        rung = Rung(those, 3, knobs, OBJECTIVES)
        return {each.name for i, each in enumerate(those) if rung.verdict(i, early=True).action == "stop"}

    if field:
        before, after = duds(field), duds([*field, added]) - {added.name}
        assert before <= after  # no one is saved
        for each in field:
            if each.name in after - before:
                assert (added.at_best(3).mean(0) - each.at_most(3).mean(0) >= 0.1 - 1e-9).all()


@given(contests(least=2))
@settings(max_examples=60, deadline=None)
def test_who_is_on_the_front_at_a_rung_is_no_dud(contest: list[Candidate]) -> None:
    field = sound(contest)
    if not field:
        return
    rung = Rung(field, 3, RobustStopping(dominators=1), OBJECTIVES)
    points = np.array([each.at_best(3).mean(axis=0) for each in field])
    for i, point in enumerate(points):
        if not ((points >= point).all(axis=1) & (points > point).any(axis=1)).any():
            assert rung.verdict(i, early=True).action == "pass"


@given(st.lists(st.floats(0.001, 0.01), min_size=EPOCHS, max_size=EPOCHS), KNOBS)
@settings(max_examples=60, deadline=None)
def test_a_curve_that_still_rises_is_never_exhausted(steps: list[float], knobs: RobustStopping) -> None:
    rising = [(0.5, float(r)) for r in 0.2 + np.cumsum(steps)]
    for drops in ((), (1,), (8, 14)):
        assert own_curve_stop(contestant("a", rising, epochs=EPOCHS, drops=drops), knobs, OBJECTIVES) is None


@given(contests(), KNOBS)
@settings(max_examples=60, deadline=None)
def test_no_seed_trains_in_vain_within_the_horizon(contest: list[Candidate], knobs: RobustStopping) -> None:
    """From what is known up to any epoch, a seed is let go no further than where patience will have ended."""
    for each in contest:
        end = own_curve_stop(each, knobs, OBJECTIVES)
        if end and end.rule == "no new best":
            assert all(train_limit(each.cut(n), knobs) <= end.epochs for n in range(end.epochs))


@given(contests(), KNOBS, st.integers(0, EPOCHS - 1))
@settings(max_examples=60, deadline=None)
def test_a_selection_window_ends_nothing_before_it_begins(
    contest: list[Candidate], knobs: RobustStopping, selects: int
) -> None:
    for each in contest:
        windowed = replace(each, phases=replace(each.phases, selects=selects))
        end = own_curve_stop(windowed, knobs, OBJECTIVES)
        if end and end.rule == "no new best":
            assert end.epochs > selects
            assert all(train_limit(windowed.cut(n), knobs) <= end.epochs for n in range(end.epochs))
