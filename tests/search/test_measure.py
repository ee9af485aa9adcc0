"""Measuring later: further attacks on finished trainings, with the records of a sweep that had them from the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import search.run.driver
from search.execution.in_process_backend import InProcessBackend
from search.measure.__main__ import main
from search.run.__main__ import main as run
from search.store.lock import acquire_lock
from search.verify.__main__ import main as verify
from trainers.evaluate import Evaluation
from trainers.record_reader import read_json, read_yaml
from trainers.verdict_log import NAME

from .corrupted import corrupted_data, write_corrupted
from .helpers import smoke

pytestmark = pytest.mark.long

PGD = {"pgd20": {"name": "pgd", "steps": 2}}
AA = {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce"], "images": 20}
FGSM = {"name": "fgsm", "epsilon": 0.2}
RECORDS = ("result.json", "config.yaml", "instances.npz", "epochs.jsonl", "diagnostics.npz")
ATTACK = {"epsilon": 0.1, "steps": 2}
AXES = {"method": {"grid": {name: {"base": name, "attack": ATTACK} for name in ("pgd-at", "trades")}}}


class Study:
    """A sweep of two methods, one epoch each, run in this process by the commands themselves."""

    def __init__(self, folder: Path, name: str, **changes: Any) -> None:
        self.results, self.folder = folder / name, folder / name / "study"
        self.file = folder / f"{name}.yaml"
        self.write(**changes)

    def write(self, **changes: Any) -> None:
        plain = {"profile": None, "search__axes": AXES, "trial__epochs": 2, "evaluate__final": PGD}
        self.file.write_text(smoke(**plain | changes))

    def run(self, *options: str) -> int:
        named = ["--name", "study", "--results", str(self.results)]
        return run([str(self.file), *named, *options], InProcessBackend())

    def measure(self, *arguments: str, attack: Any = AA) -> int:
        return main([str(self.folder), "--attack", f"aa: {attack}", *arguments], InProcessBackend())

    def records(self) -> dict[str, bytes]:
        there = [path / name for path in self.trials() for name in RECORDS if (path / name).exists()]
        return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in there}

    def trials(self) -> list[Path]:
        return sorted((self.folder / "trials").iterdir())

    def measured(self) -> list[bool]:
        return ["test_aa_acc" in (read_json(path / "result.json") or {})["last"] for path in self.trials()]


def take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let several commands run in one process, each of which would keep its lock; none draws a report."""
    monkeypatch.setattr(search.run.driver, "acquire_lock", lambda folder: acquire_lock(folder)())
    monkeypatch.setattr(search.run.driver, "_report", lambda *_: None)


@pytest.fixture(autouse=True)
def commands_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    take_turns(monkeypatch)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study(tmp_path, "before")
    assert made.run() == 0
    return made


@pytest.mark.parametrize("attack", [AA, AA | {"order": "margin"}, FGSM], ids=["all", "margin", "budget"])
def test_records_are_those_of_a_sweep_that_had_the_attack_from_the_start(
    study: Study, tmp_path: Path, attack: Any
) -> None:
    asked = Study(tmp_path, "asked", evaluate__final=PGD | {"aa": attack})
    assert asked.run() == 0 and study.measure(attack=attack) == 0
    assert study.records() == asked.records()


LATER = {
    "distances": (
        ["--distances", "{limit: 0.1, step: 0.05}"],
        {"evaluate__min_perturbation": {"limit": 0.1, "step": 0.05}},
    ),
    "diagnostic": (["--diagnostic", "lipschitz: {}"], {"evaluate__diagnostics": {"lipschitz": {}}}),
    "all": (
        ["--distances", "--diagnostic", "logits: {}", "--attack", f"aa: {AA}"],
        {
            "evaluate__min_perturbation": {},
            "evaluate__diagnostics": {"logits": {}},
            "evaluate__final": PGD | {"aa": AA},
        },
    ),
}


@pytest.mark.parametrize(("arguments", "changes"), LATER.values(), ids=LATER)
def test_distances_and_diagnostics_too(
    study: Study, tmp_path: Path, arguments: list[str], changes: dict[str, Any]
) -> None:
    asked = Study(tmp_path, "asked", **changes)
    assert asked.run() == 0
    assert main([str(study.folder), *arguments], InProcessBackend()) == 0
    assert study.records() == asked.records()
    assert study.run() == 0 and study.records() == asked.records()  # the space that ran the sweep
    assert main([str(study.folder), "--attack", f"fgsm: {FGSM}"], InProcessBackend()) == 0
    assert verify([str(study.folder), "--sample", "100%"]) == 0
    recorded = read_yaml(study.trials()[0] / "config.yaml") or {}
    assert (
        Evaluation.model_validate(recorded["evaluate"]).diagnostics
        == Evaluation.model_validate((read_yaml(asked.trials()[0] / "config.yaml") or {})["evaluate"]).diagnostics
    )


def test_corruptions_too(tmp_path: Path, capsys: Any) -> None:
    """Later, by the command on some trainings and by the space on all, and from the start; then measured once more."""
    write_corrupted(tmp_path)
    corruptions = {"severity": 2, "names": ["fog"]}
    later = Study(tmp_path, "later", trial__data=corrupted_data(tmp_path))
    asked = Study(tmp_path, "asked", trial__data=corrupted_data(tmp_path, **corruptions))
    assert later.run() == 0 and asked.run() == 0
    block = f"{{path: {tmp_path / 'corrupted'}, severity: 2, names: [fog]}}"
    assert main([str(later.folder), "--corruptions", block, "--where", "method=trades"], InProcessBackend()) == 0
    some = later.records()
    assert sorted("test_fog_acc" in (read_json(path / "result.json") or {})["best"] for path in later.trials()) == [
        0,
        1,
    ]
    assert later.run() == 0 and later.records() == some  # the space that ran the sweep
    later.write(trial__data=corrupted_data(tmp_path, **corruptions))
    capsys.readouterr()
    assert later.run() == 0 and "1 of them by fewer measurements than are asked for now" in capsys.readouterr().out
    assert later.records() == asked.records()
    later.write(trial__data=corrupted_data(tmp_path))  # what is taken out stays, also when more is measured
    assert later.run() == 0 and later.records() == asked.records()
    assert later.measure(attack=FGSM) == 0 == asked.measure(attack=FGSM)
    assert later.records() == asked.records()
    assert verify([str(later.folder), "--sample", "100%"]) == 0 == verify([str(asked.folder), "--sample", "100%"])


def test_corruptions_that_cannot_be_measured_later_are_refused(tmp_path: Path, capsys: Any) -> None:
    def refused(made: Study, folder: Path, **knobs: Any) -> str:
        before = made.records()
        block = {"path": str(folder), "severity": 2} | knobs
        assert main([str(made.folder), "--corruptions", str(block)], InProcessBackend()) == 2
        assert made.records() == before
        return str(capsys.readouterr().err)

    write_corrupted(tmp_path)
    there, data = tmp_path / "corrupted", corrupted_data(tmp_path)
    gone = Study(tmp_path, "gone", trial__data=data, search__keep="none", search__axes={})
    recorded = Study(tmp_path, "recorded", trial__data=data, search__axes={}, evaluate__test_losses=True)
    named = Study(tmp_path, "named", trial__data=corrupted_data(tmp_path, severity=1), search__axes={})
    assert gone.run() == recorded.run() == named.run() == 0
    capsys.readouterr()
    assert "keep: best" in refused(gone, there)
    assert "no corruption in" in refused(gone, tmp_path / "none")
    assert "did you mean fog?" in refused(gone, there, names=["fogg"])
    assert "trial.data.corruptions.severity" in refused(gone, there, severity=6)
    assert "test_losses records the loss of each corrupted image after each epoch" in refused(recorded, there)
    assert "the space measures them" in refused(named, there)


def test_a_space_with_distances_and_diagnostics_trains_nothing(study: Study, tmp_path: Path, capsys: Any) -> None:
    changes = {"evaluate__min_perturbation": {}, "evaluate__diagnostics": {"lipschitz": {}}}
    asked = Study(tmp_path, "asked", **changes)
    assert asked.run() == 0
    study.write(**changes)
    capsys.readouterr()
    assert study.run("--dry-run") == 0
    planned = " ".join(capsys.readouterr().out.split())
    assert "2 of them are measured further" in planned and "nothing to train, 2 trainings to measure further" in planned
    assert study.run() == 0 and "2 of them by fewer measurements than are asked for now" in capsys.readouterr().out
    assert study.records() == asked.records()


def test_a_changed_space_measures_and_trains_nothing(study: Study, tmp_path: Path, capsys: Any) -> None:
    asked = Study(tmp_path, "asked", evaluate__final=PGD | {"aa": AA})
    assert asked.run() == 0
    costs = [len((path / "cost.jsonl").read_text().splitlines()) for path in study.trials()]
    study.write(evaluate__final=PGD | {"aa": AA})
    capsys.readouterr()
    assert study.run() == 0 and "2 of them by fewer measurements than are asked for now" in capsys.readouterr().out
    assert study.records() == asked.records()
    assert costs == [len((path / "cost.jsonl").read_text().splitlines()) for path in study.trials()]


def test_the_space_that_ran_the_sweep_goes_on_and_keeps_what_was_measured(study: Study) -> None:
    assert study.measure("--where", "method=trades") == 0
    before = study.records()
    assert sorted(study.measured()) == [False, True]
    assert study.run() == 0 and study.records() == before
    assert verify([str(study.folder), "--sample", "100%"]) == 0
    study.write(search__replicates=2)
    assert study.run() == 0 and {name: study.records()[name] for name in before} == before
    assert sorted(study.measured()) == [False, False, False, True]


def test_what_is_measured_already_is_not_measured_again(study: Study, capsys: Any) -> None:
    assert study.measure() == 0 and all(study.measured())
    before = {path: (path / "result.json").stat().st_mtime_ns for path in study.trials()}
    capsys.readouterr()
    assert study.measure() == 0 and "0 to measure" in capsys.readouterr().out
    assert before == {path: (path / "result.json").stat().st_mtime_ns for path in study.trials()}


def test_the_command_ends_with_the_accuracy_under_each_new_attack(study: Study, capsys: Any) -> None:
    capsys.readouterr()
    assert study.measure(attack=FGSM) == 0
    *_, told, how = capsys.readouterr().out.splitlines()
    found = [100 * (read_json(path / "result.json") or {})["best"]["test_aa_acc"] for path in study.trials()]
    ends = f"{min(found):.1f} to {max(found):.1f} %"
    assert told == f"Test accuracy under aa, the selected epoch: {ends} (2 configurations)."
    assert how == f"Every configuration: python -m analysis.markdown {study.folder}"


def test_the_front_of_validation_alone(study: Study) -> None:
    from search.confirm.front import load_stored_space, select_front
    from search.store.store import Store

    search = load_stored_space(study.folder, []).space.search
    front = select_front(Store(study.folder), read_json(study.folder / "plan.json") or {}, search)
    assert study.measure("--only", "front", attack=FGSM) == 0
    assert study.measured() == [any(name in path.name for name in front) for path in study.trials()]


def test_a_kill_in_the_middle_goes_on(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old records stay whole, what was attacked is kept, and the end is that of a run without a kill."""
    from trainers import autoattack

    asked = Study(tmp_path, "asked", evaluate__final=PGD | {"aa": AA})
    assert asked.run() == 0
    before, attack, calls = study.records(), autoattack.AutoAttack.attack, []

    def killed(self: Any, x: Any, y: Any) -> Any:
        calls.append(len(x))
        if len(calls) == 5:
            raise OSError("killed")
        return attack(self, x, y)

    monkeypatch.setattr(autoattack, "CHUNK", 8)
    monkeypatch.setattr(autoattack.AutoAttack, "attack", killed)
    assert study.measure() == 1
    unfinished = [path for path in study.trials() if (path / NAME).exists() and not _is_measured(path)]
    kept = {name for name in before if name.partition("/")[0] in {path.name for path in unfinished}}
    assert kept and all(study.records()[name] == before[name] for name in kept)
    first = len(calls)
    assert study.measure() == 0 and study.records() == asked.records()
    assert sum(calls[:4]) + sum(calls[first:]) == 2 * 20  # two trainings, each image once


def _is_measured(path: Path) -> bool:
    return "test_aa_acc" in (read_json(path / "result.json") or {})["last"]


@pytest.mark.parametrize(
    ("arguments", "attack", "complaint"),
    [
        (["--where", "method=tardes"], AA, "no trial has this value; did you mean trades?"),
        (["--where", "metod=trades"], AA, "the sweep has no axis metod; did you mean method?"),
        (["--where", "trades"], AA, "expected AXIS=VALUE"),
        ([], {"name": "autoatack"}, "error: --attack \"aa: {'name': 'autoatack'}\": evaluate.final.aa"),
        (["--attack", "fgsm: {name: fgms}"], AA, "error: --attack 'fgsm: {name: fgms}': evaluate.final.fgsm"),
        ([], AA | {"every": 2}, "final attacks are run once, at the end"),
        (["--attack", "pgd20: {name: fgsm}"], AA, "the space measures an attack of this name"),
        (["--attack", "nonsense"], AA, "expected a name and an attack"),
        (["--diagnostic", "lipshitz: {}"], AA, "error: --diagnostic 'lipshitz: {}': evaluate.diagnostics"),
        (["--diagnostic", "lipshitz: {}"], AA, "did you mean lipschitz"),
        (["--diagnostic", "lipschitz: {after: [1]}"], AA, "of the weights after earlier epochs nothing is stored"),
        (["--distances", "{lable: given}"], AA, "error: --distances '{lable: given}': evaluate.min_perturbation"),
        (["--distances", "{lable: given}"], AA, "did you mean label"),
        (["--corruptions", "{severty: 3}"], AA, "error: --corruptions '{severty: 3}': trial.data.corruptions"),
    ],
    ids=str,
)
def test_mistakes_are_explained(study: Study, arguments: list[str], attack: Any, complaint: str, capsys: Any) -> None:
    before = study.records()
    assert study.measure(*arguments, attack=attack) == 2
    assert complaint in capsys.readouterr().err and study.records() == before


def test_another_attack_of_the_same_name_is_refused(study: Study, capsys: Any) -> None:
    assert study.measure() == 0
    assert study.measure(attack=FGSM) == 2
    assert "give the attack a name of its own" in capsys.readouterr().err
    study.write(evaluate__final={"pgd20": {"name": "pgd", "steps": 3}})
    assert study.run() == 2 and "pgd20.steps: stored 2, now 3" in capsys.readouterr().err


def test_distances_of_a_sweep_that_ranks_by_its_own_trainings_are_refused(tmp_path: Path, capsys: Any) -> None:
    ranked = {"subset": {"grid": {"friendly": {"name": "ranked", "side": "friendly", "size": "75%"}}}}
    made = Study(tmp_path, "ranked", profile={"seeds": [1000, 1001]}, search__axes=ranked)
    assert made.run() == 0
    assert main([str(made.folder), "--distances"], InProcessBackend()) == 2
    assert "a score of the rankings" in capsys.readouterr().err


def test_without_weights_it_is_refused(tmp_path: Path, capsys: Any) -> None:
    made = Study(tmp_path, "none", search__keep="none")
    assert made.run() == 0
    capsys.readouterr()
    assert made.measure() == 2
    printed = capsys.readouterr().err
    assert "the last weights of 2 trainings are not stored any more" in printed and "keep: best" in printed
    made.write(search__keep="none", evaluate__final=PGD | {"aa": AA})
    assert made.run() == 2 and "the last weights of 2 trainings" in capsys.readouterr().err


def test_an_attack_that_is_left_out_stays_in_the_records(study: Study) -> None:
    before = study.records()
    study.write(evaluate__final={"fgsm": FGSM})
    assert study.run() == 0
    for path in study.trials():
        config = read_yaml(path / "config.yaml") or {}
        assert [*Evaluation.model_validate(config["evaluate"]).final] == ["fgsm", "pgd20"]
        last = (read_json(path / "result.json") or {})["last"]
        assert {"test_fgsm_acc", "test_pgd20_acc"} <= set(last)
    assert study.records().keys() == before.keys()
