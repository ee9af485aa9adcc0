"""What the studies in a paper's setting train is what that paper states: how many, how long, on how much, how far."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from search.planning.plan import Plan, PlannedTrial
from search.schema.space import load_space
from trainers.schedules import Cyclic, Piecewise
from trainers.selection import burn_in
from trainers.weights import GAIR, Geometry

from .test_spaces import OF_PAPERS, SPACES, STUDIES, comment, plan_of

PROFILING = "Data profiling for adversarial training"  # the title of Dong et al. 2021
TENTHS = tuple(range(5000, 50000, 5000))


class Setting(NamedTuple):
    """Of a study's trials and what is trained before them; what is empty is not asked."""

    study: str
    trials: int
    first: int  # trainings that make a ranking or are started from
    epochs: tuple[int, ...]
    drops: tuple[tuple[float, ...], ...] = ()  # of the learning rate
    epsilons: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()  # of subsets that are cut

    def __str__(self) -> str:
        return self.study


SETTINGS = (
    Setting("cifar10/friendly_k", 285, 10, (160,), ((80, 120),), ("8/255", "12/255"), TENTHS),
    Setting(
        "cifar10/epsilon_by_k", 336, 10, (160,), ((80, 120),), tuple(f"{k}/255" for k in range(2, 17, 2)), TENTHS[3:]
    ),
    Setting("cifar10/cross_generalization", 171, 10, (160,), ((80, 120),), ("8/255",), TENTHS),
    Setting("cifar10/profile_halves", 18, 10, (160,), ((80, 120),), ("8/255",)),
    Setting("cifar10/added_classes", 30, 10, (160,), ((80, 120),), ("8/255",), (10000,)),
    Setting(
        "cifar10/friendly_networks", 48, 10, (120,), ((100, 110),),
        tuple(f"{k}/255" for k in range(6, 17, 2)), (40000,),
    ),
    Setting("cifar10/rank_consistency", 15, 0, (120, 160), ((80, 120), (100, 110)), ("8/255",)),
    Setting("cifar10/scores", 24, 10, (160,), ((80, 120),), ("12/255",), (40000,)),
    Setting("cifar10/targeted_classes", 18, 13, (30,), (), ("8/255",)),
    Setting("cifar10/targeted_from_standard", 18, 13, (30,), (), ("8/255",)),
    Setting("cifar10/fast_training", 15, 0, (15, 25, 38), ((0.5, 0.75),), ("8/255",)),
    Setting("cifar10/finetune", 8, 1, (1, 5), (), ("8/255",)),
    Setting("cifar10/finetune_long", 24, 1, (1, 5, 10, 20), (), ("8/255",)),
    Setting("svhn/finetune", 8, 1, (1, 5), (), ("0.02",)),
    Setting(
        "cifar10/architectures", 24, 0, (100,), ((30, 60),), tuple(f"{k}/255" for k in (1, 2, 4, 6, 8, 10, 12, 16))
    ),
    Setting("svhn/architectures", 13, 0, (100,), ((30, 60),), tuple(f"{k}/255" for k in (1, 2, 4, 6, 8, 10, 12, 16))),
    Setting("cifar10/pgd_steps", 20, 0, (120,), ((60, 90, 110),), ("0.031",)),
    Setting("cifar10/gairat_kappa", 9, 0, (100,), ((30, 60),), ("8/255",)),
    Setting("svhn/gairat_kappa", 9, 0, (100,), ((30, 60),), ("8/255",)),
)  # fmt: skip


def planned(study: str) -> Plan:
    return plan_of(Path(f"{study}.yaml"))


def trials(study: str) -> list[PlannedTrial]:
    return [trial for trial in planned(study).trials if trial.kind == "trial"]


def number(text: str) -> float:
    over, _, under = text.partition("/")
    return float(over) / float(under or 1)


def epsilon(trial: PlannedTrial) -> float | None:
    method = trial.config.method
    return getattr(getattr(method, "attack", method), "epsilon", None)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_study_has_the_numbers_that_its_paper_states(setting: Setting) -> None:
    found = trials(setting.study)
    assert (len(found), len(planned(setting.study).trials) - len(found)) == (setting.trials, setting.first)
    assert {trial.config.epochs for trial in found} == set(setting.epochs)
    rates = [trial.config.optimizer.lr for trial in found]
    assert {rate.drops for rate in rates if isinstance(rate, Piecewise)} == set(setting.drops)
    assert {value for trial in found if (value := epsilon(trial)) is not None} == set(map(number, setting.epsilons))
    sizes = {getattr(trial.config.subset, "size", None) for trial in found} - {None}
    assert not setting.sizes or sizes == set(setting.sizes)


@pytest.mark.parametrize("study", ("cifar10/friendly_k", "cifar10/cross_generalization"))
def test_each_friendly_subset_has_a_random_one_of_its_size(study: str) -> None:
    cut = {(trial.config.subset.name, getattr(trial.config.subset, "size", None)) for trial in trials(study)}
    assert cut == {("all", None)} | {(name, size) for name in ("ranked", "random") for size in TENTHS}


def test_autoattack_is_run_along_training_on_the_images_of_pgd() -> None:
    loaded = load_space(SPACES / "cifar10/profile_halves.yaml", [])
    assert {(attack.every, attack.images) for attack in loaded.space.evaluate.along.values()} == {(10, 1000)}
    assert {getattr(trial.config.subset, "size", None) for trial in trials("cifar10/profile_halves")} == {"50%"}


def test_pairs_of_classes_have_controls_that_do_not_compete() -> None:
    airplane, horse, ship = 0, 7, 8
    plus = [added for trial in trials("cifar10/added_classes") if (added := getattr(trial.config.subset, "plus", None))]
    problematic = {frozenset(added.classes) for added in plus if added.side == "problematic"}
    assert problematic == {
        frozenset(pair) for pair in ({airplane}, {ship}, {horse}, {airplane, ship}, {airplane, horse}, {ship, horse})
    }
    assert {frozenset(added.classes) for added in plus if added.side == "friendly"} == {
        frozenset(pair) for pair in ({airplane}, {ship}, {airplane, ship})
    }


def test_fast_training_climbs_and_falls_and_nothing_selects() -> None:
    found = trials("cifar10/fast_training")
    cycles = {trial.config.optimizer.lr.peak for trial in found if isinstance(trial.config.optimizer.lr, Cyclic)}
    assert cycles == {0.2}
    assert {trial.config.model.name for trial in found if trial.config.epochs == 15} == {"preact_resnet18", "wrn"}
    for study in ("cifar10/fast_training", "cifar10/atta_reweight", "cifar10/atta_adaptive"):
        assert load_space(SPACES / f"{study}.yaml", []).space.search.checkpoint == "last"
        assert not any(trial.config.data.holds_out for trial in trials(study))


def test_lambdas_by_network_are_those_that_are_printed() -> None:
    by_network: dict[str, set[float]] = {}
    for trial in trials("cifar10/architectures"):
        if isinstance(weight := getattr(trial.config.method, "weight", None), GAIR):
            by_network.setdefault(trial.config.model.name, set()).add(weight.lam)
    assert by_network == {"resnet": {0, 3}, "small_cnn": {0, 3}, "vgg": {3, 3.5}}


@pytest.mark.parametrize(("study", "first"), [("gairat", 60), ("gair_trades", 75)])
def test_the_best_is_chosen_where_the_paper_chooses_it(study: str, first: int) -> None:
    assert {trial.config.select_from for trial in trials(f"cifar10/{study}")} == {first}


@pytest.mark.parametrize("study", STUDIES, ids=str)
def test_no_best_of_geometry_aware_weights_is_of_their_burn_in(study: Path) -> None:
    weighted = [trial for trial in trials(study.with_suffix("").as_posix()) if geometric(trial)]
    assert all(trial.config.select_from >= burn_in(trial.config.method, trial.config.epochs) for trial in weighted)


def geometric(trial: PlannedTrial) -> bool:
    return isinstance(getattr(trial.config.method, "weight", None), Geometry)


def test_targeted_training_starts_from_the_last_weights_of_standard_training() -> None:
    for study in ("targeted_from_standard", "cifar10/targeted_from_standard"):
        first = [trial.config.method for trial in planned(study).trials if trial.kind == "pretrain"]
        assert {method.adversarial for method in first} == {False}
        assert load_space(SPACES / f"{study}.yaml", []).space.pretrain.weights == "last"


def versions(study: Path) -> set[str]:
    final = load_space(SPACES / study, []).space.evaluate.final
    return {attack.describe(0.1, "linf") for attack in final.values() if attack.name == "autoattack"}


@pytest.mark.long
def test_a_paper_has_one_autoattack() -> None:
    """Dong et al. state the custom version for all but their table; its five restarts are in their code alone.

    The study of late subsets, which is not theirs, is laid over that of their table; that of a certified front, which
    is not theirs either, attacks by margin.
    """
    studies = {*OF_PAPERS} - {Path("cifar10/certified.yaml")}
    profiling = {study for study in studies if PROFILING in comment(study)}
    table = {Path("cifar10/friendly_k.yaml"), Path("cifar10/friendly_k_late.yaml")}
    assert set().union(*map(versions, profiling - table)) == {
        "AutoAttack custom (apgd-ce + apgd-t), 5 restarts, linf, epsilon 0.1"
    }
    assert set().union(*map(versions, studies - (profiling - table))) == {"AutoAttack standard, linf, epsilon 0.1"}
