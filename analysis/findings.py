"""The key findings in words, computed from the records; each says how many seeds stand behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from analysis.comparisons import describe_comparisons, describe_multiplicity, title_finding
from analysis.front import FrontPanel
from analysis.masking import LARGE, Reversals, masked, reference, reversals
from analysis.metrics import EPOCH_METRIC, count_images, parse_attack, shorten_attack
from analysis.report_data import ReportData
from analysis.results import Results
from analysis.stats import CONFIDENCE, POINTS, Estimate, format_count, format_seeds, t_quantile

MOST = 4  # names that are listed one by one
NO_HOLD_OUT = (
    "Not all trainings hold out validation examples (data.val: 0): nothing is selected, all is of the last epoch."
)


def findings(digest: ReportData) -> list[tuple[str, str]]:
    """(what it is about, the finding) pairs."""
    if digest.front is None:
        return [("No result yet", digest.no_front)]
    fronts = [
        (title_finding("Front", panel.title), _front(panel, digest.results.selects)) for panel in digest.front.panels
    ]
    parts = (_one_seed, _masking, describe_comparisons, _overfitting, _rankings, _endings)
    first, *others = [list(part(digest)) for part in parts]
    return [*first, *fronts, *(finding for part in others for finding in part)]


def limits(digest: ReportData) -> list[str]:
    """What the numbers cannot say."""
    marked = "What validation selects is marked." if digest.results.selects else NO_HOLD_OUT
    found = [
        "± is one standard error over seeds: initialisation, order of batches, random subsets. There is "
        f"{_drawn_once(digest.results)} per setting, so it understates what another draw of the data would change. "
        f"A t-interval of three seeds reaches {t_quantile(3):.1f} standard errors to each side and takes seeds to be "
        "normal and independent.",
        "The front shows test accuracies of all configurations tried; choosing among them on the test set "
        f"would be selection on test. {marked}",
        "The best epoch on test is a maximum over noisy evaluations and serves only to measure overfitting. "
        "Its floor is what a curve of equal scatter that is flat once it has climbed would show.",
    ]
    if compared := describe_multiplicity(digest):
        found.append(compared)
    if sampling := _sampling(digest):
        found.insert(1, sampling)
    if digest.robust and not digest.results.attacks.get(parse_attack(digest.robust) or "", "").startswith("AutoAttack"):
        found.append("No AutoAttack was run: whether a method masks its gradients from PGD cannot be seen here.")
    return found


def _sampling(digest: ReportData) -> str:
    """What the number of test images adds to an error; of the robust accuracy that the front and its tables show."""
    robust, test = digest.robust or EPOCH_METRIC, float(digest.results.completed["test_examples"].max())
    p = float(digest.results.completed.get(f"{digest.results.checkpoint}_{robust}", pd.Series(dtype=float)).mean())
    if not (math.isfinite(test) and math.isfinite(p)):
        return ""
    n = count_images(digest.results.attacks.get(parse_attack(robust) or "", ""), test)
    attacked = f", of which the attack had {n:.0f}" if n < test else ""
    return (
        f"The test set has {test:.0f} examples{attacked}: a single robust accuracy has a binomial standard error "
        f"of {POINTS * math.sqrt(p * (1 - p) / n):.1f} points on top (less for paired differences)."
    )


def _drawn_once(results: Results) -> str:
    """What no seed draws anew, of what the study has."""
    flipped = any(outcome.get("data", {}).get("flipped") for outcome in results.outcomes.values())
    ranked = any(trial.get("ranks") for trial in results.plan["trials"])
    once = ["one data split", *["one draw of flipped labels"] * flipped, *["one ranking"] * ranked]
    return " and ".join(filter(None, [", ".join(once[:-1]), once[-1]]))


def _one_seed(digest: ReportData) -> Iterator[tuple[str, str]]:
    if digest.seeds == 1:
        yield (
            "One seed",
            "Each configuration ran once, so no standard error exists: read this as a demonstration. "
            "Differences of a point or two may be noise; add replicates to the space and run it again.",
        )


def _endings(digest: ReportData) -> Iterator[tuple[str, str]]:
    diverged = digest.gaps[digest.gaps["diverged"] > 0]
    if len(diverged):
        names = "; ".join(f"{row['name']} ({row['diverged']})" for _, row in diverged.iterrows())
        yield "Diverged trials", f"Never on a front, by number of seeds: {names}."
    constant = digest.gaps[digest.gaps["constant"] > 0]
    if len(constant):
        names = "; ".join(f"{row['name']} ({row['constant']})" for _, row in constant.iterrows())
        yield (
            "Constant networks",
            "They name one class whatever the image, at the selected epoch or the last: never on a front, in no "
            f"comparison, and no evidence of overfitting. By number of seeds: {names}.",
        )
    done = digest.results.completed
    early = done[done["best_epoch"] < done["burn_in"]]
    if len(early):
        names = "; ".join(f"{name} ({n})" for name, n in early.groupby("family", sort=False).size().items())
        yield (
            "Best within a burn-in",
            "The selected epoch lies before the method's weights or targets act, averages are taken or examples are "
            "dropped, so that its numbers, and best less last, say nothing of what the training is named by: "
            f"trial.select: {{from: burn-in}} selects behind it. By number of trainings: {names}.",
        )


def _masking(digest: ReportData) -> Iterator[tuple[str, str]]:
    """What the strongest attack finds that PGD does not: gaps larger than that of plain PGD training, other orders."""
    if digest.masking.empty:
        return
    attacks, robust = digest.results.attacks, digest.robust or EPOCH_METRIC
    weak, strong = shorten_attack("pgd", attacks), shorten_attack(parse_attack(robust) or "", attacks)
    auto = attacks.get(parse_attack(robust) or "", "").startswith("AutoAttack")
    for setting, table in digest.masking.groupby("setting", sort=False):
        plain = reference(table)
        least = table.sort_values("gap").iloc[0] if plain is None else plain
        against = "the smallest gap (no plain PGD training is in the study)" if plain is None else "plain PGD training"
        found = masked(table, float(least["gap"]))
        gap = f"what {weak} leaves and {strong} does not is {_point(least, 'gap')} points for {least['choice']}, "
        gap += against
        if len(found):
            named = [f"{row['choice']} {_point(row, 'gap')}" for _, row in found.iterrows()]
            text = (
                f"{gap}, and larger by {POINTS * LARGE:.0f} points and more for {_first(named)}: trust {strong} there."
            )
            yield title_finding("Masked gradients", str(setting)), text
        elif auto:
            text = f"{gap}; at most {POINTS * table['gap'].max():.1f} for any other, so none is larger by "
            yield (
                title_finding("No sign of masked gradients", str(setting)),
                f"{text}{POINTS * LARGE:.0f} points beyond its error.",
            )
        turned = reversals(digest.results, table, robust)
        if (auto or turned.certain) and (text := _order(turned, weak, strong)):
            yield title_finding(f"{strong} reverses {weak}'s order", str(setting)), text


def _order(found: Reversals, weak: str, strong: str) -> str:
    """How many pairs are in another order under the strongest attack, and those where no chance of seeds says so."""
    if not found.reversed:
        return ""
    text = f"{found.reversed} of {format_count(found.pairs, 'pair')} of configurations are in another order"
    if not found.certain:
        return f"{text}; none of these by both 95 % t-intervals, so seeds may have done it."
    named = [
        f"{it.better} against {it.worse}: {it.weak.text(True)} under {weak}, {it.strong.text(True)} under {strong}"
        for it in found.widest
    ]
    more = f" and {found.certain - len(named)} more" if found.certain > len(named) else ""
    return f"{text}, {found.certain} of them by more than seeds explain: {'; '.join(named)}{more}."


def _front(panel: FrontPanel, selects: bool) -> str:
    members = panel.points[panel.points["on_front"]].sort_values("x", ascending=False)
    named = [f"{row['choice']} (clean {_point(row, 'x')}, robust {_point(row, 'y')})" for _, row in members.iterrows()]
    chosen = panel.points.loc[panel.points["selected"], "choice"]
    text = f"{len(members)} of {len(panel.points)} configurations are on it: {_first(named)}."
    return f"{text} Validation would select {_first(list(chosen))}." if selects else text


def _first(names: list[str]) -> str:
    """The first few of some names, and how many more there are."""
    if not names:
        return "none"
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return "; ".join(names[:MOST]) + more


def _point(row: pd.Series, axis: str) -> str:
    return Estimate(row[axis], row[f"{axis}_se"], row["n"]).text()


def _overfitting(digest: ReportData) -> Iterator[tuple[str, str]]:
    attack = shorten_attack("pgd", digest.results.attacks)
    by = f" by their {CONFIDENCE:.0%} t-interval" if digest.seeds > 1 else ""
    gaps = digest.gaps[digest.gaps["robust_overfitting"].notna() & (digest.gaps["constant"] == 0)]
    for setting, known in gaps.groupby("setting", sort=False):
        worst = known.sort_values("robust_overfitting").iloc[-1]
        gap, val = (
            Estimate(worst[name], worst[f"{name}_se"], worst["n"])
            for name in ("robust_overfitting", "robust_overfitting_val")
        )
        floors = known[known["floor"].notna()]
        above = sum(_lowest(row) > row["floor"] for row in floors.to_dict("records"))
        exceed = f" {above} of {len(floors)} configurations exceed their floor{by}." if len(floors) else ""
        selected = f"{val.text()} from the validation-selected epoch; " if digest.results.selects else ""
        yield (
            title_finding("Robust overfitting", str(setting)),
            f"largest for {worst['choice']}: {gap.text()} points of {attack} from the best epoch on test "
            f"to the last ({selected}floor {_number(worst['floor'])}; "
            f"{format_seeds(worst['n'])}).{exceed}",
        )


def _lowest(row: Mapping[Any, Any]) -> float:
    """The lower end of the interval of best − last; its value of one seed."""
    gap = Estimate(row["robust_overfitting"], row["robust_overfitting_se"], row["n"])
    return gap.mean - (gap.half_width if gap.n > 1 else 0.0)


def _number(share: float) -> str:
    return "unknown" if math.isnan(share) else f"{POINTS * share:.1f}"


def _rankings(digest: ReportData) -> Iterator[tuple[str, str]]:
    """Whether the ranking found the flipped labels, and which subsets left them out."""
    counts = digest.counts
    for ranking in digest.rankings:
        seen = digest.detections.get(ranking.name)
        if seen is None:
            continue
        here = counts[(counts["setting"] == ranking.setting) & (counts["flipped_out"] > 0)] if len(counts) else counts
        left_out = [f"{row['subset']} {row['flipped_out']:.3g}" for row in here.to_dict("records")]
        text = (
            f"{round(seen.found, 1):.10g} of the {seen.flipped} flipped labels are among the {seen.flipped} examples "
            f"that {ranking.score} ranks most problematic, out of {len(ranking.y)} (AUC {seen.auc:.3f})."
        )
        if left_out:
            text += f" Flipped labels that a subset leaves out, on average: {', '.join(left_out)}."
        yield title_finding("Flipped labels", ranking.title), text
