"""What trials share is trained once, and no bit tells: extended, reused, twice the same, and all of it verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from search.execution.reuse import import_states
from search.verify.__main__ import main as verify
from trainers.record_io import write_json
from trainers.record_reader import read_json, read_rows

from ..helpers import Tiny, hash_records, smoke

pytestmark = pytest.mark.long

LAMBDAS: list[Any] = [-1, 1]


def burn_ins(lam: list[Any] = LAMBDAS, epochs: int = 6, **changes: Any) -> str:
    """Return lambda x burn-in of GAIRAT: a trunk of plain training that branches after 2 and 4 epochs."""
    axes = {"method.weight.lam": {"grid": lam}, "method.weight.burn_in": {"grid": [2, 4]}}
    method = {"base": "gairat", "attack": {"epsilon": 0.1, "steps": 2}}
    lr = {"lr": {"name": "piecewise", "values": [0.1, 0.01], "drops": [5]}}
    given = {"profile": None, "search__axes": axes, "trial__method": method, "trial__epochs": epochs}
    return smoke(trial__optimizer=lr, search__checkpoint_seconds=1e9, **(given | changes))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("shared") / "sweep", burn_ins(search__keep="forks")).all()


def test_every_distinct_epoch_is_trained_once(shared: Tiny) -> None:
    assert (shared.plan.tree.asked, shared.plan.tree.distinct) == (24, 4 + 2 * 4 + 2 * 2)
    assert shared.trained() == 16


def test_retrained_from_scratch_every_trial_has_the_same_bits(shared: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify([str(shared.store.folder), "--sample", "100%"]) == 0
    assert "4 of 4 trials trained again from scratch have the same records" in capsys.readouterr().out.replace(
        "\n", " "
    )


def test_a_bit_that_differs_is_found(shared: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins([1], search__keep="forks")).all()
    path = run.folder(1) / "epochs.jsonl"
    path.write_text(path.read_text().replace('"train_loss":', '"train_loss":1', 1))
    assert verify([str(run.store.folder), "--sample", "2"]) == 1
    assert "epochs.jsonl, from epoch 0 on" in capsys.readouterr().out


def test_verify_reports_an_empty_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify([str(tmp_path)]) == 2
    run = Tiny(tmp_path / "sweep", burn_ins())
    assert verify([str(run.store.folder)]) == 2
    plan = read_json(run.store.folder / "plan.json")
    write_json(run.store.folder / "plan.json", plan | {"code": "another"})
    assert verify([str(run.store.folder)]) == 2
    printed = capsys.readouterr().err
    for words in ("no sweep is stored there", "none of its trials has ended yet", "other training code"):
        assert words in printed


def test_a_childs_record_holds_its_whole_history_and_says_who_trained_it(shared: Tiny) -> None:
    for trial in shared.plan.trials:
        costs = [cost for cost in read_rows(shared.store.trial_folder(trial.id) / "cost.jsonl") if "epoch" in cost]
        assert [cost["epoch"] for cost in costs] == list(range(6))
        assert {cost["by"] for cost in costs} <= {trial.id for trial in shared.plan.trials}
    assert any(cost["by"] != trial.id for cost in costs)


def test_more_values_train_only_new_epochs(shared: Tiny, tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins(search__keep="forks")).all()
    more = Tiny(tmp_path / "sweep", burn_ins([*LAMBDAS, 0], search__keep="forks")).all()
    assert more.trained() == 16 + 4 + 2
    assert hash_records(run.store.folder).items() >= hash_records(shared.store.folder).items()


def test_more_epochs_train_only_new_epochs(tmp_path: Path) -> None:
    Tiny(tmp_path / "sweep", burn_ins([1])).all()
    longer = Tiny(tmp_path / "sweep", burn_ins([1], epochs=9)).all()
    assert longer.trained() == 2 * 3
    alone = Tiny(tmp_path / "alone", burn_ins([1], epochs=9)).all()
    extended, whole = hash_records(longer.store.folder), hash_records(alone.store.folder)
    assert whole.items() <= extended.items()


def test_a_newly_swept_knob_keeps_trained_epochs(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins([1])).all()
    rates = {"optimizer.lr.values": {"grid": [[0.1, 0.01], [0.1, 0.001]]}}
    axes = yaml.safe_load(burn_ins([1]))["search"]["axes"] | rates
    more = Tiny(tmp_path / "sweep", burn_ins([1], search__axes=axes)).all()
    assert more.trained() == 2 + 4 + 4, "the renamed trials are adopted; of the new ones no fork was kept"
    old = [trial for trial in more.plan.trials if trial.axes["optimizer.lr.values"] == "0.1,0.01"]
    for before, now in zip(run.plan.trials, old, strict=True):
        one, other = (read_json(more.store.trial_folder(trial.id) / "result.json") for trial in (before, now))
        assert one | {"trial": now.id, "digest": other["digest"]} == other, "the checksum is of the name too"


def test_identical_trials_are_trained_and_measured_once(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins([1, "inf"])).all()
    assert run.trained() == run.plan.tree.distinct == 6 + 4 + 2
    twins = [trial for trial in run.plan.trials if trial.axes["method.weight.lam"] == "inf"]
    finals = [
        cost["by"]
        for trial in twins
        for cost in read_rows(run.store.trial_folder(trial.id) / "cost.jsonl")
        if "final_seconds" in cost
    ]
    assert len(finals) == 2 and len(set(finals)) == 1
    assert verify([str(run.store.folder), "--sample", "100%"]) == 0


def test_another_study_imports_common_stages(shared: Tiny, tmp_path: Path) -> None:
    run = Tiny(tmp_path / "other", burn_ins([3], search__keep="forks"))
    taken = import_states(run.store, run.plan, [shared.store.folder])
    assert taken == {shared.store.folder: (2, 2 + 4, 2)}
    assert import_states(run.store, run.plan, [shared.store.folder]) == {shared.store.folder: (0, 0, 2)}, (
        "they are there"
    )
    run.all()
    assert run.trained() == 4 + 2
    costs = [cost for cost in read_rows(run.folder(0) / "cost.jsonl") if "epoch" in cost]
    assert {cost["by"].partition("/")[0] for cost in costs[:2]} == {"sweep"}
    assert verify([str(run.store.folder), "--sample", "100%"]) == 0


def test_a_profile_shares_epochs_with_the_sweep(tmp_path: Path) -> None:
    text = smoke(profile={"seeds": [0]}, search__axes={"subset": {"grid": ["all"]}}, search__replicates=[0, 1])
    run = Tiny(tmp_path / "sweep", text)
    assert run.plan.tree.distinct == run.plan.tree.asked == 12, "nothing is ranked, so there is no profile"
    ranked = {"all": "all", "friendly": {"name": "ranked", "side": "friendly", "size": "75%"}}
    text = smoke(profile={"seeds": [0]}, search__axes={"subset": {"grid": ranked}})
    run = Tiny(tmp_path / "ranked", text).all()
    assert (run.plan.tree.asked, run.trained()) == (18, 12)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_shared_epochs_on_a_gpu_have_the_bits_of_training_alone(tmp_path: Path, precision: str) -> None:
    """With deterministic kernels and one kind of GPU; compiled as by default."""
    compute = {"device": "cuda", "precision": precision}
    run = Tiny(tmp_path / "sweep", burn_ins(trial__compute=compute, trial__model={"name": "digits_cnn"})).all()
    assert run.trained() == run.plan.tree.distinct < run.plan.tree.asked
    assert verify([str(run.store.folder), "--sample", "100%"]) == 0
