"""The guarantees of every stopping rule (search/stopping/base.py), on random groups; a rule is listed once in RULES."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.schema.blocks import Search
from search.schema.stopping import RULES
from search.stopping.base import NoStopping, StoppingRule
from search.stopping.curves import Candidate
from search.stopping.decisions import Decision, DecisionState
from search.stopping.median_rule import MedianStopping
from search.stopping.robust_rule import RobustStopping

from ..made_curves import SHORT, flat, made_candidate, made_groups

pytestmark = pytest.mark.long

RUNGS = st.sampled_from([(), ("10%",), (2, 5, 7), (1, 2), (4, 9, 15)])
KNOBS = {
    NoStopping: st.just(NoStopping()),
    RobustStopping: st.builds(
        RobustStopping,
        dominators=st.integers(1, 2),
        rungs=RUNGS,
        patience=st.sampled_from([1, 3, "20%"]),
        skip_later_drops=st.booleans(),
    ),
    MedianStopping: st.builds(MedianStopping, rungs=RUNGS, least=st.integers(2, 4)),
}
ANY_RULE = st.sampled_from(sorted(RULES)).flatmap(lambda name: KNOBS.get(RULES[name], st.just(RULES[name](name=name))))


@given(made_groups(), ANY_RULE, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_order_of_candidates_changes_no_decision(group: list[Candidate], rule: StoppingRule, random: Random) -> None:
    shuffled = list(group)
    random.shuffle(shuffled)
    assert rule.decide(shuffled, DecisionState()) == rule.decide(group, DecisionState())


@given(made_groups(), ANY_RULE)
@settings(max_examples=80, deadline=None)
def test_curves_cut_where_they_stop_give_the_same_decisions(group: list[Candidate], rule: StoppingRule) -> None:
    found = rule.decide(group, DecisionState())
    past = DecisionState(found)
    cut = [candidate.cut(past.reached(candidate.name, candidate.epochs)) for candidate in group]
    assert rule.decide(cut, DecisionState()) == found
    assert rule.decide(cut, past) == rule.decide(group, past) == []


@given(made_groups(), ANY_RULE)
@settings(max_examples=80, deadline=None)
def test_stops_are_single_and_at_measurements_before_the_last_epoch(group: list[Candidate], rule: StoppingRule) -> None:
    stops = [decision for decision in rule.decide(group, DecisionState()) if decision.action == "stop"]
    assert len({decision.configuration for decision in stops}) == len(stops)
    assert all(decision.epochs - 1 in group[0].measured and decision.epochs < SHORT for decision in stops)


@given(made_groups(), ANY_RULE, st.data())
@settings(max_examples=80, deadline=None)
def test_order_of_arrival_changes_no_decision_and_blocks_no_trial(
    group: list[Candidate], rule: StoppingRule, data: st.DataObject
) -> None:
    whole = {candidate.name: candidate for candidate in group}
    trained, past = dict.fromkeys(whole, 0), DecisionState()
    made: list[Decision] = []
    while True:
        limits = {name: rule.limit(whole[name].cut(n), past) for name, n in trained.items() if name not in past.stops}
        open_ = sorted(name for name, limit in limits.items() if trained[name] < limit)
        if not open_:
            break
        name = data.draw(st.sampled_from(open_))
        trained[name] = min(trained[name] + data.draw(st.integers(1, 8)), limits[name])
        new = rule.decide([whole[name].cut(n) for name, n in trained.items()], past)
        past.add(new)
        made += new
    ends = {name: past.reached(name, SHORT) for name in whole}
    assert all(whole[name].cut(trained[name]).arrived(end) for name, end in ends.items())  # no trial waits for ever
    assert sorted(map(repr, made)) == sorted(map(repr, rule.decide(group, DecisionState())))


@pytest.mark.parametrize("name", sorted(RULES))
def test_rule_of_the_union_is_read_from_its_name_and_its_knobs(name: str) -> None:
    for written in (name, {"name": name}):
        rule = Search.model_validate({"stopping": written}).stopping
        assert (type(rule), rule.name) == (RULES[name], name)
        assert Search.model_validate({"stopping": rule.model_dump(mode="json")}).stopping == rule


@pytest.mark.parametrize("name", sorted(RULES))
def test_group_without_candidates_has_no_decisions(name: str) -> None:
    rule = RULES[name](name=name)
    assert rule.decide([], DecisionState()) == rule.resume_stopped([], DecisionState()) == []


def test_no_stopping_has_neither_rungs_nor_decisions() -> None:
    rule, group = NoStopping(), [made_candidate(name, flat(0.5, 0.1 * i)) for i, name in enumerate("abcdefg")]
    assert not rule.stops and rule.rung_epochs(100, group[0].measured) == ()
    assert rule.decide(group, DecisionState()) == []
    assert {rule.limit(candidate, DecisionState()) for candidate in group} == {100}
