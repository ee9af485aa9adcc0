"""The status of a sweep as lines of text that fit a terminal: for the live display of a run and for search.status."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.live import Live
from rich.text import Text

from search.monitor.epoch_progress import EpochProgress
from search.monitor.front_plot import (
    MAX_PLOT,
    MIN_PLOT,
    Front,
    build_fronts,
    count_lines,
    find_last_end,
    group_by_problem,
)
from search.monitor.short_names import shorten_trainings
from search.monitor.sweep_status import SHOWN_FIRST, SweepStatus, TrainingStatus
from trainers.best import CLEAN, ROBUST
from trainers.formatting import format_bytes, format_count, format_duration, format_rate
from trainers.terminal.console import Console
from trainers.terminal.text import ASCII

HEADLINE_STATES = ("stopped", "diverged", "failed", "damaged", "lost", "left out")
UNLISTED_STATES = ("completed", "planned", "running")  # the rest, or shown elsewhere
BAR, NAME = 20, 60  # columns
FEW_EPOCHS = 100  # a sweep with fewer trained epochs shows parts of them
REPORT_SECONDS = 15.0  # a time left below it announces the report, which takes as long or longer and is not in it
LONG_SECONDS = 150.0  # an epoch that takes longer shows hundredths, ten times as long thousandths
COLUMNS = (
    ("state", 9),
    ("epoch", 11),
    ("loss", 7),
    ("clean", 7),
    ("PGD", 7),
    ("selected PGD", 13),
    ("last change", 15),
)


def format_headline(status: SweepStatus) -> str:
    """Return the status in one line."""
    ended = sum(training.ended for training in status.trainings)
    others = "".join(f", {n} {state}" for state, n in status.states.items() if state in HEADLINE_STATES)
    others += f", {status.constant} constant" * bool(status.constant)
    if now := status.measuring:
        others += f", {now.measured:,} of {now.to_measure:,} measured further ({len(now.measuring_since)} now)"
    epochs = f"{_format_done(status)} of {status.distinct_epochs:,} epochs trained"
    trainings = format_count(len(status.trainings), "training")
    uncounted = _describe_uncounted(status)
    time_left = _format_time(status) + f", {uncounted}" * bool(uncounted)
    return f"{ended} of {trainings} ended{others}, {epochs}{_format_generation(status, ', ')}{time_left}"


def build_screen(status: SweepStatus, console: Console, size: int | None, height: int) -> Group:
    """Return at most `height` lines, none wider than the console. `size` is that of the sweep in bytes, if known."""
    lines = list(_build_lines(status, console.width, height, size, aligns=console.is_terminal))
    for line in lines[:height]:
        line.truncate(console.width, overflow="ellipsis")
        if console.options.ascii_only:
            line.plain = line.plain.translate(ASCII)
        line.no_wrap = True
    return Group(*lines[:height])


def redraw(live: Live, picture: Group) -> None:
    """Replace the last picture in one step where the terminal can (mode 2026), so that nothing flickers."""
    file = live.console.file
    file.write("\x1b[?2026h")
    live.update(picture, refresh=True)
    file.write("\x1b[?2026l")
    file.flush()


def _build_lines(status: SweepStatus, width: int, height: int, size: int | None, aligns: bool) -> Iterator[Text]:
    top = [*_build_title(status, width, aligns), *_build_progress(status, width), *_build_amounts(status, size, width)]
    yield from top
    free = height - len(top)
    unfinished = status.unfinished
    fronts = group_by_problem(status.points)
    front = _count_front_lines(status, fronts, free)
    table = list(_build_table(unfinished, width, max(free - front - 1, 0)))
    if table:
        yield Text()
        yield from table
        free -= len(table) + 1
    if front:
        yield Text()
        yield from build_fronts(fronts, width, free - 1)


def _count_front_lines(status: SweepStatus, fronts: Sequence[Front], free: int) -> int:
    """Return how many of the free lines the fronts take, the blank ones and titles included: what the table leaves."""
    if not fronts:
        return 0
    smallest = count_lines(max(fronts, key=find_last_end), MIN_PLOT)
    if free < smallest + 3 + bool(status.unfinished):
        return 0
    shown_first = sum(training.state in SHOWN_FIRST for training in status.trainings)
    rows = max(shown_first, min(len(status.unfinished), 1))
    largest = sum(count_lines(front, MAX_PLOT) for front in fronts)
    return min(max(free - rows - 3, smallest), largest)


def _build_title(status: SweepStatus, width: int, aligns: bool) -> Iterator[Text]:
    """Build what the sweep does and its time: at the right end of the line if `aligns`, or on a line of its own."""
    running = status.states.get("running", 0) + (len(status.measuring.measuring_since) if status.measuring else 0)
    activity = (
        f"ended, {status.spent_budget}"
        if status.spent_budget
        else "finished"
        if status.all_ended
        else "not running now"
    )
    if status.is_running and not status.all_ended:
        busy = f"{running} of {max(status.slots, running)} processes busy"
        activity = busy if status.heartbeat else "running"
    left = Text.assemble((status.study, "bold"), f"  {activity}")
    right = _format_time(status).removeprefix(", ")
    room = width - left.cell_len - cell_len(right)
    if not right or room < 2:
        yield left
        yield from _wrap("time", right, width)
        return
    left.pad_right(room if aligns else 2)
    yield left + Text(right)


def _format_time(status: SweepStatus) -> str:
    """Return the time so far and the time left, each after a comma; empty if there is neither."""
    if status.all_ended:
        return ""
    so_far = ""
    if status.is_running and status.heartbeat:
        so_far = f", {format_duration(max(time.time() - status.heartbeat.began, 0))} so far"
    seconds = status.seconds_left
    if seconds is None:
        why = "time left not known yet" if status.is_running else "no estimate: no comparable training was measured"
        return f"{so_far}, {why}"
    of = "" if status.generation is None or status.draws_no_more else " of this generation"
    if (in_all := status.seconds_left_in_all) is not None:
        of += f", roughly {format_duration(in_all)} of all"
    processes = f" on {status.slots} process{'es' * (status.slots > 1)}"
    probed = bool(status.time_left.probed and not status.billed.epochs)
    # a probe times steps alone, and not the seconds in which Ray and its workers start
    is_short = probed and seconds < 60
    about = "roughly" if status.time_left.is_rough and not probed else "about"
    time_left = "less than a minute" if is_short else f"{about} {format_duration(max(seconds, 1.0))}"
    where = "" if status.is_running else processes
    is_all = status.is_running and not (of or is_short or status.time_left.uncounted)
    follows = ", then the report" if is_all and seconds < REPORT_SECONDS else ""
    by = (", by a probe" if of else " by a probe") * probed
    return f"{so_far}, {time_left} left{of}{by}{where}{follows}"


def _describe_uncounted(status: SweepStatus) -> str:
    """Describe what the time left does not count; empty if nothing, or if there is no time left to show."""
    return status.time_left.uncounted if status.seconds_left and not status.all_ended else ""


def _format_generation(status: SweepStatus, separator: str) -> str:
    """Return the number of generations of a search, as totals are of these so far, and of how many trainings in all."""
    if status.generation is None:
        return ""
    planned = len(status.trainings)
    is_all = status.finished or status.draws_no_more
    more = f", of {planned + status.undrawn_trials:,} in all" if status.undrawn_trials else " so far"
    return f"{separator}in {format_count(status.generation, 'generation')}{'' if is_all else more}"


def _build_progress(status: SweepStatus, width: int) -> Iterator[Text]:
    ended = sum(training.ended for training in status.trainings)
    rest = "".join(f" · {n} {state}" for state, n in status.states.items() if state not in UNLISTED_STATES)
    rest += f" · {status.constant} constant" * bool(status.constant)
    generation = _format_generation(status, " ")
    yield _build_bar("trainings", ended, len(status.trainings), f"{ended:,}", f"{generation}{rest}")
    if now := status.measuring:
        done, rest = now.measured, f" further · {len(now.measuring_since)} now"
        yield _build_bar("measured", done, now.to_measure, f"{done:,}", rest)
    asked, distinct = status.asked_epochs, status.distinct_epochs
    saved = asked - distinct
    saves = f" · sharing saves {saved / asked:.1%}" if saved else ""
    yield _build_bar("epochs", status.done_epochs, distinct, _format_done(status), saves)
    parts = [f"{saved:,} of the {asked:,} epochs asked for"] if saved else []
    parts += [f"{status.shared.epochs:,} so far"] if status.shared.epochs < saved else []
    if status.skipped_epochs and "stopped" in status.states:
        parts += [f"stopping skips {status.skipped_epochs:,}"]
    if parts:
        yield _label("saved", " · ".join(parts))
    yield from _wrap("time left", _describe_uncounted(status), width)


def _format_done(status: SweepStatus) -> str:
    """Return the distinct epochs that are trained; while they are few or long, with the parts of those that run."""
    running = status.running_epochs
    if running.fraction and (status.done_epochs < FEW_EPOCHS or running.epoch_seconds > LONG_SECONDS):
        return format_epochs(status.done_epochs, running)
    return f"{status.done_epochs:,}"


def format_epochs(done: int, running: EpochProgress) -> str:
    """Return epochs with the part of the running one, in as many decimals as change within 15 s: one to three."""
    decimals = 1 + (running.epoch_seconds > LONG_SECONDS) + (running.epoch_seconds > 10 * LONG_SECONDS)
    return f"{done + running.fraction:,.{decimals}f}" if running.fraction else f"{done:,}"


def _build_bar(name: str, done: int, total: int, shown: str, rest: str) -> Text:
    full = BAR * done // max(total, 1)
    bar = Text(f"{name:<10}")
    bar.append("━" * full, style="green").append("─" * (BAR - full), style="dim")
    return bar.append(f" {shown} of {total:,}{rest}")


def _build_amounts(status: SweepStatus, size: int | None, width: int) -> Iterator[Text]:
    throughput, heartbeat, parts = status.throughput, status.heartbeat, []
    if throughput.epochs:
        parts += [f"{format_rate(60 * throughput.epochs)} epochs/min", f"{format_rate(throughput.images)} images/s"]
    parts += [f"{format_bytes(size)} stored"] if size is not None else []
    parts += [f"{format_bytes(heartbeat.freed)} freed"] if heartbeat and heartbeat.freed else []
    if parts:
        yield _label("now", " · ".join(parts))
    if billed := status.billed.seconds:
        evaluation = f", {format_duration(status.billed.evaluate + status.billed.final)} of it evaluation"
        unshared = f" · without sharing {format_duration(billed + status.shared.seconds)}"
        yield _label("spent", f"{format_duration(billed)}{evaluation}{unshared if status.shared.epochs else ''}")
    if status.is_running and heartbeat and heartbeat.waiting:
        awaited = sorted(heartbeat.waiting.items(), key=lambda pair: -pair[1])
        parts = [f"{n} for {shorten_trainings([name], width // 2).names[0]}" for name, n in awaited]
        yield _label("waiting", f"{sum(heartbeat.waiting.values())}: {'; '.join(parts)}" if parts[1:] else parts[0])


def _label(name: str, rest: str) -> Text:
    return Text(f"{name:<10}{rest}")


def _wrap(name: str, rest: str, width: int) -> Iterator[Text]:
    """Break what follows a label into lines that fit."""
    for i, line in enumerate(wrap(rest, width - len(_label("", "")))):
        yield _label("" if i else name, line)


def _build_table(trainings: list[TrainingStatus], width: int, height: int) -> Iterator[Text]:
    """Build a row for each training: its newest epoch and validation, the selected one, and its last change."""
    shown = trainings if len(trainings) < height else trainings[: max(height - 2, 0)]
    if not shown:
        return
    columns = COLUMNS if width >= 110 else COLUMNS[:-1]
    longest = max((cell_len(training.planned.id) for training in shown), default=0)
    room = min(width - sum(wide for _, wide in columns), longest, NAME)
    names = shorten_trainings([training.planned.id for training in shown], room)
    yield Text(set_cell_size(names.axes, room) + "".join(f"{name:>{wide}}" for name, wide in columns), style="bold")
    for training, name in zip(shown, names.names, strict=True):
        cells = zip(_format_cells(training), columns, strict=False)
        yield Text(set_cell_size(name, room) + "".join(f"{cell:>{wide}}" for cell, (_, wide) in cells))
    if len(shown) < len(trainings):
        yield Text(f"… and {len(trainings) - len(shown)} more", style="dim")


def _format_cells(training: TrainingStatus) -> tuple[str, ...]:
    progress = training.progress
    loss = progress.latest.get("train_loss")
    clean, robust = (_format_percent(progress.measured.get(name)) for name in (CLEAN, ROBUST))
    changed = f"{format_duration(max(time.time() - progress.changed, 0))} ago" if progress.changed else ""
    running = progress.running_epoch if training.state == "running" else EpochProgress()
    epoch = f"{format_epochs(progress.epochs, running)}/{training.planned.epochs}"
    best = _format_percent(progress.best.get(ROBUST))
    return training.state, epoch, "" if loss is None else f"{loss:.3f}", clean, robust, best, changed


def _format_percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
