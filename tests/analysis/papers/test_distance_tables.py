"""Tables 4 and 5 of Liu et al. 2021, against distances of the raw records."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from analysis import load
from analysis.figure import main
from analysis.papers.catalogue import FIGURES
from analysis.papers.drawing import DrawnFigure, draw_paper_figure
from analysis.papers.row import find_usable
from trainers.scores import d_distance, normalized_rank

from ..planned import write_planned
from ..planned_examples import EXAMPLES

CIFAR10_C = ["trial.data.corruptions.names=[fog,snow]"]


def draw_distances(run: Path, name: str) -> DrawnFigure:
    return draw_paper_figure(FIGURES[name], [load(run)])


def set_arrays(run: Path, trial: str, **arrays: np.ndarray) -> None:
    path = run / "trials" / trial / "instances.npz"
    with np.load(path) as stored:
        np.savez(path, **dict(stored) | arrays)


def test_the_table_of_distances_has_the_mean_over_pairs_of_other_seeds(tmp_path: Path) -> None:
    run = write_planned(tmp_path / "run", "difficulty_distance", examples=True)
    rng, losses = np.random.default_rng(0), {}
    trials = load(run).completed
    for trial, name in zip(trials["id"], trials["name"], strict=True):
        values = losses.setdefault(name, [])
        values.append(rng.random(EXAMPLES).astype(np.float32))
        set_arrays(run, trial, loss=np.tile(values[-1], (trials["epochs_done"].max(), 1)))
    drawn = draw_distances(run, "hard:T4")
    table = drawn.points.pivot(index="line", columns="variant", values="mean")
    assert table.shape == (9, 9) and set(table) == set(losses) and drawn.is_table
    for one, other in (("CNN · PGD", "MLP · clean · epochs 40"), ("CNN · PGD", "CNN · PGD")):
        ranks = [[normalized_rank(values) for values in losses[name]] for name in (one, other)]
        expected = np.mean([d_distance(ranks[0][seed], ranks[1][1 - seed]) for seed in (0, 1)])
        assert table.loc[one, other] == table.loc[other, one] == pytest.approx(expected)
    assert table.to_numpy().min() > 0.2 and set(drawn.points["n"]) == {2}
    assert "Mean over pairs of trainings with different seeds (2 seeds)" in drawn.spec.caption


def test_corrupted_images_are_as_hard_as_the_images_that_they_look_like(tmp_path: Path) -> None:
    """For every network fog looks like noise and snow like the images; an attack makes easy ones of hard ones."""
    run = write_planned(tmp_path / "run", "cifar10/difficulty_distance", CIFAR10_C, examples=True)
    images = np.random.default_rng(1).random((3, EXAMPLES)).astype(np.float32)
    for number, trial in enumerate(load(run).completed["id"]):
        noise = np.random.default_rng(2 + number).random((3, EXAMPLES)).astype(np.float32)
        set_arrays(run, trial, test_loss=images, test_snow_loss=images, test_fog_loss=noise, test_pgd_loss=-images)
    drawn = draw_distances(run, "hard:T5")
    panels = list(dict.fromkeys(drawn.points["panel"]))
    assert len(panels) == 3 and panels[0] == "corrupted images, ResNet-18 · clean · epochs 100"
    rows = drawn.points[drawn.points["panel"] == panels[0]].pivot(index="line", columns="variant", values="mean")
    assert list(rows) == ["fog", "snow"]
    own = "ResNet-18 · clean · epochs 100"
    assert rows.loc[f"{own}: clean", "snow"] == 0 and rows.loc[f"{own}: pgd", "snow"] == pytest.approx(0.5, abs=0.01)
    assert rows["fog"].between(0.2, 0.5).all() and "ResNet-18 · PGD · epochs 100: pgd" in rows.index


@pytest.mark.long
def test_the_table_is_written_as_a_figure_as_points_and_as_text(tmp_path: Path) -> None:
    run = write_planned(tmp_path / "run", "difficulty_distance", examples=True)
    for ending in ("pdf", "csv", "md"):
        assert main([str(run), "--figure", "hard:T4", "-o", str(tmp_path / f"t4.{ending}")]) == 0
    assert (tmp_path / "t4.pdf").read_bytes().startswith(b"%PDF")
    assert len((tmp_path / "t4.csv").read_text().splitlines()) == 1 + 9 * 9
    assert "| CNN · PGD | 0.0" in (tmp_path / "t4.md").read_text()


def test_what_a_run_lacks_for_distances_is_told(tmp_path: Path) -> None:
    digits = load(write_planned(tmp_path / "run", "difficulty_distance", examples=True))
    assert find_usable(FIGURES["hard:T4"], [digits]) == ([digits], "")
    assert find_usable(FIGURES["hard:T5"], [digits])[1] == "corrupted test images (data.corruptions)"
    plain = load(write_planned(tmp_path / "plain", "difficulty_distance"))
    assert find_usable(FIGURES["hard:T4"], [plain])[1] == "loss of each example"
    plan = json.loads((digits.folder / "plan.json").read_text())
    plan["trials"] = [trial for trial in plan["trials"] if trial["seed"] == 0]
    (digits.folder / "plan.json").write_text(json.dumps(plan))
    assert find_usable(FIGURES["hard:T4"], [load(digits.folder)])[1].startswith("a second seed")
