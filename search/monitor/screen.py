"""Where a sweep stands, as lines of text that fit a terminal: what a run shows live, and search.status of any sweep."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.live import Live
from rich.text import Text

from search.formatting import format_bytes, format_count, format_rate
from search.monitor.sweep_status import BUSY, Point, SweepStatus, Training
from search.monitor.textplot import FOOT, Dot, beyond, scatter
from trainers.best import CLEAN, ROBUST
from trainers.formatting import format_duration
from trainers.record_io import Row
from trainers.terminal.console import Console
from trainers.terminal.text import ASCII

ENDINGS = ("stopped", "diverged", "failed", "damaged", "lost", "left out")
UNSAID = ("completed", "planned", "running")  # the rest, or said elsewhere
BAR, NAME = 20, 60  # columns
FEW = 100  # epochs of a sweep, of which tenths are told
LEAST_PLOT, MOST_PLOT = 6 + FOOT, 18 + FOOT  # lines
COLUMNS = (("state", 9), ("epoch", 11), ("loss", 8), ("clean", 8), ("PGD", 8), ("best PGD", 10), ("heard of", 15))


def headline(it: SweepStatus) -> str:
    """The sweep in one line."""
    ended = sum(training.ended for training in it.trainings)
    others = "".join(f", {n} {state}" for state, n in it.states.items() if state in ENDINGS)
    others += f", {it.constant} constant" * bool(it.constant)
    epochs = f"{_done(it)} of {it.distinct:,} epochs trained"
    trainings = format_count(len(it.trainings), "training")
    return f"{ended} of {trainings} ended{others}, {epochs}{_generation(it, ', ')}{_time(it)}"


def screen(it: SweepStatus, console: Console, stored: int | None, height: int) -> Group:
    """At most so many lines, none wider than the console."""
    lines = list(_lines(it, console.width, height, stored))
    for line in lines[:height]:
        line.truncate(console.width, overflow="ellipsis")
        if console.options.ascii_only:
            line.plain = line.plain.translate(ASCII)
        line.no_wrap = True
    return Group(*lines[:height])


def draw(live: Live, picture: Group) -> None:
    """Show a picture in place of the last, at once where the terminal can (mode 2026), so that nothing flickers."""
    file = live.console.file
    file.write("\x1b[?2026h")
    live.update(picture, refresh=True)
    file.write("\x1b[?2026l")
    file.flush()


def _lines(it: SweepStatus, width: int, height: int, stored: int | None) -> Iterator[Text]:
    top = [_title(it, width), *_progress(it), *_amounts(it, stored, width)]
    yield from top
    free = height - len(top)
    plot = 0
    if it.points and free >= LEAST_PLOT + 5 + bool(it.open):  # with a title and a blank line
        busy = max(sum(training.state in BUSY for training in it.trainings), min(len(it.open), 1))
        plot = min(max(free - busy - 5, LEAST_PLOT), MOST_PLOT) + 2
    table = list(_table(it.open, width, max(free - plot - 1, 0)))
    if table:
        yield Text()
        yield from table
        free -= len(table) + 1
    if plot:
        yield Text()
        yield from _front(it.points, width, min(free - 2, MOST_PLOT))


def _title(it: SweepStatus, width: int) -> Text:
    running = it.states.get("running", 0)
    doing = f"ended, {it.spent}" if it.spent else "finished" if it.all_ended else "not running now"
    if it.held and not it.all_ended:
        doing = f"{running} of {max(it.slots, running)} processes busy" if it.now else "running"
    left = Text.assemble((it.study, "bold"), f"  {doing}")
    right = _time(it).removeprefix(", ")
    if not right:
        return left
    left.pad_right(max(width - left.cell_len - cell_len(right), 2))
    return left + Text(right)


def _time(it: SweepStatus) -> str:
    so_far = (
        f", {format_duration(max(time.time() - it.now.began, 0))} so far"
        if it.held and it.now and not it.all_ended
        else ""
    )
    if it.all_ended:
        return so_far
    left = it.seconds_left
    if left is None:
        return f"{so_far}, time left not known yet" if it.held else f"{so_far}, no such training was measured yet"
    of = "" if it.generation is None else " of this generation"
    rest = f" and {format_count(it.left.unknown, 'training')} of unknown pace" if it.left.unknown else ""
    on = "" if it.held else f" on {format_count(it.slots, 'process') if it.slots == 1 else f'{it.slots} processes'}"
    return f"{so_far}, about {format_duration(left)} left{of}{on}{rest}"


def _generation(it: SweepStatus, separator: str) -> str:
    """Of a search that asks in generations, which is the newest: all totals are of what was asked so far."""
    if it.generation is None:
        return ""
    return f"{separator}in {format_count(it.generation, 'generation')}" + ("" if it.finished else " so far")


def _progress(it: SweepStatus) -> Iterator[Text]:
    ended = sum(training.ended for training in it.trainings)
    rest = "".join(f" · {n} {state}" for state, n in it.states.items() if state not in UNSAID)
    rest += f" · {it.constant} constant" * bool(it.constant)
    yield _bar("trainings", ended, len(it.trainings), f"{ended:,}", f"{_generation(it, ' ')}{rest}")
    saved = it.asked - it.distinct
    yield _bar("epochs", it.done, it.distinct, _done(it), f" · sharing saves {saved / it.asked:.1%}" if saved else "")
    parts = [f"{saved:,} of the {it.asked:,} epochs asked for"] if saved else []
    parts += [f"{it.shared.epochs:,} so far"] if it.shared.epochs < saved else []
    parts += [f"stopping spares {it.spared:,}"] if it.spared and "stopped" in it.states else []
    if parts:
        yield _named("saved", " · ".join(parts))


def _done(it: SweepStatus) -> str:
    """The distinct epochs that are trained, while there are few with what is done of those that run."""
    some = it.done + it.under_way.share
    return f"{some:.1f}" if it.under_way.share and some < FEW else f"{it.done:,}"


def _bar(name: str, done: int, total: int, said: str, rest: str) -> Text:
    full = BAR * done // max(total, 1)
    bar = Text(f"{name:<10}")
    bar.append("━" * full, style="green").append("─" * (BAR - full), style="dim")
    return bar.append(f" {said} of {total:,}{rest}")


def _amounts(it: SweepStatus, stored: int | None, width: int) -> Iterator[Text]:
    speed = it.speed
    parts = (
        [f"{format_rate(60 * speed.epochs)} epochs/min", f"{format_rate(speed.images)} images/s"]
        if speed.epochs
        else []
    )
    parts += [f"{format_bytes(stored)} stored"] if stored is not None else []
    parts += [f"{format_bytes(it.now.freed)} freed"] if it.now and it.now.freed else []
    if parts:
        yield _named("now", " · ".join(parts))
    billed, alone = it.billed.seconds, it.billed.seconds + it.shared.seconds
    if billed:
        measuring = f", {format_duration(it.billed.evaluate + it.billed.final)} of it to measure"
        alike = f" · each alone: {format_duration(alone)}" if it.shared.epochs else ""
        yield _named("spent", f"{format_duration(billed)}{measuring}{alike}")
    if it.held and it.now and it.now.waiting:
        awaited = sorted(it.now.waiting.items(), key=lambda pair: -pair[1])
        parts = [f"{n} for {shortened(what, width // 2)}" for what, n in awaited]
        yield _named("waiting", f"{sum(it.now.waiting.values())}: {'; '.join(parts)}" if parts[1:] else parts[0])


def _named(name: str, rest: str) -> Text:
    return Text(f"{name:<10}{rest}")


def _table(trainings: list[Training], width: int, height: int) -> Iterator[Text]:
    """Those that are under way, newest validation and its best so far, and when their files last changed."""
    shown = trainings if len(trainings) < height else trainings[: max(height - 2, 0)]
    if not shown:
        return
    columns = COLUMNS if width >= 110 else COLUMNS[:-1]
    longest = max((cell_len(it.entry.id) for it in shown), default=0)
    room = min(width - sum(wide for _, wide in columns), longest, NAME)
    yield Text(set_cell_size("", room) + "".join(f"{name:>{wide}}" for name, wide in columns), style="bold")
    for it in shown:
        cells = zip(_cells(it), columns, strict=False)
        name = set_cell_size(shortened(it.entry.id, room), room)
        yield Text(name + "".join(f"{cell:>{wide}}" for cell, (_, wide) in cells))
    if len(shown) < len(trainings):
        yield Text(f"… and {len(trainings) - len(shown)} more", style="dim")


def _cells(it: Training) -> tuple[str, ...]:
    seen = it.seen
    loss = seen.latest.get("train_loss")
    clean, robust = (_percent(seen.measured.get(name)) for name in (CLEAN, ROBUST))
    heard = f"{format_duration(max(time.time() - seen.heard, 0))} ago" if seen.heard else ""
    share = seen.partial.share if it.state == "running" else 0.0
    epoch = f"{f'{seen.epochs + share:.1f}' if share else seen.epochs}/{it.entry.epochs}"
    return it.state, epoch, "" if loss is None else f"{loss:.3f}", clean, robust, _best(seen.best), heard


def _best(row: Row) -> str:
    return _percent(row.get(ROBUST))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _front(points: Sequence[Point], width: int, height: int) -> Iterator[Text]:
    seeds = max(point.seeds for point in points)
    over = f"up to {seeds} seeds" if seeds > 1 else "one seed each"
    dots = [Dot(it.clean, it.robust, it.on_front) for it in points]
    off = f" · {n} below" if (n := beyond(dots)) else ""
    which = "front of each problem" if len({point.problem for point in points}) > 1 else "front"
    # of these two whatever the search selects by
    title = f"validation, best epoch: {format_count(len(points), 'configuration')}, {over} · ● clean/PGD {which}{off}"
    yield Text(title, style="bold")
    plot = scatter(dots, min(width // 2, 60), height, "clean %", "PGD %")
    names = list(_members(points))
    if len(names) > height:
        names = [*names[: height - 1], Text(f"{'':16}… and {len(names) - height + 1} more")]
    for i, line in enumerate(plot):
        yield line + names[i] if i < len(names) else line


def _members(points: Sequence[Point]) -> Iterator[Text]:
    """Those on a front, under the problem whose front it is."""
    for problem, its in groupby(points, key=lambda point: point.problem):
        yield Text(f"  clean    PGD  on the front{f' of {problem}' if problem else ''}", style="dim")
        for it in its:
            if it.on_front:
                yield Text(f"{100 * it.clean:7.1f}{100 * it.robust:7.1f}  {without_hash(it.name)}")


def without_hash(name: str) -> str:
    """A configuration as its axes alone."""
    return name.rpartition("-")[0] or name


def shortened(name: str, room: int) -> str:
    """A training's name in so many columns: less its hash if need be, then its axes' names, and then its middle."""
    configuration, comma, seed = name.rpartition(",")
    if comma and cell_len(name) > room:
        axes = without_hash(configuration)
        name = f"{axes},{seed}"
        if cell_len(name) > room:
            name = ",".join([*(part.rpartition("=")[2] for part in axes.split(",")), seed])
    if cell_len(name) <= room:
        return name
    tail = f"…{comma}{seed}"
    return set_cell_size(name, max(room - cell_len(tail), 0)).rstrip() + tail
