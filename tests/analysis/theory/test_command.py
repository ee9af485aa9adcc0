"""The command that compares the theory with computation: tables, figures and refusals."""

from __future__ import annotations

import re
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.theory.__main__ import main
from analysis.theory.charts import specify_figures
from analysis.theory.settings import (
    RATIOS,
    STEPS,
    GapCurve,
    compare_errors,
    run_descents,
    tabulate_bounds,
    tabulate_label_variance,
    tabulate_toy,
    trace_gaps,
)

Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, list[GapCurve], pd.DataFrame, pd.DataFrame]
SLUGS = ("theorem_1", "theorem_2", "corollary_1", "theorem_3")


@pytest.fixture(scope="module")
def computed() -> Tables:
    return (
        run_descents(),
        tabulate_toy(),
        compare_errors(points=200),
        trace_gaps(),
        tabulate_bounds(),
        tabulate_label_variance(),
    )


@pytest.mark.long
def test_the_command_prints_the_tables_and_draws_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["-o", str(tmp_path / "new" / "theory"), "--points", "100"]) == 0
    shown = capsys.readouterr().out
    for number in ("0.603168929655", "0.647490", "20.22", "0.762"):
        assert number in shown
    assert "Counter-example to the corollary, 20 examples · 2,000 dimensions" in shown
    written = sorted(path.name for path in (tmp_path / "new" / "theory").iterdir())
    assert written == sorted(f"{slug}{suffix}" for slug in SLUGS for suffix in (".pdf", ".png", ".svg"))


@pytest.mark.long
@pytest.mark.parametrize("width", [3.25, 5.5])
def test_text_of_the_figures_is_legible_and_inside(computed: Tables, width: float) -> None:
    specs = list(specify_figures(*computed, width))
    assert [spec.slug for spec in specs] == list(SLUGS)
    with as_file(files("analysis.charts") / "house.mplstyle") as style, matplotlib.rc_context(fname=style):
        for spec in specs:
            figure = Figure(figsize=spec.chart.size, layout="constrained")
            renderer = FigureCanvasAgg(figure).get_renderer()
            spec.chart.draw(figure)
            figure.draw_without_rendering()
            assert figure.get_figwidth() == width
            assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 6.5
            drawn = figure.get_tightbbox(renderer)  # of what is drawn, in inches
            assert 0 <= drawn.x0 < drawn.x1 <= width
            assert 0 <= drawn.y0 < drawn.y1 <= figure.get_figheight()


@pytest.mark.long
def test_figures_draw_what_the_tables_have(computed: Tables) -> None:
    specs = {spec.slug: spec for spec in specify_figures(*computed, 5.5)}
    drawn = {}
    for slug, spec in specs.items():
        figure = Figure(figsize=spec.chart.size)
        spec.chart.draw(figure)
        drawn[slug] = figure.axes
    descents = computed[0]
    lines = [line for line in drawn["theorem_1"][0].lines if len(line.get_xdata()) == len(STEPS)]
    first = descents[(descents["examples"] == 10) & (descents["ratio"] == RATIOS[1])]
    assert len(lines) == len(RATIOS)
    assert lines[1].get_ydata() == pytest.approx((1 - first["cosine"]).to_numpy())
    assert len(drawn["corollary_1"][0].patches) == 1  # the gap of the small example certainly falls nowhere
    assert len(drawn["corollary_1"][1].patches) == 2
    assert np.argmax(drawn["corollary_1"][1].lines[0].get_ydata()) < 40
    assert len(drawn["theorem_3"][0].lines) == 6


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--points", "0"], "0: expected a whole number of at least 1"),
        (["--seed", "-1"], "-1: expected a whole number of at least 0"),
        (["--width", "1"], "1: expected inches from 2.5"),
        (["-o", "FILE"], "is a file; name a folder"),
    ],
)
def test_wrong_options_are_refused(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stopped:
        main([part.replace("FILE", str(tmp_path / "file")) for part in arguments])
    assert stopped.value.code == 2
    assert re.search(re.escape(reason), capsys.readouterr().err)
