"""`for: front` in sweeps: as if all were attacked, by records and fronts, at any kill; the rest keeps its bounds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from analysis.measures.front import compute_fronts
from analysis.results.sweep import load_sweep
from search.execution.in_process_backend import InProcessBackend
from search.measure.__main__ import main
from search.planning import front_first
from search.verify.__main__ import main as verify
from trainers.record_reader import read_json

from .test_measure import AA, FGSM, PGD, Study, take_turns
from .test_measure import commands_in_turn as commands_in_turn

pytestmark = pytest.mark.long

FRONT = AA | {"for": "front", "images": 40}
POINTS = ["sweep", "configuration", "n", "x", "x_se", "y", "y_se", "on_front", "on_own_front", "knee"]


SPACE: dict[str, Any] = {  # three learning rates, of which one learns nothing and is beaten by its bound
    "search__axes": {"optimizer.lr": {"grid": [0.00001, 0.1, 0.3]}},
    "search__replicates": 2,
    "trial__epochs": 6,
    "evaluate__final": PGD | {"aa": FRONT},
}


def make(folder: Path, name: str, **changes: Any) -> Study:
    return Study(folder, name, **SPACE | changes)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that was run once for all tests, each of which has a copy."""
    folder = tmp_path_factory.mktemp("front")
    with pytest.MonkeyPatch.context() as patch:
        take_turns(patch)
        assert make(folder, "front").run() == 0
    return folder


@pytest.fixture
def study(ran: Path, tmp_path: Path) -> Study:
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    return make(tmp_path, "front")


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The same with every training attacked."""
    made = make(tmp_path, "everything")
    with monkeypatch.context() as patch:
        patch.setattr(front_first, "choose_next", lambda points: [not point.attacked for point in points])
        assert made.run() == 0
    assert all(made.measured())
    return made


def of_attacked(study: Study) -> dict[str, bytes]:
    """The records of the trials that were attacked."""
    names = [path.name for path, attacked in zip(study.trials(), study.measured(), strict=True) if attacked]
    return {name: record for name, record in study.records().items() if name.partition("/")[0] in names}


def test_verdicts_front_and_hypervolume_are_those_of_attacking_everything(study: Study, everything: Study) -> None:
    assert study.measured() == [True, True, True, True, False, False]
    assert of_attacked(study).items() <= everything.records().items()
    for checkpoint in ("best", "last"):
        one, two = (compute_fronts([load_sweep(s.folder)], checkpoint=checkpoint) for s in (study, everything))
        assert (one.x, one.y) == (two.x, two.y) == ("test_aa_clean_acc", "test_aa_acc")
        assert one.members[POINTS].equals(two.members[POINTS])


def test_a_log_has_a_line_for_each_attacked_training(tmp_path: Path, capsys: Any) -> None:
    made = make(tmp_path, "log")
    assert made.run() == 0
    lines = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("[")]
    assert lines[:6] == [f"[{i}/6] completed" for i in range(1, 7)]
    assert [line.partition("/")[0] for line in lines[6:]] == ["[1", "[2", "[3", "[4"]
    assert lines[-1] == "[4/4] measured"


def test_what_is_not_attacked_has_its_bound_alone(study: Study) -> None:
    for path, attacked in zip(study.trials(), study.measured(), strict=True):
        found = read_json(path / "result.json") or {}
        for at in ("best", "last"):
            assert ("test_aa_acc" in found[at]) == ("aa" in found["attacks"]) == attacked
            assert found[at].get("test_aa_acc", 0) <= found[at]["bounds"]["aa"] <= found[at]["test_aa_clean_acc"]
    assert verify([str(study.folder), "--sample", "100%"]) == 0


def test_a_finished_sweep_stays_as_it_is(study: Study, capsys: Any) -> None:
    before = study.records()
    assert study.run() == 0 and study.records() == before
    assert "is finished" in capsys.readouterr().out


def test_a_kill_goes_on(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainers import autoattack

    attack, calls = autoattack.AutoAttack.attack, []

    def killed(self: Any, x: Any, y: Any) -> Any:
        calls.append(len(x))
        if len(calls) == 6:
            raise OSError("killed")
        return attack(self, x, y)

    made = make(tmp_path, "killed")
    monkeypatch.setattr(autoattack, "CHUNK", 8)
    monkeypatch.setattr(autoattack.AutoAttack, "attack", killed)
    assert made.run() == 1
    assert made.run() == 0 and made.records() == study.records()


def test_measured_later_it_is_the_same(study: Study, tmp_path: Path, capsys: Any) -> None:
    later = make(tmp_path, "later", evaluate__final=PGD)
    assert later.run() == 0
    capsys.readouterr()
    assert later.measure("--only", "front", attack=AA | {"images": 40}) == 0
    assert "at most 6 to measure by aa" in capsys.readouterr().out
    assert later.records() == study.records()
    assert later.run() == 0 and later.records() == study.records()
    assert later.measure("--only", "front", attack=AA | {"images": 30}) == 2
    assert "give the attack a name of its own" in capsys.readouterr().err
    changed = make(tmp_path, "later")
    assert changed.run() == 0 and changed.records() == study.records()


def test_a_further_attack_leaves_bounds_and_verdicts(study: Study) -> None:
    def read() -> list[Any]:
        last = [(read_json(path / "result.json") or {})["last"] for path in study.trials()]
        return [(found["bounds"], found.get("test_aa_acc")) for found in last]

    before = read()
    weak = {"name": "fgsm", "epsilon": 0.01}  # breaks nothing that PGD leaves
    assert main([str(study.folder), "--attack", f"weak: {weak}"], InProcessBackend()) == 0
    assert all("test_weak_acc" in (read_json(path / "result.json") or {})["last"] for path in study.trials())
    assert read() == before


def test_later_seeds_are_attacked_as_far_as_they_reach(study: Study) -> None:
    before = of_attacked(study)
    study.write(**SPACE | {"search__replicates": 3})
    assert study.run() == 0
    assert before.items() <= study.records().items()
    assert study.measured() == [True] * 6 + [False] * 3


def test_what_was_stopped_stays_stopped(tmp_path: Path) -> None:
    made = make(tmp_path, "stopping", search__stopping={"name": "robust", "margin": 0.01, "dominators": 1})
    assert made.run() == 0
    states = [(read_json(path / "result.json") or {})["status"] for path in made.trials()]
    assert "stopped" in states
    assert made.measured() == [state == "completed" for state in states]


def test_without_weights_or_along_training_it_is_refused(tmp_path: Path, capsys: Any) -> None:
    assert make(tmp_path, "none", search__keep="none").run() == 2
    said = capsys.readouterr().err
    assert "evaluate.final.aa.for" in said and "keep: best" in said
    assert make(tmp_path, "along", evaluate__along={"fast": FRONT}).run() == 2
    assert "write the attack below evaluate.final" in capsys.readouterr().err


def test_unlike_fronts_are_not_measured_together(tmp_path: Path, capsys: Any) -> None:
    made = make(tmp_path, "plain", evaluate__final=PGD)
    assert made.run() == 0
    assert made.measure("--only", "front", "--attack", f"fgsm: {FGSM}") == 2
    assert "in commands of their own" in capsys.readouterr().err
