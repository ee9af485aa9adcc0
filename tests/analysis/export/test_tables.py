"""Tables of sweeps as CSV and Parquet by one command, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.export.__main__ import main
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep


@pytest.mark.long
@pytest.mark.parametrize(("kind", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)])
def test_the_tables_of_the_report_are_files_of_one_kind(kind: str, read, sweep: Path, tmp_path: Path) -> None:
    assert main([str(sweep), "--format", kind, "-o", str(tmp_path / "out")]) == 0
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{name}.{kind}" for name in ("trials", "epochs", "front", "overfitting", "subset_effects")} <= files
    assert all(name.endswith(f".{kind}") for name in files)
    results = load_sweep(sweep)
    stored = read(tmp_path / "out" / f"trials.{kind}")
    assert stored["id"].tolist() == results.trials["id"].tolist()
    assert stored["best_test_aa_acc"].to_numpy() == pytest.approx(results.trials["best_test_aa_acc"], nan_ok=True)


@pytest.mark.long
def test_several_sweeps_have_a_folder_each(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False, noise=(0.1,)))
    assert main([str(whole), str(other), "--format", "csv", "-o", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"whole", "other"}
    namesake = write_sweep(tmp_path / "namesake", Made(study="whole", faults=False, noise=(0.1,)))
    assert main([str(whole), str(namesake), "--format", "csv", "-o", str(tmp_path / "out")]) == 2
    assert "would share a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("latex", "table.txt", "ends in .tex"),
        ("optuna", "study.json", "ends in .db, .sqlite3, .log, .journal"),
        ("latex", ".", "is a folder"),
        ("csv", "a_file", "is a file"),
    ],
)
def test_an_output_that_does_not_suit_the_format_is_refused_by_name(
    kind: str, name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a_file").write_text("")
    assert main([str(tmp_path), "--format", kind, "-o", str(tmp_path / name)]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("kind", ["latex", "optuna"])
def test_a_sweep_given_twice_is_refused(
    kind: str, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / {"latex": "t.tex", "optuna": "s.log"}[kind]
    assert main([str(whole), str(whole), "--format", kind, "-o", str(file)]) == 2
    assert "twice" in capsys.readouterr().err and not file.exists()


@pytest.mark.parametrize("kind", ["latex", "optuna"])
def test_a_folder_without_a_sweep_is_named(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / {"latex": "t.tex", "optuna": "s.log"}[kind]
    assert main([str(tmp_path / "nowhere"), "--format", kind, "-o", str(file)]) == 2
    assert "no such folder" in capsys.readouterr().err and not file.exists()
