"""Which figures a report has, with what each says in words: its seeds and its attack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from analysis.classes import MEAN
from analysis.difficulty import GROUPS, GroupCurves, compute_group_curves, tabulate_sizes
from analysis.figure_classes import classes_info, classes_size, draw_classes
from analysis.figure_curves import (
    NAMES,
    SHOWN_GROUPS,
    SHOWN_RANKINGS,
    Curves,
    curves_info,
    curves_size,
    draw_curves,
    draw_groups,
    groups_size,
)
from analysis.figure_front import band_words, draw_front, front_size
from analysis.figure_gaps import draw_effects, draw_gaps, effects_info, gaps_info, rows_size
from analysis.figure_grid import draw_grid, grid_size, grids_info
from analysis.figure_knobs import draw_knobs, knobs_info, knobs_size
from analysis.figure_rows import PAGE
from analysis.figure_subsets import (
    PER_CLASS,
    draw_gallery,
    draw_sizes,
    gallery_info,
    gallery_size,
    sizes_info,
)
from analysis.figures import WIDTH, Draw, FigureSpec, cut_off, near, panels_size
from analysis.instances import Ranking
from analysis.metrics import describe_images, describe_metric, shorten_attack
from analysis.report_data import ReportData
from analysis.stats import format_seeds

BARS = "Bars and bands are one standard error over seeds."


def epoch_of(digest: ReportData) -> str:
    """The checkpoint whose numbers a figure shows, in words."""
    return "epoch that validation selects" if digest.results.selects else "last epoch"


def front_drawing(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """The Pareto front."""
    found = digest.front
    if found is not None:
        caption = (
            f"{found.note}{found.keys.words} Numbers are those of the table of members; one that would cover another "
            f"is left out. Bars are one standard error over seeds.{band_words(found)} "
        )
        caption += "Rings mark what validation would select. " * digest.results.selects
        caption += "The front over test accuracies describes, it never selects."
        size, what = front_size(found, width), "Clean against robust test accuracy"
        yield FigureSpec("front", what, caption, size, lambda figure: draw_front(figure, found))


def effect_drawings(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """What the choice and the number of examples change."""
    if digest.robust is None:
        return
    attacks, robust = digest.results.attacks, digest.robust
    effects = effects_info(digest.subset_effects, robust, describe_metric(robust, attacks))
    if effects is not None:
        caption = f"Paired by seed, {digest.seeds_text}, everything else equal. {BARS}"
        caption += _left_out(
            effects.left_out, "comparisons, later in the order of the plan within each problem,", "subset_effects"
        )
        yield from _sheets(
            "effects", "Effect of the subset", caption,
            [(rows_size(page, width), partial(draw_effects, info=page)) for page in effects.pages()],
        )  # fmt: skip
    for slug, metric in (("k_robust", robust), ("k_clean", digest.clean)):
        info = sizes_info(tabulate_sizes(digest.results, metric), metric, describe_metric(metric, attacks))
        if info is not None:
            caption = f"{digest.seeds_text}. {BARS} Test set.{cut_off(info.limits)}"
            caption += _left_out(info.left_out, "panels, later in the order of the plan within each problem,", "trials")
            what = f"Examples trained on against {describe_metric(metric, attacks)}"
            size = panels_size(info.titles, info.settings, width)
            yield FigureSpec(slug, what, caption, size, partial(draw_sizes, info=info, register=digest.register))


def knob_drawings(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Accuracies along the numeric axes of a grid, and along the knobs that were drawn from ranges."""
    metrics = [metric for metric in (digest.robust, digest.clean) if metric in digest.results.final_metrics()]
    for grid in grids_info(digest.results, metrics) if metrics else []:
        caption = f"Everything else is equal along a line; test set, {digest.seeds_text}. "
        caption += BARS if grid.single else f"{len(grid.lines)} lines, without their standard errors."
        what, size = f"Accuracy against {grid.knob}", grid_size(grid, width)
        draw = partial(draw_grid, info=grid, register=digest.register)
        yield FigureSpec(f"along_{_slug(grid.path)}", what, caption, size, draw)
    info = knobs_info(digest.results, metrics) if metrics else None
    if info is not None:
        caption = (
            f"A point a configuration that ran to its end, at the {epoch_of(digest)}; {digest.seeds_text}. "
            f"{BARS} A search draws where it expects much: a crowd says where it looked, not what the knob is worth."
        )
        draw = partial(draw_knobs, info=info, register=digest.register)
        yield FigureSpec("knobs", "Along each knob", caption, knobs_size(info, width), draw)


def curve_drawings(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Learning curves of robust and clean accuracy, and under further attacks.

    Of many lines validation and training are drawn apart from test.
    """
    attacks = digest.results.attacks
    further = {name: f"accuracy under {shorten_attack(name, attacks)}" for name in digest.results.along}
    for kind, what in ({"pgd": "robust accuracy", "clean": "clean accuracy"} | further).items():
        info = curves_info(digest.results, kind)
        if info is None:
            continue
        selects = digest.results.selects and kind not in further
        measured = {"test": True, "val": selects, "train": info.has("train")}
        for split in (it for it in measured if measured[it]) if info.crowded else ("test",):
            caption = _curves_caption(digest, info, split, selects)
            slug = f"curves_along_{kind}" if kind in further else f"curves_{what.split()[0]}"
            slug, end = (slug, "") if split == "test" else (f"{slug}_{NAMES[split]}", NAMES[split])
            draw = partial(draw_curves, info=info, register=digest.register, split=split)
            topic = ", ".join(filter(None, (f"Learning curves, {what}", end)))
            yield FigureSpec(slug, topic, caption, curves_size(info, width), draw)


def _curves_caption(digest: ReportData, info: Curves, split: str, selects: bool) -> str:
    """What a figure of learning curves that begins with `split` shows, and what it leaves out."""
    name, limits = info.named(split), info.limits(split)
    text = f"{name[:1].upper()}{name[1:]}; {digest.seeds_text}. {BARS}"
    if split == "test" and selects:
        text += (
            " The dot is test accuracy at the epoch that validation selects, the mean over seeds, each at its own "
            "epoch, drawn at the median of these."
        )
    if "train" in info.beside(split):
        text += (
            " Training accuracy is that on the examples trained on, measured as on test: after the epoch, in eval "
            "mode, without augmentation, under the same attack."
        )
    if len(info.panels) > 1:
        text += f" All panels {'have one range' if near(limits) else 'span the same number of points'}."
    return (
        text + cut_off(limits) + _left_out(info.left_out, "panels, lower on validation within their problem,", "epochs")
    )


def gap_drawing(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Best against last."""
    attack = shorten_attack("pgd", digest.results.attacks)
    info = gaps_info(digest.gaps, attack)
    if info is not None:
        caption = (
            f"Attack: {digest.results.attacks.get('pgd', attack)}; {digest.seeds_text}. {BARS} Best − last on test "
            "is a maximum over noisy evaluations: compare it with its floor, which a curve shows that is flat once it "
            "has climbed."
        ) + _left_out(info.left_out, "configurations, which overfit less within their problem,", "overfitting")
        what = "Best, selected and last robust accuracy" if digest.results.selects else "Best and last robust accuracy"
        yield from _sheets(
            "overfitting", what, caption,
            [(rows_size(page, width), partial(draw_gaps, info=page)) for page in info.pages()],
        )  # fmt: skip


def class_drawing(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """Accuracy class by class: at a checkpoint, and where it was recorded along training its mean over epochs."""
    for checkpoint, when, slug, topic in (
        (digest.results.checkpoint, f"at the {epoch_of(digest)}", "classes", "Accuracy class by class"),
        (MEAN, "as a mean over the epochs measured", "classes_mean", "Accuracy class by class, mean over epochs"),
    ):
        info = classes_info(digest.results, digest.classes, checkpoint)
        if info is None:
            continue
        on = describe_images(f"test_{info.robust}_acc", digest.results.attacks)
        caption = (
            f"Accuracy on the test examples of each class{on} {when}, the darker the more; means over "
            f"{digest.seeds_text}"
        )
        caption += f", standard errors up to {info.error:.1f} points" if np.isfinite(info.error) else ""
        caption += ". The last panel is what PGD leaves and AutoAttack does not: masked gradients" * (
            len(info.panels) > 2
        )
        caption += "."
        if info.left_out:
            caption += f" Of each problem {PAGE} configurations at most, its methods in turn, the best first."
            caption += _left_out(info.left_out, "configurations", "classes")
        sheets = [(classes_size(page, width), partial(draw_classes, info=page)) for page in info.pages(width)]
        yield from _sheets(slug, topic, caption, sheets)


def ranking_drawings(digest: ReportData, width: float = WIDTH) -> Iterator[FigureSpec]:
    """How ranked groups train, and what the ranking's ends look like."""
    curves = {ranking.title: compute_group_curves(digest.results, ranking) for ranking in digest.rankings}
    known = {name: found for name, found in curves.items() if found is not None}
    if known:
        pairs = [
            dict([*known.items()][start : start + SHOWN_RANKINGS]) for start in range(0, len(known), SHOWN_RANKINGS)
        ]
        sheets = [(groups_size(pair, width), partial(draw_groups, info=pair)) for pair in pairs]
        yield from _sheets("groups", "Difficulty groups along training", _groups_caption(known), sheets)
    for ranking in digest.rankings:
        info = gallery_info(digest.results, ranking)
        if info is not None:
            caption = f"The {PER_CLASS} friendliest and {PER_CLASS} most problematic training examples of each class, "
            caption += f"by {ranking.score}{_over(ranking)}."
            if info.flips:
                caption += " A coloured frame marks a flipped label; the text gives the label before the flip."
            if info.known > len(info.classes):
                caption += f" The first {len(info.classes)} of {info.known} classes."
            size = gallery_size(info, width)
            name = f"Friendliest and most problematic images, {ranking.title}"
            yield FigureSpec(
                f"gallery_{_slug(ranking.title)}", name, caption, size,
                lambda f, info=info: draw_gallery(f.subplots(), info),  # type: ignore[misc]
            )  # fmt: skip


def _groups_caption(known: dict[str, GroupCurves]) -> str:
    trials = max(found.trials for found in known.values())
    shown = ", ".join(f"G{group}" for group in SHOWN_GROUPS)
    return (
        f"Training examples in {GROUPS} groups by difficulty, of which {shown} are drawn; G0 is the hardest tenth. "
        f"Means over the profiling trials ({format_seeds(trials)}), under the training attack; bands are one standard "
        "error over these trials. Groups are formed by the mean loss in these same trainings, so that their order in "
        "loss is so by construction, and extremes look more extreme than they would in other trainings. Liu et al. "
        "2021 group so; Dong et al. 2021, Figure 15a, group by problematic rank."
    )


def _sheets(
    slug: str, title: str, caption: str, sheets: Sequence[tuple[tuple[float, float], Draw]]
) -> Iterator[FigureSpec]:
    """A figure on as many sheets as it takes; each says which it is."""
    for number, (size, draw) in enumerate(sheets, 1):
        which = f" ({number} of {len(sheets)})" if len(sheets) > 1 else ""
        yield FigureSpec(slug if number == 1 else f"{slug}_{number}", title + which, caption, size, draw)


def _over(ranking: Ranking) -> str:
    """The trainings behind a ranking; one that was read from a file has none here."""
    return f" over {format_seeds(len(ranking.trials))}" if ranking.trials else ", as its file has it"


def _left_out(count: int, what: str, table: str) -> str:
    return f" {count} more {what} are in tables/{table}.csv." if count else ""


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("_")
