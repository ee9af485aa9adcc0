"""Curves of training say under which attack they are, and notes which trainings of a sweep a figure draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis import load
from analysis.measures.own_attack import describe_training_attacks
from analysis.papers.catalogue import FIGURES
from analysis.papers.drawing import DrawnFigure, draw_paper_figure

from ..planned import write_planned
from ..planned_diagnostics import write_recordings

PGD = {"name": "pgd", "steps": 10, "norm": "linf", "epsilon": 0.1, "ascend": "ce", "start": "uniform"}
KL = PGD | {"ascend": "kl", "start": "normal"}
UPDATES = ["evaluate.train=false"]  # training accuracy is that of the updates alone


def draw_networks(name: str, folder: Path, *overrides: str, **chosen: list[str]) -> DrawnFigure:
    """Draw a figure from AT, GAIRAT and standard training of several networks, of one by AT at five epsilons."""
    run = load(write_planned(folder / "run", "architectures", [*UPDATES, *overrides], examples=name == "hard:F2a"))
    return draw_paper_figure(FIGURES[name], [run], chosen)


def test_a_curve_of_the_updates_says_that_it_is_under_the_own_attack_whose_epsilons_the_note_has(
    tmp_path: Path,
) -> None:
    drawn = draw_networks("hard:F2a", tmp_path, epsilon=["0.1", "0.2"])
    groups, errors = drawn.tables
    assert groups.y_title == "loss under own attack" and errors.y_title == "robust error, PGD-10"
    points = drawn.points[drawn.points["line"].isin(errors.points["line"])]
    assert dict(points[["variant", "quantity"]].drop_duplicates().itertuples(index=False)) == {
        "test": "robust error, PGD-10",
        "training (own attack)": "robust training error, own attack",
    }
    note = drawn.spec.caption
    assert "Under PGD-10, linf, epsilon 0.1, step" in note
    assert note.count("Own attack: that of the training, in each batch before its update.") == 1
    assert "`evaluate: {train: true}` measures training error as on test." in note and "augmented" not in note
    assert "Trained here: under PGD-7, linf, epsilon 0.1, 0.2; digits" in note
    assert "Left out: 32 of 36 trainings, those with model MLP 16, MLP 64, MLP 1024, CNN or method" in note
    assert note.partition("; drawn: ")[2].startswith("model MLP 256, method AT, epsilon 0.1, 0.2.")


def test_a_figure_of_training_alone_is_under_its_own_attack_and_no_other(tmp_path: Path) -> None:
    clean, robust = (drawn := draw_networks("gairat:F2b", tmp_path, "trial.data.crop=1")).tables
    assert (clean.y_title, robust.y_title) == ("clean training error", "robust training error, own attack")
    assert set(drawn.points["quantity"]) == {clean.y_title, robust.y_title}
    note = drawn.spec.caption
    assert " Under PGD" not in note
    assert "Clean training error is that in each batch before its update, on augmented images." in note
    assert "Own attack: that of the training, in each batch before its update, on augmented images." in note


@pytest.mark.parametrize(
    "methods, words",
    [
        ([{"attack": PGD}, {"attack": PGD | {"epsilon": 8 / 255}}], "PGD-10, linf, epsilon 8/255, 0.1"),
        ([{"attack": PGD}, {"attack": KL}], "PGD-10 or PGD-10 on kl, linf, epsilon 0.1"),
        ([{"attack": PGD}, {"attack": KL | {"epsilon": 0.2}}],
         "PGD-10, linf, epsilon 0.1; or PGD-10 on kl, linf, epsilon 0.2"),
        ([{"attack": {"name": "none"}}], "no attack"),
        ([{"attack": PGD | {"steps": 1, "start": "none"}}], "FGSM, linf, epsilon 0.1"),
        ([{"kind": "free", "epsilon": 0.1, "replays": 8}], "FREE, epsilon 0.1"),
        ([{"attack": PGD | {"epsilon": e / 7}} for e in range(1, 6)], "PGD-10, linf, epsilon 0.1429 to 0.7143"),
    ],
)  # fmt: skip
def test_attacks_of_trainings_are_named_with_their_epsilons(methods: list[dict[str, object]], words: str) -> None:
    assert describe_training_attacks([{"method": method} for method in methods]) == words


def test_the_note_on_a_gallery_is_about_the_training_that_it_shows_not_those_that_the_ranking_serves(
    tmp_path: Path,
) -> None:
    folder = write_planned(tmp_path / "run", "friendly_k")
    write_recordings(folder)
    drawn = draw_paper_figure(FIGURES["profiling:F3"], [run := load(folder)])
    assert run.axes.order["method"] == ("pgd-0.1", "pgd-0.2", "trades-0.1")
    assert "Trained here: under PGD-7, linf, epsilon 0.1; digits" in drawn.spec.caption
    assert "Left out: all trainings but this one." in drawn.spec.caption and "panels" not in drawn.spec.caption
