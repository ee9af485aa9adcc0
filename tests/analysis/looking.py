"""What a reader of a drawn figure sees of its ticks."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

APART = 2.0  # points between two numbers, without which they read as one


def list_touching_ticks(figure: Figure) -> list[tuple[str, str]]:
    """Return the neighbouring numbers below an axis of a drawn figure that touch."""
    touching = []
    for plot in figure.axes:
        low, high = sorted(plot.get_xlim())
        texts = [tick.label1 for tick in plot.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        texts = [text for text in texts if text.get_text() and text.get_visible()]
        boxes = sorted(((text.get_window_extent(), text.get_text()) for text in texts), key=lambda pair: pair[0].x0)
        touching += [
            (name, other)
            for (box, name), (beside, other) in pairwise(boxes)
            if beside.x0 - box.x1 < APART * figure.dpi / 72
        ]
    return touching
