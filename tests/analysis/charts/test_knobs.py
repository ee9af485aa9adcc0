"""What a search came to along the knobs that it drew from ranges."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.charts.knobs import draw_knobs, list_groups, size_knobs
from analysis.charts.saving import save_figure
from analysis.charts.styles import Register
from analysis.measures.constant_networks import count_constant
from analysis.measures.knobs import Knob, Knobs, collect_knobs
from analysis.report.provenance import describe_run
from analysis.results.axes import MOST_LABELS, read_axes
from analysis.results.sweep import Sweep
from trainers.record_reader import Damage

from ..results.test_axes import planned

METRICS = ["test_pgd20_acc", "test_clean_acc"]
SEARCH = """
search:
  strategy: tpe
  trials: 12
  generation: 4
  objectives: {val_clean_acc: max, val_pgd_acc: max}
  constraints: [val_clean_acc >= 80%]
  stopping: {patience: 10%}
  budget: {epochs: 100, wall: 2h}
"""


def searched(folder: Path, count: int, seeds: int = 2) -> Sweep:
    """Make learning rates of 10 to the -1, -2, ..., some with a momentum, two methods in turn; the last failed."""
    trials: list[dict[str, Any]] = []
    rows = []
    for i in range(count):
        labels: dict[str, tuple[str, Any]] = {"optimizer__lr": (f"1e-{i + 1}", 10.0 ** -(i + 1))}
        labels["method"] = (("at", "trades")[i % 2],) * 2
        if i < 2:
            labels["optimizer__momentum"] = (str(i), i)
        plan = planned(**labels) | {"configuration": f"c{i}"}
        trials.append(plan)
        for seed in range(seeds):
            row: dict[str, Any] = {"configuration": f"c{i}", "replicate": seed, "kind": "trial"}
            row |= {"seconds_billed": 1.0, "seconds_alone": 1.0, "best_epoch": 1}
            row |= {"optimizer.lr": "", "optimizer.momentum": "", "method": ""} | plan["axes"]
            row |= {"status": "failed" if i == count - 1 else "completed", "best_constant": None, "last_constant": None}
            row |= {f"best_{metric}": i / 100 + seed / 10 + (metric == METRICS[1]) for metric in METRICS}
            rows.append(row)
    (folder / "space.yaml").write_text(SEARCH)
    return Sweep(
        folder, {}, [], pd.DataFrame(rows), pd.DataFrame(), {}, read_axes({"trials": trials}), str(folder), Damage()
    )


def test_a_point_is_a_configuration_that_completed(tmp_path: Path) -> None:
    info = collect_knobs(searched(tmp_path, 12), METRICS)
    assert info is not None
    assert [knob.name for knob in info.knobs] == ["lr"], "the momentum has few values"
    (lr,) = info.knobs
    np.testing.assert_allclose(lr.values, 10.0 ** -np.arange(1, 12))
    np.testing.assert_allclose(lr.means, np.stack([np.arange(11) / 100 + 0.05, np.arange(11) / 100 + 1.05], axis=1))
    np.testing.assert_allclose(lr.errors, 0.05)
    assert lr.groups == [("at", "trades")[i % 2] for i in range(11)]


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_a_configuration_with_a_constant_network_is_no_point_and_is_counted(tmp_path: Path, checkpoint: str) -> None:
    """Its accuracy is that of one class, and no effect of the knob; the page leaves it out of slices too."""
    results = searched(tmp_path, 12)
    one = (results.labelled["configuration"] == "c3") & (results.labelled["replicate"] == 1)
    results.labelled.loc[one, f"{checkpoint}_constant"] = 3
    info = collect_knobs(results, METRICS)
    assert info is not None and count_constant(results.completed) == 1
    np.testing.assert_allclose(info.knobs[0].values, [10.0**-n for n in range(1, 12) if n != 4])


def test_problems_and_subsets_are_told_apart(tmp_path: Path) -> None:
    results = searched(tmp_path, 12)
    trials = [
        planned(optimizer__lr=(f"1e-{i + 1}", 10.0 ** -(i + 1)), data__label_noise=(str(i % 2), i % 2), subset=(s, s))
        | {"configuration": f"c{i}"}
        for i, s in enumerate(["all", "all", "tenth"] * 4)
    ]
    labels = {trial["configuration"]: trial["axes"] for trial in trials}
    for path in ("data.label_noise", "subset"):
        results.labelled[path] = [labels[name][path] for name in results.labelled["configuration"]]
    info = collect_knobs(replace(results, axes=read_axes({"trials": trials})), METRICS)
    assert info is not None
    assert list_groups(info) == [
        "label_noise 0 · all",
        "label_noise 1 · all",
        "label_noise 0 · tenth",
        "label_noise 1 · tenth",
    ]


def test_more_groups_than_colours_and_marks_have_none(tmp_path: Path) -> None:
    info = collect_knobs(searched(tmp_path, 12), METRICS)
    assert info is not None
    assert list_groups(info) == ["at", "trades"]
    knob = info.knobs[0]
    assert list_groups(info._replace(knobs=[knob._replace(groups=list("abcdefgh"))])) == list("abcdefgh")
    assert list_groups(info._replace(knobs=[knob._replace(groups=[str(n) for n in range(71)])])) == []
    assert list_groups(info._replace(knobs=[knob._replace(groups=["a"] * 11)])) == []


def test_one_seed_has_no_error(tmp_path: Path) -> None:
    info = collect_knobs(searched(tmp_path, 12, seeds=1), METRICS)
    assert info is not None
    assert np.isnan(info.knobs[0].errors).all()
    save_figure(lambda figure: draw_knobs(figure, info, Register()), size_knobs(info), [tmp_path / "knobs.png"])


def test_few_values_are_compared_one_by_one(tmp_path: Path) -> None:
    assert collect_knobs(searched(tmp_path, MOST_LABELS), METRICS) is None


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_knobs_figure_can_be_drawn(tmp_path: Path, kind: str) -> None:
    info = collect_knobs(searched(tmp_path, 12), METRICS)
    assert info is not None
    save_figure(lambda figure: draw_knobs(figure, info, Register()), size_knobs(info), [tmp_path / f"knobs.{kind}"])
    assert (tmp_path / f"knobs.{kind}").stat().st_size > 5_000


def test_a_logarithmic_scale_is_written_in_numbers(tmp_path: Path) -> None:
    values = np.geomspace(1e-4, 1, 9)
    knob = Knob("lr", values, values[:, None], np.full((9, 1), np.nan), [""] * 9)
    figure = Figure()
    with as_file(files("analysis.charts") / "house.mplstyle") as style, matplotlib.rc_context(fname=style):
        draw_knobs(figure, Knobs(["robust"], [knob]), Register())
        FigureCanvasAgg(figure).draw()
    labels = {label.get_text() for label in figure.axes[0].get_xticklabels()}
    assert {"0.0001", "0.01", "1"} <= labels and not any("$" in label for label in labels)


def test_report_of_a_search_names_the_searched_knobs(tmp_path: Path) -> None:
    facts = describe_run(SimpleNamespace(results=searched(tmp_path, 12)))  # type: ignore[arg-type]
    assert facts["optimizer.lr"] == "12 values from 1e-12 to 1e-1"
    assert facts["optimizer.momentum"] == "0, 1"
    assert facts["search"] == "tpe, 12 configurations, 4 at once"
    assert facts["objectives"] == "val_clean_acc max, val_pgd_acc max"
    assert facts["constraints"] == "val_clean_acc >= 80%"
    assert (facts["stopping"], facts["budget"]) == ("patience 10%", "epochs 100, wall 2h")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"search: [", b"- 1", b"search: 3"])
def test_report_with_an_unreadable_space_names_no_searched_knobs(tmp_path: Path, content: bytes | None) -> None:
    results = searched(tmp_path, 12)
    (tmp_path / "space.yaml").unlink() if content is None else (tmp_path / "space.yaml").write_bytes(content)
    assert "search" not in describe_run(SimpleNamespace(results=results))  # type: ignore[arg-type]
