"""The figures of a report, each with a title and a caption that states its seeds and its attack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart, FigureSpec
from analysis.charts.classes import cut_classes, plot_classes
from analysis.charts.curves import cut_curves, find_curve_limits, is_crowded, list_splits, name_accuracy, plot_curves
from analysis.charts.effects import plot_effects
from analysis.charts.front import plot_front
from analysis.charts.gallery import plot_gallery
from analysis.charts.grid import is_single, plot_grid
from analysis.charts.groups import SHOWN_GROUPS, plot_groups
from analysis.charts.importance import plot_importance
from analysis.charts.knobs import plot_knobs
from analysis.charts.overfitting import plot_gaps
from analysis.charts.panels import can_share_range, describe_axis_start
from analysis.charts.saving import WIDTH
from analysis.charts.sizes import cut_sizes, find_size_limits, plot_sizes
from analysis.measures.classes import MEAN, collect_classes
from analysis.measures.constant_networks import count_constant, describe_left_out
from analysis.measures.curves import NAMES, Curves, collect_curves
from analysis.measures.differences import collect_effects
from analysis.measures.difficulty import measure_profile_groups
from analysis.measures.front import FrontData
from analysis.measures.front_members import count_attaining, list_seed_counts
from analysis.measures.gallery import collect_gallery
from analysis.measures.grid import collect_grids
from analysis.measures.group_means import GROUPS
from analysis.measures.importance import count_best
from analysis.measures.knobs import collect_knobs
from analysis.measures.overfitting import collect_gaps
from analysis.measures.stats import format_seeds
from analysis.measures.subsets import collect_sizes, tabulate_sizes
from analysis.report.data import ReportData
from analysis.results.gaps import describe_checkpoint
from analysis.results.metrics import CHECKPOINTS, describe_images, describe_metric, shorten_attack
from analysis.results.rankings import Ranking
from trainers.extremes import PER_CLASS


def describe_band(front: FrontData) -> str:
    """Return sentences that explain the bands and the lines within them; empty without bands (one seed)."""
    text = ""
    for n in list_seed_counts(front):
        low, middle, high = count_attaining(n)
        whole = ", the whole range over seeds" if (low, high) == (1, n) else ""
        text += (
            f" The shaded band over {n} seeds lies between the surfaces that at least {low} and at least {high} of "
            f"them attain{whole}; its dotted line is the surface that at least {middle} attain."
        )
    return f"{text} A band is not a standard error." if text else ""


GROUP_CURVES = ("loss", "correct", "feature_norm", "t_max")  # the quantities of difficulty groups on the page
JACKKNIFE = "Lines are one standard error over seeds, by leaving each out in turn."
BARS = "Bars and bands are one standard error over seeds."
REGISTER = "charts.build_register([results.study_trials])"  # in calls: one style a name, as in all figures of a page


def write_call(chart: str, measure: str, width: float, more: str = "") -> str:
    """Write the call that makes a chart of `results`, by the public names of analysis.charts and analysis.measures."""
    return f"charts.{chart}({', '.join(filter(None, (measure, more)))}, width={width:g})"


def name_checkpoint(digest: ReportData) -> str:
    """Name the checkpoint whose numbers a figure shows."""
    return "epoch that validation selects" if digest.results.selects else "last epoch"


def specify_front(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify the figure of the Pareto front, if there is one."""
    found = digest.front
    if found is not None:
        chart = plot_front(found, digest.register, width)
        caption = (
            f"{found.note}{chart.note} Numbers are those of the table of members; a number that has no room is "
            f"omitted. Bars are one standard error over seeds.{describe_band(found)} "
        )
        caption += "Faint points are off the front. "
        caption += "A diamond marks the knee, farthest from the chord between the ends of the front. " * bool(
            any(panel.points["knee"].any() for panel in found.panels)
        )
        caption += "Rings mark the configurations that validation would select. " * digest.results.selects
        caption += "The front over test accuracies is descriptive and never used for selection."
        call = write_call("plot_front", "measures.compute_fronts([results])", width, REGISTER)
        yield FigureSpec("front", "Clean against robust test accuracy", caption, chart, call)


def specify_effects(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify the figures of what the choice and the number of training examples change."""
    if digest.robust is None:
        return
    attacks, robust = digest.results.attacks, digest.robust
    title = describe_metric(robust, attacks)
    effects = collect_effects(digest.subset_effects, robust, title)
    if effects is not None:
        caption = f"Differences are paired by seed ({digest.seeds_text}), with everything else equal. {BARS}"
        differences = f"measures.compare_subsets(results, {[f'{checkpoint}_{robust}' for checkpoint in CHECKPOINTS]})"
        call = write_call("plot_effects", f"measures.collect_effects({differences}, {robust!r}, {title!r})", width)
        plot = partial(plot_effects, effects, width)
        yield from _specify_sheets("effects", "Effect of the subset", caption, plot, call)
    left_out = describe_left_out(count_constant(digest.results.completed))
    for slug, metric in (("k_robust", robust), ("k_clean", digest.clean)):
        title = describe_metric(metric, attacks)
        info = collect_sizes(tabulate_sizes(digest.results, metric), metric, title)
        if info is not None:
            start = describe_axis_start(find_size_limits(cut_sizes(info)[0]))
            chart = plot_sizes(info, digest.register, width)
            caption = f"Test set, {digest.seeds_text}. {BARS}{start} {left_out} {chart.note}".rstrip()
            sizes = f"measures.collect_sizes(measures.tabulate_sizes(results, {metric!r}), {metric!r}, {title!r})"
            call = write_call("plot_sizes", sizes, width, REGISTER)
            yield FigureSpec(slug, f"Number of training examples against {title}", caption, chart, call)


def specify_knobs(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify figures of accuracy along the numeric axes of a grid, and along hyperparameters drawn from ranges."""
    metrics = [metric for metric in (digest.robust, digest.clean) if metric in digest.results.final_metrics()]
    left_out = describe_left_out(count_constant(digest.results.completed))
    for place, grid in enumerate(collect_grids(digest.results, metrics) if metrics else []):
        caption = f"Along a line everything else is equal. Test set, {digest.seeds_text}. "
        caption += BARS if is_single(grid) else f"The {len(grid.lines)} lines have no bars of standard errors."
        caption += f" {left_out}" * bool(left_out)
        slug, chart = f"along_{_make_slug(grid.path)}", plot_grid(grid, digest.register, width)
        call = write_call("plot_grid", f"measures.collect_grids(results, {metrics})[{place}]", width, REGISTER)
        yield FigureSpec(slug, f"Accuracy against {grid.knob}", caption, chart, call)
    info = collect_knobs(digest.results, metrics) if metrics else None
    if info is not None:
        caption = (
            f"Each point is a completed configuration at the {name_checkpoint(digest)}; {digest.seeds_text}. {BARS} A "
            "search samples where it expects high accuracy: the density of points shows where it sampled, not the "
            f"effect of the hyperparameter. {left_out}"
        ).rstrip()
        chart = plot_knobs(info, digest.register, width)
        call = write_call("plot_knobs", f"measures.collect_knobs(results, {metrics})", width, REGISTER)
        yield FigureSpec("knobs", "Accuracy along each hyperparameter", caption, chart, call)


def specify_importance(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify the figure of the importance of knobs, if two of them vary."""
    info = digest.importance
    if info is None:
        return
    counts = sorted(set(info.table["configurations"]))
    configurations = " or ".join(map(str, counts)) if len(counts) < 3 else f"{counts[0]} to {counts[-1]}"
    best = sorted({count_best(count) for count in counts})
    top = " or ".join(map(str, best)) if len(best) < 3 else f"{best[0]} to {best[-1]}"
    caption = (
        f"Objectives are those of the search at the {describe_checkpoint(info.checkpoint, digest.results.completed)}, "
        f"over {configurations} configurations, means over {digest.seeds_text}. fANOVA: share of the variance of a "
        "random forest, over the whole space, that a knob explains alone; the rest are interactions and noise. "
        f"PED-ANOVA: how much the best {top} configurations differ from all along a knob, as a share of the sum "
        "over knobs."
    )
    caption += f" {JACKKNIFE}" * bool(info.table["hi"].notna().any())
    caption += f" Left out: {'; '.join(info.left_out)}." * bool(info.left_out)
    call = write_call("plot_importance", "measures.measure_importance(results)", width)
    plot = partial(plot_importance, info, width)
    yield from _specify_sheets("importance", "Importance of each knob for each objective", caption, plot, call)


def specify_curves(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify learning curves of robust and clean accuracy, and of accuracy under further attacks.

    If panels are crowded, validation and training have separate figures, unless a page has no room for all panels: one
    that leaves out panels leaves out these curves too, which the table of epochs has.
    """
    attacks = digest.results.attacks
    further = {name: f"accuracy under {shorten_attack(name, attacks)}" for name in digest.results.along}
    for kind, name in ({"pgd": "robust accuracy", "clean": "clean accuracy"} | further).items():
        info = collect_curves(digest.results, kind)
        if info is None:
            continue
        shown, note = cut_curves(info)
        selects = digest.results.selects and kind not in further
        measured = {"test": True, "val": selects, "train": shown.has("train")}
        apart = is_crowded(shown) and not note
        for split in (split for split in measured if measured[split]) if apart else ("test",):
            caption = f"{_describe_curves(digest, shown, split, selects)} {note}".rstrip()
            slug = f"curves_along_{kind}" if kind in further else f"curves_{name.split()[0]}"
            slug, end = (slug, "") if split == "test" else (f"{slug}_{NAMES[split]}", NAMES[split])
            chart = plot_curves(info, digest.register, width, split)
            more = REGISTER if split == "test" else f"{REGISTER}, split={split!r}"
            call = write_call("plot_curves", f"measures.collect_curves(results, {kind!r})", width, more)
            topic = ", ".join(filter(None, (f"Learning curves, {name}", end)))
            yield FigureSpec(slug, topic, caption, chart, call)


def _describe_curves(digest: ReportData, info: Curves, split: str, selects: bool) -> str:
    """Describe what the figure of learning curves whose main split is `split` shows."""
    name, limits = name_accuracy(info, split), find_curve_limits(info, split)
    text = f"{name[:1].upper()}{name[1:]}; {digest.seeds_text}. {BARS}"
    if split == "test" and selects:
        text += (
            " The dot is test accuracy at the selected epoch: the mean over seeds, each at the epoch that validation "
            "selects for it, drawn at the median of these epochs."
        )
    if "train" in list_splits(info, split):
        text += (
            " Training accuracy is that on the examples trained on. It is measured as on test: after the epoch, in "
            "eval mode, without augmentation, under the same attack."
        )
    if len(info.panels) > 1:
        text += f" All panels {'have the same range' if can_share_range(limits) else 'span the same number of points'}."
    return text + describe_axis_start(limits)


def specify_gaps(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify the figure of the best on test and the last robust accuracy."""
    attack = shorten_attack("pgd", digest.results.attacks)
    info = collect_gaps(digest.gaps, attack)
    if info is not None:
        caption = (
            f"Attack: {digest.results.attacks.get('pgd', attack)}; {digest.seeds_text}. {BARS} Best on test is a "
            "maximum over noisy evaluations. Compare best − last with its floor: the value to expect of a curve with "
            "the same scatter that climbs and never falls. A black mark says that the trend along the plateau falls, "
            "by its 95 % t-interval."
        )
        topic = (
            "Best on test, selected and last robust accuracy"
            if digest.results.selects
            else "Best on test and last robust accuracy"
        )
        gaps = f"measures.collect_gaps(measures.measure_overfitting(results), {attack!r})"
        call = write_call("plot_gaps", gaps, width)
        yield from _specify_sheets("overfitting", topic, caption, partial(plot_gaps, info, width), call)


def specify_classes(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify figures of accuracy by class: at a checkpoint, and the mean over epochs if recorded along training."""
    for checkpoint, when, slug, topic in (
        (digest.results.checkpoint, f"at the {name_checkpoint(digest)}", "classes", "Accuracy by class"),
        (MEAN, "averaged over the measured epochs", "classes_mean", "Accuracy by class, mean over epochs"),
    ):
        info = collect_classes(digest.results, digest.classes, checkpoint)
        if info is None:
            continue
        subset = describe_images(f"test_{info.robust}_acc", digest.results.attacks)
        measured = f", measured{subset}" if subset else ""
        caption = f"Test accuracy of each class{measured}, {when}; darker is higher. Means over {digest.seeds_text}"
        error = cut_classes(info)[0].error
        caption += f", with standard errors up to {error:.1f} points" if np.isfinite(error) else ""
        caption += ". The last panel is accuracy under PGD minus accuracy under AutoAttack: masked gradients" * (
            len(info.panels) > 2
        )
        classes = f"measures.collect_classes(results, measures.tabulate_classes(results), {checkpoint!r})"
        call = write_call("plot_classes", classes, width)
        yield from _specify_sheets(slug, topic, f"{caption}.", partial(plot_classes, info, width), call)


def specify_groups(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify figures of how difficulty groups train."""
    curves = {one.title: measure_profile_groups(digest.results, one, GROUP_CURVES) for one in digest.rankings}
    known = {name: found for name, found in curves.items() if len(found)}
    if known:
        groups = f"measures.measure_profile_groups(results, one, {GROUP_CURVES})"
        call = write_call("plot_groups", f"{{one.title: {groups} for one in results.profile_rankings}}", width)
        plot, topic = partial(plot_groups, known, width), "Difficulty groups along training"
        yield from _specify_sheets("groups", topic, _describe_groups(known), plot, call)


def specify_rankings(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify figures of the images at both ends of each ranking."""
    for place, ranking in enumerate(digest.rankings):
        info = collect_gallery(digest.results, ranking)
        if info is not None:
            caption = f"The {PER_CLASS} friendliest and {PER_CLASS} most problematic training examples of each class, "
            caption += f"by {ranking.score}{_describe_source(ranking)}."
            if info.flipped.any():
                caption += " A coloured frame marks a flipped label; the text gives the label before the flip."
            if info.known > len(info.classes):
                caption += f" Only the first {len(info.classes)} of {info.known} classes are shown."
            slug, name = (
                f"gallery_{_make_slug(ranking.title)}",
                f"Friendliest and most problematic images, {ranking.title}",
            )
            gallery = f"measures.collect_gallery(results, results.profile_rankings[{place}])"
            call = write_call("plot_gallery", gallery, width)
            yield FigureSpec(slug, name, caption, plot_gallery(info, width), call)


def _describe_groups(known: dict[str, pd.DataFrame]) -> str:
    """Describe the figure of difficulty groups."""
    trials = max(int(found["n"].max()) for found in known.values())
    shown = ", ".join(f"G{group}" for group in SHOWN_GROUPS)
    return (
        f"Training examples are divided into {GROUPS} groups by difficulty, of which {shown} are drawn; G0 is the "
        f"hardest tenth. Lines are means over the profiling trials ({format_seeds(trials)}) under the training attack; "
        "bands are one standard error over these trials. Groups are formed by the mean loss in these same trainings: "
        "their order in loss holds by construction, and extreme groups look more extreme than they would in other "
        "trainings. Liu et al. 2021 form groups in this way; Dong et al. 2021, Figure 15a, form them by problematic "
        "rank."
    )


def _specify_sheets(slug: str, title: str, caption: str, plot: Callable[..., Chart], call: str) -> Iterator[FigureSpec]:
    """Specify a figure on several sheets, which `plot(sheet=…)` makes; the title of each has its number."""
    first = plot()
    for number in range(1, first.sheets + 1):
        which = f" ({number} of {first.sheets})" if first.sheets > 1 else ""
        chart, by = (first, call) if number == 1 else (plot(sheet=number), f"{call[:-1]}, sheet={number})")
        name = slug if number == 1 else f"{slug}_{number}"
        yield FigureSpec(name, title + which, f"{caption} {first.note}".rstrip(), chart, by)


def _describe_source(ranking: Ranking) -> str:
    """Describe the trainings behind a ranking; a ranking from a file has none here."""
    return f" over {format_seeds(len(ranking.trials))}" if ranking.trials else ", as given in its file"


def _make_slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("_")
