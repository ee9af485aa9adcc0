"""The report holds everything it shows, and fits whatever a sweep has or lacks."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from analysis.measures.stats import estimate
from analysis.report.__main__ import main
from analysis.report.answers import describe_terms
from analysis.report.block import build_block
from analysis.report.data import collect_report_data
from analysis.report.findings import list_findings, list_limits
from analysis.report.page import STEPS, redraw_report, write_report
from analysis.report.provenance import describe_extent
from analysis.report.summary import print_summary
from analysis.report.tables.configurations import render_configurations
from analysis.report.tables.examples import MAX_CLASSES, render_counts
from analysis.report.tables.overfitting import render_gaps
from analysis.report.tables.trainings import render_upstream
from analysis.results.sweep import load_sweep
from trainers.record_io import write_json
from trainers.record_reader import read_json
from trainers.terminal.console import Console

from ..synthetic import Made, write_study, write_sweep

pytestmark = pytest.mark.long

SMALL = Made(noise=(0.1,), methods=("AT",), subsets=("all", "friendly 108"), replicates=2, profile=False, faults=False)
VOID = {"meta", "img", "br", "link", "input"}


class Checked(HTMLParser):
    """Fails on tags that are not closed; keeps sources, scripts and headings of columns."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.scripts = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def show(text: str) -> str:
    """Return what a page shows: without its style, scripts and images."""
    return re.sub(r'src="[^"]*"', "", re.sub(r"(?s)<(style|script)\b.*?</\1>", "", text))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return redraw_report(write_sweep(tmp_path_factory.mktemp("drawn") / "made_up", Made(noise=(0.1,))))


def test_the_page_is_well_formed_and_needs_nothing_else(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    images = [source for source in Checked(text).sources if source.startswith("data:image/")]
    links = [source for source in Checked(text).sources if not source.startswith(("data:image/", "#"))]
    assert len(images) == 7 and {link.partition("/")[0] for link in links} == {"tables", "figures"}
    assert all((page.parent / unquote(link)).is_file() for link in links)
    assert "://" not in re.sub(r"http://www\.w3\.org/\S+", "", re.sub(r'src="[^"]*"', "", text))
    assert "default-src 'none'" in unescape(text) and 'name="viewport"' in text and "@media print" in text


def test_the_page_says_what_ran_what_was_found_and_what_it_cannot_say(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for part in (
        "6 configurations × 3 seeds", "2 profiling trials", "15 of 18 trials completed", "1 diverged", "1 failed",
        "Findings", "Limits", "AutoAttack custom", "torch 2.9.0", "RuntimeError: out of memory",
        "loss is nan at epoch 5", "120 train, 120 val, 360 test", "data split", "Provenance",
    ):  # fmt: skip
        assert part in text


def test_a_column_that_nothing_stands_in_is_left_out(tmp_path: Path, small: Path, unrendered: None) -> None:
    """And names in headers are not broken at their hyphens."""
    one_survives = replace(SMALL, subsets=("all",), replicates=4, faults=True)
    pages = (redraw_report(write_sweep(tmp_path / "diverged", one_survives)), small)
    headers = [" ".join(re.findall("<th.*</th>", path.read_text(encoding="utf-8"))) for path in pages]
    assert [">ended<" in header for header in headers] == [True, False]
    assert "PGD‑10" in headers[1] and "PGD-10" not in headers[1]


def test_the_table_of_all_configurations_says_its_attack_in_full(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "Attack: AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 0.1 on 300 images drawn by class.\n" in text


def test_figures_and_tables_lie_beside_the_page(page: Path) -> None:
    figures = {path.name for path in (page.parent / "figures").iterdir()}
    assert {"front.png", "front.svg", "front.pdf", "curves_robust.png", "overfitting.svg", "effects.png"} <= figures
    tables = {path.name for path in (page.parent / "tables").iterdir()}
    assert {"trials.csv", "epochs.parquet", "front.csv", "overfitting.parquet", "class_counts.csv"} <= tables


def test_the_page_and_the_terminal_answer_the_question_first(tmp_path: Path, unrendered: None) -> None:
    folder = write_sweep(tmp_path / "asked", Made(study="asked", faults=False))
    write_json(folder / "plan.json", read_json(folder / "plan.json") | {"question": "Are <friends> enough?"})
    data = collect_report_data(load_sweep(folder))
    text = write_report(data).read_text(encoding="utf-8")
    heads = [
        text.index(part)
        for part in ("Are &lt;friends&gt; enough?", "2 of 4 undecided", "degrees of freedom", "Findings:")
    ]
    assert heads == sorted(heads) and '<h1 dir="auto">Are &lt;friends&gt; enough?</h1>' in text
    shown = StringIO()
    print_summary(data, Console(file=shown, width=100))
    lines = shown.getvalue().splitlines()
    assert lines[0] == "Are <friends> enough?" and lines[1].startswith("• ")


def test_the_terms_of_the_answers_are_attack_images_checkpoint_and_what_was_drawn_once(whole: Path) -> None:
    text = describe_terms(collect_report_data(load_sweep(whole)))
    for part in (
        "AutoAttack custom",
        "on 300 images drawn by class",
        "validation-selected epoch",
        "one draw of flipped labels",
    ):
        assert part in text
    assert "So far" not in text


def test_the_answers_of_an_unfinished_sweep_say_how_many_trials_they_rest_on(sweep: Path) -> None:
    results = load_sweep(sweep)
    done = len(results.completed)
    text = describe_terms(collect_report_data(results))
    assert f"So far {done} of {len(results.study_trials)} trials completed." in text


def test_findings_say_which_other_families_tell_of_what(whole: Path) -> None:
    data = collect_report_data(load_sweep(whole))
    found = dict(list_findings(data))
    assert data.answering is not None and data.answering.title == "friendly against random"
    assert not any("friendly against random" in lead for lead in found)
    assert "higher in 2 (" in found["friendly against all"] and "and lower in 2 (" in found["friendly against all"]
    assert "of 4 comparisons" in found["friendly against all"] and "All 4 intervals" in found["friendly against all"]
    assert "higher in 6 (" in found["TRADES 0.10 against AT 0.10"]
    assert found["No difference found"] == "in any of these families of comparisons: random against all (4)."
    flipped = found["Flipped labels, label_noise 0.1"]
    assert "of the 12 flipped labels" in flipped and "friendly 108 12, random 108 1" in flipped
    assert "AT 0.10 · all" in found["Robust overfitting, label_noise 0.1"]
    assert any("360 examples" in limit for limit in list_limits(data))


def test_too_few_seeds_are_not_called_no_difference(tmp_path: Path) -> None:
    made = replace(SMALL, subsets=("all", "friendly 108", "random 108"), replicates=1)
    data = collect_report_data(load_sweep(write_sweep(tmp_path / "one", made)))
    found = dict(list_findings(data))
    assert "random against all (1)" in found["Too few seeds"] and "No difference found" not in found


@pytest.mark.parametrize("values", [(0, 1, -1), (0, 1, 2, 3, 4, 5)])
def test_a_study_of_one_number_says_what_it_changes(tmp_path: Path, unrendered: None, values: tuple[int, ...]) -> None:
    one = replace(SMALL, methods=(), subsets=("all",), replicates=1)
    folder = write_study(tmp_path / "lam", "method.weight.lam", values, one)
    text = redraw_report(folder).read_text(encoding="utf-8")
    assert "All differences" in text and f"lam {max(values)} − lam {min(values)}" in text
    assert (folder / "report" / "tables" / "axis_effects.csv").exists()
    others = "lam 0, lam 1" if len(values) == 3 else "other values of lam"
    assert f"comparisons of {others} against lam {min(values)} is told from chance: one seed each" in text


@pytest.mark.parametrize(
    ("noise", "profile", "once"),
    [
        (0.1, True, "one data split, one draw of flipped labels and one ranking per setting"),
        (0.1, False, "one data split and one draw of flipped labels per setting"),
        (0.0, True, "one data split and one ranking per setting"),
        (0.0, False, "There is one data split per setting"),
    ],
)
def test_limits_name_only_what_the_study_has(tmp_path: Path, noise: float, profile: bool, once: str) -> None:
    found = collect_report_data(
        load_sweep(write_sweep(tmp_path / "sweep", replace(SMALL, noise=(noise,), profile=profile)))
    )
    assert once in list_limits(found)[0]


def test_the_extent_says_where_configurations_have_unequally_many_seeds(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", SMALL)
    assert describe_extent(collect_report_data(load_sweep(folder))) == "2 configurations × 2 seeds."
    plan = read_json(folder / "plan.json")
    write_json(folder / "plan.json", plan | {"trials": plan["trials"][:-1]})  # a poor one was given no second seed
    assert describe_extent(collect_report_data(load_sweep(folder))) == "2 configurations × 1 to 2 seeds."


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of two configurations and one seed."""
    return redraw_report(write_sweep(tmp_path_factory.mktemp("small") / "one", replace(SMALL, replicates=1)))


def test_a_report_is_a_function_of_the_records(small: Path) -> None:
    before = small.read_bytes()
    assert redraw_report(small.parent.parent).read_bytes() == before


def test_one_seed_is_called_a_demonstration(small: Path) -> None:
    text = small.read_text(encoding="utf-8")
    assert "no standard error exists" in text and "demonstration" in text
    assert not re.search(r"\d ± \d", text)


@pytest.mark.parametrize(
    "made",
    [
        Made(finished=False),
        replace(SMALL, subsets=("all",), methods=("AT", "TRADES")),
        replace(SMALL, subsets=("all",), replicates=3, faults=True),
    ],
    ids=["nothing begun", "no subsets", "nothing completed"],
)
def test_report_leaves_out_the_parts_that_a_sweep_lacks(tmp_path: Path, made: Made) -> None:
    text = redraw_report(write_sweep(tmp_path / "sweep", made)).read_text(encoding="utf-8")
    Checked(text)
    assert not re.search(r"\bnan\b", show(text).replace("loss is nan", ""))
    assert ("No completed trial" in text) == (not made.finished or made.faults)


def test_a_report_is_drawn_while_only_rankings_are_trained(tmp_path: Path, unrendered: None) -> None:
    folder = write_sweep(tmp_path / "sweep", replace(SMALL, profile=True))
    for trial in (folder / "trials").iterdir():
        if not trial.name.startswith("profile"):
            shutil.rmtree(trial)
    assert "No completed trial" in redraw_report(folder).read_text(encoding="utf-8")


def test_a_name_with_markup_is_only_text(tmp_path: Path, unrendered: None) -> None:
    made = replace(SMALL, study="<b>bold</b> & [red]", methods=("<script>",), subsets=("all",))
    folder = write_sweep(tmp_path / "markup", made)
    text = redraw_report(folder).read_text(encoding="utf-8")
    Checked(text)
    assert Checked(text).scripts == 2 and "&lt;script&gt;" in text and "\\u003cscript>" in text
    shown = StringIO()
    print_summary(collect_report_data(load_sweep(folder)), Console(file=shown, width=100))
    assert "[red]" in shown.getvalue() and "<script>" in shown.getvalue()


def test_control_characters_of_a_name_reach_neither_page_nor_figures(tmp_path: Path) -> None:
    """A figure with an escape is no XML, which browsers do not draw; an override would turn the text behind it."""
    folder = write_sweep(tmp_path / "controls", replace(SMALL, study="a\x1b[2Jb", methods=("AT", "TRADES")))
    plan = read_json(folder / "plan.json")
    for row in plan["trials"]:
        row["axes"] = {path: label.replace("AT", "A\x1b[31m\u202eT") for path, label in row["axes"].items()}
    write_json(folder / "plan.json", plan)
    for path in folder.glob("trials/*/result.json"):
        write_json(path, read_json(path) | {"class_names": [f"{digit}\x1b" for digit in range(10)]})
    text = redraw_report(folder).read_text(encoding="utf-8")
    assert "a\\x1b[2Jb" in text and "A\\x1b[31m\\u202eT" in text
    figures = [path.read_text(encoding="utf-8") for path in (folder / "report" / "figures").glob("*.svg")]
    assert any("A\\x1b[31m" in figure for figure in figures)
    for figure in figures:
        ElementTree.fromstring(figure)
    for written in (text, *figures):
        assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", written) is None


def test_the_command_prints_a_summary_and_where_the_report_is(
    tmp_path: Path, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_sweep(tmp_path / "small", replace(SMALL, replicates=3, faults=True))
    assert main([str(folder)]) == 0
    shown = capsys.readouterr().out
    assert str(folder / "report" / "index.html") in shown
    assert "3 of 6 trials completed, 1 diverged, 1 begun, 1 failed." in shown
    assert "\x1b" not in shown  # no colour where nobody looks


def test_a_quiet_command_prints_only_where_the_report_is(
    tmp_path: Path, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_sweep(tmp_path / "small", SMALL)
    assert main([str(folder), "--quiet"]) == 0
    assert capsys.readouterr().out == f"Report: {folder / 'report' / 'index.html'}\n"


def test_the_command_refuses_a_folder_that_is_no_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no plan.json" in error


def print_lines(folder: Path, width: int = 80) -> list[str]:
    """Print the summary of a sweep on a terminal of some width, and return its lines."""
    shown = StringIO()
    print_summary(collect_report_data(load_sweep(folder)), Console(file=shown, width=width))
    return shown.getvalue().splitlines()


def test_the_summary_of_the_study_of_the_quickstart_fits_a_screen(tmp_path: Path) -> None:
    """Two problems, three methods, five subsets: answers, fronts and what qualifies them, not a table of 30 rows."""
    made = Made(
        methods=("AT", "TRADES", "MART"), subsets=("all", "friendly 108", "random 108", "friendly 96", "random 96"),
        faults=False,
    )  # fmt: skip
    folder = write_sweep(tmp_path / "quick", made)
    *lines, table = print_lines(folder)
    assert len(lines) < 42 and max(map(len, lines)) <= 80
    assert [line.partition(";")[0] for line in lines if line.startswith("Front")] == [
        "Front on test images, label_noise 0.0", "Front on test images, label_noise 0.1",
    ]  # fmt: skip
    assert table == f"Table of 30 configurations: python -m analysis.markdown {folder}"


def test_the_summary_of_many_members_says_how_many_more_there_are(tmp_path: Path) -> None:
    """Each method is more robust and less accurate than the one before: all are on the front."""
    made = replace(SMALL, methods=tuple(f"AT {n:02}" for n in range(30)), subsets=("all",), replicates=1)
    folder = write_sweep(tmp_path / "many", made)
    for path in folder.glob("trials/*/result.json"):
        n, result = int(path.parent.name.partition("AT")[2][1:3]), read_json(path)
        result["best"] |= {"test_clean_acc": 0.9 - n / 100, "test_aa_clean_acc": 0.9 - n / 100, "test_aa_acc": n / 100}
        write_json(path, result)
    lines = print_lines(folder)
    assert any(line.rstrip().endswith("… and 10 more") for line in lines) and len(lines) < 42
    assert any(re.match(r"^20 +AT 19 ", line) for line in lines) and not any("AT 20" in line for line in lines)


def test_configuration_selected_off_the_front_is_shown_on_the_terminal_and_the_page(
    tmp_path: Path, unrendered: None
) -> None:
    """Validation prefers one of two configurations, and test the other."""
    folder = write_sweep(tmp_path / "off", replace(SMALL, subsets=("all",), methods=("GOOD", "BAD"), replicates=3))
    for path in folder.glob("trials/*BAD*/result.json"):
        result = read_json(path)
        result["best"] |= {"val_clean_acc": 0.99, "val_pgd_acc": 0.99, "test_clean_acc": 0.5, "test_aa_acc": 0.1}
        result["best"]["test_aa_clean_acc"] = 0.5
        write_json(path, result)
    shown = StringIO()
    print_summary(collect_report_data(load_sweep(folder)), Console(file=shown, width=80))
    text = shown.getvalue()
    _, _, listed = text.partition("Front on test images; –: selected on validation, but off it")
    assert "selects: no other configuration beats it on validation" in " ".join(listed.split())
    assert re.search(r"^–  BAD .* selects", listed, re.MULTILINE) and re.search(r"^1  GOOD ", listed, re.MULTILINE)
    assert text.startswith("made_up\n• ") and " epoch % " in text
    assert re.search(r"^1  GOOD +3 +\d+\.\d±\d\.\d", text, re.MULTILINE)  # within 80 columns
    assert max(map(len, text.splitlines()[:-1])) <= 80, "but for the command, which is copied"
    page = redraw_report(folder).read_text(encoding="utf-8")
    assert (
        "A dash marks a configuration that validation selects, but that is off the front." in page
        and "<td>–</td><td" in page.replace(' class="t"', "")
    )


def test_names_that_fill_three_lines_leave_no_room_for_errors(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "long", replace(SMALL, methods=("AT", "a method of a rather long name " * 3)))
    assert not re.search(r"\d±\d", "\n".join(print_lines(folder)))
    assert re.search(r"\d±\d", "\n".join(print_lines(folder, width=200)))


def test_findings_say_how_many_more_validation_would_select(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "many", replace(SMALL, methods=("A", "B", "C"), replicates=1))
    for path in folder.glob("trials/*/result.json"):
        result = read_json(path)
        result["best"] |= {"val_clean_acc": 0.9, "val_pgd_acc": 0.8}  # equal on validation: all are selected
        write_json(path, result)
    text = dict(list_findings(collect_report_data(load_sweep(folder))))["Front"]
    assert text.endswith("; B · friendly 108 and 2 more.") and "Validation would select A · all; " in text


def test_flipped_labels_left_out_by_a_subset_are_a_finding_without_an_axis_of_the_problem(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), methods=("AT",), subsets=("all", "friendly 108"), replicates=2, faults=False)
    (flipped,) = [
        text
        for lead, text in list_findings(collect_report_data(load_sweep(write_sweep(tmp_path / "one", made))))
        if "Flip" in lead
    ]
    assert flipped.endswith("left out by each subset, on average: friendly 108 12.")


def test_of_an_unknown_floor_and_a_short_plateau_no_verdict_is_given(tmp_path: Path) -> None:
    made = replace(SMALL, epochs=4)  # two evaluations: no second difference, no scatter
    text = dict(list_findings(collect_report_data(load_sweep(write_sweep(tmp_path / "short", made)))))[
        "Robust overfitting"
    ]
    assert "floor unknown" in text and "too short to tell" in text and "falls in" not in text


@pytest.mark.parametrize(
    ("images", "words"),
    [("", "360 examples. "), (" on 90 images drawn by class", "360 examples, of which 90 were attacked. ")],
)
def test_the_error_of_sampling_is_that_of_the_images_attacked(tmp_path: Path, images: str, words: str) -> None:
    made = replace(SMALL, attacks={"pgd": "PGD-10, linf, epsilon 0.1", "aa": f"AutoAttack, linf, epsilon 0.1{images}"})
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "sweep", made)))
    (text,) = [limit for limit in list_limits(found) if "binomial" in limit]
    p, n = found.results.completed["best_test_aa_acc"].mean(), 90 if images else 360
    assert words in text and f"error of {100 * np.sqrt(p * (1 - p) / n):.1f} points" in text


def test_where_no_configuration_has_all_its_seeds_the_front_says_so(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", SMALL)
    for path in folder.glob("trials/*seed=0/result.json"):
        write_json(path, read_json(path) | {"status": "diverged", "diverged": {"epoch": 1, "why": "loss is nan"}})
    text = dict(list_findings(collect_report_data(load_sweep(folder))))["Front"]
    assert text == "0 of 2 configurations are on the front. Validation would select none."


def test_an_axis_that_only_some_trials_have_is_no_obstacle(tmp_path: Path, unrendered: None) -> None:
    folder = write_sweep(tmp_path / "conditional", SMALL)
    plan = read_json(folder / "plan.json")
    plan["axes"].append("optimizer.lr")
    for row in plan["trials"]:
        if row["axes"]["subset"] == "all":
            row["axes"]["optimizer.lr"], row["values"]["optimizer.lr"] = "low", 0.01
    write_json(folder / "plan.json", plan)
    results = load_sweep(folder)
    assert set(results.study_trials["optimizer.lr"]) == {"low", ""}
    assert "low" in redraw_report(folder).read_text()


def test_a_stopped_trial_is_censored_and_says_why(tmp_path: Path, unrendered: None) -> None:
    sweep = tmp_path / "sweep"
    write_sweep(sweep, SMALL)
    reason = "after 4 of 12 epochs beaten by two others"
    (row,) = [trial for trial in read_json(sweep / "plan.json")["trials"] if trial["kind"] == "trial"][:1]
    path = sweep / "trials" / row["id"] / "result.json"
    result = read_json(path)
    last = {name: value for name, value in result["last"].items() if not name.startswith("test_")}
    stopped = {"status": "stopped", "stopped": {"epoch": 4, "reason": reason}, "last": last, "best": last}
    write_json(path, result | stopped)
    assert main([str(sweep)]) == 0
    shown = (sweep / "report" / "index.html").read_text()
    assert reason in shown
    assert "censored" in shown
    assert "1 stopped" in shown


def test_pretraining_that_trials_start_from_is_in_a_table(tmp_path: Path, unrendered: None) -> None:
    """The pretraining is the control of everything that is fine-tuned from it."""
    folder = write_sweep(tmp_path / "finetuned", SMALL)
    plan = read_json(folder / "plan.json")
    for row in plan["trials"]:
        if row["axes"]["subset"] == "all":
            row["kind"] = "pretrain"
    write_json(folder / "plan.json", plan)
    results = load_sweep(folder)
    (table,) = render_upstream(collect_report_data(results))
    made = results.trials[results.trials["kind"] == "pretrain"]
    assert "pretraining, which trials start from" in table
    assert f">{estimate(made['last_test_aa_acc']).text()}</td>" in table
    assert "Pretraining and profiling" in redraw_report(folder).read_text(encoding="utf-8")


def test_the_classes_of_many_stand_in_tables_that_paper_holds(tmp_path: Path) -> None:
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "sweep", SMALL)))
    classes = pd.DataFrame(1.0, found.counts.index, [f"class {label}" for label in range(100)])
    many = pd.concat([found.counts[["setting", "subset", "size", "flipped_in", "flipped_out"]], classes], axis=1)
    parts = render_counts(replace(found, counts=many))
    assert len(parts) == 9 and "Classes 96 to 99." in parts[-1]
    heads = [re.findall(r"<th[^>]*>([^<]*)</th>", part) for part in parts]
    assert max(map(len, heads)) == MAX_CLASSES + 4
    assert [name for head in heads for name in head if name.isdigit()] == [str(label) for label in range(100)]


def test_hypervolume_has_its_error_and_what_failed_is_on_paper_too(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.search(
        r"Hypervolume with reference point \(0, 0\): 0\.\d{4} \(0\.\d{4} to 0\.\d{4}, [^)]*\), \d seeds", text
    )
    folded = re.sub(r"(?s)<details>.*?</details>", "", text)
    assert '<pre class="long" tabindex="0">Traceback' in folded


def test_no_table_is_cut_without_a_word(tmp_path: Path) -> None:
    made = replace(SMALL, noise=(0.0, 0.1), methods=tuple(f"M{n}x" for n in range(20)), epochs=4, replicates=1)
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "many", made)))
    (gaps,), whole = render_gaps(found), render_configurations(build_block(found))
    assert "Shown are 60 of 80 configurations (the first of each problem); tables/overfitting.csv has all." in gaps
    parts = gaps.partition(">label_noise 0.1<")  # the easier problem does not push the other out
    assert [part.count("<tr><td") for part in (parts[0], parts[2])] == [30, 30]
    assert whole.count("<tr data-i=") == 80


@pytest.mark.usefixtures("unrendered")
def test_a_report_counts_its_steps(tmp_path: Path) -> None:
    steps: list[None] = []
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "sweep", SMALL)))
    write_report(found, advance=lambda: steps.append(None))
    assert len(steps) == STEPS
