"""What a figure of fronts shows of many configurations: its view, its numbers, its names, and marks at one place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.charts.front import draw_front, size_front
from analysis.charts.front_keys import assign_keys
from analysis.charts.front_view import find_view
from analysis.charts.styles import Register
from analysis.measures.front import FrontData, FrontPanel, compute_fronts
from analysis.results.sweep import load_sweep
from trainers.objectives import non_dominated

from ..synthetic import Made, write_sweep

MANY = 16


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> FrontData:
    """Return the front of some configurations, which tests move."""
    methods = tuple(f"M{n}x" for n in range(MANY))
    made = Made(noise=(0.1,), epochs=4, methods=methods, subsets=("all",), replicates=2, profile=False, faults=False)
    return compute_fronts([load_sweep(write_sweep(tmp_path_factory.mktemp("front") / "many", made))])


def place(front: FrontData, x: np.ndarray, y: np.ndarray) -> FrontData:
    """Return the front with its configurations at these places, and their seeds with them."""
    (panel,) = front.panels
    points = panel.points.assign(x=x, y=y, x_se=0.0, y_se=0.0, selected=False, knee=False)
    points["on_front"] = points["on_own_front"] = non_dominated(points[["x", "y"]].to_numpy())
    moved = points.set_index("configuration").loc[panel.trials["configuration"], ["x", "y"]].to_numpy()
    trials = panel.trials.assign(x=moved[:, 0], y=moved[:, 1])
    return replace(front, panels=(replace(panel, points=points, trials=trials, surfaces={}, curves={}),))


def draw(front: FrontData) -> Figure:
    figure = Figure(figsize=size_front(front), layout="constrained")
    draw_front(figure, front, assign_keys(front, Register()))
    FigureCanvasAgg(figure).draw()
    return figure


def spread(panel: FrontPanel, low: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places near each other, of which the last `low` lie far below the others."""
    x, y = np.linspace(0.90, 0.95, len(panel.points)), np.linspace(0.75, 0.70, len(panel.points))
    far = np.arange(len(x)) >= len(x) - low
    return np.where(far, 0.1, x), np.where(far, 0.1, y)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("low", [0, 1, 3])
def test_what_lies_far_below_all_others_is_counted_instead_of_shown(front: FrontData, low: int, log: bool) -> None:
    placed = place(front, *spread(front.panels[0], low))
    view = find_view(placed.panels[0], log)
    assert view.outside == low
    near = placed.panels[0].points.head(MANY - low)
    for (least, most), found in ((view.x, near["x"]), (view.y, near["y"])):
        assert found.min() - 0.01 < least < found.min() and found.max() < most < found.max() + 0.01
    notes = [text.get_text() for text in draw(placed).axes[0].texts if "not in view" in text.get_text()]
    assert notes == ([f"{low} not in view"] if low else [])


def test_a_member_of_a_front_is_in_view_however_low_it_is(front: FrontData) -> None:
    x, y = spread(front.panels[0], 1)
    x[-1] = 0.99  # the best in clean accuracy
    view = find_view(place(front, x, y).panels[0], log=False)
    assert view.outside == 0 and view.y[0] < 0.1


def test_every_member_of_a_crowded_front_has_its_number(front: FrontData) -> None:
    x, y = np.linspace(0.900, 0.902, MANY), np.linspace(0.702, 0.700, MANY)
    x[:2], y[:2] = x[2], y[2]  # three members have one place
    x[-2:], y[-2:] = (0.6, 0.99), (0.9, 0.3)  # the ends of the front, so that the others are close together
    placed = place(front, x, y)
    texts = [text for text in draw(placed).axes[0].texts if text.get_fontweight() == "bold"]
    numbers = [int(number) for text in texts for number in text.get_text().split(", ")]
    assert sorted(numbers) == list(range(1, int(placed.panels[0].points["on_front"].sum()) + 1))
    assert any(", " in text.get_text() for text in texts)


def test_of_many_long_names_those_on_no_front_are_counted(front: FrontData) -> None:
    placed = place(front, *spread(front.panels[0], 0))
    (panel,) = placed.panels
    member = np.arange(MANY) < 2
    rest = [f"epsilon 0.0527{n} · beta 4.493 · peak 0.1317" for n in range(MANY)]
    points = panel.points.assign(rest=rest, on_front=member, on_own_front=member)
    keys = assign_keys(replace(placed, panels=(replace(panel, points=points),)), Register())
    assert list(keys.both) == [*rest[:2], f"{MANY - 2} others"]
    looks = [keys.look(row) for row in points.to_dict("records")]
    assert len(set(looks)) == 3 and len(set(looks[2:])) == 1
    few = points.head(12)
    assert list(assign_keys(replace(placed, panels=(replace(panel, points=few),)), Register()).both) == rest[:12]


def test_a_mark_below_another_at_the_same_place_is_larger(front: FrontData) -> None:
    x, y = spread(front.panels[0], 0)
    x[1], y[1] = x[0], y[0]
    marks = [line for line in draw(place(front, x, y)).axes[0].lines if line.get_marker() not in ("None", "")]
    here = [line for line in marks if (np.asarray(line.get_xydata()) == (x[0], y[0])).all(axis=1).any()]
    low, high = sorted(here, key=lambda line: line.get_zorder())
    assert low.get_markersize() > high.get_markersize() and len(here) == 2
