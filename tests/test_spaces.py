"""The studies that are shipped: each begins with its question, can be planned, and runs to its report."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from search.planning.plan import Plan
from search.planning.planner import Planner
from search.run.__main__ import main
from search.schema.space import LoadedSpace, load_space
from search.verify.__main__ import main as verify
from trainers.methods import METHODS
from trainers.record_reader import read_json

ROOT = Path(__file__).resolve().parent.parent
SPACES = ROOT / "spaces"
STUDIES = sorted(path.relative_to(SPACES) for path in SPACES.rglob("*.yaml"))
EMBEDDED = [study for study in STUDIES if study.parent == Path()]
OF_PAPERS = [study for study in STUDIES if study not in EMBEDDED]
NO_PAPERS = {
    "smoke.yaml",
    "tune.yaml",
    "methods_finetune.yaml",
    "friendly_sizes.yaml",
}  # in cifar10/ part of finetune, friendly_k
EPOCHS = 10  # of a shortened training; fewer, and schedules given as shares of them would coincide


@cache
def load_study(study: Path) -> LoadedSpace:
    return load_space(SPACES / study, [])


@cache
def plan_of(study: Path) -> Plan:
    """Return the plan of a shipped study as if its data were at hand."""
    return Planner(load_study(study), lambda data: "any data").plan()


def comment(study: Path) -> str:
    lines = (SPACES / study).read_text().splitlines()
    head = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
    return " ".join(line.removeprefix("#").strip() for line in head)


@pytest.mark.parametrize("study", STUDIES, ids=str)
def test_a_study_asks_a_question_of_one_sentence(study: Path) -> None:
    question = load_study(study).space.question
    assert question and question.endswith("?") and not re.search(r"[.!?]\s", question), question


@pytest.mark.parametrize("study", STUDIES, ids=str)
def test_a_study_plans_without_a_network(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the probe that estimates its time, which trains a few steps of each configuration."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("search.run.estimate.probe_costs", lambda *_: {})
    assert main([str(SPACES / study), "--dry-run", "--results", "/nonexistent"]) == 0, capsys.readouterr().err
    assert "epochs" in capsys.readouterr().out


@pytest.mark.parametrize("study", EMBEDDED, ids=str)
def test_an_embedded_study_is_one_for_a_laptop(study: Path) -> None:
    plan = plan_of(study)
    assert {trial.config.data.name for trial in plan.trials} == {"digits"}
    assert {trial.config.compute.device for trial in plan.trials} == {"cpu"}
    assert len(plan.trials) <= 120


@pytest.mark.parametrize("study", OF_PAPERS, ids=str)
def test_the_setting_of_a_paper_is_laid_over_the_embedded_study(study: Path) -> None:
    tree = load_study(study).document.tree
    assert (SPACES / study.name).exists()
    assert tree["trial"]["data"]["name"] == study.parent.name
    assert tree["search"]["checkpoint_seconds"] >= 300, "a checkpoint of a large network takes a while to write"


def test_every_question_is_asked_of_cifar10_too() -> None:
    assert {study.name for study in OF_PAPERS if study.parent.name == "cifar10"} == {
        study.name for study in EMBEDDED if study.name not in NO_PAPERS
    }


def test_every_row_of_the_methods_is_trained() -> None:
    axes = [
        load_space(SPACES / name, []).space.search.axes["method"] for name in ("methods.yaml", "methods_finetune.yaml")
    ]
    assert {choice.value["base"] for axis in axes for choice in axis.choices} == set(METHODS)


def shortened(study: Path) -> list[str]:
    """Return overrides that leave all of a study's configurations, for one seed each, and little of their length."""
    tree = load_study(study).document.tree
    small = {"trial.epochs": EPOCHS, "search.replicates": 1, "evaluate.every": 5, "evaluate.steps": 2}
    for first in ("profile", "pretrain"):
        if first in tree:
            small[f"{first}.trial.epochs"] = EPOCHS
    if "profile" in tree:
        small["profile.seeds"] = 1
    small |= {f"evaluate.final.{name}.images": 20 for name in tree["evaluate"].get("final", {})}
    for name in tree["evaluate"].get("along", {}):
        small |= {f"evaluate.along.{name}.images": 20, f"evaluate.along.{name}.every": 5}
    axis = tree["search"].get("axes", {}).get("epochs", {})
    epochs = axis.get("grid", [])
    if epochs and "when" not in axis:  # every training has its own
        del small["trial.epochs"]
    changes = [f"{path}={value}" for path, value in small.items()]
    if any(value > EPOCHS for value in epochs):
        changes.append(f"search.axes.epochs.grid={[EPOCHS - i for i in range(len(epochs))]}")
    return [word for change in changes for word in ("--set", change)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("study", EMBEDDED, ids=str)
def test_an_embedded_study_runs_to_its_report_and_its_trials_are_as_if_trained_alone(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With shared epochs and in two processes, or each from scratch and in this one: the bits are the same."""
    command = [sys.executable, "-m", "search.run", str(SPACES / study), "--results", str(tmp_path), *shortened(study)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / study.stem
    for row in read_json(folder / "plan.json")["trials"]:
        assert read_json(folder / "trials" / row["id"] / "result.json")["status"] == "completed", row["id"]
    assert (folder / "report" / "index.html").stat().st_size > 10_000
    assert verify([str(folder), "--sample", "100%"]) == 0, capsys.readouterr().out
