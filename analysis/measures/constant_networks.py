"""Configurations with a constant network, one that names one class whatever the image: their means are no results."""

from __future__ import annotations

import pandas as pd

from analysis.results.trial_table import mark_constant
from trainers.formatting import format_count


def drop_constant(completed: pd.DataFrame) -> pd.DataFrame:
    """Return the completed trials without configurations of which a seed, at either checkpoint, is constant."""
    return completed[~mark_constant(completed).groupby(completed["configuration"]).transform("any")]


def count_constant(completed: pd.DataFrame) -> int:
    """Count the configurations that drop_constant leaves out."""
    return int(completed["configuration"].nunique() - drop_constant(completed)["configuration"].nunique())


def describe_left_out(count: int) -> str:
    """Say how many configurations a figure leaves out; empty without any."""
    return f"Left out: {format_count(count, 'configuration')}, as a seed names one class for all images." * bool(count)
