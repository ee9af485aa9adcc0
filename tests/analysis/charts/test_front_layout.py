"""The layout of the figure of fronts: titles fit their panels, and numbers stay off titles, lines and bars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from analysis.charts.front import plot_front
from analysis.charts.saving import MIN_WIDTH, WIDTH, _draw_in_house_style
from analysis.measures.front import FrontData, compute_fronts
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

TITLE = "pictures: label_noise 0.1, name image_folder, val 10%, channels 1, root my_images, size 8"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> FrontData:
    """Return the front of three configurations."""
    made = Made(noise=(0.1,), epochs=4, methods=("AT 0.10",), replicates=2, profile=False, faults=False)
    return compute_fronts([load_sweep(write_sweep(tmp_path_factory.mktemp("front") / "small", made))])


def draw(front: FrontData, width: float) -> Figure:
    chart = plot_front(front, width=width)
    with _draw_in_house_style(chart.draw, chart.size) as figure:
        FigureCanvasAgg(figure).draw()
        return figure


@pytest.mark.parametrize("width", [MIN_WIDTH, WIDTH])
@pytest.mark.parametrize("panels", [1, 3])
def test_a_long_title_is_wrapped_to_its_panel(front: FrontData, width: float, panels: int) -> None:
    figure = draw(replace(front, panels=(replace(front.panels[0], title=TITLE),) * panels), width)
    plain = draw(replace(front, panels=(replace(front.panels[0], title="pictures"),) * panels), width)
    for plot, without in zip(figure.axes, plain.axes, strict=True):
        assert plot.get_title("left").replace("\n", " ") == TITLE
        assert "label_noise 0.1" in plot.get_title("left"), "a field is not broken"
        box = plot._left_title.get_window_extent()  # type: ignore[attr-defined]
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert plot.bbox.height > 0.95 * without.bbox.height, "further lines of a title make the figure taller"


def find_number(front: FrontData, beside: float) -> tuple[Annotation, Bbox]:
    """Return the number of a topmost member with a mark at each side, at so much robust accuracy, and its frame."""
    panel = front.panels[0]
    points = panel.points.assign(x=[0.495, 0.5, 0.505], y=[beside, 0.7, beside], y_se=0.0)
    points["on_front"], many = [False, True, False], len(panel.trials)
    trials = panel.trials.assign(x=np.linspace(0.3, 0.52, many), y=np.linspace(0.6, 0.7, many))
    panel = replace(panel, points=points, trials=trials, surfaces={}, curves={}, title=TITLE)
    figure = draw(replace(front, panels=(panel,)), WIDTH)
    plot = figure.axes[0]
    numbers = [text for text in plot.texts if isinstance(text, Annotation) and text.get_fontweight() == "bold"]
    assert [text.get_text() for text in numbers] == ["1"]
    return numbers[0], plot.bbox


def test_the_number_of_the_topmost_member_is_below_the_title(front: FrontData) -> None:
    """It stood above the frame, on the title, where other marks took the places at the sides and below."""
    number, frame = find_number(front, beside=0.695)
    box = number.get_window_extent()
    assert box.y1 <= frame.y1 and box.x1 <= frame.x1


def test_the_number_of_a_member_stays_off_its_error_bars(front: FrontData) -> None:
    number, _ = find_number(front, beside=0.68)
    assert abs(number.xyann[0]) == abs(number.xyann[1])
