"""Accuracy class by class, which a mean over classes hides (Dong et al. 2021, Figures 17 to 20)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from analysis.metrics import CHECKPOINTS
from analysis.results import Results

SHORT = 16  # letters
MEAN = "mean"  # over the epochs measured, where `evaluate: {by_class: true}` recorded them


def name_class(label: int, names: Sequence[str]) -> str:
    """Name a class by its number and, if it adds anything, its name."""
    number, name = str(label), names[label] if label < len(names) else ""
    return name or number if not name or re.match(rf"{number}\b", name) else f"{number}: {name}"


def abbreviate_class(label: int, names: Sequence[str]) -> str:
    """Name a class in at most SHORT letters."""
    whole = name_class(label, names)
    return whole if len(whole) <= SHORT else f"{whole[: SHORT - 1]}…"


def tabulate_classes(results: Results) -> pd.DataFrame:
    """Return a row a configuration, checkpoint and class: each accuracy's mean over seeds, in [0, 1], and its s.e.

    The rows with `mean` as checkpoint belong to no checkpoint: there each seed's accuracies are means over the epochs
    measured.

    `label` is the class for a reader, by number and name. The accuracies are `clean`, `pgd` (that of training curves)
    and one for each final attack. `aa_gap` is PGD's less AutoAttack's on the examples that AutoAttack attacked, and
    `aa_clean`, if these are not all, the clean accuracy on them. A class without such an example has NaN. The table is
    empty if nothing completed.
    """
    done = results.completed
    rows = [
        {"configuration": trial["configuration"], "name": trial["name"], "checkpoint": checkpoint, "class": label}
        | {"label": name_class(label, results.class_names[trial["id"]])}
        | {kind: values[label] for kind, values in classes.items()}
        for trial in done.to_dict("records")
        for checkpoint, classes in results.outcomes[trial["id"]].get("classes", {}).items()
        if checkpoint in (*CHECKPOINTS, MEAN)
        for label in range(len(classes["clean"]))
    ]
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows)
    keys = ["configuration", "name", "checkpoint", "class", "label"]
    kinds = [str(kind) for kind in table if kind not in keys]
    table[kinds] = table[kinds].astype(float)
    by = table.groupby(keys, sort=False)
    errors = by[kinds].sem().add_suffix("_se")
    counts = by.size().rename("n")
    columns = [column for kind in kinds for column in (kind, f"{kind}_se")]
    return pd.concat([counts, by[kinds].mean(), errors], axis=1)[["n", *columns]].reset_index()
