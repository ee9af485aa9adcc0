"""What validation would select: by the objectives, checkpoint and constraints that the study's space states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.dominance import non_dominated
from analysis.results import Results
from trainers.knobs import share
from trainers.reading import read_yaml

SELECT = {"val_clean_acc": "val_x", "val_pgd_acc": "val_y"}  # all that a search selects by -> column of points
_CONSTRAINT = re.compile(r"\s*(?P<metric>\w+)\s*(?P<sense><=|>=)\s*(?P<bound>.+?)\s*")


def read_search_block(results: Results) -> Mapping[str, Any]:
    """The `search:` block of the stored space; empty where it has none, is torn, or gone."""
    tree = read_yaml(results.folder / "space.yaml", results.damage)
    block = tree.get("search") if tree else None
    return block if isinstance(block, dict) else {}


def read_checkpoint(results: Results) -> str:
    """The checkpoint whose validation metrics select, best or last."""
    return str(read_search_block(results).get("checkpoint", "best"))


def find_selected(points: pd.DataFrame, results: Results) -> np.ndarray:
    """Which configurations keep the constraints, and no other that does beats in every objective, (n,) bool."""
    kept = np.ones(len(points), dtype=bool)
    for text in read_search_block(results).get("constraints") or ():
        if match := _CONSTRAINT.fullmatch(str(text)):
            values, bound = points[SELECT[match["metric"]]].to_numpy(float), float(share(match["bound"]))
            kept &= values >= bound if match["sense"] == ">=" else values <= bound
    objectives = results.plan.get("objectives") or dict.fromkeys(SELECT, "max")
    signed = [points[SELECT[name]] * (1 if way == "max" else -1) for name, way in objectives.items()]
    values = np.stack([signed[0], signed[-1]], axis=1)  # of one objective the best alone
    return non_dominated(np.where(kept[:, None], values, np.nan))
