"""The median rule, by medians that are easy to compute by hand."""

from __future__ import annotations

from search.stopping.curves import Candidate
from search.stopping.decisions import Decision, DecisionState
from search.stopping.median_rule import MedianStopping

from ..made_curves import flat, made_candidate

RULE = MedianStopping(rungs=(10, 20), least=3)
FIVE = [made_candidate(f"c{i}", flat(0.5, 0.1 * i)) for i in range(1, 6)]  # robust accuracies 0.1 to 0.5


def stops(*group: Candidate, rule: MedianStopping = RULE, past: DecisionState | None = None) -> dict[str, int]:
    found = rule.decide(group, past or DecisionState())
    return {decision.configuration: decision.epochs for decision in found if decision.action == "stop"}


def test_candidate_below_the_median_of_the_others_stops() -> None:
    """At 10 epochs c2 is below the median of 0.1, 0.3, 0.4 and 0.5; at 20 c3 is below that of 0.4 and 0.5."""
    assert stops(*FIVE) == {"c1": 10, "c2": 10, "c3": 20}
    assert stops(*FIVE[:3]) == {"c1": 10}  # c2 is at the median of 0.1 and 0.3; then two are left


def test_best_value_so_far_counts() -> None:
    """A value that fell counts as its highest, and one that rises after the rung does not count yet."""
    fell = made_candidate("fell", [(0.5, 0.9), *flat(0.5, 0.0, 99)])
    late = made_candidate("late", flat(0.5, 0.0, 10) + flat(0.5, 0.9, 90))
    assert stops(fell, late, FIVE[2], FIVE[3]) == {"late": 10, "c3": 10}


def test_value_is_the_mean_over_seeds() -> None:
    pair = made_candidate("pair", flat(0.5, 0.0), flat(0.5, 0.7))  # 0.35
    assert stops(pair, FIVE[1], FIVE[3], rule=MedianStopping(rungs=(10,), least=3)) == {"c2": 10}
    assert stops(pair, FIVE[3], FIVE[4], rule=MedianStopping(rungs=(10,), least=3)) == {"pair": 10, "c4": 10}


def test_fewer_candidates_than_least_all_pass() -> None:
    assert stops(*FIVE[:2]) == {}
    (reason,) = {decision.reason for decision in RULE.decide(FIVE[:1], DecisionState()) if decision.epochs == 10}
    assert reason == "after 10 of 100 epochs val_pgd_acc 10.0 %: 1 are compared, fewer than 3"


def test_ties_pass() -> None:
    assert stops(*(made_candidate(name, flat(0.5, 0.3)) for name in "abcd")) == {}


def test_rung_waits_until_all_have_arrived() -> None:
    assert RULE.decide([*FIVE[:4], FIVE[4].cut(9)], DecisionState()) == []
    assert stops(*FIVE[:4], FIVE[4].cut(10)) == {"c1": 10, "c2": 10}


def test_diverged_seed_stops_its_configuration_at_the_next_rung_and_is_not_compared() -> None:
    gone = made_candidate("gone", flat(0.9, 0.9)[:12], flat(0.9, 0.9), diverged={0: 12})
    assert stops(*FIVE, gone) == {"c1": 10, "c2": 10, "c3": 10, "gone": 20}
    (reason,) = [d.reason for d in RULE.decide([*FIVE, gone], DecisionState()) if d.rule == "diverged"]
    assert reason == "after 20 of 100 epochs: a seed diverged in epoch 12"


def test_later_candidate_is_compared_with_all_that_reached_the_rung() -> None:
    """Those that stopped there are compared too; what was decided stands."""
    past = DecisionState(RULE.decide(FIVE, DecisionState()))
    later = made_candidate("later", flat(0.5, 0.25))
    found = RULE.decide([*FIVE, later], past)
    assert [(decision.configuration, decision.epochs, decision.action) for decision in found] == [("later", 10, "stop")]
    assert found[0].reason == "after 10 of 100 epochs val_pgd_acc 25.0 %: below 30.0 %, the median of 5 others"


def test_decision_names_its_numbers() -> None:
    stop, passed = (RULE.decide(FIVE, DecisionState())[i] for i in (0, 4))
    assert stop == Decision(
        action="stop",
        rule="median",
        configuration="c1",
        epochs=10,
        values={"val_pgd_acc": 0.1},
        reason="after 10 of 100 epochs val_pgd_acc 10.0 %: below 35.0 %, the median of 4 others",
    )
    assert (passed.action, passed.rule) == ("pass", "rung")
    assert passed.reason == "after 10 of 100 epochs val_pgd_acc 50.0 %: not below 25.0 %, the median of 4 others"


def test_trials_train_to_the_next_rung_without_a_decision() -> None:
    past = DecisionState(RULE.decide([candidate.cut(10) for candidate in FIVE], DecisionState()))
    assert RULE.limit(FIVE[4], DecisionState()) == 10
    assert RULE.limit(FIVE[4], past) == 20
    past.add(RULE.decide(FIVE, past))
    assert RULE.limit(FIVE[4], past) == 100
