"""Accuracy class by class: what a mean over classes hides (Dong et al. 2021, Figures 17 to 20)."""

from __future__ import annotations

import pandas as pd

from analysis.metrics import CHECKPOINTS
from analysis.results import COMPLETED, Results


def by_class(results: Results) -> pd.DataFrame:
    """A row a configuration, checkpoint and class: the mean over seeds of each accuracy, in shares, and its s.e.

    Columns `clean`, `pgd` (that of training curves) and one an attack of the end; `aa_gap`, PGD's less AutoAttack's on
    the examples that AutoAttack looked at; `aa_clean`, where these are not all, clean accuracy on them. NaN of a class
    that no such example is of. Empty if nothing completed.
    """
    done = results.sweep[results.sweep["status"] == COMPLETED]
    rows = [
        {"configuration": trial["configuration"], "name": trial["name"], "checkpoint": checkpoint, "class": label}
        | {kind: values[label] for kind, values in classes.items()}
        for trial in done.to_dict("records")
        for checkpoint, classes in results.outcomes[trial["id"]].get("classes", {}).items()
        if checkpoint in CHECKPOINTS
        for label in range(len(classes["clean"]))
    ]
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows)
    keys = ["configuration", "name", "checkpoint", "class"]
    kinds = [str(kind) for kind in table if kind not in keys]
    table[kinds] = table[kinds].astype(float)
    by = table.groupby(keys, sort=False)
    errors = by[kinds].sem().add_suffix("_se")
    counted = by.size().rename("n")
    columns = [column for kind in kinds for column in (kind, f"{kind}_se")]
    return pd.concat([counted, by[kinds].mean(), errors], axis=1)[["n", *columns]].reset_index()
