"""The configurations that ended, as lines of text: for each problem a plot of clean against robust accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from search.monitor.short_names import shorten_configurations
from search.monitor.sweep_status import ConfigurationMean
from search.monitor.textplot import FOOT, Dot, count_outliers, draw_scatter
from trainers.formatting import format_count

MIN_PLOT, MAX_PLOT = 6 + FOOT, 18 + FOOT  # lines
LONE_POINT = 4  # lines of one configuration, which needs no plot: a blank one, a title, a header and a row

Front = list[ConfigurationMean]  # the configurations of one problem that ended, on the front or not


def group_by_problem(points: Sequence[ConfigurationMean]) -> list[Front]:
    """Return the configurations of each problem, which are sorted by it."""
    return [list(members) for _, members in groupby(points, key=lambda point: point.problem)]


def count_lines(front: Front, plot: int) -> int:
    """Return the lines that a front with a plot of so many takes, with a title and a blank line."""
    return plot + 2 if front[1:] else LONE_POINT


def find_last_end(front: Front) -> float:
    """Return when the newest of its trainings ended."""
    return max(point.ended for point in front)


def build_fronts(fronts: Sequence[Front], width: int, height: int) -> Iterator[Text]:
    """Build the front of each problem, one below the other, for as many as fit: those of the trainings that ended last.

    Accuracies of two problems cannot be compared, and so never stand in one plot.
    """
    newest = sorted(range(len(fronts)), key=lambda i: find_last_end(fronts[i]), reverse=True)
    n = 1
    while n < len(fronts) and sum(count_lines(fronts[i], MIN_PLOT) for i in newest[: n + 1]) <= height + 1:
        n += 1
    shown = [fronts[i] for i in sorted(newest[:n])]
    left_out = [fronts[i][0].problem for i in sorted(newest[n:])]
    plots = [front for front in shown if front[1:]]
    spare = height + 1 - sum(count_lines(front, MIN_PLOT) for front in shown)
    plot = min(MIN_PLOT + spare // max(len(plots), 1), MAX_PLOT)
    for i, front in enumerate(shown):
        yield from [Text()] * (i > 0)
        yield from _build_front(front, width, plot, left_out if i == len(shown) - 1 else [])


def _build_front(points: Front, width: int, height: int, left_out: Sequence[str]) -> Iterator[Text]:
    """Build a title, and a plot of so many lines beside the list of the front; one configuration needs no plot.

    `left_out` names the problems for whose fronts there is no room.
    """
    rest = left_out[0] if len(left_out) == 1 else format_count(len(left_out), "other problem")
    not_shown = f"not shown here: {rest}" if left_out else ""
    dots = [Dot(point.clean, point.robust, point.on_front) for point in points]
    yield _build_title(points, width, count_outliers(dots))
    if not points[1:]:
        header, *rows = _list_front(points, width)
        yield from (header.append(f" · {not_shown}" * bool(left_out)), *rows)
        return
    plot = draw_scatter(dots, min(width // 2, 60), height, "clean %", "PGD %")
    names = list(_list_front(points, width - max(map(cell_len, (line.plain for line in plot)))))
    foot = [Text(f"  {not_shown}", style="dim")] * bool(left_out)
    room = height - len(foot)
    if len(names) > room:
        names = [*names[: room - 1], Text(f"{'':16}… and {len(names) - room + 1} more")]
    names += [*[Text()] * (room - len(names)), *foot]
    for i, line in enumerate(plot):
        yield line + names[i] if i < len(names) else line


def _build_title(points: Front, width: int, outliers: int) -> Text:
    """Build the title of a front, with fewer words where they do not fit.

    The front is that of these two accuracies, whichever objectives the search has.
    """
    seeds = max(point.seeds for point in points)
    over = f"up to {seeds} seeds" if seeds > 1 else "one seed each"
    amount = f"{format_count(len(points), 'configuration')}, {over}"
    problem = points[0].problem and f"{points[0].problem}, "
    end = f" · {outliers} below" if outliers else ""
    titles = [
        f"{problem}{what}: {amount} · ● {front}{end}"
        for what, front in (
            ("validation, selected epoch", "clean/PGD front"),
            ("validation, selected epoch", "front"),
            ("validation", "front"),
        )
    ]
    return Text(next((title for title in titles if cell_len(title) <= width), titles[-1]), style="bold")


def _list_front(points: Front, width: int) -> Iterator[Text]:
    """List the configurations on a front, below the axes that their names leave out."""
    members = [point for point in points if point.on_front]
    room = width - len("  clean    PGD  ")
    names = shorten_configurations([point.name for point in members], room)
    title = f"front: {names.axes}" if names.axes else "on the front"
    yield Text(f"  clean    PGD  {title if cell_len(title) <= room else names.axes}", style="dim")
    for point, name in zip(members, names.names, strict=True):
        yield Text(f"{100 * point.clean:7.1f}{100 * point.robust:7.1f}  {name}")
