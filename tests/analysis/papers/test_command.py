"""The command that draws figures by name: what it writes, lists and refuses."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from analysis.figure import main

from ..planned import write_planned


@pytest.mark.long
@pytest.mark.parametrize("suffix", (".pdf", ".svg", ".png"))
def test_a_figure_is_written_and_its_caption_printed(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = write_planned(tmp_path / "run", "gairat_lambda", examples=True), tmp_path / f"f{suffix}"
    assert main([str(run), "--figure", "gairat:F13", "-o", str(file), "--width", "3.25"]) == 0
    assert file.stat().st_size > 1000
    printed = capsys.readouterr().out
    assert "gairat:F13: Weights by λ. Mean ± one standard error over 2 seeds" in printed
    assert "Under PGD-10, linf, epsilon 0.1" in printed and "The paper: CIFAR-10" in printed


def test_points_are_written_as_csv_and_tables_as_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_planned(tmp_path / "run", "gairat")
    points, table = tmp_path / "t.csv", tmp_path / "t.md"
    assert main([str(run), "--figure", "gairat:T1", "-o", str(points), "--where", "label_noise=0"]) == 0
    assert main([str(run), "--figure", "gairat:T1", "-o", str(table)]) == 0
    assert set(pd.read_csv(points)["line"]) == {"AT", "FAT", "GAIRAT", "GAIR-FAT"}
    assert "| label_noise 0 · GAIRAT | " in table.read_text()
    ends = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("Table: ", "Figure: "))]
    assert ends == [f"Table: {points}", f"Table: {table}"]


@pytest.mark.long
def test_the_list_says_what_can_be_drawn_and_what_gives_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_planned(tmp_path / "run", "gairat_lambda", examples=True)
    assert main(["--list", str(run), "--all"]) == 0
    printed = capsys.readouterr().out
    assert "gairat:F13 · Weights by λ\n    drawable from gairat_lambda\n" in printed
    assert (
        "profiling:F8 · Ranks by clean probability in pairs of trainings\n"
        "    this run lacks an axis under model with 2 values or more; what gives it:\n"
        "    python -m search.run spaces/rank_consistency.yaml\n"
    ) in printed
    assert "method.attack.norm l2" in printed
    assert "--set trial.method.attack.norm=l2" in printed
    assert "gairat:F9 · Illustration\n    it is an illustration\n" in printed
    assert "of 72 figures and tables in the papers, can be drawn from 1 run; " in printed


@pytest.mark.long
def test_the_list_names_what_is_lacking_with_its_setting_and_leaves_no_gap_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_planned(tmp_path / "run", "rank_consistency", ["evaluate.train=false"], examples=True)
    assert main(["--list", str(run), "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if " lacks ;" in line or "  ;" in line or line != line.rstrip()]
    told = dict(pairwise(lines))
    assert told["profiling:F6a · Ranks in pairs of trainings: seeds"].strip() == (
        "this run lacks withstood of each example (--set evaluate.train=true); what gives it:"
    )
    assert "method.attack.toward" in told[next(line for line in lines if line.startswith("profiling:F17"))]


def test_the_list_of_a_run_begins_with_what_can_be_drawn_and_groups_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_planned(tmp_path / "run", "gairat")
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--list", str(run)]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.endswith("panels and tables, of 72 figures and tables in the papers, can be drawn")
    assert lines[0] == "from gairat:" and "  gairat:T1 · AT, FAT, GAIRAT and GAIR-FAT" in lines[1:5]
    assert max(map(len, lines)) <= 80 and len(lines) < 70, "a screen or two, not hundreds of lines"
    drawable, _, rest = "\n".join(lines).partition("others cannot.")
    assert "gairat:F16 ·" in drawable and "F16" not in rest.partition("profiling")[0]
    others = " ".join(rest.split())
    assert "Need the trials of other studies" in others and "gair_mart (gairat:F19, F20)" in others
    assert "Not to be drawn (2): hard:T3, gairat:F9" in others
    recorded = others.partition("by an option of search.run")[2].partition("Need the trials")[0]
    assert "--set 'evaluate.diagnostics.logits={after: [30%]}'): gairat:F3, F7, F8" in recorded
    names = sum(len(re.findall(r"\b[FT]\d+[a-z]?\b", text)) for text in (drawable, rest))
    assert names >= 88, "each panel and table is named"
    monkeypatch.delenv("COLUMNS")
    assert main(["--list", str(run)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "gair_mart" in line]
    assert "profile_halves (profiling:F1)" in line, "a pipe has the whole list in a line"


def test_the_list_of_several_runs_says_from_which_each_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(write_planned(tmp_path / study, study)) for study in ("friendly_k", "gairat")]
    assert main([*runs, "--list"]) == 0
    printed = capsys.readouterr().out
    assert "  profiling:F14 · Selected and last robust accuracy by subset size, from friendly_k\n" in printed
    assert "  gairat:T1 · AT, FAT, GAIRAT and GAIR-FAT, from gairat\n" in printed


def test_what_two_parts_lack_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_planned(tmp_path / "run", "gairat_lambda", ["trial.epochs=2"])
    assert main([str(run), "--list", "learning_times"]) == 0
    assert capsys.readouterr().out.count("a configuration whose robust accuracy falls") == 1


@pytest.mark.long
def test_a_word_keeps_what_contains_it_in_its_name_or_title(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_planned(tmp_path / "run", "gairat")
    assert main([str(run), "--list", "WEIGHTS BY"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "gairat:F13 · Weights by λ" in lines and not [line for line in lines if line.startswith("hard:")]
    assert lines[-1].endswith("figures, tables and diagnostics with 'WEIGHTS BY' can be drawn from 1 run.")
    assert main([str(run), "--list", "hard:"]) == 0
    assert all(line.startswith(("hard:", " ")) for line in capsys.readouterr().out.splitlines()[:-1])
    assert main([str(run), "--list", "wieghts"]) == 2
    assert "none of the " in (error := capsys.readouterr().err) and "did you mean weights?" in error


def test_without_runs_the_list_is_of_commands_that_train(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out
    joined = "hard:F12 · PGD training, instance-adaptive and self-adaptive training\n"
    commands = "".join(f"    python -m search.run spaces/{study}.yaml\n" for study in ("iat", "self_adaptive"))
    assert joined + commands in printed, "a command a line, to be copied"
    assert "lacks" not in printed.replace("there is no measure of it yet", "")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "give --figure NAME"),
        (["RUN", "--figure", "gairat:F13", "-o", "f.png", "--all"], "--all needs --list"),
        (["RUN", "--figure", "gairat:F13"], "--figure needs -o FILE"),
        (["--figure", "gairat:F13", "-o", "f.png"], "--figure needs a run"),
        (["RUN", "--figure", "gairat:F13", "-o", "f.gif"], "expected a name ending in .png"),
        (["RUN", "--figure", "gairat:F13", "-o", "f.png", "--where", "lam"], "expected AXIS=VALUE"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and words in capsys.readouterr().err


def test_a_mistake_of_the_name_ends_with_two_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--figure", "gairat:F133", "-o", str(tmp_path / "f.png")]) == 2
    assert "did you mean gairat:F13?" in capsys.readouterr().err
