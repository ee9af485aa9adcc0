"""Every figure of the papers, drawn from the plan of the study that its row names, with made-up accuracies."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import load
from analysis.charts.saving import save_figure
from analysis.exceptions import SweepError
from analysis.measures import agreement_tables
from analysis.papers.catalogue import FIGURES, find_figure, is_of_paper, number_of
from analysis.papers.curve_parts import WeightByKappa
from analysis.papers.drawing import DrawnFigure, draw_paper_figure
from analysis.papers.example_parts import ExampleScatter
from analysis.papers.group_parts import GroupCurves, RankGroupCurves
from analysis.papers.listing import NO_MEASURE, list_figures
from analysis.papers.ranking_parts import CorruptedDistances, Distances, Overlap, RankPairs
from analysis.papers.recorded_parts import (
    DiagnosticCurves,
    GalleryPairs,
    LipschitzTable,
    LogitComponents,
    MedianFeatureCurves,
)
from analysis.papers.row import PaperFigure, find_usable
from analysis.results.sweep import Sweep

from ..looking import list_touching_ticks
from ..planned import SEEDS, write_planned

RECORDED = (
    CorruptedDistances,
    DiagnosticCurves,
    GalleryPairs,
    LipschitzTable,
    LogitComponents,
    MedianFeatureCurves,
)  # drawn in test_recorded_figures and test_distance_tables
DRAWN = [name for name, row in FIGURES.items() if row.parts and not any(isinstance(p, RECORDED) for p in row.parts)]
OF_EXAMPLES = (
    Distances,
    ExampleScatter,
    GroupCurves,
    Overlap,
    RankGroupCurves,
    RankPairs,
    WeightByKappa,
)
COLUMNS = {"panel", "line", "variant", "x", "mean", "lo", "hi", "n"}
QUICK = [
    "hard:F1a",
    "gairat:F13",
    "profiling:F2b",
    "profiling:F18",
    "profiling:F19",
    "profiling:F5",
    "profiling:F9",
    "gairat:T1",
]  # one of each chart


def write_runs(row: PaperFigure, folder: Path) -> list[Sweep]:
    """Write what the recipe of a row would train."""
    words = shlex.split(row.sets)
    sets = [value for key, value in pairwise(words) if key == "--set"]
    name = "".join(value for key, value in pairwise(words) if key == "--name")
    examples = any(isinstance(part, OF_EXAMPLES) for part in row.parts) or row.name == "diagnostics:learning_times"
    return [
        load(write_planned(folder / study.replace("/", "_"), study, sets, name, examples))
        for study in row.study.split(", ")
    ]


def draw(name: str, folder: Path, **chosen: list[str]) -> DrawnFigure:
    return draw_paper_figure(FIGURES[name], write_runs(FIGURES[name], folder), chosen)


@pytest.mark.long
@pytest.mark.parametrize("name", DRAWN)
def test_what_the_recipe_of_a_figure_trains_is_what_it_is_drawn_from(name: str, tmp_path: Path) -> None:
    row = FIGURES[name]
    runs = write_runs(row, tmp_path)
    drawn = draw_paper_figure(row, runs, width=3.25)
    points = drawn.points
    seeds = 1 if "friendly_networks" in row.study else SEEDS
    assert not [line for run in runs for line in run.damaged()]
    assert set(points) >= COLUMNS and len(drawn.tables) == len(row.parts)
    of_pairs = drawn.tables[0].unit != "seed"
    assert of_pairs or set(points["n"]) == {seeds}, "a point is a mean over the seeds of one configuration, and no more"
    assert np.isfinite(points[["x", "mean"]].to_numpy(float)).all()
    without_interval = seeds == 1 or of_pairs or drawn.tables[0].how == agreement_tables.HOW
    assert ((points["lo"] <= points["mean"]) & (points["mean"] <= points["hi"])).all() or without_interval
    assert (of_pairs or f"{seeds} seed" in drawn.spec.caption) and row.paper in drawn.spec.caption
    assert find_usable(row, runs)[0], "by which the list says that it is drawable"


@pytest.mark.long
@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("width", (3.25, pytest.param(5.5, marks=pytest.mark.slow)))
def test_text_of_a_figure_is_legible_and_inside(name: str, width: float, tmp_path: Path) -> None:
    drawn = draw_paper_figure(FIGURES[name], write_runs(FIGURES[name], tmp_path), width=width)
    sizes: list[float] = []

    def draw_and_look(figure: Any) -> None:
        from matplotlib.text import Text

        drawn.spec.chart.draw(figure)
        figure.canvas.draw()
        texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        sizes.extend(text.get_fontsize() for text in texts)
        assert list_touching_ticks(figure) == []
        beside = [plot.title for plot in figure.axes] + [t for legend in figure.legends for t in legend.findobj(Text)]
        shown = [text for text in beside if text.get_text().strip()]
        assert all(text.get_window_extent().x1 <= figure.bbox.width + 1 for text in shown), "text runs over the edge"

    save_figure(draw_and_look, drawn.spec.chart.size, [tmp_path / "figure.png"])
    assert min(sizes) >= 6.5


def test_hard_examples_err_more_than_easy_ones_on_training_and_test(tmp_path: Path) -> None:
    points = draw("hard:F1a", tmp_path, **{"data.label_noise": ["0"]}).points
    assert set(points["variant"]) == {"training (own attack)", "test"} and set(points["panel"]) == {""}
    last = points[points["x"] == points["x"].max()].set_index(["variant", "line"])["mean"]
    for variant in ("training (own attack)", "test"):
        assert last[variant, "easy"] < last[variant, "random"] < last[variant, "hard"]


def test_a_smaller_lambda_is_a_line_of_its_own_in_the_order_of_numbers(tmp_path: Path) -> None:
    drawn = draw("gairat:F13", tmp_path)
    assert drawn.selection.lines == [f"lam {lam}" for lam in (-3, -2, -1, 0, 1, 2, 3, "inf")]
    robust = drawn.tables[-1].points
    last = robust[(robust["x"] == robust["x"].max()) & (robust["panel"] == "label_noise 0")].set_index("line")["mean"]
    assert last["lam -3"] > last["lam 0"] > last["lam 3"] > last["lam inf"]


def test_weights_fall_with_kappa_and_are_one_without_lambda(tmp_path: Path) -> None:
    drawn = draw("gairat:F13", tmp_path, **{"data.label_noise": ["0"]})
    weights = drawn.tables[0].points
    assert {"κ / K"} == {drawn.tables[0].x_title} and weights["x"].between(0, 1).all()
    assert (weights.loc[weights["line"] == "lam inf", "mean"] == 1).all()
    for lam in (-3, 0, 3):
        line = weights[weights["line"] == f"lam {lam}"]
        assert len(line) == 11 and line["x"].is_monotonic_increasing
        assert (np.diff(line["mean"]) < 0.05 * line["mean"].max()).all(), "flat first, then falling"
        assert line["mean"].iloc[0] > 10 * line["mean"].iloc[-1]
    run = drawn.selection.sweeps[0]
    seeds = drawn.selection.trials[drawn.selection.trials["line"] == "lam 0"]["id"]
    found = []
    for trial in seeds:
        with np.load(run.folder / "trials" / trial / "instances.npz") as arrays:
            there = (arrays["kappa"] == 3) & np.isfinite(arrays["weight"])
            found.append(arrays["weight"][there].astype(float).mean())
    row = weights[(weights["line"] == "lam 0") & np.isclose(weights["x"], 0.3)].iloc[0]
    assert [row["mean"], row["hi"] - row["mean"]] == pytest.approx(
        [np.mean(found), np.std(found, ddof=1) / SEEDS**0.5], rel=1e-4
    )


def test_an_inset_is_a_panel_of_the_last_epochs(tmp_path: Path) -> None:
    drawn = draw("gairat:F5a", tmp_path)
    whole, zoomed = (table.points for table in drawn.tables[:2])
    assert not any("standard" in line for line in drawn.selection.lines), "Figure 2 has standard training"
    late = whole[whole["x"] >= 0.6 * (whole["x"].max() + 1)]
    assert list(zoomed["mean"]) == list(late["mean"]) and len(late) < len(whole)
    assert all("from epoch " in panel for panel in zoomed["panel"])


@pytest.mark.long
def test_a_figure_of_training_curves_says_so_and_names_no_test_images(tmp_path: Path) -> None:
    drawn = draw("gairat:F2b", tmp_path)
    assert [table.y_title for table in drawn.tables] == ["clean training error", "robust training error, PGD-10"]
    assert "test images" not in drawn.spec.caption and "Mean ± one standard error over 2 seeds." in drawn.spec.caption
    test = draw("gairat:F13", tmp_path / "test")
    assert [table.y_title for table in test.tables[1:]] == ["clean test accuracy", "robust test accuracy, PGD-10"]
    assert test.spec.caption.count("2 seeds") == 1 and "over 2 seeds on 200 test images" in test.spec.caption


def test_attacks_that_differ_in_their_steps_alone_share_the_rest_of_their_description(tmp_path: Path) -> None:
    caption = draw("gairat:F21", tmp_path).spec.caption
    names = ", ".join(f"PGD-{steps}" for steps in (10, 20, 40, 60, 80, 100))
    assert f"Under {names}, linf, epsilon 0.1, step 0.0025. " in caption


def test_mart_is_beside_its_variant_that_weighs_the_kl_term_alone(tmp_path: Path) -> None:
    lines = draw("gairat:F20", tmp_path).selection.lines
    assert lines == ["MART", *(f"GAIR-MART on KL · lam {lam}" for lam in (-3, 0, 3))]


def test_a_trade_off_has_a_point_an_epsilon_and_marks_those_that_no_other_beats(tmp_path: Path) -> None:
    points = draw("profiling:F2b", tmp_path).points
    pgd = points[points["panel"] == "PGD"].set_index(["line", "label"])
    whole = points[(points["panel"] == "PGD") & (points["line"] == "all")]
    assert list(whole["label"]) == ["0.05", "0.1", "0.15", "0.2"]
    assert whole["mean"].is_monotonic_increasing and whole["x"].is_monotonic_decreasing
    for _, point in pgd.iterrows():
        beaten = ((pgd["x"] >= point["x"]) & (pgd["mean"] >= point["mean"])).sum() > 1
        assert point["on_front"] == (not beaten)


def test_the_cross_gap_is_a_line_a_kind_of_subset_along_its_size_with_both_methods_in_panels(tmp_path: Path) -> None:
    drawn = draw("profiling:F13", tmp_path)
    points, (sweep,) = drawn.points, drawn.selection.sweeps
    assert list(dict.fromkeys(points["panel"])) == ["pgd-0.1", "trades-0.1 · lr 0.05"], "standard training has no gap"
    friendly = points[(points["line"] == "friendly balanced") & (points["panel"] == "pgd-0.1")]
    assert sorted(set(friendly["x"])) == [100, 300, 500, 700, 900]
    assert set(friendly["variant"]) == {"validation-selected epoch", "last epoch"}
    assert points["mean"].mean() == pytest.approx(0.05, abs=0.01), (
        "standard training is 5 points better on clean images"
    )
    clean = sweep.completed[sweep.completed["subset"] == "friendly-30"].set_index(["method", "replicate"])
    standard, pgd = (clean.loc[name]["last_test_clean_acc"].to_numpy(float) for name in ("standard", "pgd-0.1"))
    gaps = standard - pgd
    here = friendly[(friendly["x"] == 300) & (friendly["variant"] == "last epoch")].iloc[0]
    assert [here["mean"], here["hi"] - here["mean"]] == pytest.approx([gaps.mean(), np.std(gaps, ddof=1) / SEEDS**0.5])


@pytest.mark.long
def test_few_lines_by_class_are_bars_with_errors_and_many_a_heat_map(tmp_path: Path) -> None:
    bars, cells = draw("profiling:F17", tmp_path / "few"), draw("profiling:F19", tmp_path / "many")
    assert list(dict.fromkeys(bars.points["panel"])) == ["0-9", "1-9", "8-9"]
    assert bars.selection.lines == ["all", "friendly-50"] and len(cells.selection.lines) == 7
    found = {}

    def count(figure: Any, drawn: DrawnFigure) -> None:
        drawn.spec.chart.draw(figure)
        found[drawn.spec.slug] = [len(plot.patches) for plot in figure.axes], [len(p.images) for p in figure.axes]
        if drawn is cells:
            words = " ".join(legend.get_title().get_text() for legend in figure.legends).replace("\n", " ")
            assert "The largest standard error of a cell is " in words, "a heat map has no bars of errors"
        if drawn is bars:
            assert all(plot.get_ylim()[0] == 0 for plot in figure.axes), "the length of a bar is its value"
            assert all(plot.collections for plot in figure.axes), "bars have their standard errors"

    for drawn in (bars, cells):
        save_figure(partial(count, drawn=drawn), drawn.spec.chart.size, [tmp_path / "figure.png"])
    assert found == {"profiling_F17": ([20] * 6, [0] * 6), "profiling_F19": ([0], [7])}


def test_methods_that_differ_in_a_base_alone_are_never_averaged(tmp_path: Path) -> None:
    drawn = draw("gairat:T2", tmp_path)
    assert drawn.selection.lines == ["trades", "gair-trades"]


def test_a_table_has_clean_accuracy_and_each_final_attack_at_both_checkpoints(tmp_path: Path) -> None:
    points = draw("gairat:T1", tmp_path).points
    assert list(dict.fromkeys(points["variant"])) == [
        f"{checkpoint}: {what}"
        for checkpoint in ("selected", "last")
        for what in ("clean", "PGD-20", "PGD-20 on the margin", "PGD-40", "AutoAttack custom")
    ]


@pytest.mark.parametrize("name, network", [("gairat:T1", "WRN-32-10"), ("gairat:T2", "WRN-34-10")])
def test_the_caption_of_a_table_tells_the_papers_spread_from_that_of_the_runs(
    name: str, network: str, tmp_path: Path
) -> None:
    caption = draw(name, tmp_path).spec.caption
    assert "Mean ± one standard error over 2 seeds" in caption
    assert f"The paper: CIFAR-10, {network}" in caption and "medians ± standard deviations of five runs" in caption


@pytest.mark.parametrize("name", ("hard:T2", "hard:T7"))
def test_the_column_none_is_the_pretraining_with_the_weights_that_fine_tuning_starts_from(
    name: str, tmp_path: Path
) -> None:
    drawn = draw(name, tmp_path)
    (sweep,), points = drawn.selection.sweeps, drawn.points
    made = sweep.pretrainings
    assert len(made) == SEEDS and set(made["kind"]) == {"pretrain"}
    none = points[points["variant"] == "none: clean"]
    assert none["mean"].tolist() == pytest.approx([made["best_test_clean_acc"].mean()] * len(none))
    assert set(none["line"]) == set(drawn.selection.lines) and set(none["panel"]) == {"epochs 1", "epochs 5"}
    assert points["variant"].iloc[0] == "none: clean"
    for trial in sweep.plan["trials"]:
        if trial["kind"] == "trial":
            trial["start"]["weights"] = "last"
    last = draw_paper_figure(FIGURES[name], [sweep]).points
    found = last.loc[last["variant"] == "none: clean", "mean"].iloc[0]
    assert found == pytest.approx(made["last_test_clean_acc"].mean()) and found < none["mean"].iloc[0]


def test_accuracy_by_class_names_the_attack_that_it_is_under(tmp_path: Path) -> None:
    (run,) = write_runs(FIGURES["profiling:F18"], tmp_path)
    for outcome in run.outcomes.values():
        for values in outcome["classes"].values():
            values.pop("aa")
    drawn = draw_paper_figure(FIGURES["profiling:F18"], [run])
    assert set(drawn.points["variant"]) == {"clean, %", "PGD-10, %"}
    assert "Under PGD-10, " in drawn.spec.caption and "AutoAttack custom" not in drawn.spec.caption


@pytest.mark.long
def test_columns_of_a_table_do_not_touch(tmp_path: Path) -> None:
    drawn = draw_paper_figure(FIGURES["profiling:T1"], write_runs(FIGURES["profiling:T1"], tmp_path), width=5.5)

    def draw_and_look(figure: Any) -> None:
        drawn.spec.chart.draw(figure)
        figure.canvas.draw()
        rows: dict[float, list[Any]] = {}
        for text in figure.axes[0].texts:
            rows.setdefault(text.get_position()[1], []).append(text.get_window_extent())
        for boxes in rows.values():
            for one, other in pairwise(sorted(boxes, key=lambda box: box.x0)):
                assert one.x1 < other.x0

    save_figure(draw_and_look, drawn.spec.chart.size, [tmp_path / "table.png"])


@pytest.mark.long
def test_costs_are_numbers_of_passes_and_minutes_not_shares(tmp_path: Path) -> None:
    cost = draw("hard:T1", tmp_path).points.groupby("variant")["mean"].mean()
    assert cost["passes an example"] == pytest.approx(21)
    minutes = draw("profiling:T1", tmp_path / "other").points.groupby("variant")["mean"].mean()
    assert minutes["minutes"] == pytest.approx(1.5)


def test_what_is_left_out_is_said_on_the_figure_and_in_words(tmp_path: Path) -> None:
    drawn = draw("gairat:F2b", tmp_path)
    assert set(drawn.selection.lines) == {f"epsilon {e}" for e in ("0.05", "0.1", "0.15", "0.2", "0.25")}
    methods, panels = drawn.selection.cuts
    assert methods.endswith(" trainings, those with method standard, GAIRAT; drawn: method AT."), methods
    assert "Panels with fewer than 3 lines (MLP 16" in panels
    assert all(f"Left out: {cut}" in drawn.spec.caption for cut in (methods, panels))


def test_a_value_that_no_trial_has_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"--where lam=-33: no such value; did you mean -3\?"):
        draw("gairat:F13", tmp_path, lam=["-33"])
    with pytest.raises(SweepError, match=r"--where lamb: .* has no such axis; did you mean lam\?"):
        draw("gairat:F13", tmp_path / "again", lamb=["0"])


def test_a_run_without_the_data_is_told_what_lacks_and_what_gives_it(tmp_path: Path) -> None:
    run = load(write_planned(tmp_path / "run", "gairat"))
    with pytest.raises(SweepError) as caught:
        draw_paper_figure(FIGURES["gairat:F13"], [run])
    words = str(caught.value)
    assert "gairat:F13" in words and "method.weight.lam" in words and "spaces/gairat_lambda.yaml" in words


def test_lines_of_two_sweeps_share_panels_and_keep_the_name_of_their_sweep(tmp_path: Path) -> None:
    drawn = draw("hard:F12", tmp_path)
    assert {"PGD", "PGD (self_adaptive)", "self-adaptive"} <= set(drawn.selection.lines)
    assert len(drawn.selection.panels) == 2, "one for each share of flipped labels"
    (cut,) = [cut for cut in drawn.selection.cuts if "those with" in cut]
    assert cut.startswith("self_adaptive: ") and "those with method TRADES" in cut, cut


def test_the_list_has_every_figure_and_table_of_the_papers() -> None:
    numbers = {number_of(name) for name in FIGURES if is_of_paper(name)}
    hard = {f"hard:F{n}" for n in range(1, 22)} | {f"hard:T{n}" for n in range(1, 8)}
    gairat = {f"gairat:F{n}" for n in range(2, 22)} | {f"gairat:T{n}" for n in range(1, 4)}
    assert numbers == hard | gairat | {f"profiling:F{n}" for n in range(1, 21)} | {"profiling:T1"}
    assert len(numbers) == 72


def test_a_figure_that_no_measure_gives_is_listed_as_such_and_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(FIGURES["hard:F11"], parts=(), lacks="bounds of the Lipschitz constant")
    monkeypatch.setitem(FIGURES, "hard:F11", row)
    listed = {line.name: line for line in list_figures([])}
    assert listed["hard:F11"].status == NO_MEASURE and "Lipschitz" in listed["hard:F11"].why
    with pytest.raises(SweepError, match="no measure of it yet"):
        draw_paper_figure(FIGURES["hard:F11"], [])


def test_an_unknown_name_and_a_figure_of_several_panels_are_told_apart() -> None:
    with pytest.raises(SweepError, match=r"did you mean gairat:F13\?"):
        find_figure("gairat:F133")
    with pytest.raises(SweepError, match="take hard:F1a, hard:F1b, hard:F1c"):
        find_figure("hard:F1")
    with pytest.raises(SweepError, match="--figure T1: say of which paper; take hard:T1, gairat:T1, profiling:T1"):
        find_figure("T1")
    with pytest.raises(SweepError, match="say of which paper; take hard:F2a, hard:F2b, gairat:F2a"):
        find_figure("F2")
