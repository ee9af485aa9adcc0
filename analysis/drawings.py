"""Which figures a report has, with what each says in words: its seeds and its attack."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from analysis.difficulty import group_curves, sizes
from analysis.digest import Digest
from analysis.figure_classes import classes_info, classes_size, draw_classes
from analysis.figure_curves import SHOWN_RANKINGS, curves_info, curves_size, draw_curves, draw_groups, groups_size
from analysis.figure_front import draw_front, front_size
from analysis.figure_gaps import draw_effects, draw_gaps, effects_info, gaps_info, rows_size
from analysis.figure_grid import draw_grid, grid_size, grids_info
from analysis.figure_knobs import draw_knobs, knobs_info, knobs_size
from analysis.figure_subsets import (
    PER_CLASS,
    draw_gallery,
    draw_sizes,
    gallery_info,
    gallery_size,
    sizes_info,
)
from analysis.figures import Drawing, near, panels_size
from analysis.instances import Ranking
from analysis.metrics import attack_title, on_images, title
from analysis.stats import seeds

BARS = "Bars and bands are one standard error over seeds."


def epoch_of(digest: Digest) -> str:
    """The checkpoint whose numbers a figure shows, in words."""
    return "epoch that validation selects" if digest.results.selects else "last epoch"


def front_drawing(digest: Digest) -> Iterator[Drawing]:
    """The Pareto front."""
    found = digest.front
    if found is not None:
        caption = f"{found.note} Numbers are those of the table of members. {BARS} "
        caption += "Rings mark what validation would select. " * digest.results.selects
        caption += "The front over test accuracies describes, it never selects."
        size, what = front_size(found), "Clean against robust test accuracy"
        yield Drawing("front", what, caption, size, lambda figure: draw_front(figure, found))


def effect_drawings(digest: Digest) -> Iterator[Drawing]:
    """What the choice and the number of examples change."""
    if digest.robust is None:
        return
    attacks, robust = digest.results.attacks, digest.robust
    effects = effects_info(digest.subset_effects, robust, title(robust, attacks))
    if effects is not None:
        caption = f"Paired by seed, {digest.seeds_text}, everything else equal. {BARS}"
        caption += _left_out(effects.left_out, "comparisons")
        size, what = rows_size(effects.names), "Effect of the subset"
        yield Drawing("effects", what, caption, size, lambda figure: draw_effects(figure, effects))
    for slug, metric in (("k_robust", robust), ("k_clean", digest.clean)):
        info = sizes_info(sizes(digest.results, metric), metric, title(metric, attacks))
        if info is not None:
            caption = f"{digest.seeds_text}. {BARS} Points of one size are moved apart a little. Test set."
            caption += _left_out(info.left_out, "panels")
            what = f"Examples trained on against {title(metric, attacks)}"
            yield Drawing(slug, what, caption, panels_size(info.panels), lambda f, info=info: draw_sizes(f, info))  # type: ignore[misc]


def knob_drawings(digest: Digest) -> Iterator[Drawing]:
    """Accuracies along the numeric axes of a grid, and along the knobs that were drawn from ranges."""
    metrics = [metric for metric in (digest.robust, digest.clean) if metric in digest.results.final_metrics()]
    for grid in grids_info(digest.results, metrics) if metrics else []:
        caption = f"Everything else is equal along a line; test set, {digest.seeds_text}. "
        caption += BARS if grid.single else f"{len(grid.lines)} lines, without their standard errors."
        what, size = f"Accuracy against {grid.knob}", grid_size(grid)
        yield Drawing(f"along_{_slug(grid.path)}", what, caption, size, lambda f, grid=grid: draw_grid(f, grid))  # type: ignore[misc]
    info = knobs_info(digest.results, metrics) if metrics else None
    if info is not None:
        caption = (
            f"A point a configuration that ran to its end, at the {epoch_of(digest)}; {digest.seeds_text}. "
            f"{BARS} A search draws where it expects much: a crowd says where it looked, not what the knob is worth."
        )
        yield Drawing("knobs", "Along each knob", caption, knobs_size(info), lambda figure: draw_knobs(figure, info))


def curve_drawings(digest: Digest) -> Iterator[Drawing]:
    """Learning curves of robust and clean accuracy."""
    for kind, what in (("pgd", "robust"), ("clean", "clean")):
        info = curves_info(digest.results, kind)
        if info is not None:
            caption = f"{info.y_title[:1].upper()}{info.y_title[1:]}; {digest.seeds_text}. {BARS}"
            caption += " The dot is the median epoch that validation selects." * digest.results.selects
            if len(info.panels) > 1:
                caption += f" All panels {'have one range' if near(info.limits) else 'span the same number of points'}."
            caption += _left_out(info.left_out, "panels, lower on validation,")
            name, size = f"Learning curves, {what} accuracy", curves_size(info)
            yield Drawing(f"curves_{what}", name, caption, size, lambda f, info=info: draw_curves(f, info))  # type: ignore[misc]


def gap_drawing(digest: Digest) -> Iterator[Drawing]:
    """Best against last."""
    attack = attack_title("pgd", digest.results.attacks)
    info = gaps_info(digest.gaps, attack)
    if info is not None:
        caption = (
            f"Attack: {digest.results.attacks.get('pgd', attack)}; {digest.seeds_text}. {BARS} Best − last on test "
            "is a maximum over noisy evaluations: compare it with its floor, which a flat curve would show."
        ) + _left_out(info.left_out, "configurations that overfit less")
        what = "Best, selected and last robust accuracy" if digest.results.selects else "Best and last robust accuracy"
        size = rows_size(info.names)
        yield Drawing("overfitting", what, caption, size, lambda figure: draw_gaps(figure, info))


def class_drawing(digest: Digest) -> Iterator[Drawing]:
    """Accuracy class by class."""
    info = classes_info(digest.results, digest.classes)
    if info is not None:
        caption = (
            f"Accuracy on the test examples of each class{on_images(digest.robust or '', digest.results.attacks)} at "
            f"the {epoch_of(digest)}, the darker the more; "
            f"means over {digest.seeds_text}"
        )
        caption += f", standard errors up to {info.error:.1f} points" if np.isfinite(info.error) else ""
        caption += ". The last panel is what PGD leaves and AutoAttack does not: masked gradients" * (
            len(info.panels) > 2
        )
        caption += "." + _left_out(info.left_out, "configurations, lower on validation,")
        size, what = classes_size(info), "Accuracy class by class"
        yield Drawing("classes", what, caption, size, lambda figure: draw_classes(figure, info))


def ranking_drawings(digest: Digest) -> Iterator[Drawing]:
    """How ranked groups train, and what the ranking's ends look like."""
    curves = {ranking.title: group_curves(digest.results, ranking) for ranking in digest.rankings}
    known = {name: found for name, found in curves.items() if found is not None}
    if known:
        caption = "Training examples in ten groups by difficulty; G0 is the hardest tenth. Means over the profiling "
        caption += f"trials ({seeds(max(found.trials for found in known.values()))}), under the training attack."
        if len(known) > SHOWN_RANKINGS:
            caption += f" Of {len(known)} rankings the first {SHOWN_RANKINGS}."
        size, what = groups_size(known), "Difficulty groups along training"
        yield Drawing("groups", what, caption, size, lambda figure: draw_groups(figure, known))
    for ranking in digest.rankings:
        info = gallery_info(digest.results, ranking)
        if info is not None:
            caption = f"The {PER_CLASS} friendliest and {PER_CLASS} most problematic training examples of each class, "
            caption += f"by {ranking.score}{_over(ranking)}."
            if info.flips:
                caption += " A coloured frame marks a flipped label; the text gives the label before the flip."
            size = gallery_size(info)
            name = f"Friendliest and most problematic images, {ranking.title}"
            yield Drawing(
                f"gallery_{_slug(ranking.title)}", name, caption, size,
                lambda f, info=info: draw_gallery(f.subplots(), info),  # type: ignore[misc]
            )  # fmt: skip


def _over(ranking: Ranking) -> str:
    """The trainings behind a ranking; one that was read from a file has none here."""
    return f" over {seeds(len(ranking.trials))}" if ranking.trials else ", as its file has it"


def _left_out(count: int, what: str) -> str:
    return f" {count} more {what} are in the tables." if count else ""


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", text).strip("_")
