"""A configuration is one point over its seeds; test describes, validation selects."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis.exceptions import SweepError
from analysis.measures.front import compute_fronts
from analysis.measures.front_members import number_members
from analysis.measures.stats import estimate, estimate_groups
from analysis.results.sweep import load_sweep
from trainers.objectives import non_dominated

from ..synthetic import ATTACKS, Made, write_sweep


def test_each_problem_has_its_own_front_and_a_point_per_configuration(whole: Path) -> None:
    found = compute_fronts([load_sweep(whole)])
    assert [panel.title for panel in found.panels] == ["label_noise 0.0", "label_noise 0.1"]
    assert [len(panel.points) for panel in found.panels] == [6, 6]
    assert (found.x, found.y) == ("test_aa_clean_acc", "test_aa_acc")


@pytest.mark.long
def test_a_front_takes_both_accuracies_of_the_same_images_and_says_of_how_many(whole: Path) -> None:
    """AutoAttack looked at 300 of 360 images: clean accuracy is that on these, a point below that on all."""
    results = load_sweep(whole)
    found = compute_fronts([results])
    assert found.panels[0].x_title == "clean test accuracy on 300 images"
    assert found.y_title == "robust test accuracy, AutoAttack custom on 300 images"
    point = found.panels[0].points.iloc[0]
    seeds = results.study_trials[results.study_trials["configuration"] == point["configuration"]]
    assert point["x"] == pytest.approx(seeds["best_test_clean_acc"].mean() - 0.01)
    assert compute_fronts([results], y="test_pgd20_acc").x == "test_clean_acc"


@pytest.mark.parametrize(("x", "y"), [("test_clean_acc", "test_aa_acc"), ("test_aa_clean_acc", "test_pgd20_acc")])
def test_accuracies_of_different_images_are_refused(whole: Path, x: str, y: str) -> None:
    with pytest.raises(SweepError, match=r"both accuracies of the same test images.* on 3[06]0.* on 3[06]0"):
        compute_fronts([load_sweep(whole)], x=x, y=y)


def test_of_an_older_record_the_attack_on_the_first_images_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    """Its clean accuracy on these images alone is not known, and they may be of one class."""
    old = ATTACKS | {"aa": ATTACKS["aa"].removesuffix(" drawn by class")}
    results = load_sweep(write_sweep(tmp_path / "old", Made(faults=False, attacks=old)))
    found = compute_fronts([results])
    assert (found.x, found.y) == ("test_clean_acc", "test_pgd20_acc")
    assert "AutoAttack custom on the first 300 images is left out" in found.note
    assert results.attacks["aa"].endswith("epsilon 0.1 on the first 300 images")
    with pytest.raises(SweepError, match="test_aa_acc on the first 300"):
        compute_fronts([results], x="test_clean_acc", y="test_aa_acc")
    with pytest.raises(SweepError, match="test_aa_clean_acc is not measured"):
        compute_fronts([results], y="test_aa_acc")


@pytest.mark.long
def test_sweeps_that_looked_at_other_images_share_no_front(tmp_path: Path) -> None:
    old = ATTACKS | {"aa": ATTACKS["aa"].removesuffix(" drawn by class")}
    sweeps = [
        load_sweep(write_sweep(tmp_path / name, Made(study=name, faults=False, attacks=attacks)))
        for name, attacks in (("old", old), ("new", ATTACKS))
    ]
    found = compute_fronts(sweeps)
    assert found.y == "test_pgd20_acc"
    both = "AutoAttack custom on the first 300 images or AutoAttack custom on 300 images is left out"
    assert f"{both}: clean accuracy on the same images was not measured in every sweep." in found.note


def test_the_axis_tells_an_attack_from_those_beside_it_that_the_front_does_not_show(tmp_path: Path) -> None:
    wide = {"wide": "PGD-20, linf, epsilon 0.2, step epsilon/4"}
    found = compute_fronts(
        [load_sweep(write_sweep(tmp_path / "a", Made(faults=False, attacks=ATTACKS | wide)))], y="test_pgd20_acc"
    )
    assert found.y_title == "robust test accuracy, PGD-20 epsilon 0.1"


def test_an_attack_on_as_many_images_as_there_are_is_one_on_all(tmp_path: Path) -> None:
    old = ATTACKS | {"aa": "AutoAttack standard, linf, epsilon 0.1 on 360 images"}
    found = compute_fronts([load_sweep(write_sweep(tmp_path / "old", Made(faults=False, attacks=old)))])
    assert (found.x, found.y) == ("test_clean_acc", "test_aa_acc")


def test_a_point_is_the_mean_over_seeds_with_its_standard_error(whole: Path) -> None:
    results = load_sweep(whole)
    point = compute_fronts([results]).panels[0].points.iloc[0]
    seeds = results.study_trials[results.study_trials["configuration"] == point["configuration"]]["best_test_aa_acc"]
    assert point["n"] == 3
    assert point["y"] == pytest.approx(seeds.mean())
    assert point["y_se"] == pytest.approx(seeds.std() / np.sqrt(3))


def test_a_configuration_with_a_diverged_seed_is_shown_but_never_on_the_front(tmp_path: Path) -> None:
    folder = write_sweep(
        tmp_path / "sweep", Made(subsets=("all",), methods=("AT", "TRADES"), noise=(0.0,), replicates=4)
    )
    points = compute_fronts([load_sweep(folder)]).panels[0].points.set_index("family")
    assert points.loc["TRADES", "diverged"] == 1  # it alone would dominate
    assert not points.loc["TRADES", "on_front"] and not points.loc["TRADES", "selected"]
    assert points.loc["AT", "on_front"]
    assert "1 configuration never on a front, as a seed diverged." in compute_fronts([load_sweep(folder)]).note


def test_a_configuration_with_an_unknown_accuracy_of_a_seed_is_counted_and_on_no_front(tmp_path: Path) -> None:
    """Its other seeds would flatter it: here they alone would make it dominate all."""
    folder = write_sweep(tmp_path / "sweep", Made(noise=(0.0,), faults=False))
    for path in folder.glob("trials/*TRADES*friendly*/result.json"):
        result = json.loads(path.read_text())
        result["best"] |= {"test_aa_clean_acc": 0.999, "test_aa_acc": 0.999}
        if path.parent.name.endswith("seed=0"):
            del result["best"]["test_aa_acc"]
        path.write_text(json.dumps(result))
    found = compute_fronts([load_sweep(folder)])
    points = found.panels[0].points.set_index("choice")
    assert points["unknown"].to_dict() == {name: int(name == "TRADES 0.10 · friendly 108") for name in points.index}
    assert not points.loc["TRADES 0.10 · friendly 108", ["on_front", "on_own_front", "knee", "selected"]].any()
    assert points["on_front"].any()
    assert "1 configuration never on a front, as a seed has an unknown accuracy (NaN)." in found.note
    assert found.panels[0].volume["made_up"].configurations == 5


def test_validation_selects_by_validation_accuracies_alone(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(noise=(0.0,), faults=False, replicates=1))
    for path in folder.glob("trials/*friendly*/result.json"):
        result = json.loads(path.read_text())
        result["best"] |= {"val_clean_acc": 0.99, "val_pgd_acc": 0.99, "test_clean_acc": 0.1, "test_aa_acc": 0.1}
        path.write_text(json.dumps(result))
    points = compute_fronts([load_sweep(folder)]).panels[0].points
    friendly = points["subset_label"].str.startswith("friendly")
    assert (points["selected"] == friendly).all()
    assert not points.loc[friendly, "on_front"].any()


@pytest.mark.parametrize(
    ("objectives", "constraints", "chosen"),
    [
        ({"val_clean_acc": "max", "val_pgd_acc": "max"}, [], [True, True, True, False]),
        ({"val_clean_acc": "max", "val_pgd_acc": "max"}, ["val_clean_acc >= 60%"], [False, True, True, False]),
        ({"val_clean_acc": "max", "val_pgd_acc": "max"}, ["val_pgd_acc <= 0.3"], [False, False, True, True]),
        ({"val_pgd_acc": "max"}, [], [True, False, False, False]),
        ({"val_pgd_acc": "max"}, ["val_clean_acc >= 0.6"], [False, True, False, False]),
        ({"val_pgd_acc": "min"}, ["val_clean_acc >= 0.6"], [False, False, True, False]),
        ({"val_pgd_acc": "max"}, ["val_clean_acc >= 0.99"], [False, False, False, False]),
    ],
)
def test_validation_selects_as_the_study_said(
    tmp_path: Path, objectives: dict[str, str], constraints: list[str], chosen: list[bool]
) -> None:
    methods = ("A", "B", "C", "D")
    made = Made(noise=(0.0,), faults=False, replicates=1, methods=methods, subsets=("all",))
    folder = write_sweep(tmp_path / "sweep", made)
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(plan | {"objectives": objectives}))
    (folder / "space.yaml").write_text(json.dumps({"search": {"constraints": constraints}}))
    for method, (clean, robust) in zip(methods, [(0.5, 0.4), (0.7, 0.35), (0.8, 0.2), (0.6, 0.3)], strict=True):
        (path,) = folder.glob(f"trials/*method={method}*/result.json")
        result = json.loads(path.read_text())
        result["best"] |= {"val_clean_acc": clean, "val_pgd_acc": robust}
        path.write_text(json.dumps(result))
    points = compute_fronts([load_sweep(folder)]).panels[0].points.set_index("family")
    assert points["selected"][list(methods)].tolist() == chosen


@pytest.mark.parametrize(("search", "chosen"), [({}, "A"), ({"checkpoint": "last"}, "B")])
@pytest.mark.parametrize("drawn", ["best", "last"])
def test_validation_selects_at_the_checkpoint_that_the_study_said_whichever_is_drawn(
    tmp_path: Path, search: dict[str, str], chosen: str, drawn: str
) -> None:
    made = Made(noise=(0.0,), faults=False, replicates=1, methods=("A", "B"), subsets=("all",))
    folder = write_sweep(tmp_path / "sweep", made)
    (folder / "space.yaml").write_text(json.dumps({"search": search}))
    for method, better in (("A", "best"), ("B", "last")):
        (path,) = folder.glob(f"trials/*method={method}*/result.json")
        result = json.loads(path.read_text())
        for checkpoint in ("best", "last"):
            result[checkpoint] |= dict.fromkeys(("val_clean_acc", "val_pgd_acc"), 0.7 if checkpoint == better else 0.2)
        path.write_text(json.dumps(result))
    points = compute_fronts([load_sweep(folder)], checkpoint=drawn).panels[0].points
    assert points.loc[points["selected"], "family"].tolist() == [chosen]


@pytest.mark.long
def test_seeds_are_compared_over_the_same_menu(sweep: Path, tmp_path: Path) -> None:
    """A configuration that some seed did not complete is in no attainment surface."""
    complete = compute_fronts([load_sweep(sweep)]).panels[1].surfaces["made_up"]
    lucky = sweep_with_one_lucky_seed(tmp_path)
    for percentile, corners in compute_fronts([load_sweep(lucky)]).panels[1].surfaces["made_up"].items():
        np.testing.assert_array_equal(corners, complete[percentile])


@pytest.mark.long
def test_a_configuration_with_more_seeds_than_the_others_does_not_stand_for_all(tmp_path: Path) -> None:
    """As where further seeds go to the front: the seeds that all have are compared over all."""
    folder = write_sweep(tmp_path / "sweep", Made(noise=(0.0,), faults=False, replicates=4))
    equal = compute_fronts(
        [load_sweep(write_sweep(tmp_path / "equal", Made(noise=(0.0,), faults=False, replicates=4)))]
    ).panels[0]
    plan = json.loads((folder / "plan.json").read_text())
    favoured = plan["trials"][-1]["configuration"]
    kept = [t for t in plan["trials"] if t["configuration"] == favoured or t["kind"] != "trial" or t["replicate"] < 2]
    (folder / "plan.json").write_text(json.dumps(plan | {"trials": kept}))
    (panel,) = compute_fronts([load_sweep(folder)]).panels
    assert sorted(panel.points["n"]) == [2] * 5 + [4]
    for found, seeds in ((panel, 2), (equal, 4)):
        balanced = found.balanced["made_up"]
        assert (balanced["replicate"].nunique(), balanced["configuration"].nunique()) == (seeds, 6)
        assert (found.volume["made_up"].n, found.volume["made_up"].configurations) == (seeds, 6)


def sweep_with_one_lucky_seed(folder: Path) -> Path:
    """Return the made-up sweep, where of one configuration a single seed ended, far better than all others."""
    lucky = write_sweep(folder / "made_up")
    crashed = next(path.parent for path in lucky.glob("trials/*/error.txt"))
    other = next(path for path in lucky.glob("trials/*noise=0.1*all*seed=0/result.json"))
    result = json.loads(other.read_text())
    result["best"] |= {"test_clean_acc": 1.0, "test_aa_acc": 1.0}
    (crashed / "result.json").write_text(json.dumps(result))
    return lucky


def test_one_seed_has_no_error_no_surface_and_says_so(tmp_path: Path) -> None:
    found = compute_fronts([load_sweep(write_sweep(tmp_path / "one", Made(replicates=1, faults=False)))])
    panel = found.panels[0]
    assert panel.points["y_se"].isna().all() and panel.surfaces["made_up"] == {}
    assert "1 seed" in found.note and "demonstration" in found.note


@pytest.mark.long
def test_the_last_checkpoint_can_be_asked_for(whole: Path) -> None:
    best, last = (compute_fronts([load_sweep(whole)], checkpoint=c).panels[1].points for c in ("best", "last"))
    np.testing.assert_allclose(best["y_last"], last["y"])
    assert (last["y"] - best["y"]).abs().max() > 0.01  # adversarial training on noisy labels overfits


@pytest.mark.long
def test_sweeps_of_one_name_are_told_apart_by_their_folders(whole: Path, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "other", Made(study="whole", faults=False, lift=0.02))
    found = compute_fronts([load_sweep(whole), load_sweep(other)])
    assert found.sweeps == (str(whole), str(other))
    assert {volume.n for volume in found.panels[0].volume.values()} == {3}
    assert found.panels[0].volume[str(other)].mean > found.panels[0].volume[str(whole)].mean


def test_a_sweep_is_not_compared_with_itself(whole: Path) -> None:
    """As one of six seeds it would have smaller errors than the three that it has."""
    with pytest.raises(SweepError, match="given twice"):
        compute_fronts([load_sweep(whole), load_sweep(whole.parent / "." / whole.name)])


@pytest.mark.long
def test_a_copy_of_a_sweep_is_not_compared_with_it(whole: Path, tmp_path: Path) -> None:
    """Neither whole nor of an earlier state, when it had fewer trainings; what is common to others is told."""
    shutil.copytree(whole, copied := tmp_path / "copied")
    same = rf"^{copied}: {whole} has all of its 36 trainings too \(it is the same sweep\)"
    with pytest.raises(SweepError, match=same):
        compute_fronts([load_sweep(whole), load_sweep(copied)])
    plan = json.loads((copied / "plan.json").read_text())
    (copied / "plan.json").write_text(json.dumps(plan | {"trials": plan["trials"][:-6]}))
    for pair in ([whole, copied], [copied, whole]):
        with pytest.raises(SweepError, match=rf"^{copied}: {whole} has all of its 30 trainings too;"):
            compute_fronts([load_sweep(folder) for folder in pair])


@pytest.mark.long
def test_trainings_common_to_two_sweeps_are_reported(whole: Path, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False, lift=0.02))
    changed, first = (json.loads((folder / "plan.json").read_text()) for folder in (other, whole))
    for row, same in list(zip(changed["trials"], first["trials"], strict=True))[-4:]:
        row["chain"] = same["chain"]
    (other / "plan.json").write_text(json.dumps(changed))
    found = compute_fronts([load_sweep(whole), load_sweep(other)])
    assert found.note.endswith("whole and other hold the same 4 trainings; each counts once, under whole.")
    alone = compute_fronts([load_sweep(whole)])
    assert not alone.remark, "its titles say which data each front has"


OTHERWISE = {  # an attack of the same name, or the rule that selects
    "epsilon": {"aa": "AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 0.2 on 300 images drawn by class"},
    "images": {"aa": "AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 0.1 on 200 images drawn by class"},
    "attack": {"aa": "AutoAttack standard, linf, epsilon 0.1 on 300 images drawn by class"},
    "selection": {"pgd": "PGD-2, linf, epsilon 0.1, step epsilon/4"},
}


@pytest.mark.long
@pytest.mark.parametrize("what", OTHERWISE)
def test_sweeps_measured_otherwise_have_separate_fronts_with_separate_words(
    what: str, whole: Path, tmp_path: Path
) -> None:
    attacks = ATTACKS | OTHERWISE[what]
    other = load_sweep(write_sweep(tmp_path / "other", Made(study="other", faults=False, attacks=attacks, lift=0.02)))
    first = load_sweep(whole)
    named = {"whole": first, "other": other}
    alone = {name: compute_fronts([sweep], y="test_aa_acc").panels for name, sweep in named.items()}
    for sweeps in ([first, other], [other, first]):
        found = compute_fronts(sweeps, y="test_aa_acc")
        assert {panel.title for panel in found.panels} == {
            f"{sweep}: label_noise {noise}" for sweep in ("whole", "other") for noise in (0, 0.1)
        }
        parting = "rule that selects the epoch" if what == "selection" else "attack"
        assert found.note.count("fronts: ") == 1
        assert f"There are 4 fronts: trainings are compared only with the same data and {parting}." in found.note
        for place, panel in enumerate(found.panels):
            (sweep,) = panel.points["sweep"].unique()
            assert panel.title.startswith(sweep)
            assert (attacks if sweep == "other" else ATTACKS)["aa"] in panel.note
            own = alone[sweep][place % 2]
            assert panel.points["on_front"].tolist() == own.points["on_front"].tolist()
        assert len({panel.y_title for panel in found.panels}) == (1 if what == "selection" else 2)


@pytest.mark.long
@pytest.mark.parametrize("name", ["pgd", "pgd20"])
def test_attacks_that_climb_another_loss_share_no_front(name: str, tmp_path: Path) -> None:
    """Of the curves, as it selects the epoch, and of the end."""
    attacks = ATTACKS | {name: ATTACKS[name].replace(",", " on the margin,", 1)}
    sweeps = [
        load_sweep(write_sweep(tmp_path / study, Made(study=study, faults=False, noise=(0.0,), attacks=run)))
        for study, run in (("ce", ATTACKS), ("margin", attacks), ("ce too", ATTACKS))
    ]
    found = compute_fronts(sweeps, y="test_pgd20_acc")
    assert [panel.points["sweep"].unique().tolist() for panel in found.panels] == [["ce", "ce too"], ["margin"]]


@pytest.mark.long
def test_other_examples_behind_the_same_words_have_a_front_of_their_own(whole: Path, tmp_path: Path) -> None:
    """A file of the same name may hold other images; a plan says which by their hash."""
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False))
    plan = json.loads((other / "plan.json").read_text())
    for trial in plan["trials"]:
        trial["data"] = "another hash"
    (other / "plan.json").write_text(json.dumps(plan))
    assert [len(panel.points) for panel in compute_fronts([load_sweep(whole), load_sweep(other)]).panels] == [
        6,
        6,
        6,
        6,
    ]


@pytest.mark.long
def test_a_joint_front_has_only_members_that_no_other_sweep_dominates(whole: Path, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False, lift=0.2))
    panel = compute_fronts([load_sweep(whole), load_sweep(other)]).panels[0]
    points = panel.points
    assert points["on_front"].tolist() == non_dominated(points[["x", "y"]].to_numpy()).tolist()
    for _, own in points.groupby("sweep"):  # each has a front of its own, which is drawn and not numbered
        assert own["on_own_front"].tolist() == non_dominated(own[["x", "y"]].to_numpy()).tolist()
    assert (points["on_own_front"] & ~points["on_front"]).any()
    numbers = number_members(panel)
    assert numbers["on_front"].all() and numbers["number"].tolist() == list(range(1, len(numbers) + 1))


@pytest.mark.long
def test_missing_results_are_reported_beside_a_front(sweep: Path, whole: Path) -> None:
    """Of the made-up sweep a trial diverged, one is torn and one crashed."""
    note = compute_fronts([load_sweep(sweep), load_sweep(whole)]).panels[1].missing
    assert "made_up: not finished: 2 of 18 trials without a result." in note
    assert "made_up: 1 configuration left out that completed no seed." in note
    assert "whole: " not in note


def test_a_configuration_without_a_result_is_said_to_be_left_out(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "whole"
    shutil.copytree(whole, folder)
    for path in folder.glob("trials/*noise=0.0*TRADES*random*/result.json"):
        path.unlink()
    notes = [panel.missing for panel in compute_fronts([load_sweep(folder)]).panels]
    assert "not finished: 3 of 18 trials without a result. 1 configuration left out that completed no seed." in notes[0]
    assert "left out" not in notes[1] and "not finished" not in notes[1]


def test_one_metric_twice_is_no_front(whole: Path) -> None:
    with pytest.raises(SweepError, match="--x and --y are both test_clean_acc"):
        compute_fronts([load_sweep(whole)], y="test_clean_acc")


@pytest.mark.long
def test_problems_of_several_sweeps_are_told_apart_by_their_data(whole: Path, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", noise=(0.1, 0.2), faults=False))
    found = compute_fronts([load_sweep(whole), load_sweep(other)])
    titles = ["whole: label_noise 0", "label_noise 0.1", "other: label_noise 0.2"]
    assert [panel.title for panel in found.panels] == titles
    assert [len(panel.points) for panel in found.panels] == [6, 12, 6]


def test_means_of_groups_are_those_of_each(whole: Path) -> None:
    trials = load_sweep(whole).study_trials
    table = trials[["last_test_aa_acc", "best_test_clean_acc"]].copy()
    table.iloc[4, 0], table.iloc[5, 1] = np.nan, np.inf
    found = estimate_groups(table, [trials["configuration"]])
    for name, group in table.groupby(trials["configuration"]):
        for column in table:
            row = [found.loc[name, f"{column}{which}"] for which in ("", "_se", "_n")]
            np.testing.assert_allclose(row, estimate(group[column])[:3], rtol=1e-12)


def bound(folder: Path, of: str, value: float, seeds: int = 9) -> Path:
    """Take AutoAttack from the first seeds of a configuration, which keep an upper bound."""
    plan = json.loads((folder / "plan.json").read_text())
    for trial in [row["id"] for row in plan["trials"] if row["configuration"] == of][:seeds]:
        path = folder / "trials" / trial / "result.json"
        result = {key: found for key, found in json.loads(path.read_text()).items() if key != "digest"}
        for at in ("best", "last"):
            del result[at]["test_aa_acc"]
            result[at]["bounds"] = {"aa": value}
        del result["attacks"]["aa"]
        path.write_text(json.dumps(result))
    return folder


@pytest.mark.long
def test_a_configuration_with_a_bound_alone_is_no_point_of_a_front(tmp_path: Path) -> None:
    whole = compute_fronts([load_sweep(write_sweep(tmp_path / "whole", Made(faults=False)))])
    off = whole.panels[0].points[~whole.panels[0].points["on_front"]].iloc[0]
    folder = bound(write_sweep(tmp_path / "some", Made(faults=False)), off["configuration"], off["y"])
    results = load_sweep(folder)
    found = compute_fronts([results])
    assert (found.y, len(found.panels)) == (whole.y, len(whole.panels))
    panel = found.panels[0]
    point = panel.points[panel.points["configuration"] == off["configuration"]].iloc[0]
    assert math.isnan(point["y"]) and point["y_bound"] == pytest.approx(off["y"]) and point["n"] == off["n"]
    assert list(panel.points["on_front"]) == list(whole.panels[0].points["on_front"])
    assert not point["on_front"] and point["selected"] == off["selected"]
    assert off["configuration"] not in set(panel.trials["configuration"])
    assert "1 configuration has an upper bound alone (≤)" in panel.missing and "Not settled" not in panel.missing
    assert "test_aa_acc" not in results.final_metrics()  # which answers and comparisons take


@pytest.mark.long
def test_verdicts_on_some_seeds_alone_are_no_mean_and_a_high_bound_is_not_settled(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "some", Made(faults=False))
    name = compute_fronts([load_sweep(folder)]).panels[0].points.iloc[0]["configuration"]
    panel = compute_fronts([load_sweep(bound(folder, name, 0.999, seeds=1))]).panels[0]
    point = panel.points[panel.points["configuration"] == name].iloc[0]
    assert math.isnan(point["y"]) and not point["on_front"]
    assert "Not settled for the front: 1 of them." in panel.missing
