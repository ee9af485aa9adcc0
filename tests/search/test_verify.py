"""Verification: what it compares and what it cannot, with an exit code for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from search.store.plan_file import load_plan
from search.store.provenance import Provenance
from search.store.store import Store
from search.verify.__main__ import main as verify

from .execution.test_reuse import burn_ins
from .helpers import Tiny, hash_files, smoke

PLAIN = {"profile": None, "search__axes": {"subset": {"grid": ["all"]}}, "search__replicates": 1}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("ended") / "sweep", smoke(**PLAIN)).all()


@pytest.mark.parametrize("sample", ["nan%", "inf%", "-5", "0", "half", "1.5", "500%"])
def test_an_invalid_sample_is_refused(ended: Tiny, sample: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify([str(ended.store.folder), f"--sample={sample}"]) == 2
    assert f"--sample {sample}: write a share or a number, such as 2% or 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("commit", "told"),
    [
        ("b838c17", "put your own changes aside (git stash), then `git checkout b838c17` and verify it there"),
        (
            "b838c17+changes",
            "commit b838c17 with changes that were not committed; only a checkout with the same changes",
        ),
        (None, "its provenance.json names no commit; the checkout that trained it can verify it"),
    ],
)
def test_the_checkout_that_can_verify_is_told(
    commit: str | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    monkeypatch.setattr("search.store.provenance.find_commit", lambda: commit)
    Provenance(run.store.folder).start_run(run.plan.code)
    monkeypatch.setattr("search.verify.comparison.training_code", lambda: "another")
    assert verify([str(run.store.folder)]) == 2
    assert f"it was trained by other training code than this: {told}" in capsys.readouterr().err


def test_a_named_trial_is_trained_again_whatever_the_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**(PLAIN | {"search__replicates": 2}))).all()
    folder, (first, second) = str(run.store.folder), (trial.id for trial in run.plan.trials)
    monkeypatch.setattr("search.verify.comparison._train_trial", lambda *_: run.store)
    assert verify([folder, "--trial", second]) == 0
    assert f"equal: {second}" in (printed := capsys.readouterr().out) and first not in printed
    assert verify([folder, "--trial", second, "--trial", first, "--trial", second]) == 0
    assert capsys.readouterr().out.count("equal: ") == 2
    assert verify([folder, "--trial", second[:-1] + "7"]) == 2
    assert "no trial of this name has ended; did you mean" in capsys.readouterr().err
    assert verify([folder, "--trial", "nonsense"]) == 2
    assert f"the folders in trials/, such as {min(first, second)}" in " ".join(capsys.readouterr().err.split())


@pytest.mark.long
def test_the_number_of_compared_weights_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins([1])).all()
    before = hash_files(run.store.folder)
    for weighed in (2, 1, 0):
        assert verify([str(run.store.folder), "--sample", "100%"]) == 0
        assert f"the same last weights where these are stored ({weighed} of 2)" in capsys.readouterr().out
        if weighed:
            run.store.drop_state(run.plan.trials[weighed - 1].final)
    after = hash_files(run.store.folder)
    assert after == {name: before[name] for name in after} and len(after) == len(before) - 2, "it leaves nothing there"


def test_a_missing_record_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    (run.folder(0) / "instances.npz").unlink()
    assert verify([str(run.store.folder)]) == 1
    assert "  instances.npz\n" in capsys.readouterr().out


def test_deleted_start_weights_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = smoke(pretrain={"trial": {"epochs": 2}}, **(PLAIN | {"search__keep": "none"}))
    run = Tiny(tmp_path / "sweep", text).all()
    assert verify([str(run.store.folder), "--sample", "100%"]) == 2
    printed = capsys.readouterr().err
    assert f"{run.plan.trials[0].id}: its last state is missing" in printed and "Traceback" not in printed


def test_a_missing_ranking_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    axes = {"subset": {"grid": [{"name": "ranked", "side": "friendly", "size": 40}]}}
    run = Tiny(tmp_path / "sweep", smoke(**(PLAIN | {"profile": {"seeds": [7]}, "search__axes": axes}))).all()
    (ranks,) = run.plan.rankings
    run.store.ranking_path(ranks).unlink()
    assert verify([str(run.store.folder), "--sample", "100%"]) == 2
    assert f"{ranks}.npz" in capsys.readouterr().err


def test_missing_or_changed_data_is_reported_and_is_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, file = np.random.default_rng(0), tmp_path / "data.npz"
    x, y = rng.integers(0, 256, (90, 8, 8), np.uint8), np.arange(90) % 3
    np.savez(file, x_train=x, y_train=y)
    data = {"name": "npz", "path": str(file), "test": 30, "val": 20}
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN, trial__data=data)).all()
    before = hash_files(run.store.folder)
    np.savez(file, x_train=x[::-1], y_train=y)
    assert verify([str(run.store.folder)]) == 2
    assert "its data has changed; put back the files that it was trained on" in capsys.readouterr().err
    file.unlink()
    assert verify([str(run.store.folder)]) == 2
    assert f"path: no file {file}" in capsys.readouterr().err
    assert hash_files(run.store.folder) == before


def test_a_trial_of_a_gpu_is_refused_where_there_is_none(
    ended: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = load_plan(ended.store.folder)
    for row in plan["trials"]:
        row["config"]["compute"]["device"] = "cuda"
    monkeypatch.setattr("search.verify.comparison.load_plan", lambda folder: plan)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert verify([str(ended.store.folder), "--sample", "100%"]) == 2
    assert f"{plan['trials'][0]['id']} was trained on a GPU, and torch finds none here" in capsys.readouterr().err


def test_the_amount_of_training_is_printed_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    epochs = sum(trial.config.epochs for trial in run.plan.trials)
    lines = []

    def heard(*_: object) -> Store:
        lines.append(capsys.readouterr().err)
        return run.store

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("search.verify.comparison._train_trial", heard)
        assert verify([str(run.store.folder), "--sample", "100%"]) == 0
    assert lines[0].startswith(f"1 trial of {run.store.folder}, {epochs} epochs, trained from scratch:")
