"""Figures and tables of Liu et al. 2021, 'On the impact of hard adversarial instances on overfitting'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.measures.example_quantities import REFERENCE
from analysis.papers.curve_parts import Curves
from analysis.papers.example_parts import ExampleScatter
from analysis.papers.final_parts import Table
from analysis.papers.group_parts import GroupCurves
from analysis.papers.ranking_parts import CorruptedDistances, Distances
from analysis.papers.recorded_parts import BOUNDS, GalleryPairs, LipschitzTable
from analysis.papers.row import PaperFigure
from analysis.results.choice import Choice

CIFAR = "CIFAR-10, ResNet-18, 200 epochs, PGD-10 at 8/255, one run"
FAST = CIFAR.replace("200", "38")
ERRORS = (Curves("pgd", error=True),)
FIFTHS: dict[str, Sequence[Any]] = {"subset.side": ("easiest", "hardest"), "subset.name": ("random",)}
PIECES = {"method.kind": ("pieces",)}


def _fifths(**where: Sequence[Any]) -> Choice:
    """Choose the easiest, the hardest and a random part of equal size; keywords have __ for a dot."""
    named = {path.replace("__", "."): values for path, values in where.items()}
    return Choice(where={"subset.name": ("ranked", "random"), **named}, contains=FIFTHS, lines=("subset",))


PGD = {"method__attack__start": ("uniform",), "method__attack__name": ("pgd",)}
LINF = PGD | {"method__attack__norm": ("linf",)}
ON_ALL: dict[str, Sequence[Any]] = {"method.attack.name": ("pgd",), "method.attack.start": ("uniform",)}
SELF_ADAPTIVE = Choice({"method.weight.name": ("confidence",)}, {}, ("method",))
BY_TRAINING = Choice(
    {"method.attack.name": ("none", "pgd"), "subset.name": ("all",)},  # that of FGSM is PGD of one step
    {"method.attack.name": ("none",), "method.attack.start": ("none", "uniform")},
    ("model", "method", "epochs"),
)
STUDY = "subset_easy_random_hard"


def _budget(letter: str, figure: str, norm: str, share: float, paper: str) -> PaperFigure:
    """Return a panel of Figure 4 or 9: Figure 1a at another budget; `share` is of the budget of Figure 1a."""
    own = {"linf": (share * 8 / 255, share * 0.1), "l2": (share, share)}[norm]
    epsilon = {"linf": f"{share * 0.1:g}", "l2": f"{share:g}"}[norm]
    metric = " --set trial.method.attack.norm=l2 --set evaluate.norm=l2" if norm == "l2" else ""
    return PaperFigure(
        f"hard:F{figure}{letter}",
        f"Easiest, random and hardest examples, {paper}",
        STUDY,
        CIFAR.replace("PGD-10 at 8/255", f"PGD-10, {paper}"),
        ERRORS,
        _fifths(**PGD, method__attack__norm=(norm,), method__attack__epsilon=own),
        sets=f"--name {STUDY}_{norm}_{epsilon} --set trial.method.attack.epsilon={epsilon} "
        f"--set evaluate.epsilon={epsilon}{metric}",
    )


FIGURES = (
    PaperFigure(
        "hard:F1a", "Easiest, random and hardest examples, PGD training", STUDY, CIFAR, ERRORS, _fifths(**LINF)
    ),
    PaperFigure(
        "hard:F1b",
        "Easiest, random and hardest examples, FGSM training",
        STUDY,
        CIFAR.replace("PGD-10", "FGSM"),
        (*ERRORS, Curves("fgsm", error=True, splits=("test",))),
        _fifths(method__attack__start=("none",)),
        sets=f"--name {STUDY}_fgsm --set 'trial.method={{base: fgsm-at, attack: {{epsilon: 0.1}}}}' "
        "--set 'evaluate.along={fgsm: {name: fgsm}}'",
    ),
    PaperFigure(
        "hard:F1c",
        "Easiest, random and hardest examples, standard training",
        STUDY,
        "CIFAR-10, ResNet-18, 200 epochs, one run",
        (Curves("clean", error=True),),
        _fifths(method__attack__name=("none",)),
        sets=f"--name {STUDY}_vanilla --set trial.method.base=standard",
    ),
    PaperFigure(
        "hard:F2a",
        "Loss of the difficulty groups",
        STUDY,
        CIFAR,
        (GroupCurves("loss", own=True), *ERRORS),
        Choice({"subset.name": ("all",)} | ON_ALL, {}, ("subset",)),
    ),
    PaperFigure(
        "hard:F2b",
        "Feature norm of the difficulty groups",
        STUDY,
        CIFAR,
        (GroupCurves("feature_norm", own=True), *ERRORS),
        Choice({"subset.name": ("all",)} | ON_ALL, {}, ("subset",)),
        without="the norm of the median features of the authors' code (diagnostics:groups_median_feature_norm)",
    ),
    PaperFigure(
        "hard:F3",
        "Difficulty by loss against difficulty by error",
        "difficulty_distance",
        "CIFAR-10, ResNet-18 and WRN-34, r .947 and .955, one run",
        (ExampleScatter("difficulty", "difficulty_01"),),
        Choice({"method.attack.name": ("pgd",), "method.attack.start": ("uniform",)}, {}, ("model",)),
    ),
    _budget("a", "4", "linf", 0.25, "linf, epsilon 2/255"),
    _budget("b", "4", "linf", 0.5, "linf, epsilon 4/255"),
    _budget("c", "4", "linf", 0.75, "linf, epsilon 6/255"),
    PaperFigure(
        "hard:F5",
        "Optimizers on the hardest examples",
        "optimizers_on_hard",
        CIFAR,
        ERRORS,
        Choice({"subset.side": ("hardest",)}, {"optimizer.name": ("sgd", "adam")}, ("optimizer",)),
    ),
    PaperFigure(
        "hard:F6",
        "Easiest, random and hardest examples of SVHN",
        f"svhn/{STUDY}",
        "SVHN, ResNet-18, PGD-10 at 0.02, 20,000 examples each, one run",
        ERRORS,
        _fifths(**LINF, data__name=("svhn",)),
    ),
    PaperFigure(
        "hard:F7",
        "Long training on the hardest examples",
        "long_training",
        CIFAR.replace("200", "600"),
        ERRORS,
        Choice({"subset.side": ("hardest",), "optimizer.lr.name": ("jump",)}, {}, ("subset",)),
    ),
    PaperFigure(
        "hard:F8",
        "Loss of the difficulty groups in long training",
        "long_training",
        CIFAR.replace("200", "600"),
        (GroupCurves("loss", own=True), *ERRORS),
        Choice({"subset.name": ("all",), "optimizer.lr.name": ("jump",)} | ON_ALL, {}, ("subset",)),
    ),
    _budget("a", "9", "l2", 0.5, "l2, epsilon 0.50"),
    _budget("b", "9", "l2", 0.75, "l2, epsilon 0.75"),
    _budget("c", "9", "l2", 1.0, "l2, epsilon 1.00"),
    PaperFigure(
        "hard:F10",
        "Nested subsets from easy to hard",
        "nested_subsets",
        f"{CIFAR}; SVHN beside it",
        ERRORS,
        Choice(
            {"subset.name": ("ranked", "all"), "subset.side": ("easiest", None)},
            {"subset.side": ("easiest",), "subset.name": ("all",)},
            ("subset",),
            fewest=3,
        ),
        ordered=True,
    ),
    PaperFigure("hard:F11", "Lipschitz bound along training", STUDY, CIFAR, (BOUNDS,), _fifths(**LINF)),
    PaperFigure(
        "hard:F12",
        "PGD training, instance-adaptive and self-adaptive training",
        "iat, self_adaptive",
        CIFAR,
        ERRORS,
        Choice(
            PIECES,
            {"method.attack.name": ("iat",), "method.weight.name": ("confidence",)},
            ("method",),
            join=True,
            without={"method.loss.name": ("trades",), "method.weight.name": ("uniform",)},
        ),
    ),
    PaperFigure(
        "hard:F13",
        "Radius of each example at the end against difficulty",
        "iat",
        f"{CIFAR}; r .844",
        (ExampleScatter(REFERENCE, "epsilon"),),
        Choice({"method.attack.name": ("iat",)}, {}, ("method",)),
        reference=True,
    ),
    PaperFigure(
        "hard:F14",
        "Self-adaptive weight of the difficulty groups: the largest entry of their targets",
        "self_adaptive",
        CIFAR,
        (GroupCurves("t_max"),),
        SELF_ADAPTIVE,
        reference=True,
    ),
    PaperFigure(
        "hard:F15",
        "Accuracy of the groups by label and by target",
        "self_adaptive",
        CIFAR,
        (GroupCurves("correct"), GroupCurves("t_correct")),
        SELF_ADAPTIVE,
        reference=True,
    ),
    PaperFigure(
        "hard:F16",
        "Adaptive targets by the share of the label that they keep",
        "atta_adaptive",
        FAST,
        ERRORS,
        Choice(
            {"method.target.name": ("running-average",), "method.target.momentum": (0.9,)},
            {},
            ("method.target.keep",),
            fewest=3,
        ),
    ),
    PaperFigure(
        "hard:F17",
        "One attack step with and without reweighting",
        "atta_reweight",
        FAST,
        ERRORS,
        Choice(
            {
                "method.target.name": ("given",),
                "method.attack.start.name": ("previous",),
                "optimizer.loss_scale": (1, None),
            },
            {"method.weight.name": ("uniform", "probability")},
            ("method.weight",),
        ),
    ),
    PaperFigure(
        "hard:F18",
        "Weight of each example against difficulty",
        "atta_reweight, iat",
        f"{FAST}; r .890",
        (ExampleScatter(REFERENCE, "weight"),),
        Choice({"method.weight.name": ("probability",), "method.target.name": ("given",)}, {}, ("method",)),
        reference=True,
    ),
    PaperFigure(
        "hard:F19",
        "Target of each example against difficulty",
        "atta_adaptive, iat",
        f"{FAST}; r .960",
        (ExampleScatter(REFERENCE, "t_y"),),
        Choice(
            {"method.target.name": ("running-average",), "method.target.momentum": (0.9,)},
            {},
            ("method.target.keep",),
        ),
        reference=True,
    ),
    PaperFigure(
        "hard:F20",
        "Easiest and hardest images of CIFAR-10",
        f"cifar10/{STUDY}",
        CIFAR,
        (GalleryPairs("difficulty"),),
        Choice({"data.name": ("cifar10",)}),
    ),
    PaperFigure(
        "hard:F21",
        "Easiest and hardest images of SVHN",
        f"svhn/{STUDY}",
        CIFAR.replace("CIFAR-10", "SVHN"),
        (GalleryPairs("difficulty"),),
        Choice({"data.name": ("svhn",)}),
    ),
    PaperFigure(
        "hard:T1",
        "Fast methods: accuracy and cost",
        "atta_reweight, atta_adaptive",
        "CIFAR-10, ResNet-18 and WRN-34-10, AutoAttack, one run",
        (Table(("aa",), costs=("epochs", "passes")),),
        Choice(
            {"method.attack.start.name": ("previous",)},
            {"method.weight.name": ("probability",), "method.target.name": ("running-average",)},
            ("method",),
            join=True,
        ),
        sets="--set 'evaluate.final.aa={name: autoattack, version: custom, attacks: [apgd-ce, apgd-t], images: 500}'",
        without="the rows of other authors",
    ),
    PaperFigure(
        "hard:T2",
        "Fine-tuning by its duration",
        "finetune",
        "CIFAR-10 with 500,000 further images, WRN-28-10, AutoAttack, one run",
        (Table(start=True),),
        Choice({"data.extra.name": ("rest", "npz", "svhn")}, {"method.weight.name": ("probability",)}, ("method",)),
    ),
    PaperFigure("hard:T3", "Notation", "", lacks="it lists symbols"),
    PaperFigure(
        "hard:T4",
        "Distances of difficulty between trainings",
        "difficulty_distance",
        "CIFAR-10, ResNet-18 for 100 and 200 epochs and WRN-34, PGD-10 at 8/255, one run",
        (Distances(),),
        BY_TRAINING,
    ),
    PaperFigure(
        "hard:T5",
        "Distances of difficulty to corrupted images",
        "cifar10/difficulty_distance",
        "CIFAR-10-C, ResNet-18 for 100 epochs, one run",
        (CorruptedDistances(),),
        BY_TRAINING,
    ),
    PaperFigure(
        "hard:T6",
        "Lipschitz bound by subset and budget",
        STUDY,
        f"{CIFAR}; linf 2, 4, 8/255 and l2 .5, .75, 1; its estimates are no bounds and lie on another scale",
        (LipschitzTable(),),
        _fifths(**PGD),
    ),
    PaperFigure(
        "hard:T7",
        "Fine-tuning by its duration on SVHN",
        "svhn/finetune",
        "SVHN with 531,131 further images, WRN-28-10, AutoAttack, one run",
        (Table(start=True),),
        Choice(
            {"data.name": ("svhn",), "data.extra.name": ("svhn",)},
            {"method.weight.name": ("probability",)},
            ("method",),
        ),
    ),
)
