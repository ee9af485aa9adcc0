"""Rankings: made by trainings in more ways than one, or taken from a file that fits the data and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from search.exceptions import DifferentSweep
from search.execution.compatibility import check_compatible
from search.planning.plan import Plan
from search.run.__main__ import main
from search.schema.prerequisites import Profile
from search.schema.ranking_file import TRAINING_KEYS, RankingFile
from trainers.attacks import PGD
from trainers.config import TrialConfig
from trainers.data import Data, prepare_data
from trainers.method import Method
from trainers.npz import read_arrays
from trainers.record_io import write_json
from trainers.record_reader import read_json
from trainers.scores import average_runs, compute_scores, measure_agreement, normalized_rank
from trainers.sources import Digits

from ..helpers import Tiny, smoke

EXAMPLES = 1797  # digits, before the test split and the hold-out
FRIENDLY = {"name": "ranked", "side": "friendly", "size": "75%"}
AXES = {"subset": {"grid": {"all": "all", "friendly": FRIENDLY}}}
BLOCK = {"train": 96, "val": 60, "test": 60}
Planned = Callable[..., Plan]
Refused = Callable[..., list[str]]


def _epsilon(config: TrialConfig) -> float:
    """Return the epsilon at which a training trains."""
    method = config.method
    assert isinstance(method, Method) and isinstance(method.attack, PGD)
    return float(method.attack.epsilon)


@pytest.fixture(scope="session")
def data() -> Data:
    return prepare_data(Digits().load(), Digits(**BLOCK))


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Tiny]:
    """A sweep of one method, on all examples and on a friendly subset."""
    names = count()
    return lambda **changes: Tiny(tmp_path / str(next(names)), search__axes=AXES, **changes)


def ranks(seed: int = 0) -> np.ndarray:
    """Return ranks as Dong et al. publish theirs: a permutation of 0 .. N - 1, over N."""
    return np.random.default_rng(seed).permutation(EXAMPLES) / EXAMPLES


def saved(path: Path, content: Any) -> str:
    """Save an .npz of arrays by name, an .npy of one array, or a file of bytes, and return its name."""
    with path.open("wb") as file:
        if isinstance(content, dict):
            np.savez(file, **content)
        elif isinstance(content, bytes):
            file.write(content)
        else:
            np.save(file, content)
    return str(path)


def fitted(path: Path, content: Any, data: Data, **knobs: Any) -> dict[str, np.ndarray]:
    return RankingFile(file=saved(path, content), **knobs).read_ranks().select_ranks(data, EXAMPLES)


def sweeps(data: Data, seed: int = 0) -> dict[str, np.ndarray]:
    """Return a ranking as sweeps write it, of all examples and in another order."""
    index = np.random.default_rng(seed).permutation(EXAMPLES)
    y = Digits().load().y_train[index]
    return {"index": index, "y": y, "rank_instability": ranks(1)[index], "rank_kappa": ranks(2)[index]}


# A file's ranks on a training split


@given(seed=st.integers(0, 100))
def test_an_npy_ranks_the_training_set_before_the_hold_out(
    tmp_path_factory: pytest.TempPathFactory, data: Data, seed: int
) -> None:
    """The order is the file's; what it says of examples held out moves nothing."""
    path, values = tmp_path_factory.mktemp("ranks") / "prob_rank.npy", ranks(seed)
    found = fitted(path, values, data)
    assert found.keys() == {"rank_instability"}
    assert found["rank_instability"].tolist() == normalized_rank(values[data.index]).tolist()
    held_out = np.setdiff1d(np.arange(EXAMPLES), data.index)
    values[held_out] = values[held_out[::-1]] - 7
    assert fitted(path, values, data)["rank_instability"].tolist() == found["rank_instability"].tolist()


def test_scores_and_counts_are_accepted_as_ranks_from_either_end(tmp_path: Path, data: Data) -> None:
    counts = np.rint(ranks() * 50).astype(np.int16)
    friendly = fitted(tmp_path / "a.npy", counts, data, score="difficulty")["rank_difficulty"]
    assert friendly.tolist() == normalized_rank(counts[data.index]).tolist()
    d = fitted(tmp_path / "b.npy", 1 - counts / 50, data, score="difficulty", order="problematic_first")
    assert d["rank_difficulty"].tolist() == friendly.tolist()


def test_an_npz_ranks_by_index(tmp_path: Path, data: Data) -> None:
    found = fitted(tmp_path / "ranks.npz", sweeps(data), data)
    assert {name: rank.tolist() for name, rank in found.items()} == {
        "rank_instability": normalized_rank(ranks(1)[data.index]).tolist(),
        "rank_kappa": normalized_rank(ranks(2)[data.index]).tolist(),
    }


BAD = {
    "text": (b"0.1\n0.2\n", "is no .npy; store a single array of numbers by numpy.save"),
    "torn": (b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'", "cannot be read ("),
    "objects": (np.array([None, 1.0]), "cannot be read (Object arrays cannot be loaded"),
    "words": (np.array(["a", "b"]), "ranks are numbers; got an array of <U1"),
    "two columns": (np.zeros((5, 2)), "ranks are one number for each example; got an array of shape (5, 2)"),
    "NaN": (np.array([0.1, np.nan, 0.2]), "1 of 3 ranks are NaN or infinite"),
    "infinite": (np.array([0.1, np.inf, np.nan]), "2 of 3 ranks are NaN or infinite"),
    "constant": (np.ones(5), "its 5 ranks are all equal, which orders nothing"),
    "empty": (np.zeros(0), "its 0 ranks are all equal"),
    "no ranking": ({"x_train": np.zeros(3)}, "is no ranking of a sweep, which has index, y and rank_<score>; it holds"),
    "unlabelled": ({"index": np.arange(3), "rank_kappa": np.arange(3)}, "it holds index, rank_kappa"),
    "uneven": ({"index": np.arange(3), "y": np.zeros(3), "rank_kappa": np.arange(4)}, "one entry for each example"),
    "twice": ({"index": np.array([1, 1]), "y": np.zeros(2), "rank_kappa": np.arange(2)}, "each position once"),
    "NaN in an npz": (
        {"index": np.arange(2), "y": np.zeros(2), "rank_kappa": np.array([0, np.nan])},
        "rank_kappa: 1 of 2 ranks are NaN or infinite",
    ),
}


@pytest.mark.parametrize(("content", "complaint"), BAD.values(), ids=BAD.keys())
def test_a_file_without_ranks_is_refused(tmp_path: Path, content: Any, complaint: str) -> None:
    if isinstance(content, np.ndarray) and content.dtype == object:
        np.save(path := tmp_path / "ranks", content, allow_pickle=True)
        name = f"{path}.npy"
    else:
        name = saved(tmp_path / "ranks", content)
    with pytest.raises(ValueError) as caught:
        RankingFile(file=name).read_ranks()
    assert complaint in str(caught.value) and str(tmp_path) in str(caught.value)


def test_a_damaged_npz_is_refused(tmp_path: Path, data: Data) -> None:
    path = tmp_path / "ranks.npz"
    np.savez_compressed(path, **sweeps(data))
    whole = bytearray(path.read_bytes())
    whole[200:300] = bytes(100)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"cannot be read \(.*; store numbers only"):
        RankingFile(file=str(path)).read_ranks()


def test_an_npz_declares_the_direction_of_its_ranks(tmp_path: Path, data: Data) -> None:
    name = saved(tmp_path / "ranks.npz", sweeps(data))
    with pytest.raises(ValueError, match="which names its own scores and order; remove order and score"):
        RankingFile(file=name, score="kappa", order="friendly_first").read_ranks()


# Another data set


def test_a_file_of_another_length_is_refused(tmp_path: Path, data: Data) -> None:
    with pytest.raises(ValueError, match="has 1796 ranks, and the training set before the hold-out 1797 examples"):
        fitted(tmp_path / "ranks.npy", ranks()[1:], data)
    with pytest.raises(ValueError, match="has 96 ranks, and"):
        fitted(tmp_path / "ranks.npy", ranks()[data.index], data)  # of the split itself: which split is not said


def test_a_file_of_ranks_is_accepted_with_flipped_labels(tmp_path: Path) -> None:
    noisy = prepare_data(Digits().load(), Digits(**BLOCK, label_noise=0.1))
    with pytest.raises(ValueError, match=r"does not know of the 10 labels that data.label_noise flips"):
        fitted(tmp_path / "ranks.npy", ranks(), noisy)


def test_an_npz_of_other_labels_is_refused(tmp_path: Path, data: Data) -> None:
    """Another data set, or the same with label noise; an npz made with the very noise is welcome."""
    noisy = prepare_data(Digits().load(), Digits(**BLOCK, label_noise=0.1))
    made = {"index": noisy.index, "y": noisy.train.y.numpy(), "rank_instability": ranks()[noisy.index]}
    assert fitted(tmp_path / "ranks.npz", made, noisy)["rank_instability"].mean() == pytest.approx(0.5)
    with pytest.raises(ValueError, match="was made with other labels: 10 of 96 differ"):
        fitted(tmp_path / "ranks.npz", made, data)


def test_an_npz_of_another_hold_out_is_refused(tmp_path: Path, data: Data) -> None:
    made = {key: values[data.index[3:]] for key, values in sweeps(data).items()}
    made |= {"index": data.index[3:], "y": data.train.y.numpy()[3:]}
    with pytest.raises(ValueError, match=r"has no rank for 3 of 96 training examples; .* another hold-out"):
        fitted(tmp_path / "ranks.npz", made, data)


# The block of the space


MISTAKES = {
    "both": (
        "{file: good.npy, seeds: 3, trial: {}}",
        "profile: a ranking comes from a file or from trainings; remove `file`, or seeds, trial",
    ),
    "no such file": (
        "{file: prob_rnk.npy}",
        "profile.file: no file {here}/prob_rnk.npy",
    ),
    "another length": ("{file: short.npy}", "profile.file: short.npy has 9 ranks, and the training set before the"),
    "another score": (
        "{file: good.npy, score: difficulty}",
        "profile: this ranking has no instability, by which a subset is cut (it has difficulty)",
    ),
    "no such score": ("{file: good.npy, score: kapa}", "profile.score: should be 'instability', 'instability_eval'"),
    "misspelt knob": (
        "{file: good.npy, ordr: friendly_first}",
        "profile.ordr: RankingFile has no such key; did you mean order? (allowed: file, order, score)",
    ),
    "misspelt knob of trainings": (
        "{seed: [3]}",
        "profile.seed: Profile has no such key; did you mean seeds or trial.seed or search.seed? "
        "(allowed: average, first_epoch, follows, seeds, trial)",
    ),
    "no mapping": ("good.npy", "profile: should be a mapping of keys; got 'good.npy'"),
    "late epoch": ("{first_epoch: 6}", "profile.first_epoch: should be an epoch of the trainings, 0 to 5; got 6"),
}


@pytest.mark.parametrize(("block", "complaint"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_refused_with_its_place(refused: Refused, here: Path, block: str, complaint: str) -> None:
    saved(here / "good.npy", ranks())
    saved(here / "short.npy", np.arange(9))
    text = yaml.safe_dump(yaml.safe_load(smoke(profile=None)), sort_keys=False) + f"profile: {block}\n"
    line = text.count("\n")
    (problem,) = refused(text)
    assert problem.startswith(f"space.yaml:{line}: {complaint.format(here=here)}"), problem


def test_a_file_refuses_every_knob_of_trainings() -> None:
    assert set(TRAINING_KEYS) == set(Profile.model_fields)


@pytest.mark.parametrize("method", ["standard", "free-at", "mma"])
def test_a_score_that_the_trainings_do_not_record_is_refused(refused: Refused, method: str) -> None:
    axes = {"subset": {"grid": {"by kappa": FRIENDLY | {"score": "kappa"}}}}
    (problem,) = refused(smoke(search__axes=axes, profile__trial={"method": method}))
    assert "profile: this ranking has no kappa, by which a subset is cut (it has instability, difficulty," in problem


@pytest.mark.parametrize(
    ("score", "knob"),
    [
        ("instability_eval", "train: true"),
        ("min_perturbation", "min_perturbation: {}"),
        ("difficulty_entropy", "entropy: true"),
        ("gradient_norm", "gradient_norm: true"),
    ],
)
def test_a_score_that_is_recorded_on_request_says_by_which_knob(
    refused: Refused, planned: Planned, score: str, knob: str
) -> None:
    axes = {"subset": {"grid": {"its": FRIENDLY | {"score": score}}}}
    (problem,) = refused(smoke(search__axes=axes))
    assert f"has no {score}" in problem and problem.endswith(f"; `evaluate: {{{knob}}}` records it")
    block = yaml.safe_load(f"{{{knob}}}")
    plan = planned(smoke(search__axes=axes, **{f"evaluate__{name}": value for name, value in block.items()}))
    assert score in next(iter(plan.rankings.values())).scores


@pytest.mark.parametrize(("score", "knob"), [("difficulty_entropy", "entropy"), ("gradient_norm", "gradient_norm")])
def test_a_training_that_ranks_itself_by_what_it_does_not_record_says_by_which_knob(
    refused: Refused, planned: Planned, score: str, knob: str
) -> None:
    axes = {"subset": {"grid": {"its": FRIENDLY | {"score": score, "by": "self", "start": 1}}}}
    (problem,) = refused(smoke(search__axes=axes, profile=None))
    assert f"no epoch records the {knob}; `evaluate: {{{knob}: true}}` does" in problem
    assert planned(smoke(search__axes=axes, profile=None, **{f"evaluate__{knob}": True})).trials


EPSILONS = {"method.attack.epsilon": {"grid": [0.05, 0.1]}, **AXES}


def test_a_ranking_follows_an_axis_so_that_each_of_its_values_has_its_own(planned: Planned) -> None:
    """Liu et al. 2021 rank under the perturbation that the subset is then trained with."""
    shared = planned(smoke(search__axes=EPSILONS))
    own = planned(smoke(search__axes=EPSILONS, profile__follows=["method.attack.epsilon"]))
    assert (len(shared.rankings), len(own.rankings)) == (1, 2)
    seeds = len({trial.replicate for trial in shared.trials if trial.kind == "profile"})
    makers = [trial for trial in own.trials if trial.kind == "profile"]
    assert len(makers) == 2 * seeds
    for trial in own.trials:
        if trial.kind == "trial" and trial.ranks:
            fitting = [maker for maker in makers if maker.ranks == trial.ranks]
            assert len(fitting) == seeds
            assert {_epsilon(maker.config) for maker in fitting} == {_epsilon(trial.config)}
            assert all(
                maker.id.startswith(f"profile,epsilon={trial.axes['method.attack.epsilon']}") for maker in fitting
            )


def test_a_ranking_follows_a_whole_method(planned: Planned) -> None:
    axes = {"method": {"grid": ["pgd-at", "trades"]}, **AXES}
    plan = planned(smoke(search__axes=axes, profile__follows=["method"]))
    makers = {trial.ranks: trial.config.method for trial in plan.trials if trial.kind == "profile"}
    cut = {trial.ranks: trial.config.method for trial in plan.trials if trial.kind == "trial" and trial.ranks}
    assert makers == cut and len(makers) == 2


def test_values_whose_trainings_are_the_same_have_one_ranking(planned: Planned) -> None:
    """GAIRAT in its burn-in is PGD training: made of each of them twice, its seeds would agree with themselves."""
    axes = AXES | {"method.weight.burn_in": {"grid": [4, 5]}}
    method = {"base": "gairat", "attack": {"epsilon": 0.1, "steps": 2}}
    knobs = {"profile__follows": ["method.weight.burn_in"], "profile__trial": {"epochs": 2}}
    plan = planned(smoke(search__axes=axes, trial__method=method, **knobs))
    (name,) = plan.rankings
    makers = [trial for trial in plan.trials if trial.produces == name]
    assert [trial.replicate for trial in makers] == [1000, 1001]
    assert {trial.axes["method.weight.burn_in"] for trial in plan.trials if name in trial.requires} == {"4", "5"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"profile__follows": ["method.atack.epsilon"]},
         "should be axes of the search; got method.atack.epsilon (axes: method.attack.epsilon, subset)"),
        ({"profile__follows": ["subset"]}, "a ranking cuts the subset; remove subset"),
        ({"profile__follows": ["method.attack.epsilon"], "profile__trial": {"method": "pgd-at"}},
         "profile.trial sets method.attack.epsilon itself, whatever a trial has; remove one of them"),
        ({"profile__follows": ["method.attack.epsilon"], "profile__trial": {"method": {"attack": {"epsilon": 0.1}}}},
         "profile.trial sets method.attack.epsilon itself, whatever a trial has; remove one of them"),
    ],
)  # fmt: skip
def test_an_axis_that_a_ranking_cannot_follow_is_refused(
    refused: Refused, change: dict[str, Any], complaint: str
) -> None:
    (problem,) = refused(smoke(search__axes=EPSILONS, **change))
    assert re.search(r"^space\.yaml:\d+: profile\.follows: ", problem) and problem.endswith(complaint)


def test_a_file_takes_the_place_of_trainings_that_a_base_names(here: Path, planned: Planned) -> None:
    saved(here / "ranks.npy", ranks())
    plan = planned(smoke(), "profile.seeds=null", "profile.file=ranks.npy")
    assert {trial.kind for trial in plan.trials} == {"trial"}


def test_a_dry_run_names_the_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(here / "ranks.npy", ranks())
    (here / "space.yaml").write_text(smoke(profile={"file": "ranks.npy"}))
    assert main(["space.yaml", "--dry-run"]) == 0
    assert re.search(r"^ranked by +ranks.npy *$", capsys.readouterr().out, re.MULTILINE)


# What a ranking is known by


def finals(plan: Plan) -> dict[str, str]:
    return {trial.axes.get("subset", trial.id): trial.final for trial in plan.trials}


@pytest.fixture
def by_file(here: Path, planned: Planned) -> Callable[..., dict[str, str]]:
    """The ends of the chains of a sweep that is ranked by a file."""

    def ends(values: np.ndarray, name: str = "ranks.npy", **changes: Any) -> dict[str, str]:
        knobs = {key: changes.pop(key) for key in ("score", "order") if key in changes}
        text = smoke(profile={"file": saved(here / name, values)} | knobs, search__axes=AXES, **changes)
        return finals(planned(text))

    return ends


def test_the_name_of_a_ranking_depends_on_the_content_of_its_file(by_file: Any) -> None:
    one = by_file(ranks(1))
    assert by_file(ranks(1), "moved.npy") == one
    other = by_file(ranks(2))
    assert (other["all"] == one["all"]) and (other["friendly"] != one["friendly"])


def test_the_name_of_a_ranking_depends_on_the_order_and_the_data(by_file: Any) -> None:
    ends = [
        by_file(ranks(), **changes)["friendly"]
        for changes in ({}, {"order": "problematic_first"}, {"trial__data__split_seed": 1})
    ]
    assert len(set(ends)) == 3


@pytest.mark.parametrize("change", [{"first_epoch": 2}, {"average": "scores"}])
def test_the_name_of_a_ranking_depends_on_its_averaging(planned: Planned, change: dict[str, Any]) -> None:
    """And the trainings are the same."""
    profile = {"seeds": [1000, 1001]}
    one, other = (finals(planned(smoke(search__axes=AXES, profile=profile | more))) for more in ({}, change))
    assert one.keys() == other.keys() and one["friendly"] != other["friendly"]
    assert [key for key in one if one[key] != other[key]] == ["friendly"]


# In a sweep


def test_a_sweep_trains_the_subset_of_a_ranking_file(tiny: Any, tmp_path: Path) -> None:
    """The friendliest by the file are trained on, and the records name it."""
    values = ranks()
    name = saved(tmp_path / "prob_rank.npy", values)
    run = tiny(profile={"file": name})
    (ready,), blocked = run.sweep.prerequisites.build_ready([])
    assert not blocked and ready == run.plan.trials[1].ranks
    assert [run.run(i) for i in (0, 1)] == ["completed"] * 2

    found = read_arrays(run.store.ranking_path(ready))
    assert found is not None
    assert found["rank_instability"].tolist() == normalized_rank(values[run.data(0).index]).tolist()
    assert found["y"].tolist() == run.data(0).train.y.tolist()
    provenance = json.loads(str(found["provenance"]))
    assert provenance["file"] == name and len(provenance["sha256"]) == 64 and provenance["trials"] == []
    assert run.plan.to_json("sweep")["rankings"][ready]["file"] == name
    assert [yaml.safe_load((run.folder(i) / "config.yaml").read_text())["ranks"] for i in (0, 1)] == [None, provenance]

    records = read_arrays(run.folder(1) / "instances.npz")
    assert records is not None
    chosen = np.sort(np.argsort(values[run.data(0).index])[:72])
    assert np.flatnonzero(records["correct"][0] != 255).tolist() == chosen.tolist()


@pytest.mark.long
def test_a_ranking_of_one_sweep_serves_another(tiny: Any) -> None:
    one = tiny(profile__average="scores", profile__first_epoch=2)
    assert [one.run(0), one.run(1), one.rank(), one.run(3)] == ["completed", "completed", None, "completed"]
    ranking = one.store.ranking_path(str(one.plan.trials[3].ranks))
    other = tiny(profile={"file": str(ranking)})
    assert [other.rank(), other.run(1)] == [None, "completed"]
    subsets = [read_json(study.folder(i) / "result.json")["subset"] for study, i in ((one, 3), (other, 1))]
    assert subsets[0] == subsets[1] and sum(subsets[0]["class_counts"]) == 72
    before, after = read_arrays(ranking), read_arrays(other.store.ranking_path(str(other.plan.trials[1].ranks)))
    assert before is not None and after is not None
    for name in (key for key in before if key.startswith("rank_")):
        assert before[name].tolist() == after[name].tolist(), name


def test_a_computed_ranking_follows_the_records_of_its_trainings(tiny: Any) -> None:
    run = tiny(profile__average="scores", profile__first_epoch=2)
    assert [run.run(0), run.run(1), run.rank()] == ["completed", "completed", None]
    found = read_arrays(run.store.ranking_path(str(run.plan.trials[0].ranks)))
    assert found is not None
    runs = [compute_scores(read_arrays(run.folder(i) / "instances.npz") or {}, first_epoch=2) for i in (0, 1)]
    for name, values in average_runs(runs, "scores").items():
        assert found[name].tolist() == values.tolist(), name
    assert json.loads(str(found["agreement"])) == measure_agreement(runs)
    provenance = json.loads(str(found["provenance"]))
    assert (provenance["first_epoch"], provenance["average"]) == (2, "scores")
    assert provenance["trials"] == [trial.id for trial in run.plan.trials[:2]]


def test_a_file_that_changed_meanwhile_is_another_sweep(here: Path, planned: Planned) -> None:
    """Only once a trial that is cut by it has begun."""
    text = smoke(profile={"file": saved(here / "ranks.npy", ranks())}, search__axes=AXES)
    plan = planned(text)
    (here / "space.yaml").write_text(text)
    write_json(here / "plan.json", plan.to_json("sweep"))
    (here / "trials" / plan.trials[0].id).mkdir(parents=True)
    saved(here / "ranks.npy", ranks(1))
    assert check_compatible(here, planned(text), yaml.safe_load(text)) == 0
    (here / "trials" / plan.trials[1].id).mkdir(parents=True)
    with pytest.raises(DifferentSweep) as caught:
        check_compatible(here, planned(text), yaml.safe_load(text))
    assert caught.value.lines == [
        "1 of its trainings were cut by another ranking. What differs:",
        f"  the content of {here / 'ranks.npy'}",
    ]


def test_another_way_to_average_is_another_sweep(here: Path, planned: Planned) -> None:
    profile = {"seeds": [1000, 1001]}
    texts = [smoke(profile=profile | more, search__axes=AXES) for more in ({}, {"average": "scores"})]
    plan = planned(texts[0])
    (here / "space.yaml").write_text(texts[0])
    write_json(here / "plan.json", plan.to_json("sweep"))
    for trial in plan.trials:
        (here / "trials" / trial.id).mkdir(parents=True)
    changed = planned(texts[1])
    (here / "space.yaml").write_text(texts[0])  # where the plan was written too
    with pytest.raises(DifferentSweep) as caught:
        check_compatible(here, changed, yaml.safe_load(texts[1]))
    assert caught.value.lines == [
        "1 of its trainings were cut by another ranking. What differs:",
        "  profile.average: not set before, now 'scores'",
    ]
