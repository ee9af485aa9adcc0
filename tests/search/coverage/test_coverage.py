"""Simulated studies: truths by hand, errors within what is stated, fewer seeds than for all alike, and the command."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from search.coverage.__main__ import main
from search.coverage.methods import METHODS, make_methods
from search.coverage.studies import allow_errors, count_errors, find_false, measure_cost, measure_optimism
from search.coverage.worlds import NOISES, WORST, add_noise, make_clear, make_cloud, make_ties
from trainers.certificate.samples import summarize_seeds
from trainers.certificate.verdicts import Certificate, Family

from ..helpers import ROOT, Tiny, smoke


@pytest.mark.parametrize(("studies", "allowed"), [(1000, 62), (100, 9), (1, 0)])
def test_number_of_errors_that_five_percent_allow(studies: int, allowed: int) -> None:
    assert allow_errors(studies, 0.05) == allowed


def state(unbeaten: float, nearly: float, beats: float) -> Certificate:
    """Return bounds of two configurations: of 1 against 0, and that 0 beats 1; 0 is surely not beaten."""
    noise = np.random.default_rng(0).normal(0, 1, (1, 2, 3, 2))
    pairs = [np.full((1, 2, 2), -np.inf) for _ in range(3)]
    for array, value in zip(pairs, (unbeaten, nearly, beats), strict=True):
        array[0, 1, 0] = value
    pairs[0][0, 0, 1] = 1.0
    pairs[2][0, 0, 1], pairs[2][0, 1, 0] = beats, -np.inf
    return Certificate(Family(2, (1.0, 1.0)), summarize_seeds(60 + noise), *pairs)


BEHIND = np.array([[60.0, 60.0], [58.0, 59.0]])  # the second is a point behind
BESIDE = np.array([[60.0, 60.0], [58.0, 61.0]])


@pytest.mark.parametrize(
    ("bounds", "means", "false"),
    [
        ((0.5, 1.5, -1.0), BEHIND, True),  # on, and dominated
        ((0.5, 1.5, -1.0), BESIDE, False),
        ((-0.5, 0.5, -1.0), BEHIND, True),  # at most 0.5 points from the front, and it is one point
        ((-1.5, -0.5, -1.0), BEHIND, False),  # open, at most 1.5 points
        ((-9.0, -8.0, 0.5), BEHIND, False),  # off
        ((-9.0, -8.0, 0.5), BESIDE, True),
    ],
)
def test_what_is_false(bounds: tuple[float, float, float], means: np.ndarray, false: bool) -> None:
    assert find_false(state(*bounds), means).tolist() == [false]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("world", WORST)
def test_noise_has_the_spread_that_it_says(world: str, noise: str) -> None:
    rng = np.random.default_rng(0)
    found = add_noise(world, WORST[world](10, 1.0), noise, rng, 50)
    values = found.draw(50, 20, rng)
    wide = np.broadcast_to(found.deviations, (50, 10, 2))[..., 0] > 2
    assert wide.mean() == pytest.approx({"3 x sd": 0.1, "inverse chi²": 0.15}.get(noise, 0.0), abs=0.03)
    fell = (values - found.means[:, None]).min(axis=-1) < -10
    assert noise != "collapses" or fell.mean() == pytest.approx(0.03, abs=0.01)


def test_the_methods_are_those_of_the_table_in_the_documentation() -> None:
    text = (ROOT / "trainers" / "README.md").read_text().partition("## Results of each method")[2]
    row = re.compile(r"^\| `([^`]+)` \| ([\d.]+) ± ([\d.]+) \| ([\d.]+) ± ([\d.]+) \|", re.MULTILINE)
    rows = row.findall(text[text.index("| selected: PGD-20 |") :])[: len(METHODS)]
    table = {name: (float(x), float(y), float(dx), float(dy)) for name, x, dx, y, dy in rows}
    assert table == METHODS and len(METHODS) == 26, "the rows of spaces/methods.yaml"
    world = make_methods()
    values = world.draw(2000, 3, np.random.default_rng(0))
    np.testing.assert_allclose(values.mean(axis=(0, 2)), world.means, atol=0.4)
    np.testing.assert_allclose(values.std(axis=(0, 2)) / np.sqrt(3), [row[2:] for row in METHODS.values()], rtol=0.06)


@pytest.mark.long
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("world", WORST)
def test_errors_are_within_what_is_stated(world: str, noise: str) -> None:
    make = partial(add_noise, world, WORST[world](10, 1.0), noise)
    assert count_errors(make, Family(10, (1.0, 1.0)), 100) <= allow_errors(100, 0.05)


@pytest.mark.long
def test_a_larger_error_makes_more_of_them() -> None:
    make = partial(add_noise, "twins", WORST["twins"](10, 1.0), "3 x sd")
    few, many = (count_errors(make, Family(10, (1.0, 1.0), error), 100) for error in (0.05, 0.9))
    assert few < many and many > 10


def test_studies_that_reach_no_look_have_no_cost() -> None:
    make = partial(add_noise, "", make_ties(4), "equal")
    assert np.isnan(measure_cost(make, Family(4, (2.0, 2.0), most=1), 3)).all()
    assert np.isnan(measure_optimism(make, Family(4, (2.0, 2.0), most=1), 3)).all()


@pytest.mark.long
def test_seeds_go_where_verdicts_are_open() -> None:
    clear, ties = (
        measure_cost(partial(add_noise, "", make(12), "equal"), Family(12, (2.0, 2.0)), 10)
        for make in (make_clear, make_ties)
    )
    assert clear.certified < clear.uniform < ties.certified < ties.uniform
    assert clear.open == ties.open == 0 and ties.boxes > 15 and ties.boxes_wrong > 0.5


@pytest.mark.long
def test_corrected_values_of_a_certified_front_flatter_little() -> None:
    make = partial(add_noise, "cloud", make_cloud(27), "equal")
    raw, corrected = measure_optimism(make, Family(27, (1.0, 1.0)), 60)
    assert (raw > 0.03).all() and (np.abs(corrected) < 0.06).all()


@pytest.mark.long
def test_a_stored_sweep_is_a_world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = smoke(profile=None, trial__method={"base": "pgd-at", "attack": {"steps": 2}}, search__replicates=3,
                 search__axes={"optimizer.lr": {"grid": [1e-4, 0.05, 0.1]}})  # fmt: skip
    Tiny(tmp_path / "sweep", text).all()
    assert main([str(tmp_path / "sweep"), "--studies", "4"]) == 0
    assert "sweep  its own" in capsys.readouterr().out


BAD = (["--studies", "0"], ["--configurations", "2"], ["--tolerance", "0"], ["no/such/run"])


@pytest.mark.parametrize("given", BAD)
def test_bad_input_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(given)
    except SystemExit as end:
        code = int(end.code)
    assert code == 2 and "error" in capsys.readouterr().err
