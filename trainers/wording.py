"""Configurations in words, for reports and dry runs, from the plain values that plans hold.

Knobs that are off, or at a usual value, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

QUIET: Mapping[str, Any] = {
    **{"kind": "pieces", "crop": 0, "padding": "zeros", "split_seed": 0, "noise_seed": 0, "label_noise": 0},
    **{
        "bn": "eval",
        "keep": "last",
        "restarts": 1,
        "jitter": 0,
        "geometry": "count",
        "normalize": True,
        "detach": True,
    },
    **{"compile": False, "channels_last": True, "deterministic": True, "balance": "none"},
}  # the usual value of a knob, which is left out
SILENT = ({"name": "uniform"}, {"name": "given"}, {"name": "all"})  # weights, targets and subsets that do nothing
VARIED = "varied"
NAMES = ("name", "kind", "base")  # keys that hold the name of a piece
DATA = "data set"
PIECES = ("attack", "loss", "weight", "target", "awp")


def format_value(value: Any) -> str:
    """Return a value of a configuration in words, its name first: "sgd, lr 0.1, momentum 0.9"."""
    if isinstance(value, Mapping) and value.get("name") == "piecewise" and VARIED not in value.values():
        return ", ".join([format_value(value["values"][0]), *map(_drop, value["values"][1:], value["drops"])])
    if isinstance(value, Mapping):
        named = [str(value[key]) for key in NAMES if key in value and not _quiet(key, value[key])]
        others = {key: knob for key, knob in value.items() if key not in NAMES and not _quiet(key, knob)}
        return ", ".join([*named, *(_knob(key, knob) for key, knob in others.items())])
    if isinstance(value, list | tuple):
        return ", ".join(map(format_value, value))
    return _number(value) if isinstance(value, float) else str(value)


def describe_config(common: Mapping[str, Any]) -> dict[str, str]:
    """Return a configuration in words, piece by piece: the name of the row -> its text."""
    method = common.get("method", {})
    whole = isinstance(method, Mapping) and method.get("kind") == "pieces"
    pieces = {name: method.get(name) for name in PIECES} if whole else {"method": method}
    rows = {"model": common.get("model"), **pieces}
    rows |= {name: common.get(name) for name in ("subset", "optimizer", "epochs")} | {
        "batch size": common.get("batch_size"),
        "average of weights": common.get("average"),
        "first weights": common.get("start_from"),
        "selection": common.get("select"),
        DATA: common.get("data"),
        "computed on": common.get("compute"),
    }
    return {name: format_value(value) for name, value in rows.items() if value and value not in SILENT}


def find_common(configs: Sequence[Any]) -> Any:
    """Return the part that configurations agree on.

    A value that differs becomes "varied"; pieces with different names become "varied: " and the names.
    """
    first = configs[0] if configs else {}
    if all(config == first for config in configs):
        return first
    if not all(isinstance(config, Mapping) for config in configs):
        named = dict.fromkeys(name_piece(config) for config in configs if isinstance(config, Mapping))
        some_lack_it = None in configs and set(named) - {VARIED}
        return f"{VARIED}: {', '.join(['none', *named])}" if some_lack_it else VARIED
    if any(len({str(config.get(key)) for config in configs}) > 1 for key in NAMES):
        return f"{VARIED}: {', '.join(dict.fromkeys(map(name_piece, configs)))}"
    keys = dict.fromkeys(key for config in configs for key in config if key != "seed")
    return {key: find_common([config.get(key) for config in configs]) for key in keys}


def describe_difference(config: Mapping[str, Any], trials: Mapping[str, Any]) -> str:
    """Return a training in words: the names of its pieces, and its differences from the trials, except in data."""
    rows, known = describe_config(config), describe_config(trials)
    unlike = [f"{name} {text}" for name, text in rows.items() if known.get(name) != text and name != DATA]
    but = f", but for {'; '.join(unlike)}" if unlike else ""
    return f"{name_pieces(config)}; trained as the trials{but}"


def name_pieces(config: Mapping[str, Any]) -> str:
    """Return the names of a configuration's pieces: "mlp on digits, pgd with trades, sgd"."""
    model, data, method, optimizer = (name_piece(config.get(key)) for key in ("model", "data", "method", "optimizer"))
    return f"{model} on {data}, {method}, {optimizer}"


def name_piece(piece: Any) -> str:
    """Return the name of a piece; for a method of pieces, the names of those that do something: "pgd with trades"."""
    if not isinstance(piece, Mapping):
        return str(piece)
    if piece.get("kind") != "pieces":
        return str(next((piece[key] for key in NAMES if key in piece), VARIED))
    parts = [piece.get(name) for name in ("attack", "loss", "weight", "target")]
    names = [name_piece(part) for part in parts if part and part not in SILENT]
    return " with ".join([*names, *(["awp"] if piece.get("awp") else [])])


def _knob(key: str, value: Any) -> str:
    """Return a key and its value, a piece in parentheses; a switch by its key alone, followed by "off" if it is off."""
    if isinstance(value, bool):
        return _spaced(key) + " off" * (not value)
    return (
        f"{_spaced(key)} ({format_value(value)})"
        if isinstance(value, Mapping)
        else f"{_spaced(key)} {format_value(value)}"
    )


def _drop(value: Any, at: Any) -> str:
    """Return a value of a schedule and when it begins; `at` below 1 is a fraction of the epochs."""
    return f"{format_value(value)} from {f'{100 * at:g} %' if at < 1 else f'epoch {at:g}'}"


def _quiet(key: str, value: Any) -> bool:
    return value is None or value == [] or (value == QUIET[key] if key in QUIET else value is False)


def _number(value: float) -> str:
    """Return a number in few digits; a multiple of 1/255 as a fraction, such as 8/255."""
    levels = value * 255
    if len(f"{value:g}") > 6 and abs(levels - round(levels)) < 1e-9:
        return f"{round(levels)}/255"
    return f"{value:g}"


def _spaced(key: str) -> str:
    return key.replace("_", " ")
