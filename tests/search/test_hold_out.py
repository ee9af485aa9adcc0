"""A study without validation examples: all are trained on, nothing is selected, and every reader says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

import search.run.driver
from analysis import markdown, pareto
from analysis.report import __main__ as reporting
from analysis.results.sweep import load_sweep as results_of
from search import status
from search.confirm import __main__ as confirm
from search.execution.in_process_backend import InProcessBackend
from search.replay import __main__ as replay
from search.run.__main__ import main
from search.store.lock import acquire_lock
from trainers.record_reader import read_json, read_rows

pytestmark = pytest.mark.long

SPACE = """
trial:
  data: {name: digits, train: 60, val: 0, test: 60}
  model: {name: mlp, hidden: [8]}
  method: {base: pgd-at, attack: {epsilon: 0.1, steps: 2}}
  epochs: 3
search:
  checkpoint: last
  replicates: 2
  axes:
    method: {grid: {pgd: pgd-at, trades: trades}}
evaluate: {epsilon: 0.1, steps: 2, final: {pgd5: {name: pgd, steps: 5}}}
"""


@pytest.fixture
def in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Train in this process, in an empty folder, without the report behind it."""
    with ExitStack() as released:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(search.run.driver, "acquire_lock", lambda folder: released.callback(acquire_lock(folder)))
        monkeypatch.setattr(search.run.driver, "subprocess", SimpleNamespace(run=lambda *a, **k: None))
        monkeypatch.setenv("RAY_ADDRESS", "")
        monkeypatch.setenv("COLUMNS", "200")
        yield


def run(arguments: list[str]) -> int:
    return main(arguments, InProcessBackend(2))


def page(folder: str) -> str:
    """Return the words of a report, without its scripts, styles and images."""
    html = Path(folder, "report", "index.html").read_text()
    words = re.sub(r"<(script|style)\b.*?</\1>|data:image[^\"]+", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", words))


def test_a_study_without_validation_is_run_and_reported(in_process: None, capsys: pytest.CaptureFixture[str]) -> None:
    Path("whole.yaml").write_text(SPACE)
    assert run(["whole.yaml"]) == 0
    trials = sorted(Path("results/whole/trials").iterdir())
    for trial in trials:
        result = read_json(trial / "result.json")
        assert "best" not in result and set(result["classes"]) == {"last"}
        assert (result["data"]["val"], result["data"]["train"], result["last"]["epoch"]) == (0, 60, 2)
        assert "test_pgd5_acc" in result["last"] and not any(key.startswith("val_") for key in result["last"])
        assert all("test_pgd_acc" in row and "val_pgd_acc" not in row for row in read_rows(trial / "epochs.jsonl"))
    capsys.readouterr()

    assert reporting.main(["results/whole"]) == 0
    shown = capsys.readouterr().out
    assert "at the last epoch" in shown and " nan" not in shown and "validation" not in shown
    words = page("results/whole")
    assert "Members of the front, last epoch" in words and "Not all trainings hold out validation examples" in words
    for nonsense in ("Validation would select", "validation-selected", " nan", "Rings", "selected"):
        assert nonsense not in words.replace("nothing is selected", ""), nonsense

    assert markdown.main(["results/whole"]) == 0
    table = capsys.readouterr().out
    assert (
        "| configuration | last: clean | last: PGD-5 | PGD-2: best on test | PGD-2: last |" in table
        and "by validation" not in table
    )

    for options, code in (([], 0), (["--checkpoint", "last"], 0), (["--checkpoint", "best"], 2)):
        assert pareto.main(["results/whole", "-o", "front.png", *options]) == code
        printed = capsys.readouterr()
        assert ("at the last epoch" in printed.out) is (code == 0)
        assert ("select no epoch; take --checkpoint last" in printed.err) is (code == 2)

    assert status.main(["results/whole"]) == 0
    assert "4 of 4" in capsys.readouterr().out
    for command, why in ((confirm, "none to confirm"), (replay, "hold out no validation examples")):
        assert command.main(["results/whole"]) == 2
        assert why in capsys.readouterr().err


def test_studies_with_and_without_validation_are_compared_at_their_last_epochs(
    in_process: None, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("whole.yaml").write_text(SPACE)
    Path("held.yaml").write_text(SPACE.replace("val: 0", "val: 60").replace("checkpoint: last", "checkpoint: best"))
    assert run(["whole.yaml"]) == run(["held.yaml"]) == 0
    capsys.readouterr()
    assert results_of("results/held").selects and not results_of("results/whole").selects
    both = ["results/whole", "results/held", "-o", "front.png"]
    assert pareto.main(both) == 2
    assert "results/whole: trainings without validation (data.val: 0)" in capsys.readouterr().err
    assert pareto.main([*both, "--checkpoint", "last"]) == 0
    assert markdown.main(both[:2]) == 0
    assert "selected: clean" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("checkpoint: last", "checkpoint: best"), "search.checkpoint"),
        (("  checkpoint: last\n", ""), "search.checkpoint"),
        (("replicates: 2", "replicates: {min: 2, max: 3}"), "search.replicates"),
        (("replicates: 2", "replicates: 2\n  constraints: [val_clean_acc >= 0.5]"), "search.constraints"),
        (("replicates: 2", "replicates: 2\n  objectives: {val_pgd_acc: max}"), "search.objectives"),
        (("replicates: 2", "replicates: 2\n  stopping: robust"), "search.stopping"),
        (("replicates: 2", "replicates: 2\n  strategy: tpe\n  trials: 3"), "search.strategy"),
        (("evaluate: {", "pretrain: {trial: {epochs: 2}}\nevaluate: {"), "pretrain.weights"),
        (("evaluate: {", "evaluate: {min_perturbation: {}, "), "evaluate.min_perturbation"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_needs_validation_is_refused(
    in_process: None, capsys: pytest.CaptureFixture[str], change: tuple[str, str], key: str
) -> None:
    assert change[0] in SPACE
    Path("whole.yaml").write_text(SPACE.replace(*change))
    assert run(["whole.yaml", "--dry-run"]) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert f"{key}: " in printed and "goes by validation, and trial.data.val: 0 leaves none" in printed
    assert not Path("results").exists()


def test_a_ranking_by_the_best_checkpoint_is_refused_without_validation(
    in_process: None, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    ranked = SPACE.replace("epochs: 3", "epochs: 3\n  subset: {name: ranked, size: 80%, score: SCORE}")
    ranked += "profile: {seeds: 1}\npretrain: {weights: last, trial: {epochs: 2, subset: all}}\n"
    Path("whole.yaml").write_text(ranked.replace("SCORE", "probability"))
    assert run(["whole.yaml", "--dry-run"]) == 2
    assert "this ranking has no probability" in " ".join(capsys.readouterr().err.split())
    Path("whole.yaml").write_text(ranked.replace("SCORE", "difficulty"))
    assert run(["whole.yaml"]) == 0
    assert reporting.main(["results/whole"]) == 0


def test_a_study_with_and_without_validation_is_reported_at_its_last_epochs(
    in_process: None, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("some.yaml").write_text(SPACE.replace("  axes:\n", "  axes:\n    data.val: {grid: [0, 60]}\n"))
    assert run(["some.yaml"]) == 0
    capsys.readouterr()
    assert reporting.main(["results/some"]) == 0
    shown = capsys.readouterr().out
    assert "at the last epoch" in shown and "selects" not in shown and " nan" not in shown
    assert markdown.main(["results/some"]) == 0
    assert "selected: clean" not in capsys.readouterr().out


def test_a_sweep_without_best_weights_cannot_lend_them(in_process: None, capsys: pytest.CaptureFixture[str]) -> None:
    Path("whole.yaml").write_text(SPACE)
    assert run(["whole.yaml"]) == 0
    state = next(Path("results/whole/stages").rglob("state.pt"))
    start = f"start_from: {{path: {state}}}"
    Path("next.yaml").write_text(SPACE.replace("epochs: 3", f"epochs: 3\n  {start}"))
    capsys.readouterr()
    assert run(["next.yaml", "--dry-run"]) == 2
    assert "has no best weights; take weights: last" in " ".join(capsys.readouterr().err.split())
