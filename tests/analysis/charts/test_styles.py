"""Colours that colour-blind readers can tell apart, and one look for one name on a whole page."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.charts.front_keys import assign_keys
from analysis.charts.styles import (
    MARKERS,
    NEUTRAL,
    ORDERED,
    PALETTE,
    Register,
    build_register,
    order_colours,
    order_styles,
)
from analysis.report.data import collect_report_data
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protan": np.array([[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]),
    "deutan": np.array([[0.3673, 0.8607, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]),
    "tritan": np.array([[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]]),
}

XYZ = np.array(
    [[0.41246, 0.35758, 0.18044], [0.21267, 0.71515, 0.07218], [0.01933, 0.11919, 0.95030]]
)  # of linear sRGB


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    """Return the CIE L*a*b* of sRGB under D65."""
    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(vision @ linear, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return CIEDE2000 (Sharma, Wu and Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 1 + 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25**7)))
    c1, c2 = np.hypot(g * a1, b1), np.hypot(g * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, g * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    cosines = [np.cos(np.radians(k * hue + by)) for k, by in ((1, -30), (2, 0), (3, 6), (4, -63))]
    t = 1 + np.dot([-0.17, 0.24, 0.32, -0.2], cosines)
    sl, sc, sh = (
        1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2),
        1 + 0.045 * chroma,
        1 + 0.015 * chroma * t,
    )
    rt = -2 * np.sqrt(chroma**7 / (chroma**7 + 25**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    dl, dc, dh = (l2 - l1) / sl, (c2 - c1) / sc, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / sh
    return float(np.sqrt(dl**2 + dc**2 + dh**2 + rt * dc * dh))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_is_that_of_the_published_test_data(
    one: tuple[float, ...], other: tuple[float, ...], expected: float
) -> None:
    assert difference(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("vision", "least"), [("normal", 17), ("protan", 17), ("deutan", 17), ("tritan", 14)])
def test_no_two_colours_look_alike_to_anyone(vision: str, least: float) -> None:
    labs = {colour: lab(colour, VISION[vision]) for colour in (*PALETTE, NEUTRAL)}
    nearest = min((difference(labs[a], labs[b]), a, b) for a, b in combinations(labs, 2))
    assert nearest[0] > least, nearest
    assert all(found[0] < 78 for found in labs.values())  # none is too light for white paper


@pytest.mark.parametrize("vision", ["normal", "protan", "deutan"])
def test_any_two_of_ten_ordered_colours_differ_and_each_is_lighter_than_the_one_before(vision: str) -> None:
    labs = [lab(colour, VISION[vision]) for colour in ORDERED]
    assert min(difference(one, other) for one, other in combinations(labs, 2)) >= 12
    assert vision != "normal" or (all(dark[0] < light[0] for dark, light in pairwise(labs)) and labs[-1][0] < 84)


@pytest.mark.parametrize("count", range(1, 31))
def test_ordered_names_go_from_dark_to_light_and_neighbours_differ_in_dash_and_marker_too(count: int) -> None:
    styles = list(order_styles([str(n) for n in range(count)]).values())
    assert [style.colour for style in styles] == order_colours(count)
    assert len({style.colour for style in styles}) == count
    assert styles[0].colour == ORDERED[0] and (count == 1 or styles[-1].colour == ORDERED[-1])
    for one, other in pairwise(styles):
        assert one.dash != other.dash and one.marker != other.marker


def test_every_name_has_a_look_of_its_own_and_training_on_all_is_neutral() -> None:
    names = ["all", *(f"friendly {k}" for k in range(len(PALETTE) * len(MARKERS)))]
    found = Register().assign_styles(names)
    assert list(found) == names and found["all"].colour == NEUTRAL
    assert len({(style.colour, style.marker) for style in found.values()}) == len(names)
    assert len(set(Register().assign_colours(names[1:8]).values())) == 7


@pytest.mark.long
def test_a_name_has_one_colour_in_all_figures_of_a_page(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), subsets=("all", "friendly 96", "friendly 108", "random 96", "random 108"), faults=False)
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "page", made)))
    known = found.register
    assert found.front is not None
    on_front = assign_keys(found.front, known).colours
    curves, knobs = (
        known.assign_styles(names) for names in (("friendly 108", "random 96", "all"), ("TRADES 0.10", "friendly"))
    )
    assert on_front["TRADES 0.10"] == knobs["TRADES 0.10"].colour
    assert curves["friendly 108"].colour == knobs["friendly"].colour  # the largest subset of a kind has its hue
    colours = [
        known.assign_styles([name])[name].colour for name in ("AT 0.10", "TRADES 0.10", "friendly", "random", "all")
    ]
    assert len(set(colours)) == 5  # methods, kinds of subsets and the neutral one never share one


def test_the_sizes_of_one_kind_differ_in_dashes_where_they_share_a_hue(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), methods=("AT",), subsets=("all", "random 48", "random 72", "random 96"), faults=False)
    known = build_register([load_sweep(write_sweep(tmp_path / "sizes", made)).study_trials])
    styles = known.assign_styles(["random 96", "random 72", "random 48", "random"])
    assert len({style.dash for style in list(styles.values())[:3]}) == 3
    assert styles["random 96"].colour == styles["random"].colour


def test_seven_names_have_seven_colours_also_where_the_register_had_to_begin_anew() -> None:
    known = build_register([load_like([f"M{n}" for n in range(9)])])
    colours = known.assign_colours(["M0", "M7", "M8", "M1"])
    assert len(set(colours.values())) == 4 and colours["M0"] == PALETTE[0]


def load_like(families: list[str]) -> pd.DataFrame:
    """Return trials of some methods on everything."""
    return pd.DataFrame({"family": families, "subset_kind": "all", "subset_label": "", "subset_size": 120.0})
