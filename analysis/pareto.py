"""Pareto fronts of clean against robust accuracy: dominance, hypervolume, attainment; and their command line.

Everything is maximised. NaN is never on a front and dominates nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

PERCENTILES = (25, 50, 75)


def non_dominated(points: np.ndarray) -> np.ndarray:
    """Which points no other point beats, (n, 2) -> (n,) bool; of equal points all stay."""
    known = np.isfinite(points).all(axis=1)
    front = known.copy()
    order = np.lexsort((-points[:, 1], -points[:, 0]))  # best x first, and among equals best y first
    order = order[known[order]]
    x, y = points[order, 0], points[order, 1]
    best_right = np.maximum.accumulate(y)  # best y among all with x at least as large
    strictly_right = np.searchsorted(-x, -x, side="left")  # how many have a larger x
    right = np.where(strictly_right > 0, best_right[strictly_right - 1], -np.inf)
    top_of_column = y[strictly_right]  # best y among those with the same x
    front[order] = (y > right) & (y == top_of_column)
    return np.asarray(front)


def hypervolume(points: np.ndarray, reference: Sequence[float]) -> float:
    """The area that points (n, 2) dominate above a reference point; both coordinates maximised."""
    points = points[np.isfinite(points).all(axis=1)]
    points = points[np.lexsort((-points[:, 1], -points[:, 0]))]
    top = np.maximum.accumulate(np.concatenate([[reference[1]], points[:, 1]]))
    return float(np.clip(points[:, 0] - reference[0], 0, None) @ np.diff(top))


def attainment(points: np.ndarray, seed: np.ndarray, percentiles: Sequence[int] = PERCENTILES) -> dict[int, np.ndarray]:
    """Corners (m, 2), by growing x, of the surface that at least p % of the seeds attain.

    Fonseca, Guerreiro, Lopez-Ibanez and Paquete 2011, as computed by moocore; `seed` (n,) groups the points.
    """
    import moocore

    together = np.argsort(seed, kind="stable")  # moocore takes each set's points from consecutive rows, unasked
    corners = moocore.eaf(-points[together], seed[together], percentiles=list(percentiles))
    surfaces = {p: -corners[corners[:, 2] == p, :2] for p in percentiles}
    return {p: surface[np.lexsort((-surface[:, 1], surface[:, 0]))] for p, surface in surfaces.items()}


def staircase(front: np.ndarray, left: float, bottom: float) -> np.ndarray:
    """The outline of what a front dominates, from the left edge down to the bottom, (n, 2) -> (2n + 1, 2)."""
    front = front[np.argsort(front[:, 0], kind="stable")]
    x = np.concatenate([[left], np.repeat(front[:, 0], 2)])
    y = np.concatenate([np.repeat(front[:, 1], 2), [bottom]])
    return np.stack([x, y], axis=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the fronts of some sweeps in one figure and list their members."""
    options = _parser().parse_args(arguments)
    from analysis.figure_front import draw_front, front_size
    from analysis.figures import save
    from analysis.front import front
    from analysis.results import SweepError, load, tell_damage
    from analysis.summary import front_table
    from trainers.terminal.console import Console, error_console

    try:
        sweeps = [load(run) for run in options.run]
        tell_damage(sweeps)
        found = front(sweeps, options.x, options.y, options.checkpoint)
        save(lambda figure: draw_front(figure, found), front_size(found, options.width), [options.output])
    except (SweepError, OSError) as error:
        error_console().print(f"error: {error}")
        return 2
    console = Console()
    for panel, table in zip(found.panels, front_table(found), strict=True):
        console.print(table, f"{panel.note} {panel.missing}".strip(), "", sep="\n")
    console.print(f"{found.keys.words} Figure: {options.output}".strip(), soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    from analysis.figures import WIDTH, inches

    parser = argparse.ArgumentParser(
        prog="python -m analysis.pareto", description="Compare the Pareto fronts of sweeps in one figure."
    )
    parser.add_argument("run", nargs="+", type=Path, help="a sweep's folder, such as results/friendly_k")
    parser.add_argument("-o", "--output", type=_image, required=True, help="a .png, .svg or .pdf to write")
    parser.add_argument(
        "--x", help="horizontal metric (default: clean test accuracy, on the images that --y looked at)"
    )
    parser.add_argument("--y", help="vertical metric (default: the strongest attack that all trials have)")
    parser.add_argument("--width", type=inches, default=WIDTH, help="inches of the figure (default: %(default)s)")
    parser.add_argument("--checkpoint", choices=("best", "last"), help="default: best, on validation, if there is one")
    return parser


def _image(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a name ending in .png, .svg or .pdf")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a folder; name a file")
    return path


if __name__ == "__main__":
    from trainers.terminal.showing import run_and_exit

    run_and_exit(main)
