"""Figures and tables of Zhang et al. 2021, 'Geometry-aware instance-reweighted adversarial training'."""

from __future__ import annotations

from dataclasses import replace

from analysis.papers.curve_parts import Curves, EpochStatistics, WeightByKappa
from analysis.papers.final_parts import AttackSteps, Table
from analysis.papers.recorded_parts import FLAT, LogitComponents
from analysis.papers.row import PaperFigure
from analysis.results.choice import EVALUATED, Choice

CIFAR = "CIFAR-10, ResNet-18, 100 to 120 epochs, epsilon 0.031, PGD-20 on test, one run"
SVHN = CIFAR.replace("CIFAR-10", "SVHN")
MEDIAN = "medians ± standard deviations of five runs (a standard error of these is √5 times smaller)"
TRAINING = (Curves("clean", error=True, splits=("train",)), Curves("pgd", error=True, splits=("train",)))
ZOOMED = tuple(panel for part in TRAINING for panel in (part, replace(part, start=0.6)))  # with the insets
TEST = (Curves("clean", splits=("test",)), Curves("pgd", splits=("test",)))
TEST_ERROR = (Curves("pgd", error=True, splits=("test",)), Curves("clean", error=True, splits=("test",)))
ERRORS = (Curves("clean", error=True), Curves("pgd", error=True))
KAPPA = EpochStatistics((("mean", "kappa_mean"), ("median", "kappa_median")), "steps of own attack withstood (κ)")
OMEGA = WeightByKappa()
PLAIN = {"method.weight.name": ("uniform",), "method.loss.name": ("ce",)}
LAMBDA = Choice({"method.weight.name": ("gair",)}, {}, ("method.weight.lam",), fewest=3)
WEIGHTS = ("uniform", "gair", "gair-linear", "gair-sigmoid")
NETWORKS = Choice(
    PLAIN | {"method.attack.epsilon": (EVALUATED,), "method.attack.name": ("pgd",)}, {}, ("model", "method"), fewest=3
)
EPSILONS = Choice(PLAIN | {"method.attack.name": ("pgd",)}, {}, ("method.attack.epsilon",), fewest=3)
MART = Choice(
    {"method.loss.name": ("mart", None), "method.loss.weighs": ("ce", None)},
    {"method.weight.name": ("gair",), "method.kind": ("mma",)},
    ("method",),
)
ON_SVHN = {"data.name": ("svhn",)}


def _on_svhn(choice: Choice) -> Choice:
    return Choice({**choice.where, **ON_SVHN}, choice.contains, choice.lines, fewest=choice.fewest)


FIGURES = (
    PaperFigure(
        "gairat:F2a",
        "Training error by network, beside standard training",
        "architectures",
        f"{CIFAR.replace('ResNet-18', 'ResNet-18, 34 and 50')}; training error under PGD-10",
        TRAINING,
        Choice(
            PLAIN | {"method.attack.epsilon": (EVALUATED,)},
            {"method.attack.name": ("pgd", "none")},
            NETWORKS.lines,
            fewest=3,
        ),
    ),
    PaperFigure("gairat:F2b", "Training error by epsilon", "architectures", CIFAR, TRAINING, EPSILONS),
    PaperFigure(
        "gairat:F3",
        "Logits of two classes, by κ",
        "gairat_kappa",
        CIFAR,
        (LogitComponents(pairs=((0, 1),)),),
        Choice(PLAIN),
        without="the toy data, which the paper does not describe",
    ),
    PaperFigure(
        "gairat:F4",
        "Constant weights against two that fall with κ",
        "gairat_kappa",
        CIFAR,
        (OMEGA, *ERRORS, KAPPA, *FLAT),
        Choice({}, {"method.weight.name": ("uniform", "gair", "gair-steps")}, ("method.weight",)),
    ),
    PaperFigure(
        "gairat:F5a",
        "Training error by network",
        "architectures",
        CIFAR.replace("ResNet-18", "ResNet-10 to 50"),
        ZOOMED,
        NETWORKS,
    ),
    PaperFigure("gairat:F5b", "Training error by epsilon", "architectures", CIFAR, ZOOMED, EPSILONS),
    PaperFigure(
        "gairat:F6a", "Training error by network on SVHN", "svhn/architectures", SVHN, TRAINING, _on_svhn(NETWORKS)
    ),
    PaperFigure(
        "gairat:F6b", "Training error by epsilon on SVHN", "svhn/architectures", SVHN, TRAINING, _on_svhn(EPSILONS)
    ),
    PaperFigure(
        "gairat:F7",
        "Principal components of logits, pairs of a class up to 2",
        "gairat_kappa",
        f"{CIFAR}; 45 pairs in Figures 7 and 8",
        (LogitComponents(first=(0, 1, 2)),),
        Choice(PLAIN),
    ),
    PaperFigure(
        "gairat:F8",
        "Principal components of logits, the other pairs",
        "gairat_kappa",
        f"{CIFAR}; 45 pairs in Figures 7 and 8",
        (LogitComponents(first=(3, 4, 5, 6, 7, 8)),),
        Choice(PLAIN),
    ),
    PaperFigure("gairat:F9", "Illustration", "", lacks="it is an illustration"),
    PaperFigure(
        "gairat:F10",
        "Constant weights against two that fall with κ, on SVHN",
        "svhn/gairat_kappa",
        SVHN,
        (OMEGA, *ERRORS, KAPPA, *FLAT),
        Choice(ON_SVHN, {"method.weight.name": ("uniform", "gair", "gair-steps")}, ("method.weight",)),
    ),
    PaperFigure(
        "gairat:F11",
        "AT and GAIRAT under four learning rate schedules",
        "lr_schedules",
        CIFAR.replace("ResNet-18, 100 to 120", "PreAct ResNet-18, 200"),
        TEST_ERROR,
        Choice(
            {"method.weight.name": ("uniform", "gair")},
            {"method.weight.name": ("uniform", "gair"), "optimizer.lr.name": ("linear", "cyclic")},
            ("method.weight",),
        ),
        without="the panel of the schedules themselves",
    ),
    PaperFigure(
        "gairat:F12",
        "Four shapes of the weight",
        "gairat_weights",
        CIFAR,
        (OMEGA, *TEST),
        Choice({"method.weight.name": WEIGHTS}, {"method.weight.name": WEIGHTS}, ("method.weight",)),
    ),
    PaperFigure("gairat:F13", "Weights by λ", "gairat_lambda", CIFAR, (OMEGA, *TEST), LAMBDA),
    PaperFigure("gairat:F14", "Weights by λ on SVHN", "svhn/gairat_lambda", SVHN, (OMEGA, *TEST), _on_svhn(LAMBDA)),
    PaperFigure(
        "gairat:F15",
        "Weights by burn-in, λ 0, and AT",
        "gairat_burn_in",
        CIFAR,
        TEST,
        Choice(
            {"method.weight.name": ("gair",), "method.weight.lam": ("inf", 0)},
            {"method.weight.lam": ("inf", 0)},
            ("method.weight",),
            fewest=4,
        ),
    ),
    PaperFigure(
        "gairat:F16",
        "AT and GAIRAT on several networks",
        "architectures",
        CIFAR.replace("ResNet-18", "SmallCNN, ResNet-18 and VGG-13"),
        TEST,
        Choice(
            {"method.loss.name": ("ce",), "method.attack.epsilon": (EVALUATED,), "method.attack.name": ("pgd",)},
            {"method.weight.name": ("uniform", "gair")},
            ("method",),
            fewest=2,
            panels=("model",),
        ),
    ),
    PaperFigure(
        "gairat:F17",
        "GAIR-FAT by λ",
        "gair_fat_tau",
        CIFAR,
        TEST,
        Choice({"method.attack.tau.name": ("piecewise",)}, {}, ("method.weight.lam",), fewest=3),
    ),
    PaperFigure(
        "gairat:F18",
        "FAT and GAIR-FAT by τ",
        "gair_fat_tau",
        CIFAR,
        TEST,
        Choice(
            {"method.attack.tau.name": ("piecewise",), "method.weight.lam": ("inf", 0)},
            {"method.weight.lam": ("inf", 0)},
            ("method.attack.tau",),
            fewest=3,
        ),
    ),
    PaperFigure("gairat:F19", "MMA, MART and GAIR-MART by λ", "gair_mart", CIFAR, (OMEGA, *TEST), MART),
    PaperFigure(
        "gairat:F20",
        "MART and GAIR-MART that weighs the KL term, by λ",
        "gair_mart",
        CIFAR,
        (OMEGA, *TEST),
        Choice(
            {"method.loss.name": ("mart",)},
            {"method.weight.name": ("uniform", "gair"), "method.loss.weighs": ("kl",)},
            ("method",),
            fewest=2,
            without={"method.weight.name": ("gair",), "method.loss.weighs": ("ce",)},
        ),
    ),
    PaperFigure(
        "gairat:F21",
        "Accuracy by the steps of the attack",
        "pgd_steps",
        CIFAR,
        (AttackSteps(),),
        Choice({}, {"method.weight.name": ("uniform", "gair")}, ("method",), fewest=2),
    ),
    PaperFigure(
        "gairat:T1",
        "AT, FAT, GAIRAT and GAIR-FAT",
        "gairat",
        f"CIFAR-10, WRN-32-10, 120 epochs, epsilon 0.031; {MEDIAN}; best by PGD-20 on test from epoch 59 to 100",
        (Table(),),
        Choice(
            {"method.loss.name": ("ce",)},
            {"method.weight.name": ("uniform", "gair"), "method.attack.tau.name": ("piecewise",)},
            ("method",),
        ),
    ),
    PaperFigure(
        "gairat:T2",
        "TRADES and GAIR-TRADES",
        "gair_trades",
        f"CIFAR-10, WRN-34-10, 100 epochs, epsilon 0.031; {MEDIAN}; best by PGD-20 on test from epoch 75 on",
        (Table(),),
        Choice({"method.loss.name": ("trades",)}, {"method.weight.name": ("uniform", "gair")}, ("method",)),
    ),
    PaperFigure(
        "gairat:T3",
        "GAIR-RST beside TRADES, with further images",
        "gair_rst",
        "CIFAR-10 with 500,000 further images, WRN-28-10, 200 epochs, AutoAttack at epsilon 0.031; one run",
        (Table(),),
        Choice({}, {"method.kind": ("gair-rst",)}, ("method",)),
        without="the rows of other authors",
    ),
)
