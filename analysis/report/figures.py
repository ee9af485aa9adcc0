"""The figures of a report, each with a title and a caption that states its seeds and its attack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from analysis.charts.classes import draw_classes, size_classes, split_class_pages
from analysis.charts.curves import draw_curves, find_curve_limits, is_crowded, list_splits, name_accuracy, size_curves
from analysis.charts.effects import draw_effects, split_effect_pages
from analysis.charts.front import draw_front, size_front
from analysis.charts.front_keys import assign_keys
from analysis.charts.gallery import draw_gallery, size_gallery
from analysis.charts.grid import draw_grid, is_single, size_grid
from analysis.charts.groups import SHOWN_COLUMNS, SHOWN_GROUPS, draw_groups, size_groups
from analysis.charts.importance import draw_importance, size_importance, split_importance_pages
from analysis.charts.knobs import draw_knobs, size_knobs
from analysis.charts.overfitting import draw_gaps, split_gap_pages
from analysis.charts.panels import can_share_range, describe_axis_start, list_settings, size_panels, title_panels
from analysis.charts.rows import size_rows
from analysis.charts.saving import WIDTH, Draw, FigureSpec
from analysis.charts.sizes import draw_sizes, find_size_limits
from analysis.measures.classes import MEAN, collect_classes
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
from analysis.results.metrics import describe_images, describe_metric, shorten_attack
from analysis.results.page_cut import MAX_PANELS, MAX_ROWS, PAGE_ROWS, cut_each, cut_in_turn
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


def name_checkpoint(digest: ReportData) -> str:
    """Name the checkpoint whose numbers a figure shows."""
    return "epoch that validation selects" if digest.results.selects else "last epoch"


def specify_front(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify the figure of the Pareto front, if there is one."""
    found = digest.front
    if found is not None:
        keys = assign_keys(found, digest.register)
        caption = (
            f"{found.note}{keys.words} Numbers are those of the table of members; a number that would cover "
            f"another is omitted. Bars are one standard error over seeds.{describe_band(found)} "
        )
        caption += "Faint points are off the front. "
        caption += "A diamond marks the knee, farthest from the chord between the ends of the front. " * bool(
            any(panel.points["knee"].any() for panel in found.panels)
        )
        caption += "Rings mark the configurations that validation would select. " * digest.results.selects
        caption += "The front over test accuracies is descriptive and never used for selection."
        size, topic = size_front(found, width), "Clean against robust test accuracy"
        yield FigureSpec("front", topic, caption, size, lambda figure: draw_front(figure, found, keys))


def specify_effects(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify the figures of what the choice and the number of training examples change."""
    if digest.robust is None:
        return
    attacks, robust = digest.results.attacks, digest.robust
    effects = collect_effects(digest.subset_effects, robust, describe_metric(robust, attacks))
    if effects is not None:
        cut = cut_in_turn(effects.settings, MAX_ROWS)
        note = cut.describe("comparisons", "the first of each problem in the plan", "subset_effects")
        caption = f"Differences are paired by seed ({digest.seeds_text}), with everything else equal. {BARS} {note}"
        sheets = [
            (size_rows(page.names, page.settings, width), partial(draw_effects, info=page, note=note))
            for page in split_effect_pages(effects.take(cut.rows))
        ]
        yield from _specify_sheets("effects", "Effect of the subset", caption, sheets)
    for slug, metric in (("k_robust", robust), ("k_clean", digest.clean)):
        info = collect_sizes(tabulate_sizes(digest.results, metric), metric, describe_metric(metric, attacks))
        if info is not None:
            cut = cut_each(list_settings(info.panels), MAX_PANELS)
            note = cut.describe("panels", "the first of each problem in the plan", "trials")
            info = info.take(cut.rows)
            caption = (
                f"Test set, {digest.seeds_text}. {BARS}{describe_axis_start(find_size_limits(info))} {note}".rstrip()
            )
            topic = f"Number of training examples against {describe_metric(metric, attacks)}"
            size = size_panels(title_panels(info.panels), list_settings(info.panels), width)
            draw = partial(draw_sizes, info=info, register=digest.register, note=note)
            yield FigureSpec(slug, topic, caption, size, draw)


def specify_knobs(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify figures of accuracy along the numeric axes of a grid, and along hyperparameters drawn from ranges."""
    metrics = [metric for metric in (digest.robust, digest.clean) if metric in digest.results.final_metrics()]
    for grid in collect_grids(digest.results, metrics) if metrics else []:
        caption = f"Along a line everything else is equal. Test set, {digest.seeds_text}. "
        caption += BARS if is_single(grid) else f"The {len(grid.lines)} lines have no bars of standard errors."
        topic, size = f"Accuracy against {grid.knob}", size_grid(grid, width)
        draw = partial(draw_grid, info=grid, register=digest.register)
        yield FigureSpec(f"along_{_make_slug(grid.path)}", topic, caption, size, draw)
    info = collect_knobs(digest.results, metrics) if metrics else None
    if info is not None:
        caption = (
            f"Each point is a completed configuration at the {name_checkpoint(digest)}; {digest.seeds_text}. {BARS} A "
            "search samples where it expects high accuracy: the density of points shows where it sampled, not the "
            "effect of the hyperparameter."
        )
        draw = partial(draw_knobs, info=info, register=digest.register)
        yield FigureSpec("knobs", "Accuracy along each hyperparameter", caption, size_knobs(info, width), draw)


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
    sheets = [
        (size_importance(page, width), partial(draw_importance, info=page)) for page in split_importance_pages(info)
    ]
    yield from _specify_sheets("importance", "Importance of each knob for each objective", caption, sheets)


def specify_curves(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify learning curves of robust and clean accuracy, and of accuracy under further attacks.

    If panels are crowded, validation and training have separate figures.
    """
    attacks = digest.results.attacks
    further = {name: f"accuracy under {shorten_attack(name, attacks)}" for name in digest.results.along}
    for kind, name in ({"pgd": "robust accuracy", "clean": "clean accuracy"} | further).items():
        info = collect_curves(digest.results, kind)
        if info is None:
            continue
        cut = cut_each(list_settings(info.panels), MAX_PANELS, info.best)
        note = cut.describe("panels", "the best of each problem on validation", "epochs")
        info = info.take(cut.rows)
        selects = digest.results.selects and kind not in further
        measured = {"test": True, "val": selects, "train": info.has("train")}
        for split in (split for split in measured if measured[split]) if is_crowded(info) else ("test",):
            caption = f"{_describe_curves(digest, info, split, selects)} {note}".rstrip()
            slug = f"curves_along_{kind}" if kind in further else f"curves_{name.split()[0]}"
            slug, end = (slug, "") if split == "test" else (f"{slug}_{NAMES[split]}", NAMES[split])
            draw = partial(draw_curves, info=info, register=digest.register, split=split, note=note)
            topic = ", ".join(filter(None, (f"Learning curves, {name}", end)))
            yield FigureSpec(slug, topic, caption, size_curves(info, width), draw)


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
    """Specify the figure of best and last robust accuracy."""
    attack = shorten_attack("pgd", digest.results.attacks)
    info = collect_gaps(digest.gaps, attack)
    if info is not None:
        cut = cut_in_turn(info.settings, MAX_ROWS, np.argsort(-info.gap, kind="stable").tolist())
        note = cut.describe("configurations", "the widest best − last of each problem", "overfitting")
        caption = (
            f"Attack: {digest.results.attacks.get('pgd', attack)}; {digest.seeds_text}. {BARS} Best on test is a "
            "maximum over noisy evaluations. Compare best − last with its floor: the value to expect of a curve with "
            "the same scatter that climbs and never falls. A black mark says that the trend along the plateau falls, "
            f"by its 95 % t-interval. {note}"
        )
        topic = "Best, selected and last robust accuracy" if digest.results.selects else "Best and last robust accuracy"
        sheets = [
            (size_rows(page.names, page.settings, width), partial(draw_gaps, info=page, note=note))
            for page in split_gap_pages(info.take(cut.rows))
        ]
        yield from _specify_sheets("overfitting", topic, caption, sheets)


def specify_classes(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify figures of accuracy by class: at a checkpoint, and the mean over epochs if recorded along training."""
    for checkpoint, when, slug, topic in (
        (digest.results.checkpoint, f"at the {name_checkpoint(digest)}", "classes", "Accuracy by class"),
        (MEAN, "averaged over the measured epochs", "classes_mean", "Accuracy by class, mean over epochs"),
    ):
        info = collect_classes(digest.results, digest.classes, checkpoint)
        if info is None:
            continue
        cut = cut_each(info.settings, PAGE_ROWS, info.best, info.families)
        note = cut.describe("configurations", "the best of each problem, its methods in turn", "classes")
        info = info.take(cut.rows)
        subset = describe_images(f"test_{info.robust}_acc", digest.results.attacks)
        measured = f", measured{subset}" if subset else ""
        caption = f"Test accuracy of each class{measured}, {when}; darker is higher. Means over {digest.seeds_text}"
        caption += f", with standard errors up to {info.error:.1f} points" if np.isfinite(info.error) else ""
        caption += ". The last panel is accuracy under PGD minus accuracy under AutoAttack: masked gradients" * (
            len(info.panels) > 2
        )
        caption += f". {note}"
        sheets = [
            (size_classes(page, width), partial(draw_classes, info=page, note=note))
            for page in split_class_pages(info, width)
        ]
        yield from _specify_sheets(slug, topic, caption, sheets)


def specify_groups(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify figures of how difficulty groups train."""
    curves = {one.title: measure_profile_groups(digest.results, one, GROUP_CURVES) for one in digest.rankings}
    known = {name: found for name, found in curves.items() if len(found)}
    if known:
        pairs = [dict([*known.items()][start : start + SHOWN_COLUMNS]) for start in range(0, len(known), SHOWN_COLUMNS)]
        sheets = [(size_groups(pair, width), partial(draw_groups, info=pair)) for pair in pairs]
        yield from _specify_sheets("groups", "Difficulty groups along training", _describe_groups(known), sheets)


def specify_rankings(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Specify figures of the images at both ends of each ranking."""
    for ranking in digest.rankings:
        info = collect_gallery(digest.results, ranking)
        if info is not None:
            caption = f"The {PER_CLASS} friendliest and {PER_CLASS} most problematic training examples of each class, "
            caption += f"by {ranking.score}{_describe_source(ranking)}."
            if info.flipped.any():
                caption += " A coloured frame marks a flipped label; the text gives the label before the flip."
            if info.known > len(info.classes):
                caption += f" Only the first {len(info.classes)} of {info.known} classes are shown."
            size = size_gallery(info, width)
            name = f"Friendliest and most problematic images, {ranking.title}"
            yield FigureSpec(
                f"gallery_{_make_slug(ranking.title)}", name, caption, size,
                lambda f, info=info: draw_gallery(f.subplots(), info),  # type: ignore[misc]
            )  # fmt: skip


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


def _specify_sheets(
    slug: str, title: str, caption: str, sheets: Sequence[tuple[tuple[float, float], Draw]]
) -> Iterator[FigureSpec]:
    """Specify a figure on several sheets; the title of each has its number."""
    for number, (size, draw) in enumerate(sheets, 1):
        which = f" ({number} of {len(sheets)})" if len(sheets) > 1 else ""
        yield FigureSpec(slug if number == 1 else f"{slug}_{number}", title + which, caption.rstrip(), size, draw)


def _describe_source(ranking: Ranking) -> str:
    """Describe the trainings behind a ranking; a ranking from a file has none here."""
    return f" over {format_seeds(len(ranking.trials))}" if ranking.trials else ", as given in its file"


def _make_slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("_")
