"""The figure of the importance of knobs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.charts.importance import draw_importance, size_importance, split_importance_pages
from analysis.charts.saving import save_figure
from analysis.measures.importance import COLUMNS, EVALUATORS, Importance
from analysis.results.page_cut import PAGE_ROWS

TITLES = {"val_clean_acc": "clean validation accuracy", "val_pgd_acc": "robust validation accuracy, PGD-10"}


def importance(knobs: int, settings: tuple[str, ...] = ("",), error: float = 0.02) -> Importance:
    """Return importances that differ from bar to bar."""
    rows = [
        (setting, f"optimizer.k{knob}", objective, evaluator, (share := 0.01 * (knob + 1)), share - error,
         share + error, 3, 27)
        for setting in settings for knob in range(knobs) for objective in TITLES for evaluator in EVALUATORS
    ]  # fmt: skip
    names = {f"optimizer.k{knob}": f"k{knob}" for knob in range(knobs)}
    return Importance(pd.DataFrame(rows, columns=[*COLUMNS]), names, TITLES, "best", ())


@pytest.mark.long
@pytest.mark.parametrize("width", [3.25, 5.2])
def test_importances_can_be_drawn(width: float, tmp_path: Path) -> None:
    info, path = importance(4, ("label_noise 0", "label_noise 0.1")), tmp_path / "importance.png"
    save_figure(partial(draw_importance, info=info), size_importance(info, width), [path])
    assert path.stat().st_size > 5_000


def test_a_bar_is_as_long_as_the_share_and_below_the_name_of_its_knob() -> None:
    info, figure = importance(3), Figure()
    draw_importance(figure, info)
    assert [axis.get_title().replace("\n", " ") for axis in figure.axes] == [*TITLES.values()]
    for plot in figure.axes:
        first, second = (container for container in plot.containers if hasattr(container, "patches"))
        for bars in (first, second):
            np.testing.assert_allclose([bar.get_width() for bar in bars], [0.01, 0.02, 0.03])
        assert [bar.get_y() for bar in first] < [bar.get_y() for bar in second]
    names = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    drawn: list[Any] = list(figure.axes[0].patches)[:3]
    assert [names[f"k{place}"] < bar.get_y() for place, bar in enumerate(drawn)] == [True] * 3
    assert {text.get_text() for text in figure.legends[0].get_texts()} == set(EVALUATORS)


def test_one_seed_has_no_lines() -> None:
    figure = Figure()
    draw_importance(figure, importance(2, error=float("nan")))
    assert not any(plot.collections for plot in figure.axes)


def test_long_studies_are_drawn_on_several_pages() -> None:
    info = importance(PAGE_ROWS - 1, ("label_noise 0", "label_noise 0.1"))
    pages = split_importance_pages(info)
    assert [page.table["setting"].unique().tolist() for page in pages] == [["label_noise 0"], ["label_noise 0.1"]]
    assert sum(len(page.table) for page in pages) == len(info.table)
