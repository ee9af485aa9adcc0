"""The kit of the page's scripts: its fronts are those of Python, its numbers are written as those of the tables."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from analysis.measures.dominance import PERCENTILES, attainment
from analysis.measures.front_members import count_attaining
from analysis.measures.front_seeds import balance_seeds
from analysis.report.block.json_text import round_numbers
from trainers.objectives import non_dominated

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WEB = files("analysis.report") / "web"
KIT = ("text.js", "data.js", "colours.js", "fronts.js", "drawing.js", "labels.js", "state.js", "tip.js", "stage.js")
CURVES = [[0.1234, None, 0.5], [0.3, None, None], [1.0, 0.0, 0.25]]
BLOCK: dict[str, Any] = {
    "kind": "study",
    "metrics": {"test_clean_acc": {"title": "clean accuracy, %", "short": "clean", "better": 1}},
    "x": "test_clean_acc",
    "y": "test_clean_acc",
    "checkpoint": "best",
    "settings": ["one"],
    "setting_names": {"one": "one"},
    "families": ["AT"],
    "subsets": ["all", "friendly 90", "random 90", "friendly 80", "random 80"],
    "shapes": ["circle", "up", "square", "down", "diamond"],
    "sweeps": ["study"],
    "knobs": [
        {"path": "lr", "short": "lr", "scale": "log", "low": 0.01, "high": 0.1, "choices": None, "values": [0.01, None]}
    ],
    "configurations": {
        "name": ["first", "second"],
        "choice": ["first", "second"],
        "setting": ["one", "one"],
        "family": ["AT", "AT"],
        "subset_label": ["all", "random 80"],
        "status": ["completed", "completed"],
        "n": [2, 1],
        "diverged": [0, 0],
        "sweep": [0, 0],
    },
    "trials": {"configuration": [0, 0, 1], "replicate": [0, 1, 0], "best_test_clean_acc": [0.5, 0.7, None]},
}


def encode(curves: list[list[float | None]]) -> str:
    codes = [65535 if value is None else round(10_000 * value) for curve in curves for value in curve]
    return b64encode(np.array(codes, dtype="<u2").tobytes()).decode("ascii")


@pytest.fixture(scope="module")
def kit(chromium: Browser) -> Iterator[Page]:
    """A page with the kit alone, whose names the tests may call."""
    block = {**BLOCK, "curves": {"epoch": [1, 2, 3], "drops": {"one": [2]}, "test_clean_acc": encode(CURVES)}}
    page = chromium.new_page()
    page.set_content(f'<div id="tip"></div><script type="application/json" id="data">{json.dumps(block)}</script>')
    scripts = [(WEB / "scripts" / name).read_text(encoding="utf-8") for name in KIT]
    page.add_script_tag(content="\n".join([(WEB / "d3.min.js").read_text(encoding="utf-8"), *scripts]))
    yield page
    page.close()


def draw_trials(seed: int, configurations: int = 12, seeds: int = 4, coarse: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    means = rng.uniform(60, 90, (configurations, 1, 2))
    points = means + rng.normal(0, 3, (configurations, seeds, 2))
    x, y = (points.round() if coarse else points).reshape(-1, 2).T
    names = [f"configuration {i}" for i in range(configurations) for _ in range(seeds)]
    return pd.DataFrame({"configuration": names, "replicate": list(range(seeds)) * configurations, "x": x, "y": y})


@pytest.mark.parametrize("seed", range(6))
def test_the_front_is_that_of_python(kit: Page, seed: int) -> None:
    points = draw_trials(seed, coarse=seed % 2 == 0)[["x", "y"]].to_numpy()
    found = kit.evaluate("(points) => listFront(points)", points.tolist())
    expected = np.unique(points[non_dominated(points, ["max", "max"])], axis=0)
    assert sorted(map(tuple, found)) == sorted(map(tuple, expected))
    assert all(one[0] > next_[0] and one[1] < next_[1] for one, next_ in pairwise(found))


@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_the_front_of_means_is_that_before_accuracies_are_rounded(kit: Page, seed: int, seeds: int) -> None:
    """A configuration with as many right clean images as another and fewer under attack is on no front."""
    right = np.random.default_rng(seed).integers(900, 906, (12, seeds, 2))
    sums = right.sum(axis=1)
    expected = {tuple(total) for total in sums[non_dominated(sums)]}
    shares = [[round_numbers(column / 1079) for column in counts.T] for counts in right]
    points = [[100 * sum(axis) / seeds for axis in axes] + [i] for i, axes in enumerate(shares)]
    found = kit.evaluate("(points) => listFrontOfMeans(points)", points)
    assert [tuple(sums[i]) for _, _, i in found] == sorted(expected, reverse=True)


@pytest.mark.parametrize("seeds", [2, 3, 4, 7])
@pytest.mark.parametrize("seed", range(3))
def test_attainment_by_seeds_is_that_of_python(kit: Page, seed: int, seeds: int) -> None:
    trials = draw_trials(seed, seeds=seeds, coarse=seed == 1)
    by_seed = [rows[["x", "y"]].to_numpy().tolist() for _, rows in trials.groupby("replicate")]
    surfaces = attainment(trials[["x", "y"]].to_numpy(), trials["replicate"].to_numpy())
    counts = kit.evaluate("(n) => countAttaining(n)", seeds)
    assert tuple(counts) == count_attaining(seeds)
    for count, percent in zip(counts, PERCENTILES, strict=True):
        corners = kit.evaluate("([seeds, count]) => listAttained(seeds, count)", [by_seed, count])
        assert np.allclose(corners[::-1], surfaces[percent])


@pytest.mark.parametrize("seed", range(8))
def test_the_same_seeds_are_kept_as_in_python(kit: Page, seed: int) -> None:
    trials = draw_trials(seed).sample(frac=0.6, random_state=seed)
    groups = {name: sorted(rows["replicate"]) for name, rows in trials.groupby("configuration")}
    found = kit.evaluate("(seeds) => balanceSeeds(seeds)", [[int(s) for s in seeds] for seeds in groups.values()])
    kept = balance_seeds(trials)
    names = [list(groups)[place] for place in found["members"]]
    assert len(names) * len(found["seeds"]) == len(kept)
    assert len(found["seeds"]) == kept["replicate"].nunique()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("formatNumber(-3.84)", "−3.8"),
        ("formatNumber(-0.04)", "0.0"),
        ("formatNumber(null)", "–"),
        ("formatNumber(NaN)", "–"),
        ("formatSigned(5.96)", "+6.0"),
        ("formatSigned(0.01)", "0.0"),
        ("formatSigned(-1, 0)", "−1"),
        ("formatEstimate({mean: 79.52, se: 0.1})", "79.5 ± 0.1"),
        ("formatEstimate({mean: 79.52, se: NaN})", "79.5"),
        ("formatEstimate({mean: NaN, se: NaN})", "–"),
        ("formatKnob(0.00033)", "3.3·10⁻⁴"),
        ("formatKnob(0.0001)", "10⁻⁴"),
        ("formatKnob(0.001)", "0.001"),
        ("formatKnob(0.0009999)", "0.001"),
        ("formatKnob(4.8712)", "4.87"),
        ("formatKnob(-0.5)", "−0.5"),
        ("formatKnob(2500000)", "2.5·10⁶"),
        ("formatKnob(0)", "0"),
        ("formatKnob('cosine')", "cosine"),
        ("formatKnob(true)", "true"),
        ("formatKnob(null)", "not set"),
        ("formatCount(1, 'seed')", "1 seed"),
        ("formatCount(0, 'seed')", "0 seeds"),
        ("escapeText('<b a=\"1\">&\\'</b>')", "&lt;b a=&quot;1&quot;&gt;&amp;&#39;&lt;/b&gt;"),
        ("escapeText('a\\x1b[2K\\u202eb')", "a\\x1b[2K\\u202eb"),
    ],
)
def test_numbers_and_names_are_written_as_in_the_tables(kit: Page, call: str, expected: str) -> None:
    assert kit.evaluate(call) == expected


@pytest.mark.parametrize("words", ["שם", "שם חדש", "اسم", "name"])
def test_numbers_behind_a_name_stay_behind_it_whatever_its_direction(kit: Page, words: str) -> None:
    place = """(words) => {
      document.body.insertAdjacentHTML('beforeend', `<p>80 ${escapeText(`${words} 12 ± 3 · ${words}`)} 45</p>`);
      const text = document.body.lastElementChild.firstChild, content = text.textContent;
      return ['80', words, '12', '3', '45'].map((part) => {
        const range = document.createRange();
        range.setStart(text, content.indexOf(part));
        range.setEnd(text, content.indexOf(part) + part.length);
        return range.getBoundingClientRect().left;
      });
    }"""
    places = kit.evaluate(place, words)
    assert places == sorted(places) and len(set(places)) == 5


def test_a_shortened_text_has_the_room_that_it_is_given(kit: Page) -> None:
    wide = """([text, room]) => [shortenText(text, room), widthOf(shortenText(text, room)), widthOf(text)]"""
    for text in ("W" * 150, "i" * 150, "a name"):
        short, width, whole = kit.evaluate(wide, [text, 200])
        assert width <= 200 and (short == text if whole <= 200 else short.endswith("…") and width > 180)


def test_estimates_are_over_the_seeds_that_have_a_value(kit: Page) -> None:
    first = kit.evaluate("estimateOf(0, 'test_clean_acc', 'best')")
    assert first["mean"] == pytest.approx(60) and first["se"] == pytest.approx(10) and first["n"] == 2
    assert kit.evaluate("Number.isNaN(estimateOf(1, 'test_clean_acc', 'best').mean)")
    assert kit.evaluate("Number.isNaN(estimateOf(0, 'unknown', 'last').mean)")


def test_curves_are_decoded_exactly_and_gaps_stay_gaps(kit: Page) -> None:
    means = kit.evaluate("[...meanCurveOf(0, 'test_clean_acc')].map((v) => Number.isNaN(v) ? null : v)")
    assert means[0] == pytest.approx((12.34 + 30) / 2) and means[1] is None and means[2] == pytest.approx(50)
    estimates = kit.evaluate("curveOf(0, 'test_clean_acc').map(({se, n}) => [n, Number.isNaN(se) ? null : se])")
    assert estimates[0] == [2, pytest.approx(8.83)] and estimates[1] == [0, None] and estimates[2] == [1, None]
    assert kit.evaluate("[...meanCurveOf(1, 'test_clean_acc')]") == [100, 0, 25]


def test_related_subsets_have_related_markers(kit: Page) -> None:
    shapes = kit.evaluate("DATA.subsets.map((_, k) => shapeOf(k))")
    assert shapes == ["circle", "up", "square", "down", "diamond"]


def test_text_on_a_filled_cell_contrasts(kit: Page) -> None:
    ratio = """(parts) => { const l = luminanceOf(parts); const on = textOn(parts) === '#fff' ? 1 : 0;
      return (Math.max(l, on) + 0.05) / (Math.min(l, on) + 0.05); }"""
    colours = np.random.default_rng(0).integers(0, 256, (60, 3)).tolist()
    assert min(kit.evaluate(ratio, colour) for colour in colours) >= 4.58


def test_ticks_of_a_log_axis_do_not_run_into_each_other(kit: Page) -> None:
    for width in (60, 120, 400):
        places = kit.evaluate(
            """(width) => { const s = d3.scaleLog([0.00001, 0.3], [0, width]);
              return listTicks(s, 5, () => 30).map((tick) => s(tick)); }""",
            width,
        )
        assert len(places) >= 2 and min(b - a for a, b in pairwise(places)) >= 30


def test_a_range_holds_back_what_is_outside_or_not_set(kit: Page) -> None:
    shown = "(ranges) => { state.ranges = ranges; return ALL.filter(passesFilters); }"
    assert kit.evaluate(shown, {}) == [0, 1]
    assert kit.evaluate(shown, {"lr": [0.005, 0.02]}) == [0]
    assert kit.evaluate(shown, {"lr": [0.02, 0.1]}) == []
    assert kit.evaluate(shown, {"lr": [None, None]}) == [1]
    assert kit.evaluate(shown, {"test_clean_acc": [59, 61]}) == [0]


def test_a_label_that_must_be_there_is_placed_in_a_crowd(kit: Page) -> None:
    place = """(must) => {
      const crowd = Array.from({length: 900}, (_, k) => ({x: 10 * (k % 30), y: 10 * (k / 30 | 0)}));
      return placeLabels([{x: 150, y: 150, text: 'a name of some length', must}], crowd, 300, 300,
        {left: 0, right: 0, top: 0, bottom: 0}); }"""
    assert kit.evaluate(place, False) == "" and "a name" in kit.evaluate(place, True)


def test_a_label_is_nearest_to_its_own_mark_or_has_a_line_to_it(kit: Page) -> None:
    place = """(marks) => placeLabels([{x: 150, y: 150, text: 'own', must: true}], marks, 300, 300,
      {left: 0, right: 0, top: 0, bottom: 0})"""
    own, right = {"x": 150, "y": 150}, {"x": 165, "y": 150}
    alone, beside = kit.evaluate(place, [own]), kit.evaluate(place, [own, right])
    assert "leader" not in alone and "leader" not in beside and alone != beside, "it moves to the other side"
    around = [{"x": 150 + dx, "y": 150 + dy} for dx in range(-40, 41, 8) for dy in range(-24, 25, 8)]
    assert 'class="leader" d="M150 150L' in kit.evaluate(place, around)
    assert "leader" not in kit.evaluate(place, [own, own]), "marks at one place share the label"


def test_a_label_keeps_off_a_line_that_passes_close_by(kit: Page) -> None:
    """A line at the very edge of a label reads as part of its text."""
    place = """(height) => {
      const html = placeLabels([{x: 150, y: 150, text: 'own'}], [{x: 150, y: 150}], 300, 300,
        {left: 0, right: 0, top: 0, bottom: 0}, [[[0, height], [300, height]]]);
      return Number(/<text[^>]* y="([\\d.]+)"/.exec(html)[1]); }"""
    for height in range(120, 181):
        foot = kit.evaluate(place, height)
        assert not foot - 12 <= height <= foot + 4, "letters reach 11 px above their foot and 3 px below it"


def test_two_labels_near_an_edge_keep_off_points_and_their_lines_do_not_cross(kit: Page) -> None:
    """The right one of two points has no room on its right, and more points lie below."""
    found = kit.evaluate("""() => {
      const points = [[260, 71], [267, 75], [181, 86], [240, 88], [210, 107]].map(([x, y]) => ({x, y}));
      const labels = ['pgd-0.2 · friendly-90', 'pgd-0.2 · all'].map((text, k) => ({...points[1 - k], text}));
      const strokes = [[[267, 250], [267, 75]], [[267, 75], [260, 75]], [[260, 75], [260, 71]], [[260, 71], [40, 71]]];
      const html = placeLabels(labels, points, 344, 250, {left: 40, right: 14, top: 46, bottom: 42}, strokes);
      document.body.insertAdjacentHTML('beforeend', `<svg id="near" width="344" height="250">${html}</svg>`);
      const boxes = [...document.querySelectorAll('#near text')].map((text) => text.getBBox());
      const lines = [...document.querySelectorAll('#near .leader')]
        .map((path) => path.getAttribute('d').match(/[\\d.]+/g).map(Number)).map(([a, b, c, d]) => [[a, b], [c, d]]);
      return {
        count: boxes.length,
        covered: points.filter((point) => boxes.some((box) => distanceTo(box, point) < 5)).length,
        crossed: lines.length > 1 && segmentsCross(...lines),
      }; }""")
    assert found == {"count": 2, "covered": 0, "crossed": False}


def test_labels_do_not_cover_each_other(kit: Page) -> None:
    found = kit.evaluate(
        """() => { const labels = [0, 1, 2, 3].map((k) => ({x: 100 + k, y: 100 + k, text: 'a name of some length'}));
        const html = placeLabels(labels, labels, 400, 300, {left: 40, right: 10, top: 40, bottom: 40});
        document.body.insertAdjacentHTML('beforeend', `<svg id="labels" width="400" height="300">${html}</svg>`);
        return [...document.querySelectorAll('#labels text')].map((text) => {
          const box = text.getBBox(); return [box.x, box.y, box.width, box.height]; }); }"""
    )
    assert len(found) >= 3
    for place, (x, y, _, _) in enumerate(found):
        assert all(abs(y - other[1]) > 8 or abs(x - other[0]) > 40 for other in found[:place])
