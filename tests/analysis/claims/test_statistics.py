"""Numbers a seed: each term and each statistic against the same computed from the files with plain numpy."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from analysis.claims.claim import Check
from analysis.claims.metric import NotRecorded, parse_metric
from analysis.claims.statistics import Measured, measure_check
from analysis.claims.trainings import Trainings
from analysis.results.sweep import load_sweep

from ..planned import write_planned
from ..synthetic import Made, write_sweep

SUBSETS = ("all", "friendly 108", "random 108", "random 60")
MADE = Made(subsets=SUBSETS, replicates=3, epochs=20, every=1, train=True, instances=True, faults=False, profile=False)
AT, TRADES = {"method": ["AT 0.10"]}, {"method": ["TRADES 0.10"]}
METHODS = ("AT 0.10", "TRADES 0.10")
PAIR = {"of": AT, "against": TRADES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods, four subsets, three seeds; the learning rate drops after ten epochs; AT 0.10 is PGD training."""
    folder = write_sweep(tmp_path_factory.mktemp("claims") / "sweep", MADE)
    for path in folder.glob("trials/*/epochs.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [row | {"lr": 0.1 if row["epoch"] < 10 else 0.01} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = json.loads((folder / "plan.json").read_text())
    pgd = {"attack": {"name": "pgd", "steps": 10}}
    pgd |= {piece: {"name": name} for piece, name in (("loss", "ce"), ("weight", "uniform"), ("target", "given"))}
    for trial in plan["trials"]:
        trial["config"]["method"] = pgd if trial["axes"]["method"] == "AT 0.10" else {"attack": {"name": "pgd"}}
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


@pytest.fixture(scope="module")
def trainings(folder: Path) -> Trainings:
    return Trainings(load_sweep(folder))


class Raw:
    """The files of one training."""

    def __init__(self, folder: Path, method: str, subset: str, noise: float, seed: int) -> None:
        name = f"label_noise={noise},method={method},subset={subset}-ab12cd".replace(" ", "_")
        place = folder / "trials" / f"{name},seed={seed}"
        self.result = json.loads((place / "result.json").read_text())
        self.rows = [json.loads(line) for line in (place / "epochs.jsonl").read_text().splitlines()]
        self.arrays = dict(np.load(place / "instances.npz"))

    def curve(self, name: str) -> np.ndarray:
        return np.array([row[name] for row in self.rows])

    @property
    def loss(self) -> np.ndarray:
        return np.nanmean(self.arrays["loss"].astype(float), axis=0)


def measure(trainings: Trainings, **knobs: object) -> dict[str, Measured]:
    check = Check.model_validate({"statistic": "level", "expect": "> 0"} | knobs)
    return {f"{found.setting}{found.where}": found for found in measure_check(trainings, check, check.metrics[0])}


def of_seeds(folder: Path, take, method: str = "AT 0.10", subset: str = "all", noise: float = 0.1) -> np.ndarray:
    return np.array([take(Raw(folder, method, subset, noise, seed)) for seed in range(3)])


def own_ranks(raw: Raw) -> np.ndarray:
    """Return d of Liu et al. 2021: 0 the hardest."""
    return 1 - (rankdata(raw.loss) - 0.5) / len(raw.loss)


def others_ranks(folder: Path, seed: int) -> np.ndarray:
    """Return d by the PGD trainings of the other seeds, on the same examples."""
    mean = np.mean([own_ranks(Raw(folder, "AT 0.10", "all", 0.1, s)) for s in range(3) if s != seed], axis=0)
    return (rankdata(mean) - 0.5) / len(mean)


def group_mean(folder: Path, seed: int, name: str, group: int, epoch: int) -> float:
    d = others_ranks(folder, seed)
    members = np.minimum(np.floor(10 * d), 9) == group
    return float(np.nanmean(Raw(folder, "AT 0.10", "all", 0.1, seed).arrays[name][epoch, members].astype(float)))


TERMS = {
    "best clean": lambda raw: 100 * raw.result["best"]["test_clean_acc"],
    "last pgd20": lambda raw: 100 * raw.result["last"]["test_pgd20_acc"],
    "last train pgd": lambda raw: 100 * raw.rows[-1]["train_pgd_acc"],
    "best train pgd": lambda raw: 100 * raw.rows[raw.result["best"]["epoch"]]["train_pgd_acc"],
    "best val pgd": lambda raw: 100 * raw.result["best"]["val_pgd_acc"],
    "peak pgd - last pgd": lambda raw: 100 * (raw.curve("test_pgd_acc").max() - raw.rows[-1]["test_pgd_acc"]),
    "last clean / best clean": lambda raw: raw.result["last"]["test_clean_acc"] / raw.result["best"]["test_clean_acc"],
    "epoch of best": lambda raw: raw.result["best"]["epoch"],
    "epoch of drop": lambda raw: 10,
    "epoch of peak": lambda raw: np.argmax(
        [raw.curve("test_pgd_acc")[max(0, at - 1) : at + 2].mean() for at in range(20)]
    ),
    "backwards": lambda raw: raw.curve("backwards").sum(),
    "forwards + backwards": lambda raw: raw.curve("forwards").sum() + raw.curve("backwards").sum(),
    "step kappa_mean": lambda raw: raw.curve("kappa_mean")[10:12].mean() - raw.curve("kappa_mean")[8:10].mean(),
    "slope test_pgd_acc": lambda raw: (
        100 * (raw.curve("test_pgd_acc")[18:].mean() - raw.curve("test_pgd_acc")[10:12].mean())
    ),
    "pearson epsilon own_d": lambda raw: np.corrcoef(raw.arrays["epsilon"][-1].astype(float), own_ranks(raw))[0, 1],
    "spearman difficulty probability": lambda raw: np.corrcoef(
        rankdata(raw.loss), rankdata(-raw.arrays["best_clean_p_y"].astype(float))
    )[0, 1],
}


@pytest.mark.parametrize("text", TERMS)
def test_a_term_is_what_the_files_of_a_training_say(text: str, folder: Path, trainings: Trainings) -> None:
    found = measure(trainings, metric=text, of=AT | {"subset": ["all"]})["label_noise 0.1"]
    assert found.values == pytest.approx(of_seeds(folder, TERMS[text]), rel=1e-5)


def test_groups_and_d_are_those_of_pgd_trainings_of_other_seeds(folder: Path, trainings: Trainings) -> None:
    here = {"of": AT | {"subset": "all", "data.label_noise": 0.1}}
    (found,) = measure(trainings, metric="drop group 0 loss - last group 9 loss", **here).values()
    wanted = [group_mean(folder, s, "loss", 0, 9) - group_mean(folder, s, "loss", 9, 19) for s in range(3)]
    assert found.values == pytest.approx(wanted, rel=1e-4)
    (found,) = measure(trainings, metric="pearson weight d", **here).values()
    weights = [
        np.nanmean(Raw(folder, "AT 0.10", "all", 0.1, s).arrays["weight"].astype(float), axis=0) for s in range(3)
    ]
    wanted = [np.corrcoef(weights[s], others_ranks(folder, s))[0, 1] for s in range(3)]
    assert found.values == pytest.approx(wanted, rel=1e-3)


def last(raw: Raw) -> float:
    return 100 * raw.result["last"]["test_pgd_acc"]


@pytest.mark.parametrize("statistic", ["difference", "ratio"])
def test_a_pair_is_compared_by_seed_at_equal_values_of_all_other_axes(
    statistic: str, folder: Path, trainings: Trainings
) -> None:
    found = measure(trainings, statistic=statistic, metric="last pgd", **PAIR)
    assert set(found) == {"label_noise 0.0", "label_noise 0.1"}, "a result for each problem"
    sides = [np.array([of_seeds(folder, last, m, s) for s in SUBSETS]) for m in METHODS]
    wanted = sides[0] - sides[1] if statistic == "difference" else sides[0] / sides[1]
    assert found["label_noise 0.1"].values == pytest.approx(wanted.mean(axis=0))
    each = measure(trainings, statistic=statistic, metric="last pgd", over="each", **PAIR)
    assert len(each) == 8
    assert each["label_noise 0.1friendly 108"].values == pytest.approx(wanted[1])


def test_several_values_of_an_axis_that_is_compared_are_averaged_or_each_compared(
    folder: Path, trainings: Trainings
) -> None:
    sides = {"of": AT | {"subset": list(SUBSETS[1:])}, "against": AT | {"subset": "all"}, "metric": "last pgd"}
    wanted = np.array([of_seeds(folder, last, subset=s) - of_seeds(folder, last) for s in SUBSETS[1:]])
    found = measure(trainings, statistic="difference", **sides)["label_noise 0.1"]
    assert found.values == pytest.approx(wanted.mean(axis=0))
    found = measure(trainings, statistic="difference", over="each", **sides)["label_noise 0.1random 60"]
    assert found.values == pytest.approx(wanted[2])


def test_a_difference_of_differences_subtracts_by_seed(folder: Path, trainings: Trainings) -> None:
    def pair(subset: str) -> dict[str, object]:
        return {"of": AT | {"subset": subset}, "against": TRADES | {"subset": subset}}

    found = measure(trainings, statistic="difference", metric="last pgd", **pair("random 60"), less=pair("all"))
    parts = [of_seeds(folder, last, m, s) for s in ("random 60", "all") for m in METHODS]
    assert found["label_noise 0.1"].values == pytest.approx(parts[0] - parts[1] - parts[2] + parts[3])
    other = pair("all") | {"metric": "last clean"}
    found = measure(trainings, statistic="difference", metric="last pgd", **pair("all"), less=other)
    cleans = [of_seeds(folder, lambda raw: 100 * raw.result["last"]["test_clean_acc"], m) for m in METHODS]
    assert found["label_noise 0.1"].values == pytest.approx(parts[2] - parts[3] - cleans[0] + cleans[1])


@pytest.mark.parametrize("take", ["slope", "mean", "max", "min", "argmax"])
def test_trainings_along_an_axis_are_reduced_to_one_number_a_seed(
    take: str, folder: Path, trainings: Trainings
) -> None:
    along = {"axis": "subset.size", "take": take}
    of = AT | {"subset": ["random 60", "random 108", "all"]}
    found = measure(trainings, metric="last pgd", of=of, along=along)["label_noise 0.1"]
    curves = np.array([of_seeds(folder, last, subset=s) for s in ("random 60", "random 108", "all")])  # (3, seeds)
    x = np.array([0.0, 0.5, 1.0])
    slopes = ((x - 0.5)[:, None] * (curves - curves.mean(axis=0))).sum(axis=0) / ((x - 0.5) ** 2).sum()
    wanted = {
        "slope": slopes,
        "mean": curves.mean(axis=0),
        "max": curves.max(axis=0),
        "min": curves.min(axis=0),
        "argmax": np.array([60, 108, 120])[curves.argmax(axis=0)],
    }
    assert found.values == pytest.approx(wanted[take])
    assert found.step == pytest.approx(30 if take == "argmax" else 100 / 360), "sizes 60, 108, 120; 360 test images"


def test_an_axis_may_have_an_infinite_value(tmp_path: Path) -> None:
    trainings = Trainings(load_sweep(write_planned(tmp_path / "run", "gairat_lambda")))
    found = measure(trainings, metric="last pgd", along={"axis": "method.weight.lam", "take": "slope"})
    table = trainings.table[trainings.table["data.label_noise"] == "0.1"]
    for seed in (0, 1):
        rows = table[table["replicate"] == seed].set_index("method.weight.lam")["last_test_pgd_acc"]
        curve = 100 * rows.loc[["-3", "-2", "-1", "0", "1", "2", "3", "inf"]].to_numpy(float)
        slope = np.linalg.lstsq(np.column_stack([np.linspace(0, 1, 8), np.ones(8)]), curve, rcond=None)[0][0]
        assert found["label_noise 0.1"].values[seed] == pytest.approx(slope)


@pytest.mark.parametrize("measure_name", ["distance", "correlation", "iou"])
def test_agreement_is_the_mean_over_pairs_of_seeds_with_the_scatter_of_the_jackknife(
    measure_name: str, folder: Path, trainings: Trainings
) -> None:
    sides = {"of": AT | {"subset": "all"}, "against": TRADES | {"subset": "all"}}
    found = measure(trainings, statistic="agreement", metric=f"{measure_name} difficulty", **sides)["label_noise 0.1"]

    def compare(one: np.ndarray, other: np.ndarray) -> float:
        if measure_name == "distance":
            return float(np.abs(one - other).mean())
        if measure_name == "correlation":
            return float(np.corrcoef(one, other)[0, 1])
        tops = [set(np.argsort(values)[: len(values) // 5]) for values in (one, other)]  # d: the hardest have the least
        return len(tops[0] & tops[1]) / len(tops[0] | tops[1])

    d = [[own_ranks(Raw(folder, m, "all", 0.1, s)) for s in range(3)] for m in METHODS]
    pairs = {(i, j): compare(d[0][i], d[1][j]) for i, j in permutations(range(3), 2)}
    mean = np.mean([*pairs.values()])
    rest = [np.mean([value for pair, value in pairs.items() if seed not in pair]) for seed in range(3)]
    assert found.values == pytest.approx(3 * mean - 2 * np.array(rest))
    assert found.values.mean() == pytest.approx(mean)


def test_agreement_of_two_seeds_has_no_scatter(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), subsets=("all",), replicates=2, instances=True, faults=False, profile=False)
    trainings = Trainings(load_sweep(write_sweep(tmp_path / "run", made)))
    with pytest.raises(NotRecorded, match="three seeds or more"):
        measure(trainings, statistic="agreement", metric="iou difficulty", of=AT)


def test_masking_against_autoattack_is_what_was_recorded_on_its_images(tmp_path: Path) -> None:
    run = write_sweep(tmp_path / "run", Made(noise=(0.1,), subsets=("all",), faults=False, profile=False))
    for path in run.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        result["last"]["test_aa_gap"] = 0.07
        path.write_text(json.dumps(result))
    trainings = Trainings(load_sweep(run))
    assert measure(trainings, metric="last pgd - last aa", of=AT)[""].values == pytest.approx([7.0] * 3)
    with pytest.raises(NotRecorded, match="same images"):
        measure(trainings, metric="last pgd20 - last aa", of=AT)


def test_a_checkpoint_within_the_burn_in_of_its_training_is_unknown(tmp_path: Path) -> None:
    run = write_sweep(tmp_path / "run", Made(noise=(0.1,), subsets=("all",), faults=False, profile=False))
    paths = sorted(run.glob("trials/*AT_0*/result.json"))
    result = json.loads(paths[0].read_text())
    paths[0].write_text(json.dumps(result | {"burn_in": result["best"]["epoch"] + 1}))
    trainings = Trainings(load_sweep(run))
    assert len(measure(trainings, metric="best pgd", of=AT)[""].values) == 2
    assert len(measure(trainings, metric="epoch of best", of=AT)[""].values) == 2
    assert len(measure(trainings, metric="last pgd", of=AT)[""].values) == 3
    rows = [json.loads(line) for line in (paths[0].parent / "epochs.jsonl").read_text().splitlines()]
    late = [row["test_pgd_acc"] for row in rows[result["best"]["epoch"] + 1 :] if "test_pgd_acc" in row]
    assert measure(trainings, metric="peak pgd", of=AT)[""].values[0] == pytest.approx(100 * max(late))


def test_a_constant_network_is_unknown(tmp_path: Path) -> None:
    run = write_sweep(tmp_path / "run", Made(noise=(0.1,), subsets=("all",), faults=False, profile=False))
    path = sorted(run.glob("trials/*AT_0*/result.json"))[0]
    result = json.loads(path.read_text())
    result["last"]["constant"] = 3
    path.write_text(json.dumps(result))
    trainings = Trainings(load_sweep(run))
    for metric, n in (("last pgd", 2), ("peak pgd - last pgd", 2), ("best pgd", 3)):
        assert len(measure(trainings, metric=metric, of=AT)[""].values) == n


@pytest.mark.parametrize(
    "knobs, words",
    [
        ({"metric": "last pgd2O"}, "accuracy under pgd2O; did you mean pgd20? add it to evaluate.final"),
        ({"metric": "last pgd", "of": {"method": "GAIRAT"}}, "completed trainings with method GAIRAT"),
        (
            {"metric": "last pgd", "along": {"axis": "method.weight.lam", "take": "slope"}},
            "an axis of method.weight.lam",
        ),
        ({"metric": "spearman kappa min_perturbation"}, "min_perturbation"),
    ],
)
def test_what_a_run_lacks_is_told(knobs: dict[str, object], words: str, trainings: Trainings) -> None:
    with pytest.raises(NotRecorded) as error:
        measure(trainings, **knobs)
    assert words in str(error.value)


def test_axes_of_one_side_alone_do_not_hinder_a_pair(tmp_path: Path) -> None:
    trainings = Trainings(load_sweep(write_planned(tmp_path / "run", "iat")))
    sides = {"of": {"method": "IAT"}, "against": {"method": "PGD"}, "metric": "last pgd", "statistic": "difference"}
    assert set(measure(trainings, **sides)) == {"label_noise 0", "label_noise 0.1"}
    assert "label_noise 0gamma 0.024" in measure(trainings, over="each", **sides)
    table = trainings.table[trainings.table["data.label_noise"] == "0"]
    wanted = []
    for _, rows in table.groupby("replicate"):
        pgd = rows.loc[rows["method"] == "PGD", "last_test_pgd_acc"].item()
        wanted.append(100 * (rows.loc[rows["method"] == "IAT", "last_test_pgd_acc"].mean() - pgd))
    assert measure(trainings, **sides)["label_noise 0"].values == pytest.approx(wanted)


def test_the_metric_of_a_claim_that_nobody_has_is_told(trainings: Trainings) -> None:
    check = Check(statistic="level", metric=["last pgd9", "last pgd"], expect="> 0")
    with pytest.raises(NotRecorded):
        measure_check(trainings, check, parse_metric("last pgd9"))


@pytest.mark.parametrize("name", ["lipschitz_merged", "lipschitz_naive", "flatness_friendly", "flatness_adversarial"])
def test_a_diagnostic_is_that_of_the_first_or_last_epoch_that_measured_it(name: str, tmp_path: Path) -> None:
    made = Made(noise=(0.1,), subsets=("all",), replicates=2, faults=False, instances=True, diagnostics=True)
    found = Trainings(load_sweep(write_sweep(tmp_path / "sweep", made)))
    for word, place in (("first", 0), ("last", -1)):
        values = found.read(parse_metric(f"{name} {word}"))
        assert len(values) == 4
        for path in (tmp_path / "sweep" / "trials").glob("*/diagnostics.npz"):
            with np.load(path) as arrays:
                assert values[path.parent.name] == pytest.approx(arrays[name][place].astype(float).mean())


def test_a_diagnostic_that_was_not_measured_names_the_setting_that_would(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), subsets=("all",), replicates=2, faults=False)
    with pytest.raises(NotRecorded, match=r"evaluate\.diagnostics\.lipschitz="):
        Trainings(load_sweep(write_sweep(tmp_path / "sweep", made))).read(parse_metric("lipschitz_naive last"))
