"""The axes along which configurations differ, with the value of each configuration."""

from __future__ import annotations

from typing import Any

from analysis.charts.text import LOG_RATIO
from analysis.report.block.json_text import round_significant
from analysis.report.block.rows import Rows
from analysis.results.optuna_study import Domain, list_parameters, read_domains

Value = float | str | None


def build_knobs(rows: Rows) -> list[dict[str, Any]]:
    """Build each axis with two different values at least: its scale, range or choices, and a value a configuration.

    `drawn` says that its values come from a range, so that each may have a value of its own, however few they are.

    The value of a configuration that does not have the axis is None.
    """
    domains = [read_domains(sweep) for sweep in rows.results]
    paths = dict.fromkeys(path for sweep in rows.results for path in sweep.axes.paths)
    found = []
    for path in paths:
        short = next(sweep.axes.short[path] for sweep in rows.results if path in sweep.axes.paths)
        values = _read_values(rows, path)
        if len(set(values) - {None}) > 1:
            own = [known[path] for known in domains if path in known]
            found.append({"path": path, "short": short} | _describe_values(values, own))
    return found


def _read_values(rows: Rows, path: str) -> list[Value]:
    """Return the value of each configuration: numbers where each sweep has numbers on this axis, else labels."""
    labels = [str(label) if label and label == label else None for label in rows.configurations[path]]
    known = [list_parameters(sweep.axes, path) if path in sweep.axes.paths else {} for sweep in rows.results]
    sweeps = rows.configurations["sweep"]
    values = [label and known[sweep][label] for sweep, label in zip(sweeps, labels, strict=True)]
    if any(isinstance(value, str) for value in values):
        return [*labels]
    return [value if value is None else round_significant(float(value)) for value in values]


def _describe_values(values: list[Value], domains: list[Domain]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    numbers = [value for value in known if not isinstance(value, str)]
    if len(numbers) < len(known):
        listed = [str(choice) for domain in domains for choice in domain.choices]
        choices = [choice for choice in dict.fromkeys([*listed, *map(str, known)]) if choice in known]
        return {
            "scale": "category",
            "low": None,
            "high": None,
            "drawn": False,
            "choices": choices,
            "values": values,
        }
    ranges = [domain for domain in domains if not domain.choices]
    low = min([*numbers, *(round_significant(domain.low) for domain in ranges)])
    high = max([*numbers, *(round_significant(domain.high) for domain in ranges)])
    is_log = any(domain.is_log for domain in ranges) or (not ranges and low > 0 and high > LOG_RATIO * low)
    scale = "log" if is_log and low > 0 else "linear"
    return {"scale": scale, "low": low, "high": high, "drawn": bool(ranges), "choices": None, "values": values}
