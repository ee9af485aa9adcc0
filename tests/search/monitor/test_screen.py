"""The screen fits any terminal, and shows what a user needs to know."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from search.monitor.cost_model import Costs
from search.monitor.epoch_progress import EpochProgress
from search.monitor.heartbeat import Heartbeat
from search.monitor.reader import SweepReader
from search.monitor.screen import build_screen, format_epochs, format_headline
from search.monitor.sweep_status import SweepStatus, compute_status
from search.monitor.textplot import MARK, OTHER, Dot, count_outliers, draw_scatter
from trainers.record_io import write_json
from trainers.terminal.console import Console

from ..made_up import CONFIG, MadeUp
from .test_sweep_status import noisy

shares = st.floats(0, 1)
dots = st.lists(st.builds(Dot, shares, shares, st.booleans()), min_size=1, max_size=30)


def drawn(lines: list[Text]) -> list[str]:
    return [line.plain for line in lines]


@given(dots, st.integers(24, 100), st.integers(6, 40))
def test_a_plot_has_the_requested_size(points: list[Dot], width: int, height: int) -> None:
    lines = drawn(draw_scatter(points, width, height, "clean %", "PGD %"))
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}
    text = "\n".join(lines)
    assert 1 <= text.count(MARK) + text.count(OTHER) <= len(points)
    assert (MARK in text) == any(point.marked for point in points)


def test_a_plot_has_its_extremes_at_its_edges() -> None:
    lines = drawn(
        draw_scatter([Dot(0.9, 0.4, True), Dot(0.8, 0.5, True), Dot(0.8, 0.4, False)], 24, 8, "clean %", "PGD %")
    )
    assert lines[0] == " 50.0 ┤●" + " " * 16
    assert lines[5] == " 40.0 ┤·" + " " * 15 + "●"
    assert lines[3] == "PGD % ┤" + " " * 17
    assert lines[7] == "       80.0 clean % 90.0"


def test_no_axis_reaches_beyond_an_accuracy() -> None:
    lines = drawn(draw_scatter([Dot(1.0, 0.0, True), Dot(1.0, 0.0, False)], 24, 8, "clean %", "PGD %"))
    assert re.findall(r"[\d.]+", lines[7]) == ["99.9", "100.0"]
    assert lines[0].startswith("  0.1 ") and lines[5].startswith("  0.0 ")


def test_outliers_do_not_squeeze_the_other_dots() -> None:
    many = [Dot(0.9 + i / 1000, 0.7 - i / 1000, i == 0) for i in range(20)]
    low = [Dot(0.1, 0.1, False), Dot(0.919, 0.05, False)]
    assert count_outliers(many) == count_outliers(low) == 0
    assert count_outliers(many + low) == 2
    lines, with_them = (drawn(draw_scatter(dots, 24, 8, "clean %", "PGD %")) for dots in (many, many + low))
    assert with_them[5] == " 68.1 ┤·" + lines[5][8:]
    assert with_them[:5] + with_them[6:] == lines[:5] + lines[6:]
    assert count_outliers([*many, Dot(0.1, 0.9, True)]) == 0  # the front is always within


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> SweepStatus:
    """A sweep of many trainings in every state, one of them with a name wider than any terminal."""
    names = [f"a{i % 7}b{i % 5}cd"[: 3 + i % 4] for i in range(40)]
    made = MadeUp(tmp_path_factory.mktemp("view") / "big", names, seeds=2)
    for i in range(60):
        made.train(i, 2, taken=1, clean=0.89 - i / 1000, robust=0.49 + i / 1000)
        if i < 40:
            made.end(i, ("completed", "stopped", "diverged")[i % 3], 0.9 - i / 1000, 0.5 + i / 1000)
    reader = SweepReader(made.folder)
    reader.read_records()
    long = f"method={'very-' * 40}long-abcdef,seed=0"
    reader.planned[50] = reader.planned[50]._replace(id=long)
    waiting = {made.ids[45]: 7, long: 5, "a ranking": 3}
    now = Heartbeat(time.time() - 100, 16, running=tuple(made.ids[40:56]), waiting=waiting, freed=3_000_000)
    return compute_status(reader, now, is_running=True)


def plan_generations(made: MadeUp, *generations: int) -> None:
    """Say in the plan which generation of a search proposed each training."""
    for row, generation in zip(made.plan["trials"], generations, strict=True):
        row["generation"] = generation
    write_json(made.folder / "plan.json", made.plan)


def begin_second_generation(folder: Path) -> MadeUp:
    """Return a search whose only training of the first generation has ended."""
    made = MadeUp(folder, ["aaaa", "bbbb"])
    plan_generations(made, 0, 1)
    made.train(0, 4)
    made.end(0)
    return made


def shown(status: SweepStatus, width: int, height: int, encoding: str = "utf-8") -> list[str]:
    file = TextIOWrapper(BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    console.print(build_screen(status, console, 123_456_789, height))
    file.seek(0)
    return file.read().splitlines()


@settings(max_examples=30, deadline=None)
@given(width=st.integers(20, 220), height=st.integers(2, 70))
def test_the_screen_fits_any_terminal(big: SweepStatus, width: int, height: int) -> None:
    lines = shown(big, width, height)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 50)])
def test_the_screen_shows_everything_on_a_common_terminal(big: SweepStatus, width: int, height: int) -> None:
    text = "\n".join(shown(big, width, height - 1))
    for part in (
        "16 of 16 processes busy", "1 min 4", " s so far", "left", "40 of 80 · 13 stopped · 13 diverged · 4 paused",
        "sharing saves", "epochs/min", "images/s", "123 MB stored", "3 MB freed", "without sharing", "15: 7 for lam=22",
        "selected PGD", "PGD %", "on the front", MARK,
        "validation, selected epoch: 7 configurations, up to 2 seeds · ● clean/PGD front",
    ):  # fmt: skip
        assert part in text
    assert text.count(" running ") >= (3 if height < 30 else 16)


def test_a_terminal_without_unicode_gets_ascii_signs(big: SweepStatus) -> None:
    assert shown(big, 100, 40, encoding="ascii")[1].startswith("trainings =====")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.1, "4.1"), (14.0, "4.1"), (16.0, "4.10"), (140.0, "4.10"), (360.0, "4.100")]
)
def test_a_long_epoch_is_shown_in_parts_that_change_between_two_lines(seconds: float, text: str) -> None:
    """A tenth of the epoch took this long."""
    assert format_epochs(4, EpochProgress(0.1, seconds)) == text


def test_an_epoch_that_has_not_begun_has_no_parts() -> None:
    assert format_epochs(1234, EpochProgress()) == "1,234"


def test_the_headline_of_a_running_sweep(big: SweepStatus) -> None:
    line = format_headline(big)
    assert line.startswith("40 of 80 trainings ended, 13 stopped, 13 diverged, ")
    assert re.search(r"epochs trained, 1 min 4\d s so far, about ", line)


def test_an_unknown_time_is_said_to_be_unknown(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "new", ["aaaa", "aabb"])
    assert "no estimate: no comparable training was measured" in format_headline(
        compute_status(SweepReader(made.folder), None, is_running=False)
    )
    assert "time left not known yet" in format_headline(
        compute_status(SweepReader(made.folder), Heartbeat(time.time(), 2), is_running=True)
    )


def test_what_the_time_left_does_not_count_is_shown(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "two", ["aaaa", "bbbb", "cccc"])
    made.plan["trials"][2]["config"] = CONFIG | {"model": {"name": "mlp", "hidden": [9]}}
    write_json(made.folder / "plan.json", made.plan)
    made.train(0, 4)
    reader = SweepReader(made.folder)
    reader.read_records()
    status = compute_status(reader, Heartbeat(time.time(), 2), is_running=True)
    line = "not counting 1 training and the evaluation of 2 trainings of kinds that were not timed yet"
    assert format_headline(status).endswith(f"so far, roughly 12 s left, {line}")
    title, *lines = shown(status, 80, 24)
    assert title.endswith("so far, roughly 12 s left")
    first = next(i for i, found in enumerate(lines) if found.startswith("time left "))
    assert "".join(found[9:] for found in lines[first : first + 2]) == f" {line}", "none of it is cut off"


def test_a_time_left_is_rough_until_a_training_like_each_has_ended(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "two", ["aaaa", "bbbb"])
    probed = {made.ids[0]: Costs(epochs=4, final=40.0, final_evaluations=1)}
    now = Heartbeat(time.time(), 1, running=(made.ids[0],), probed=probed)
    steps = (
        (lambda: made.train(0, 1), "roughly 1 min 41 s left"),  # 7 epochs of 3 s, and two final evaluations of 40 s
        (lambda: made.train(0, 4, since=1), "roughly 1 min 32 s left"),
        (lambda: made.end(0), "about 16 s left"),
    )
    for step, words in steps:
        step()
        reader = SweepReader(made.folder)
        reader.read_records()
        assert format_headline(compute_status(reader, now, is_running=True)).endswith(f"so far, {words}")


def test_the_last_seconds_announce_the_report_which_they_do_not_count(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "ends", ["aaaaaaaa", "bbbbbbbb"])
    made.train(0, 8)
    made.end(0)

    def headline(is_running: bool = True) -> str:
        reader = SweepReader(made.folder)
        reader.read_records()
        return format_headline(compute_status(reader, Heartbeat(time.time(), 1), is_running))

    assert headline().endswith("about 28 s left")
    made.train(1, 5)
    assert headline().endswith("about 13 s left, then the report")
    assert headline(is_running=False).endswith("about 13 s left on 1 process")
    plan_generations(made, 0, 0)
    assert headline().endswith("about 13 s left of this generation"), "others follow"


def test_the_time_left_by_a_probe_fits_or_has_a_line_of_its_own(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "friendly_k", ["aaaa"])
    probed = {made.ids[0]: Costs(epochs=4, train=6300.0, final=126.0, final_evaluations=1, evaluations=4)}
    now = Heartbeat(time.time() - 200, 2, running=(made.ids[0],), probed=probed)
    status = compute_status(SweepReader(made.folder), now, is_running=True)
    left = "3 min 20 s so far, about 1 h 47 min left by a probe"
    title, second, *_ = shown(status, 80, 24)
    assert (title, second) == ("friendly_k  1 of 2 processes busy", f"time      {left}")
    assert shown(status, 86, 24)[0] == f"friendly_k  1 of 2 processes busy  {left}"
    assert shown(status, 90, 24)[0] == f"friendly_k  1 of 2 processes busy      {left}"


def test_a_probe_promises_no_seconds_while_processes_start(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "smoke", ["aaaa"])
    probed = {made.ids[0]: Costs(epochs=4, train=1.0, final=0.2, final_evaluations=1, evaluations=4)}
    status = compute_status(SweepReader(made.folder), Heartbeat(time.time() - 40, 2, probed=probed), is_running=True)
    assert format_headline(status).endswith("40 s so far, less than a minute left by a probe")


def test_a_title_in_a_pipe_is_not_padded(tmp_path: Path) -> None:
    status = compute_status(SweepReader(MadeUp(tmp_path / "new", ["aaaa"]).folder), Heartbeat(time.time(), 2), True)
    console = Console(file=StringIO(), width=160)
    console.print(build_screen(status, console, None, 24))
    title = "new  0 of 2 processes busy  0 s so far, time left not known yet"
    assert console.file.getvalue().splitlines()[0] == title  # type: ignore[attr-defined]


def test_a_sweep_is_not_finished_while_trainings_are_measured_further(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "attacked", ["aaaa", "bbbb", "cccc"])
    for i in range(3):
        made.train(i, 4)
        made.end(i)
    reader = SweepReader(made.folder)
    reader.read_records()
    began = time.time()
    now = Heartbeat(
        began, 2, running=(made.ids[1],), to_measure=2, measured=1, measured_seconds=30.0, measuring_since=(began - 10,)
    )
    status = compute_status(reader, now, is_running=True)
    title, trainings, measured, *_ = shown(status, 90, 24)
    assert "1 of 2 processes busy" in title and title.endswith("0 s so far, about 20 s left")
    assert trainings.endswith(" 3 of 3") and measured == f"measured  {'━' * 10}{'─' * 10} 1 of 2 further · 1 now"
    assert not status.finished and compute_status(reader, now, is_running=False).finished
    done = compute_status(reader, Heartbeat(time.time(), 2, to_measure=2, measured=2), is_running=True)
    assert done.finished and "measured" not in "\n".join(shown(done, 90, 24)) + format_headline(done)


def make_two_problems(folder: Path) -> SweepStatus:
    """Make two configurations of clean labels and two of flipped ones, which ended earlier."""
    made = MadeUp(folder, ["aaaa", "bbbb", "cccc", "dddd"])
    noisy(made, 1, 2)
    for i, accuracy in enumerate((0.9, 0.7, 0.6, 0.8)):
        made.train(i, 2)
        made.end(i, "completed", accuracy, accuracy)
        for file in made.place(i).glob("*.jsonl"):
            os.utime(file, (1000.0 - i, 1000.0 - i))
    reader = SweepReader(made.folder)
    reader.read_records()
    return compute_status(reader, None, is_running=False)


def test_each_problem_has_a_plot_with_its_name_in_the_title(tmp_path: Path) -> None:
    lines = shown(make_two_problems(tmp_path / "two"), 100, 40)
    first, second = (i for i, line in enumerate(lines) if "validation" in line)
    what = "validation, selected epoch: 2 configurations, one seed each · ● clean/PGD front"
    assert (lines[first], lines[second]) == (f"label_noise 0, {what}", f"label_noise 0.1, {what}")
    assert [[line[50:].strip() for line in lines[i + 1 : i + 4]] for i in (first, second)] == [
        ["clean    PGD  on the front", "90.0   90.0  lam=0", ""],
        ["clean    PGD  on the front", "70.0   70.0  lam=1", ""],
    ]
    plots = ["\n".join(lines[i + 1 : j]) for i, j in ((first, second), (second, len(lines)))]
    assert [(plot.count(MARK), plot.count(OTHER)) for plot in plots] == [(1, 1), (1, 1)]
    assert "not shown" not in "\n".join(lines)


def test_the_problem_of_the_training_that_ended_last_is_shown_where_room_is_for_one(tmp_path: Path) -> None:
    lines = shown(make_two_problems(tmp_path / "two"), 80, 23)
    (title,) = [i for i, line in enumerate(lines) if "validation" in line]
    assert lines[title].startswith("label_noise 0, validation")
    plot = "\n".join(lines[title + 1 :])
    assert (plot.count(MARK), plot.count(OTHER)) == (1, 1)
    assert plot.count("not shown here: label_noise 0.1") == 1


def test_a_title_of_a_front_loses_words_rather_than_its_end(tmp_path: Path) -> None:
    status = make_two_problems(tmp_path / "two")
    titles = [next(line for line in shown(status, width, 40) if "validation" in line) for width in (84, 75, 66)]
    assert titles == [
        "label_noise 0, validation, selected epoch: 2 configurations, one seed each · ● front",
        "label_noise 0, validation: 2 configurations, one seed each · ● front",
        "label_noise 0, validation: 2 configurations, one seed each · ● fr…",
    ]


def test_the_names_of_the_axes_stand_over_values_without_them(tmp_path: Path) -> None:
    status = make_two_problems(tmp_path / "two")
    axes = "label_noise={},method={},lr=0.04395,weight_decay=0.03722-abcdef"
    begun = [
        one._replace(planned=one.planned._replace(id=f"{axes.format(0.1, 'trades')},seed={i}"), state="running")
        for i, one in enumerate(status.trainings)
    ]
    points = [point._replace(name=axes.format(0.1, "pgd-at")) for point in status.points]
    lines = shown(replace(status, trainings=begun, points=points), 80, 24)
    head = next(i for i, line in enumerate(lines) if line.rstrip().endswith("selected PGD"))
    assert lines[head].split()[:2] == ["method,lr,weight_decay", "state"]
    assert lines[head + 1].split()[:2] == ["…es,0.04395,0.03722,seed=0", "running"]
    front = next(i for i, line in enumerate(lines) if "clean    PGD  " in line)
    assert [line[40:].split()[-1] for line in lines[front : front + 2]] == [
        "method,lr,weight_decay", "…,pgd-at,0.04395,0.03722",
    ]  # fmt: skip
    assert "on the front" not in "\n".join(lines)


def test_totals_of_a_search_in_generations_are_marked_as_so_far(
    tmp_path: Path,
) -> None:
    made = begin_second_generation(tmp_path / "asks")
    reader = SweepReader(made.folder)
    reader.read_records()
    now = compute_status(reader, Heartbeat(time.time(), 1), is_running=True)
    assert "4 of 8 epochs trained, in 2 generations so far, 0 s so far, about 16 s left of this generation" in (
        format_headline(now)
    )
    title, trainings, *_ = shown(now, 80, 24)
    assert title.endswith("0 s so far, about 16 s left of this generation")
    assert trainings.endswith(" 1 of 2 in 2 generations so far")
    made.train(1, 4)
    made.end(1)
    reader.read_records()
    over = compute_status(reader, None, is_running=False)
    assert format_headline(over) == "2 of 2 trainings ended, 8 of 8 epochs trained, in 2 generations"


def test_a_search_says_how_many_trainings_it_is_in_all_and_when_they_end(tmp_path: Path) -> None:
    """It told of the newest generation alone, and nobody saw when the search would end."""
    made = begin_second_generation(tmp_path / "asks")

    def look(expected: int) -> SweepStatus:
        reader = SweepReader(made.folder)
        reader.read_records()
        return compute_status(reader, Heartbeat(time.time(), 1, expected_trials=expected), is_running=True)

    said = format_headline(look(expected=6))
    assert "4 of 8 epochs trained, in 2 generations, of 6 in all" in said
    assert said.endswith("about 16 s left of this generation, roughly 1 min 20 s of all"), "four more of 16 s each"
    lines = shown(look(expected=6), 70, 24)
    assert " ".join(" ".join(lines[1:3]).split()).endswith("roughly 1 min 20 s of all"), "where a line is too short"
    costs = Costs(epochs=4, train=290.0, final=10.0, final_evaluations=1, evaluations=4)
    probed = Heartbeat(time.time(), 1, probed={made.ids[1]: costs}, expected_trials=6)
    untouched = MadeUp(tmp_path / "untouched", ["aaaa", "bbbb"])
    plan_generations(untouched, 0, 0)
    first = format_headline(compute_status(SweepReader(untouched.folder), probed, is_running=True))
    assert first.endswith("left of this generation, roughly 30 min 00 s of all, by a probe")
    last = format_headline(look(expected=2))
    assert last.endswith("in 2 generations, 0 s so far, about 16 s left")


@pytest.mark.parametrize("height", range(12, 40))
def test_a_table_is_never_a_header_alone(tmp_path: Path, height: int) -> None:
    """Between generations no training runs, and those that have begun will go on."""
    made = MadeUp(tmp_path / "between", [f"{i}ab" for i in range(9)])
    for i in range(9):
        made.train(i, 2, clean=0.9, robust=0.5)
        if i < 5:
            made.end(i, "completed", 0.9, 0.5)
    reader = SweepReader(made.folder)
    reader.read_records()
    lines = shown(compute_status(reader, Heartbeat(time.time() - 1, 2), is_running=True), 80, height)
    heads = [i for i, line in enumerate(lines) if line.rstrip().endswith("selected PGD")]
    assert all("seed=0" in lines[i + 1] for i in heads)
    assert heads or height < 16


def test_one_configuration_is_listed_without_a_plot(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "first", ["aaaa", "bbbb"])
    made.train(0, 4, clean=0.9, robust=0.5)
    made.end(0, "completed", 0.9, 0.5)
    reader = SweepReader(made.folder)
    reader.read_records()
    lines = shown(compute_status(reader, Heartbeat(time.time() - 1, 2), is_running=True), 80, 24)
    title = next(i for i, line in enumerate(lines) if line.startswith("validation, selected epoch: 1 configuration"))
    assert lines[title - 1].strip() == ""
    assert [line.split() for line in lines[title + 1 :]] == [
        ["clean", "PGD", "on", "the", "front"], ["90.0", "50.0", *lines[-1].split()[2:]],
    ]  # fmt: skip
