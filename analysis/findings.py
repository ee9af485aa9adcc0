"""The key findings in words, computed from the records; each says how many seeds stand behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from analysis.differences import as_estimate
from analysis.digest import Digest
from analysis.front import Panel
from analysis.metrics import EPOCH_METRIC, attack_of, attack_title, images
from analysis.results import Results
from analysis.stats import POINTS, Estimate, seeds

MOST = 4  # settings that are listed one by one
NO_HOLD_OUT = (
    "Not all trainings hold out validation examples (data.val: 0): nothing is selected, all is of the last epoch."
)


def findings(digest: Digest) -> list[tuple[str, str]]:
    """(what it is about, the finding) pairs."""
    if digest.front is None:
        return [("No result yet", digest.no_front)]
    selects = digest.results.selects
    fronts = [(_about("Front", panel.title), _front(panel, selects)) for panel in digest.front.panels]
    parts = (_one_seed, _subsets, _overfitting, _rankings, _axes, _endings)
    first, *others = [list(part(digest)) for part in parts]
    return [*first, *fronts, *(finding for part in others for finding in part)]


def limits(digest: Digest) -> list[str]:
    """What the numbers cannot say."""
    marked = "What validation selects is marked." if digest.results.selects else NO_HOLD_OUT
    found = [
        "± is one standard error over seeds: initialisation, order of batches, random subsets. There is "
        f"{_drawn_once(digest.results)} per setting, so it understates what another draw of the data would change. "
        "Two standard errors of a few seeds are a yardstick, not a test.",
        "The front shows test accuracies of all configurations tried; choosing among them on the test set "
        f"would be selection on test. {marked}",
        "The best epoch on test is a maximum over noisy evaluations and serves only to measure overfitting. "
        "Its floor is what a flat curve of equal scatter would show.",
    ]
    if sampling := _sampling(digest):
        found.insert(1, sampling)
    return found


def _sampling(digest: Digest) -> str:
    """What the number of test images adds to an error; of the robust accuracy that the front and its tables show."""
    robust, test = digest.robust or EPOCH_METRIC, float(digest.completed["test_examples"].max())
    p = float(digest.completed.get(f"{digest.results.checkpoint}_{robust}", pd.Series(dtype=float)).mean())
    if not (math.isfinite(test) and math.isfinite(p)):
        return ""
    n = images(digest.results.attacks.get(attack_of(robust) or "", ""), test)
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


def _one_seed(digest: Digest) -> Iterator[tuple[str, str]]:
    if digest.seeds == 1:
        yield (
            "One seed",
            "Each configuration ran once, so no standard error exists: read this as a demonstration. "
            "Differences of a point or two may be noise; add replicates to the space and run it again.",
        )


def _endings(digest: Digest) -> Iterator[tuple[str, str]]:
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


def _front(panel: Panel, selects: bool) -> str:
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


def _subsets(digest: Digest) -> Iterator[tuple[str, str]]:
    """What choosing examples changes, per setting and pair of subsets."""
    table = digest.subset_effects
    for (setting, minuend, subtrahend), rows in table.groupby(["setting", "minuend", "subtrahend"], sort=False):
        text = _effect(rows, digest, MOST)
        if text:
            yield _about(f"{minuend} − {subtrahend}", str(setting)), text


def _axes(digest: Digest) -> Iterator[tuple[str, str]]:
    """What each other axis changes, over everything else."""
    for path, table in digest.axis_effects.items():
        everywhere = table.assign(family=table["setting"] + " " + table["family"])
        short = digest.results.axes.short[path]
        pairs = [*everywhere.groupby(["minuend", "subtrahend"], sort=False)]
        ends = digest.results.axes.numeric(path) and len(pairs) > MOST
        names = [digest.results.axes.describe({path: label}, [path]) for label in digest.results.axes.order[path]]
        shown = [it for it in pairs if it[0] == (names[-1], names[0])] if ends else pairs  # of many from end to end
        for (minuend, subtrahend), rows in shown:
            text = _effect(rows, digest, 1)
            if text:
                named = "" if minuend.startswith(f"{short} ") else f"{short}: "
                yield f"{named}{minuend} − {subtrahend}", text + " Those between are in the table." * ends


def _effect(rows: pd.DataFrame, digest: Digest, most: int) -> str:
    """One comparison wherever it was made: a verdict, then each of a few cases or the range of many."""
    robust = digest.robust or EPOCH_METRIC
    by = {c: rows[(rows["metric"] == f"{c}_{robust}") & (rows["n"] > 0)] for c in ("last", "best")}
    if by["last"].empty:
        return ""
    attack = attack_title(attack_of(robust) or "", digest.results.attacks)
    n = seeds(int(by["last"]["n"].max()))
    start = f"Robust accuracy ({attack}, {n}, paired) {_verdict(pd.concat(by.values()))}. In points, at the"
    if len(by["last"]) > most:
        selected = f", at the validation-selected epoch {_range(by['best'])}" if len(by["best"]) else ""
        return f"{start} last epoch {_range(by['last'])}{selected}."
    best = by["best"].set_index("family").to_dict("index")
    cases = []
    for family, row in by["last"].set_index("family").to_dict("index").items():
        pair = [as_estimate(found).text(signed=True) for found in (row, best.get(family)) if found]
        cases.append(f"{family}: {', '.join(pair)}" if str(family).strip() else ", ".join(pair))
    return f"{start} last {'and at the validation-selected epoch' if best else 'epoch'}: {'; '.join(cases)}."


def _verdict(rows: pd.DataFrame) -> str:
    """How many comparisons lie above and below zero, by more than two standard errors where there are any."""
    if rows["se"].isna().all():
        signs = [(mean > 0) - (mean < 0) for mean in rows["mean"]]
        by = ""
    else:
        signs = [as_estimate(row).beyond() for row in rows.to_dict("records")]
        by = " by more than 2 s.e."
    return f"is higher{by} in {signs.count(1)} of {len(signs)} comparisons and lower in {signs.count(-1)}"


def _range(table: pd.DataFrame) -> str:
    """The average of a difference over many settings, and its range."""
    values = (table["mean"].mean(), table["mean"].min(), table["mean"].max())
    average, low, high = (Estimate(value, math.nan, 1).text(signed=True) for value in values)
    return f"{average} on average over {len(table)} settings ({low} to {high})"


def _overfitting(digest: Digest) -> Iterator[tuple[str, str]]:
    attack = attack_title("pgd", digest.results.attacks)
    by = " by two standard errors" if digest.seeds > 1 else ""
    gaps = digest.gaps[digest.gaps["robust_overfitting"].notna() & (digest.gaps["constant"] == 0)]
    for setting, known in gaps.groupby("setting", sort=False):
        worst = known.sort_values("robust_overfitting").iloc[-1]
        gap, val = (
            Estimate(worst[name], worst[f"{name}_se"], worst["n"])
            for name in ("robust_overfitting", "robust_overfitting_val")
        )
        floors = known[known["floor"].notna()]
        above = floors["robust_overfitting"] - 2 * floors["robust_overfitting_se"].fillna(0) > floors["floor"]
        exceed = f" {int(above.sum())} of {len(floors)} configurations exceed their floor{by}." if len(floors) else ""
        selected = f"{val.text()} from the validation-selected epoch; " if digest.results.selects else ""
        yield (
            _about("Robust overfitting", str(setting)),
            f"largest for {worst['choice']}: {gap.text()} points of {attack} from the best epoch on test "
            f"to the last ({selected}floor {_number(worst['floor'])}; "
            f"{seeds(worst['n'])}).{exceed}",
        )


def _number(share: float) -> str:
    return "unknown" if math.isnan(share) else f"{POINTS * share:.1f}"


def _rankings(digest: Digest) -> Iterator[tuple[str, str]]:
    """Whether the ranking found the flipped labels, and which subsets left them out."""
    counts = digest.counts
    for ranking in digest.rankings:
        seen = digest.detections.get(ranking.name)
        if seen is None:
            continue
        here = counts[(counts["setting"] == ranking.setting) & (counts["flipped_out"] > 0)] if len(counts) else counts
        left_out = [f"{row['subset']} {row['flipped_out']:.3g}" for row in here.to_dict("records")]
        text = (
            f"{seen.found} of the {seen.flipped} flipped labels are among the {seen.flipped} examples "
            f"that {ranking.score} ranks most problematic, out of {len(ranking.y)} (AUC {seen.auc:.3f})."
        )
        if left_out:
            text += f" Flipped labels that a subset leaves out, on average: {', '.join(left_out)}."
        yield _about("Flipped labels", ranking.title), text


def _about(what: str, setting: str) -> str:
    return f"{what}, {setting}" if setting else what
