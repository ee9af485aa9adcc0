"""Figures and tables of Dong et al. 2021, 'Data profiling for adversarial training'."""

from __future__ import annotations

from analysis.measures.rank_pairs import METHODS, NETWORKS, SEEDS
from analysis.papers.curve_parts import Curves
from analysis.papers.example_parts import ExampleScatter
from analysis.papers.final_parts import ClassAccuracy, CrossGap, Final, Table, TradeOff
from analysis.papers.group_parts import RankGroupCurves
from analysis.papers.part import RANKS
from analysis.papers.ranking_parts import Overlap, RankPairs
from analysis.papers.recorded_parts import GalleryPairs
from analysis.papers.row import PaperFigure
from analysis.results.choice import EVALUATED, SIZES, Choice

CIFAR = "CIFAR-10, PreAct ResNet-18, 160 epochs, epsilon 8/255 at test, custom AutoAttack, one run"
EPSILON = "method.attack.epsilon"
ADVERSARIES = "CIFAR-10, PGD-20 at 16/255"
TRAINED = "CIFAR-10, PreAct ResNet-18, 160 epochs"
ON_ALL = {"subset.name": ("all",)}
PLAIN = ON_ALL | {"method.attack.name": ("pgd",), "method.loss.name": ("ce",)}
RANKED = Choice(ON_ALL, {}, ("method", "model"), fewest=2)
SIZED = Choice(
    {"subset.name": ("ranked", "random", "all"), "subset.side": ("friendly", None)},
    {"subset.side": ("friendly",), "subset.name": ("random",)},
    x=SIZES,
)
BY_EPSILON = Choice(
    {"subset.name": ("ranked", "all"), "subset.side": ("friendly", None)},
    {"subset.side": ("friendly",), "subset.name": ("all",)},
    ("subset",),
    x=EPSILON,
)
TOWARD = Choice({}, {"subset.side": ("friendly",)}, ("subset",), fewest=2, without={"method.attack.toward": (None,)})


def _plus(side: str) -> Choice:
    """Choose a base subset, alone and with examples of some classes of one side added."""
    return Choice(
        {"subset.plus.side": (side, None), "subset.side": ("friendly",)},
        {"subset.plus.side": (side, None)},
        ("subset",),
    )


def _networks(depth: int) -> Choice:
    return Choice(
        {**BY_EPSILON.where, "model.name": ("wrn",), "model.depth": (depth,)},
        BY_EPSILON.contains,
        ("subset",),
        x=EPSILON,
    )


FIGURES = (
    PaperFigure(
        "profiling:F1",
        "Friendly and problematic half: clean, PGD-10 and AutoAttack accuracy",
        "profile_halves",
        f"{CIFAR}; AutoAttack on 1,000 test images",
        (
            Curves("clean", splits=("test",)),
            Curves("pgd10", splits=("test",)),  # on the images of AutoAttack, unlike that of the curves
            Curves("aa", splits=("test",)),
        ),
        Choice({}, {"subset.side": ("friendly", "problematic"), "method.attack.name": ("none", "pgd")}, ("method",)),
    ),
    PaperFigure(
        "profiling:F2a",
        "Robust accuracy by training epsilon",
        "epsilon_by_k",
        CIFAR,
        (Final(EPSILON),),
        BY_EPSILON,
        ordered=True,
    ),
    PaperFigure(
        "profiling:F2b", "Trade-off by k and epsilon", "epsilon_by_k", CIFAR, (TradeOff(),), BY_EPSILON, ordered=True
    ),
    PaperFigure(
        "profiling:F3",
        "Most problematic images",
        "friendly_k",
        ADVERSARIES,
        (GalleryPairs("instability", (1,)),),
    ),
    PaperFigure(
        "profiling:F4",
        "Most friendly images",
        "friendly_k",
        ADVERSARIES,
        (GalleryPairs("instability", (0,)),),
    ),
    PaperFigure(
        "profiling:F5",
        "Overlap of the most problematic fifth between seeds",
        "rank_consistency",
        f"{TRAINED}, ten seeds",
        (Overlap("instability_eval"),),
        Choice(PLAIN, {}, ("method", "model")),
        sets="--set search.replicates=10",
    ),
    *(
        PaperFigure(
            f"profiling:F6{letter}",
            f"Ranks in pairs of trainings: {kind}",
            "rank_consistency",
            f"{TRAINED}; VGG and WRN beside it, TRADES and MART beside PGD",
            (RankPairs("instability_eval", (kind,)),),
            RANKED,
        )
        for letter, kind in (("a", SEEDS), ("b", METHODS), ("c", NETWORKS))
    ),
    *(
        PaperFigure(
            f"profiling:F7{letter}",
            f"Rank against {what}",
            "scores",
            f"{TRAINED}; scores and ranks are means over ten seeds",
            (ExampleScatter("problematic", quantity, RANKS),),
            Choice(PLAIN, {}, ("method", "model")),
        )
        for letter, what, quantity in (
            ("a", "clean probability", "probability"),
            ("b", "minimum perturbation", "min_perturbation"),
            ("c", "first learned epoch", "first_learned"),
        )
    ),
    *(
        PaperFigure(
            f"profiling:F{number}",
            f"Ranks by {what} in pairs of trainings",
            "rank_consistency",
            TRAINED,
            (RankPairs(score),),
            RANKED,
        )
        for number, what, score in (
            (8, "clean probability", "probability"),
            (9, "minimum perturbation", "min_perturbation"),
            (10, "first learned epoch", "first_learned"),
        )
    ),
    PaperFigure(
        "profiling:F11",
        "Robust accuracy by training epsilon, WRN-16-10",
        "cifar10/friendly_networks",
        CIFAR.replace("PreAct ResNet-18, 160", "WRN-16-10, 120"),
        (Final(EPSILON),),
        _networks(16),
    ),
    PaperFigure(
        "profiling:F12",
        "Robust accuracy by training epsilon, WRN-28-10",
        "cifar10/friendly_networks",
        CIFAR.replace("PreAct ResNet-18, 160", "WRN-28-10, 120"),
        (Final(EPSILON),),
        _networks(28),
    ),
    PaperFigure(
        "profiling:F13",
        "Cross-generalisation gap by subset size",
        "cross_generalization",
        CIFAR.replace(", custom AutoAttack", ""),
        (CrossGap(),),
        SIZED,
    ),
    PaperFigure(
        "profiling:F14",
        "Selected and last robust accuracy by subset size",
        "friendly_sizes",
        CIFAR,
        (Final(SIZES),),
        SIZED,
    ),
    PaperFigure(
        "profiling:F15a",
        "Robust training accuracy of rank groups, and test accuracy",
        "friendly_k",
        CIFAR,
        (RankGroupCurves("correct"), Curves("pgd", splits=("test",))),
        Choice(PLAIN | {"method.attack.epsilon": (EVALUATED,)}, {}, ("subset",)),
    ),
    PaperFigure(
        "profiling:F15b",
        "Partial early stopping by its epoch",
        "partial_early_stopping",
        CIFAR,
        (Curves("pgd", splits=("test",)),),
        Choice({}, {"subset.name": ("drop-unlearned",)}, ("subset",), fewest=3),
        ordered=True,
    ),
    PaperFigure(
        "profiling:F16",
        "Accuracy at the selected epoch under PGD-10 and AutoAttack by subset size",
        "friendly_sizes",
        CIFAR,
        (Final(SIZES, ("pgd", "aa"), ("best",)),),
        SIZED,
        sets="--set 'evaluate.final.aa={name: autoattack, version: custom, attacks: [apgd-ce, apgd-t], images: 500}'",
    ),
    PaperFigure(
        "profiling:F17",
        "Accuracy by class after attacks toward one class, from a standard network",
        "targeted_from_standard",
        CIFAR,
        (ClassAccuracy(("clean", "robust"), mean=True),),
        TOWARD,
        pretrained="none",
    ),
    PaperFigure(
        "profiling:F18",
        "Accuracy by class after attacks toward one class, from a robust network",
        "targeted_classes",
        CIFAR,
        (ClassAccuracy(("clean", "robust"), mean=True),),
        TOWARD,
        pretrained="pgd",
    ),
    PaperFigure(
        "profiling:F19",
        "Gradient masking by class when problematic examples are added",
        "added_classes",
        CIFAR,
        (ClassAccuracy(("gap",)),),
        _plus("problematic"),
    ),
    PaperFigure(
        "profiling:F20",
        "Gradient masking by class when friendly examples are added",
        "added_classes",
        CIFAR,
        (ClassAccuracy(("gap",)),),
        _plus("friendly"),
    ),
    PaperFigure(
        "profiling:T1",
        "PGD and TRADES on all and on friendly examples",
        "friendly_k",
        CIFAR.replace("custom", "standard").replace("one run", "mean ± standard deviation of five runs"),
        (Table(costs=("minutes",)),),
        Choice(
            {"subset.name": ("ranked", "all"), "subset.side": ("friendly", None)},
            {"subset.side": ("friendly",), "subset.name": ("all",), "method.loss.name": ("ce", "trades")},
            ("method", "subset"),
        ),
    ),
)
