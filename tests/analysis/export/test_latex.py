"""LaTeX tables of sweeps: well formed, escaped, with the best in bold and a caption that says what was measured."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.export.__main__ import main
from analysis.export.latex import escape, render_document, render_table
from analysis.measures.front import compute_fronts
from analysis.report.configurations import ConfigurationTable, tabulate_by_terms, tabulate_configurations
from analysis.results.sweep import load_sweep
from trainers.certificate.words import shorten_verdict

from ..synthetic import Made, name_one_class, write_sweep


def cells(text: str) -> list[list[str]]:
    """Return the rows of a table, without titles over several columns."""
    lines = [
        line.removesuffix(r"\\") for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line
    ]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line)] for line in lines]


def table_of(folder: Path) -> ConfigurationTable:
    return tabulate_configurations([load_sweep(folder)])


def bold(text: str, column: int) -> list[str]:
    """Return the names of the configurations whose number in a column is bold."""
    return [row[0] for row in cells(text)[1:] if "mathbf" in row[column]]


@pytest.mark.long
def test_every_row_has_a_number_per_column_and_every_brace_its_partner(sweep: Path) -> None:
    table = table_of(sweep)
    text = render_document([table])
    rows = cells(text)
    assert len(rows) == 1 + len(table.rows)
    assert {len(row) for row in rows} == {1 + len(table.columns) + 1}, "the last column has the verdicts"
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}") and text.count(r"\begin") == text.count(r"\end") == 2
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 2, 1], "two problems"
    assert text.count("$") % 2 == 0


def test_a_number_is_the_mean_over_seeds_with_its_standard_error(whole: Path) -> None:
    table = table_of(whole)
    row, shown = table.rows[0], cells(render_table(table))[1]
    assert shown[0] == r"AT 0.10 $\cdot$ all"
    found = re.sub(r"[$]|\\mathbf|[{}]", "", shown[1]).replace(r"\pm", "±")
    assert found == row.numbers[0].text()


@pytest.mark.long
def test_the_last_column_has_the_verdict_on_each_configuration_and_the_caption_explains_it(whole: Path) -> None:
    table = table_of(whole)
    text = render_table(table)
    head, *rows = cells(text)
    assert head[-1] == "front"
    words = {
        name: shorten_verdict(panel.assessment, place)
        for panel in compute_fronts(table.sweeps).panels
        for place, name in enumerate(panel.points["name"])
    }
    assert [row[-1] for row in rows] == [escape(words[row.name]) for row in table.rows]
    assert "Front: that of clean test accuracy" in text and "with probability at most 5 \\%" in text
    assert "collapsed" not in text and "until: certified" not in text


def test_without_a_verdict_there_is_no_column(tmp_path: Path) -> None:
    text = render_table(table_of(write_sweep(tmp_path / "two", Made(faults=False, replicates=2))))
    assert cells(text)[0][-1] != "front" and "surely" not in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a_b & 90% #1 {x}", r"a\_b \& 90\% \#1 \{x\}"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("~^$", r"\textasciitilde{}\textasciicircum{}\$"),
        ("ε ≤ 8/255 · λ − ∞", r"$\varepsilon$ $\le$ 8/255 $\cdot$ $\lambda$ $-$ $\infty$"),
    ],
)
def test_a_name_cannot_be_a_command(text: str, found: str) -> None:
    assert escape(text) == found


def test_the_largest_accuracy_and_the_smallest_difference_of_a_problem_are_bold(tmp_path: Path) -> None:
    table = table_of(write_sweep(tmp_path / "sweep", Made(faults=False, noise=(0.1,))))
    text = render_table(table)
    for place, column in enumerate(table.columns):
        written = [(-1 if column.is_difference else 1) * round(100 * row.numbers[place].mean, 1) for row in table.rows]
        best = [escape(row.choice) for row, value in zip(table.rows, written, strict=True) if value == max(written)]
        assert bold(text, place + 1) == best, column


@pytest.mark.long
def test_a_network_that_names_one_class_is_never_the_best(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(faults=False, noise=(0.1,)))
    before = table_of(folder)
    place = next(place for place, column in enumerate(before.columns) if column.title == "best on test − last")
    name_one_class(folder, "*AT_0.10*all*", "last")
    after = table_of(folder)
    best = replace(after.rows[0], numbers=tuple(number._replace(mean=0.0) for number in after.rows[0].numbers))
    assert not best.is_whole
    text = render_table(replace(after, rows=(best, *after.rows[1:])))
    assert escape(best.choice) not in bold(text, place + 1)
    healthy = replace(best, is_whole=True)
    text = render_table(replace(after, rows=(healthy, *after.rows[1:])))
    assert escape(best.choice) in bold(text, place + 1), "else its difference of zero would be the smallest"


def test_one_configuration_is_no_best(tmp_path: Path) -> None:
    made = Made(faults=False, noise=(0.0,), methods=("AT",), subsets=("all",))
    assert "mathbf" not in render_table(table_of(write_sweep(tmp_path / "one", made)))


def test_the_caption_says_attack_seeds_and_checkpoint(whole: Path) -> None:
    found = re.search(r"\\caption\{(.*)\}", render_table(table_of(whole)))
    assert found is not None
    for words in (
        "AutoAttack custom",
        "PGD-20, linf, epsilon 0.1",
        "3 seeds",
        "selected: the epoch that validation selects",
        "360 test images",
    ):
        assert words in found[1]


@pytest.mark.long
def test_sweeps_on_other_terms_have_a_table_each_in_one_file(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False))
    apart = write_sweep(tmp_path / "apart", Made(study="apart", faults=False, noise=(0.1,)))
    path = tmp_path / "paper" / "tables.tex"
    assert main([str(whole), str(other), str(apart), "--format", "latex", "-o", str(path)]) == 0
    text = path.read_text()
    assert text.count(r"\begin{table}") == 2 == len(tabulate_by_terms([*map(load_sweep, (whole, other, apart))]))
    assert r"\textit{whole: label\_noise 0.1}" in text and "2 tables of" in capsys.readouterr().out
