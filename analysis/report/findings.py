"""The key findings and limits of a report in words, computed from the records, each with its number of seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from analysis.measures.audit import describe_audits
from analysis.measures.front import FrontPanel
from analysis.measures.masking import LARGE, Reversals, find_plain_training, find_reversals, select_masked
from analysis.measures.overfitting import find_overfitting
from analysis.measures.stats import CONFIDENCE, POINTS, Estimate, format_seeds
from analysis.report.answers import describe_interval, describe_told
from analysis.report.data import ReportData
from analysis.report.names import join_first
from analysis.report.provenance import list_fixed_draws
from analysis.results.metrics import EPOCH_METRIC, count_images, parse_attack, shorten_attack
from trainers.formatting import format_count

NO_HOLD_OUT = (
    "Not all trainings hold out validation examples (data.val: 0): nothing is selected and all numbers are of the last "
    "epoch."
)


def list_findings(digest: ReportData) -> list[tuple[str, str]]:
    """List the findings as pairs of a topic and a text."""
    if digest.front is None:
        return [("No result", f"{digest.no_front}.")]
    fronts = [
        (title_finding("Front", panel.title), _describe_front(panel, digest.results.selects))
        for panel in digest.front.panels
    ]
    parts = (
        _report_one_seed, _report_masking, _report_families, _report_overfitting, _report_rankings, _report_endings,
    )  # fmt: skip
    first, *others = [list(part(digest)) for part in parts]
    return [*first, *fronts, *(finding for part in others for finding in part)]


def list_limits(digest: ReportData) -> list[str]:
    """List what the numbers cannot show: of a kind of number that the report has none of, nothing is listed."""
    parts = (_limit_errors, _describe_sampling, _limit_front, _limit_overfitting, _limit_attack)
    return [*(text for part in parts if (text := part(digest))), *describe_audits(digest.results)]


def _limit_errors(digest: ReportData) -> str:
    if not digest.seeds:
        return ""
    drawn = f"{list_fixed_draws(digest.results)} per setting"
    if digest.seeds == 1:
        return f"There is one seed a configuration, and {drawn}: no error is known."
    intervals = (
        " Intervals assume that differences between seeds are normal, and seeds independent. Those of one family hold "
        "at once with 95 % confidence; of twenty families without any effect about one would tell of some."
    )
    return (
        "± is one standard error over seeds: initialisation, order of batches, random subsets. There is "
        f"{drawn}, so ± understates the variation between draws of the data."
        f"{intervals * any(family.claims for family in digest.families)}"
    )


def _limit_front(digest: ReportData) -> str:
    if digest.front is None:
        return ""
    marked = "Configurations that validation selects are marked." if digest.results.selects else NO_HOLD_OUT
    return (
        "The front shows test accuracies of all configurations tried; choosing among them by these accuracies "
        f"would be selection on the test set. {marked}"
    )


def _limit_overfitting(digest: ReportData) -> str:
    if not digest.gaps["robust_overfitting"].notna().any():
        return ""
    return (
        "The best epoch on test is a maximum over noisy evaluations and serves only to measure overfitting. "
        "The floor of best − last is the value to expect of a curve with the same scatter that climbs and never falls. "
        "Whether a curve falls is decided by the trend over its whole plateau, as the last evaluation is a noisy one; "
        "the interval is of these trainings, and other seeds may fall by more or less."
    )


def _limit_attack(digest: ReportData) -> str:
    attack = digest.results.attacks.get(parse_attack(digest.robust or "") or "", "")
    if not digest.robust or attack.startswith("AutoAttack"):
        return ""
    return "No AutoAttack was run, so the report cannot show whether a method masks its gradients from PGD."


def _describe_sampling(digest: ReportData) -> str:
    """Describe the binomial standard error of a robust accuracy, which follows from the number of test images."""
    robust, test = digest.robust or EPOCH_METRIC, float(digest.results.completed["test_examples"].max())
    p = float(digest.results.completed.get(f"{digest.results.checkpoint}_{robust}", pd.Series(dtype=float)).mean())
    if not (math.isfinite(test) and math.isfinite(p)):
        return ""
    n = count_images(digest.results.attacks.get(parse_attack(robust) or "", ""), test)
    attacked = f", of which {n:.0f} were attacked" if n < test else ""
    return (
        f"The test set has {test:.0f} examples{attacked}. In addition to ±, a single robust accuracy has a binomial "
        f"standard error of {POINTS * math.sqrt(p * (1 - p) / n):.1f} points (less for paired differences)."
    )


def _report_one_seed(digest: ReportData) -> Iterator[tuple[str, str]]:
    """Report that standard errors are missing if each configuration has one seed."""
    if digest.seeds == 1:
        yield (
            "One seed",
            "Each configuration ran once, so no standard error exists: the report is a demonstration. "
            "Differences of a point or two may be noise; add replicates to the space and run it again.",
        )


def _report_endings(digest: ReportData) -> Iterator[tuple[str, str]]:
    """Report diverged trials, constant networks, and best epochs within a burn-in."""
    diverged = digest.gaps[digest.gaps["diverged"] > 0]
    if len(diverged):
        names = "; ".join(f"{row['name']} ({row['diverged']})" for _, row in diverged.iterrows())
        yield "Diverged trials", f"These configurations are never on a front. Number of seeds: {names}."
    constant = digest.gaps[digest.gaps["constant"] > 0]
    if len(constant):
        names = "; ".join(f"{row['name']} ({row['constant']})" for _, row in constant.iterrows())
        epochs = "selected epoch or at the last" if digest.results.selects else "last epoch"
        yield (
            "Constant networks",
            f"These networks predict one class for all images, at the {epochs}. They are never on a front, in no "
            f"comparison, and no evidence of overfitting. Number of seeds: {names}.",
        )
    done = digest.results.completed
    early = done[done["best_epoch"] < done["burn_in"]]
    if len(early):
        names = "; ".join(f"{name} ({n})" for name, n in early.groupby("family", sort=False).size().items())
        yield (
            "Selected within a burn-in",
            "The selected epoch lies before the method's weights or targets act, before averages are taken, or before "
            "examples are dropped. Its numbers, and best − last, therefore say nothing about that method; "
            "trial.select: {from: burn-in} selects only after the burn-in. "
            f"Number of trainings: {names}.",
        )


def _report_masking(digest: ReportData) -> Iterator[tuple[str, str]]:
    """Report gaps between PGD and the strongest attack larger than that of plain PGD training, and reversed orders."""
    if digest.masking.empty:
        return
    attacks, robust = digest.results.attacks, digest.robust or EPOCH_METRIC
    weak, strong = shorten_attack("pgd", attacks), shorten_attack(parse_attack(robust) or "", attacks)
    auto = attacks.get(parse_attack(robust) or "", "").startswith("AutoAttack")
    for setting, table in digest.masking.groupby("setting", sort=False):
        plain = find_plain_training(table)
        least = table.sort_values("gap").iloc[0] if plain is None else plain
        against = "the smallest gap (no plain PGD training is in the study)" if plain is None else "plain PGD training"
        found = select_masked(table, float(least["gap"]))
        gap = f"accuracy under {weak} exceeds that under {strong} by {_format_point(least, 'gap')} points for "
        gap += f"{least['choice']}, {against}"
        large = f"{POINTS * LARGE:.0f} points"
        if len(found):
            names = join_first([f"{row['choice']} {_format_point(row, 'gap')}" for _, row in found.iterrows()])
            text = f"{gap}. The gap is larger by at least {large} for {names}: trust {strong} there."
            yield title_finding("Masked gradients", str(setting)), text
        elif auto:
            most = f"{POINTS * table['gap'].max():.1f}"
            text = f"{gap}, and by at most {most} for any other; no gap minus its error is larger by {large}."
            yield title_finding("No sign of masked gradients", str(setting)), text
        turned = find_reversals(digest.results, table, robust)
        if (auto or turned.certain) and (text := _describe_reversals(turned, weak, strong)):
            yield title_finding(f"{strong} reverses {weak}'s order", str(setting)), text


def _describe_reversals(found: Reversals, weak: str, strong: str) -> str:
    """Describe how many pairs the strongest attack reverses, and which of these by more than seeds explain."""
    if not found.reversed:
        return ""
    text = f"the order is reversed in {found.reversed} of {format_count(found.pairs, 'pair')} of configurations"
    if not found.certain:
        return f"{text}; for none do both 95 % t-intervals exclude zero, so seeds may explain them."
    named = [
        f"{turned.better} against {turned.worse}: {turned.weak.text(True)} under {weak}, "
        f"{turned.strong.text(True)} under {strong}"
        for turned in found.widest
    ]
    more = f" and {found.certain - len(named)} more" if found.certain > len(named) else ""
    return f"{text}, in {found.certain} of them by more than seeds explain: {'; '.join(named)}{more}."


def _describe_front(panel: FrontPanel, selects: bool) -> str:
    """Describe the members of a front, and what validation would select."""
    members = panel.points[panel.points["on_front"]].sort_values("x", ascending=False)
    named = [
        f"{row['choice']} (clean {_format_point(row, 'x')}, robust {_format_point(row, 'y')})"
        for _, row in members.iterrows()
    ]
    chosen = panel.points.loc[panel.points["selected"], "choice"]
    text = f"{len(members)} of {len(panel.points)} configurations {'is' if len(members) == 1 else 'are'} on the front"
    text += f": {join_first(named)}." if named else "."
    return f"{text} Validation would select {join_first(list(chosen))}." if selects else text


def _format_point(row: pd.Series, axis: str) -> str:
    return Estimate(row[axis], row[f"{axis}_se"], row["n"]).text()


def _report_families(digest: ReportData) -> Iterator[tuple[str, str]]:
    """Report the other families of differences, each at its own 5 %; those that tell of nothing by name alone."""
    nothing: list[str] = []
    short: list[str] = []
    for family in digest.families:
        if family is digest.answering:
            continue
        if family.rows["told"].any():
            yield family.title, f"{describe_told(family)} {describe_interval(family)}"
        else:
            (nothing if family.claims else short).append(f"{family.title} ({len(family.rows) + family.single})")
    if nothing:
        yield "No difference found", f"in any of these families of comparisons: {'; '.join(nothing)}."
    if short:
        yield "Too few seeds", f"to tell any difference in these families of comparisons: {'; '.join(short)}."


def title_finding(topic: str, setting: str) -> str:
    """Title a finding by its topic, and by its problem if there are several."""
    return f"{topic}, {setting}" if setting else topic


def _report_overfitting(digest: ReportData) -> Iterator[tuple[str, str]]:
    """Report for each problem the largest robust overfitting, and how many configurations overfit."""
    attack = shorten_attack("pgd", digest.results.attacks)
    gaps = digest.gaps[digest.gaps["robust_overfitting"].notna() & (digest.gaps["constant"] == 0)]
    for setting, known in gaps.groupby("setting", sort=False):
        worst = known.sort_values("robust_overfitting").iloc[-1]
        gap, val = (
            Estimate(worst[name], worst[f"{name}_se"], worst["n"])
            for name in ("robust_overfitting", "robust_overfitting_val")
        )
        selected = f"by {val.text()} from the validation-selected epoch; " if digest.results.selects else ""
        yield (
            title_finding("Robust overfitting", str(setting)),
            f"largest for {worst['choice']}: accuracy under {attack} falls by {gap.text()} points from the best epoch "
            f"on test to the last ({selected}floor {_format_points(worst['floor'])}; "
            f"{format_seeds(worst['n'])}). {_count_overfitting(known)}",
        )


def _count_overfitting(known: pd.DataFrame) -> str:
    """Say how many of some configurations overfit, and of how many that is not known."""
    told = known[known["fall"].notna()]
    short = len(known) - len(told)
    parts = [
        f"Along the plateau after the climb the trend falls in {int(find_overfitting(told).sum())} of "
        f"{format_count(len(told), 'configuration')} by a {CONFIDENCE:.0%} t-interval."
    ] * bool(len(told))
    parts += [f"{format_count(short, 'configuration')} have a plateau too short to tell."] * bool(short)
    return " ".join(parts)


def _format_points(fraction: float) -> str:
    return "unknown" if math.isnan(fraction) else f"{POINTS * fraction:.1f}"


def _report_rankings(digest: ReportData) -> Iterator[tuple[str, str]]:
    """Report whether each ranking finds the flipped labels, and which subsets leave them out."""
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
            text += f" Flipped labels left out by each subset, on average: {', '.join(left_out)}."
        yield title_finding("Flipped labels", ranking.title), text
