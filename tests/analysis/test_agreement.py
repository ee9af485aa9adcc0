"""How alike trainings rank the examples: closed forms, and the tables of a sweep."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.agreement import main
from analysis.exceptions import SweepError
from analysis.measures.agreement import MEASURES, build_matrix
from analysis.measures.corrupted import compare_corrupted
from analysis.measures.difficulty_reference import Reference, References, correlate_with_difficulty, find_references
from analysis.results.instances import Instances
from analysis.results.sweep import Sweep, load_sweep
from trainers.npz import StoredArrays
from trainers.record_io import write_json
from trainers.record_reader import read_json

from .synthetic import Made, write_sweep

PGD: dict[str, Any] = {
    "kind": "pieces",
    "attack": {"name": "pgd", "steps": 10, "start": "uniform", "tau": None, "toward": None},
    "loss": {"name": "ce"}, "weight": {"name": "uniform"}, "target": {"name": "given"}, "awp": None,
}  # fmt: skip
STANDARD = PGD | {"attack": {"name": "none"}}


def recorded(folder: Path) -> Path:
    """Write a sweep whose trials recorded losses and correctness: hard examples that all share, noise of their own."""
    made = Made(faults=False, noise=(0.0,), subsets=("all",))
    hard = np.linspace(0, 3, 60)
    for number, trial in enumerate(load_sweep(write_sweep(folder, made)).study_trials["id"]):
        rng = np.random.default_rng(number)
        loss = (hard + rng.normal(0, 0.5, (4, 60))).astype(np.float32)
        arrays = {"loss": loss, "correct": (loss < 1.5).astype(np.uint8), "test_loss": loss, "test_fog_loss": -loss}
        arrays |= {"weight": np.exp(-loss), "min_perturbation": np.float32(3) - loss.mean(axis=0)}
        np.savez(folder / "trials" / trial / "instances.npz", index=np.arange(60), y=np.zeros(60, int), **arrays)
    return folder


def methods(folder: Path, **of: dict[str, Any]) -> Sweep:
    """Plan the sweep with these methods by a part of their label."""
    plan = read_json(folder / "plan.json")
    for trial in plan["trials"]:
        for part, method in of.items():
            if part in trial["id"]:
                trial["config"]["method"] = method
    write_json(folder / "plan.json", plan)
    return load_sweep(folder)


def test_a_matrix_has_every_configuration_and_pairs_of_different_seeds_only(tmp_path: Path) -> None:
    results = load_sweep(recorded(tmp_path / "one"))
    table = build_matrix(results, "difficulty", "distance")
    names = results.study_trials["name"].unique().tolist()
    assert table.index.tolist() == table.columns.tolist() == names
    np.testing.assert_allclose(table.values, table.values.T)
    assert (np.diag(table) > 0).all() and (table.values < 1 / 3).all()  # a training is not compared with itself


def rewritten(folder: Path, which: str, **changed: object) -> Path:
    """Replace some arrays of the trials of one method by functions of the trial's arrays."""
    for path in folder.glob(f"trials/*{which}*/instances.npz"):
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **arrays | {name: change(arrays) for name, change in changed.items()})  # type: ignore[operator]
    return folder


def test_trainings_on_subsets_are_compared_on_the_examples_that_both_saw(tmp_path: Path) -> None:
    """TRADES leaves the hardest half out: the rest is ranked among itself, as if there were no others."""
    folder = recorded(tmp_path / "one")
    easier = np.arange(60) < 30

    def left_out(arrays: dict[str, np.ndarray]) -> np.ndarray:
        return np.where(easier, arrays["loss"], np.float32(np.nan))

    results = load_sweep(rewritten(folder, "TRADES", loss=left_out))
    found = build_matrix(results, "difficulty", "distance")

    def half(arrays: dict[str, np.ndarray]) -> np.ndarray:
        return arrays["loss"][:, easier]

    labels = {name: lambda arrays: np.arange(30) % 10 for name in ("y", "y_clean")}
    cut = rewritten(folder, "method=", loss=half, index=lambda arrays: np.arange(30), **labels)
    alone = build_matrix(load_sweep(cut), "difficulty", "distance")
    assert np.isfinite(found.values).all()
    np.testing.assert_allclose(found.values[1], alone.values[1])


def test_other_draws_of_the_data_are_not_compared_although_they_are_as_many(tmp_path: Path) -> None:
    folder = rewritten(recorded(tmp_path / "one"), "TRADES", index=lambda arrays: np.arange(60) + 1)
    with pytest.raises(SweepError, match="rank different examples"):
        build_matrix(load_sweep(folder), "difficulty", "distance")


def test_problems_with_other_labels_are_compared_each_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """36 flipped labels make 36 other examples hard; the examples are the same, their order is of another problem."""
    folder = recorded(tmp_path / "one")
    whole = build_matrix(load_sweep(folder), "difficulty", "distance")
    rewritten(folder, "TRADES", y=lambda arrays: np.arange(60) % 2)
    table = build_matrix(load_sweep(folder), "difficulty", "distance")
    assert np.isnan(table.values[0, 1]) and np.isnan(table.values[1, 0])
    np.testing.assert_allclose(np.diag(table), np.diag(whole))
    assert main([str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "other labels, or measured on another test set" in shown and "AT 0.10 and TRADES 0.10." in shown
    assert np.isfinite(
        build_matrix(load_sweep(folder), "test", "distance").values
    ).all()  # its labels are never flipped


def test_test_sets_of_two_data_sets_are_not_compared(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "one")
    plan = read_json(folder / "plan.json")
    for trial in plan["trials"]:
        noisy = {"label_noise": 0.3} if trial["replicate"] else {}
        other = {"name": "letters"} if trial["axes"].get("method") == "TRADES 0.10" else {}
        trial["config"]["data"] |= noisy | other
    write_json(folder / "plan.json", plan)
    found = build_matrix(load_sweep(folder), "test", "distance")
    assert np.isnan(found.values[0, 1]) and np.isfinite(np.diag(found)).all()


def test_robustness_in_eval_mode_ranks_like_correctness(tmp_path: Path) -> None:
    def withstood(arrays: dict[str, np.ndarray]) -> np.ndarray:
        right = arrays["correct"].copy()
        right[::2] = 255  # not measured at every epoch
        return right

    results = load_sweep(rewritten(recorded(tmp_path / "one"), "method=", withstood=withstood))
    assert (build_matrix(results, "instability_eval", "correlation") > 0.5).all(axis=None)
    only = load_sweep(rewritten(tmp_path / "one", "method=", correct=lambda arrays: arrays["correct"][1::2]))
    expected = build_matrix(only, "instability", "distance")
    pd.testing.assert_frame_equal(build_matrix(results, "instability_eval", "distance"), expected)


@pytest.mark.filterwarnings("error")
def test_incomparable_trainings_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = rewritten(recorded(tmp_path / "one"), "TRADES", correct=lambda arrays: np.ones_like(arrays["correct"]))
    assert main([str(folder), "--by", "instability", "--measure", "correlation"]) == 0
    shown = capsys.readouterr().out
    assert "nan" not in shown and " – " in shown
    assert "–: no two completed trainings" in shown and "AT 0.10 and TRADES 0.10; TRADES 0.10 with itself." in shown
    rewritten(folder, "AT_0.10", correct=lambda arrays: np.ones_like(arrays["correct"]))
    assert main([str(folder), "--by", "instability", "--measure", "correlation"]) == 2
    assert "do not all rank alike; take replicates >= 2" in capsys.readouterr().err


def test_one_seed_is_not_compared_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(tmp_path / "one")
    for path in folder.glob("trials/*TRADES*seed=[12]/instances.npz"):
        path.unlink()
    assert main([str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "nan" not in shown and "TRADES 0.10 with itself." in shown


def test_every_score_that_was_recorded_ranks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What Dong et al. compare in Figs. 8 to 10 beside instability; hard examples lie near the boundary here."""
    folder = recorded(tmp_path / "one")
    results = load_sweep(folder)
    by_loss = build_matrix(results, "difficulty", "correlation")
    np.testing.assert_allclose(
        build_matrix(results, "min_perturbation", "correlation").values, by_loss.values, atol=1e-6
    )
    assert (build_matrix(results, "first_learned", "correlation").values > 0.2).all()
    assert (build_matrix(results, "difficulty_last", "correlation").values < by_loss.values).all()  # of one noisy epoch
    for label, expected in (("predicted", "predicted"), (None, "given")):
        plan = read_json(folder / "plan.json")
        plan["evaluate"]["min_perturbation"] = {"label": label} if label else {}
        write_json(folder / "plan.json", plan)
        assert main([str(folder), "--by", "min_perturbation"]) == 0
        assert f"rankings by min_perturbation (of the {expected} label)" in capsys.readouterr().out
    with pytest.raises(SweepError, match=r"ranks by difficulty_entropy; take `evaluate: \{entropy: true\}`"):
        build_matrix(results, "difficulty_entropy", "distance")
    assert main([str(folder), "--by", "dificulty"]) == 2
    assert "--by 'dificulty': allowed are the scores instability" in capsys.readouterr().err


def test_weights_go_with_the_difficulty_of_pgd_trainings_of_other_seeds(tmp_path: Path) -> None:
    """Not with a training's own: here TRADES' losses are noise, and its weights those of what is hard for PGD."""
    folder = recorded(tmp_path / "one")
    hard = np.linspace(0, 3, 60)
    noise = np.random.default_rng(9).normal(0, 1, (4, 60)).astype(np.float32)
    rewritten(
        folder, "TRADES", loss=lambda arrays: noise, weight=lambda arrays: np.tile(np.exp(-hard), (4, 1)),
        t_max=lambda arrays: np.tile(1 - hard / 5, (4, 1)),
    )  # fmt: skip
    results = methods(folder, TRADES=PGD | {"weight": {"name": "confidence"}}, AT=PGD)
    found = correlate_with_difficulty(results, find_references(results))
    (table,) = [found.correlations["weight"]]
    assert table.loc["TRADES 0.10", "correlation"] > 0.85 and not found.without
    groups = found.groups.loc["TRADES 0.10"].to_numpy()
    assert list(found.groups.columns) == [f"G{group}" for group in range(10)]
    assert groups[0] < 0.5 and groups[-1] > 0.9 and (np.diff(groups) > -0.05).all()
    alone = correlate_with_difficulty(results, find_references(results)._replace(found=[]))
    assert not alone.correlations and set(alone.without) == {"weight", "t_max"}


def test_without_a_pgd_training_no_correlation_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(tmp_path / "one")
    methods(
        folder,
        TRADES=PGD | {"weight": {"name": "gair"}},
        AT=PGD | {"attack": PGD["attack"] | {"start": {"name": "previous"}}},
    )
    assert main([str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "weight: correlations with difficulty need the difficulty of a PGD training of another seed" in shown
    assert "correlation of difficulty d" not in shown and "--ranking results/<sweep>/profile/<ranking>.npz" in shown


@pytest.mark.long
def test_the_difficulty_may_be_that_of_another_sweeps_ranking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = recorded(tmp_path / "one"), tmp_path / "ranks-000000000000.npz"
    ranked = {"index": np.arange(60)[::-1], "y": np.zeros(60, int)}
    rank = np.linspace(0, 1, 60)[::-1]
    np.savez(file, **ranked, rank_difficulty=rank, rank_instability=1 - rank, provenance="{}")
    assert main([str(folder), "--ranking", str(file)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"of{file}withthemeanweightofanexample" in shown.replace(" ", "")  # lines end anywhere in a path
    (values,) = [
        correlate_with_difficulty(load_sweep(folder), find_references(load_sweep(folder), file)).correlations["weight"][
            "correlation"
        ]
    ]
    assert (values > 0.7).all()
    for change, complaint in (
        ({"y": np.ones(60, int)}, "it ranks other examples, or under other labels"),
        ({"index": np.arange(60) + 31}, "it ranks other examples, or under other labels"),
    ):
        np.savez(file, **ranked | change, rank_difficulty=rank, provenance="{}")
        assert main([str(folder), "--ranking", str(file)]) == 2
        assert complaint in capsys.readouterr().err
    np.savez(file, **ranked, rank_instability=rank, provenance="{}")
    assert main([str(folder), "--ranking", str(file)]) == 2
    assert "it ranks by instability; give profile/<ranking>.npz" in capsys.readouterr().err
    assert main([str(folder), "--ranking", str(tmp_path / "nothing.npz")]) == 2
    assert "it is missing or damaged" in capsys.readouterr().err


def instances_of(y: np.ndarray) -> Instances:
    """Return three examples with these labels, of which nothing else was recorded."""
    arrays = {"index": np.arange(3), "y": y}
    return Instances(arrays, {name: values.shape for name, values in arrays.items()})


@pytest.mark.parametrize(("by", "read"), [("difficulty", "loss"), ("instability", "correct"), ("test", "test_loss")])
def test_a_matrix_reads_one_array_of_each_training_and_once(
    by: str, read: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, names = load_sweep(recorded(tmp_path / "one")), list[str]()
    get = StoredArrays.__getitem__
    monkeypatch.setattr(StoredArrays, "__getitem__", lambda arrays, name: names.append(name) or get(arrays, name))
    build_matrix(results, by, "distance")
    assert names.count(read) == len(results.completed) == 6
    assert set(names) <= {"index", "y", read}


def test_a_training_is_never_set_against_its_own_losses() -> None:
    instances = instances_of(np.zeros(3, int))
    same, other = (Reference(seed, np.arange(3)[::-1], np.zeros(3, int), np.array([0, 0.5, 1])) for seed in (0, 1))
    assert References("", [same]).d(instances, 0) is None
    assert References("", [same, other]).d(instances, 0) == pytest.approx([5 / 6, 1 / 2, 1 / 6])
    assert References("", [Reference(1, np.array([0, 2]), np.zeros(2, int), np.array([0.1, 0.9]))]).d(
        instances, 0
    ) == pytest.approx([1 / 4, np.nan, 3 / 4], nan_ok=True)  # example 1 was held out there
    flipped = instances_of(np.array([0, 0, 1]))
    assert References("", [other]).d(flipped, 0) is None


def views(folder: Path) -> Sweep:
    """Make clean training, whose networks see fog as noise and snow as the images, beside FGSM and PGD training."""
    folder = recorded(folder)
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 1, (4, 60))
    rewritten(
        folder, "AT_0.10", test_fog_loss=lambda arrays: noise, test_snow_loss=lambda arrays: arrays["test_loss"],
        test_pgd_loss=lambda arrays: -arrays["test_loss"], test_fgsm_loss=lambda arrays: arrays["test_loss"] + 1,
    )  # fmt: skip
    rewritten(
        folder, "TRADES", test_fog_loss=lambda arrays: arrays["test_loss"],
        test_pgd_loss=lambda arrays: arrays["test_loss"], test_fgsm_loss=lambda arrays: -arrays["test_loss"],
    )  # fmt: skip
    plan = read_json(folder / "plan.json")
    plan["evaluate"] |= {"test_losses": True, "loss_attacks": {"fgsm": {"name": "fgsm"}}}
    write_json(folder / "plan.json", plan)
    return methods(folder, TRADES=PGD, AT=STANDARD)


def test_corruptions_are_those_of_networks_trained_on_clean_images(tmp_path: Path) -> None:
    """Liu et al. 2021, Table 5: held against clean and attacked images, of these networks and of attacked ones."""
    found = compare_corrupted(views(tmp_path / "one"), MEASURES["distance"])
    assert list(found) == ["AT 0.10"]
    table = found["AT 0.10"]
    rows = ["AT 0.10: clean", "AT 0.10: fgsm", "AT 0.10: pgd", "TRADES 0.10: fgsm", "TRADES 0.10: pgd"]
    assert table.index.tolist() == rows and table.columns.tolist() == ["fog", "snow"]
    near = build_matrix(load_sweep(tmp_path / "one"), "test", "distance").loc["AT 0.10", "AT 0.10"]
    assert table.loc["AT 0.10: clean", "snow"] == table.loc["AT 0.10: fgsm", "snow"] == pytest.approx(near)
    assert near < 0.15
    assert table["fog"].between(0.25, 0.42).all()  # unrelated: 1/3
    assert (table.loc[["AT 0.10: pgd", "TRADES 0.10: fgsm"], "snow"] > 0.4).all()  # reversed: 1/2
    assert table.loc["TRADES 0.10: pgd", "snow"] < 0.15
    related = compare_corrupted(views(tmp_path / "other"), MEASURES["correlation"])["AT 0.10"]
    assert related.loc["AT 0.10: clean", "snow"] > 0.85 and related.loc["AT 0.10: pgd", "snow"] < -0.85


def test_trainings_of_one_seed_or_of_another_setting_are_held_against_no_corruption(tmp_path: Path) -> None:
    results = views(tmp_path / "one")
    plan = read_json(results.folder / "plan.json")
    for trial in plan["trials"]:
        if "TRADES" in trial["id"]:
            trial["config"]["epochs"] = 7  # differs in more than its method
    write_json(results.folder / "plan.json", plan)
    assert {
        row.partition(":")[0]
        for row in compare_corrupted(load_sweep(results.folder), MEASURES["distance"])["AT 0.10"].index
    } == {"AT 0.10"}
    for path in results.folder.glob("trials/*seed=[12]/instances.npz"):
        path.unlink()
    assert compare_corrupted(load_sweep(results.folder), MEASURES["distance"]) == {}


def test_missing_records_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_sweep(tmp_path / "one", Made(faults=False))
    with pytest.raises(SweepError, match="test_losses: true"):
        build_matrix(load_sweep(folder), "test", "distance")
    assert main([str(folder), "--by", "test"]) == 2
    assert "test_losses" in capsys.readouterr().err
    assert main([str(folder), "--by", "instability_eval"]) == 2
    assert "{train: true}" in capsys.readouterr().err


def test_the_command_prints_the_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(tmp_path / "one")
    assert main([str(folder), "--by", "instability", "--measure", "iou"]) == 0
    shown = capsys.readouterr().out
    assert "iou of rankings by instability" in shown and "2  TRADES 0.10" in shown
    assert "corrupted test images" not in shown and "weight: correlations with difficulty need" in shown
    views(tmp_path / "two")
    assert main([str(tmp_path / "two")]) == 0
    shown = capsys.readouterr().out
    assert "for networks trained on clean images (AT 0.10)" in " ".join(shown.split())
    assert re.search(r"configuration +fog +snow\n1  AT 0.10: clean +0\.\d{3} +0\.\d{3}\n", shown)
