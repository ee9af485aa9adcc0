"""Configurations in words, for a report and for what a sweep would do: plain values alone, as plans hold them.

Knobs that are off, or as they are wherever nobody asked, are left out.
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
}  # a knob -> the value of which one need not be told
SILENT = ({"name": "uniform"}, {"name": "given"}, {"name": "all"})  # weights, targets and subsets that do nothing
VARIED = "varied"
NAMES = ("name", "kind", "base")  # what a piece is called by
DATA = "data set"
PIECES = ("attack", "loss", "weight", "target", "awp")


def format_value(value: Any) -> str:
    """A value of a configuration, its name first: "sgd, lr 0.1, momentum 0.9"."""
    if isinstance(value, Mapping) and value.get("name") == "piecewise" and VARIED not in value.values():
        return ", ".join([format_value(value["values"][0]), *map(_drop, value["values"][1:], value["drops"])])
    if isinstance(value, Mapping):
        named = [str(value[key]) for key in NAMES if key in value and not _quiet(key, value[key])]
        others = {key: its for key, its in value.items() if key not in NAMES and not _quiet(key, its)}
        return ", ".join([*named, *(_knob(key, its) for key, its in others.items())])
    if isinstance(value, list | tuple):
        return ", ".join(map(format_value, value))
    return _number(value) if isinstance(value, float) else str(value)


def describe_config(common: Mapping[str, Any]) -> dict[str, str]:
    """The rows for a configuration, piece by piece."""
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
    """What configurations agree on; what differs is said to, and of pieces by different names these."""
    first = configs[0] if configs else {}
    if all(config == first for config in configs):
        return first
    if not all(isinstance(config, Mapping) for config in configs):
        named = dict.fromkeys(name_piece(config) for config in configs if isinstance(config, Mapping))
        told_apart = None in configs and set(named) - {VARIED}
        return f"{VARIED}: {', '.join(['none', *named])}" if told_apart else VARIED
    if any(len({str(config.get(key)) for config in configs}) > 1 for key in NAMES):
        return f"{VARIED}: {', '.join(dict.fromkeys(map(name_piece, configs)))}"
    keys = dict.fromkeys(key for config in configs for key in config if key != "seed")
    return {key: find_common([config.get(key) for config in configs]) for key in keys}


def describe_difference(config: Mapping[str, Any], trials: Mapping[str, Any]) -> str:
    """Another training: the names of its pieces, and what it has unlike the trials; its data is theirs."""
    rows, known = describe_config(config), describe_config(trials)
    unlike = [f"{name} {text}" for name, text in rows.items() if known.get(name) != text and name != DATA]
    but = f", but for {'; '.join(unlike)}" if unlike else ""
    return f"{name_pieces(config)}; trained as the trials{but}"


def name_pieces(config: Mapping[str, Any]) -> str:
    """What a configuration is made of, by names alone: "mlp on digits, pgd with trades, sgd"."""
    model, data, method, optimizer = (name_piece(config.get(key)) for key in ("model", "data", "method", "optimizer"))
    return f"{model} on {data}, {method}, {optimizer}"


def name_piece(piece: Any) -> str:
    """A piece's name; of a method made of pieces those of its pieces that do something: "pgd with trades"."""
    if not isinstance(piece, Mapping):
        return str(piece)
    if piece.get("kind") != "pieces":
        return str(next((piece[key] for key in NAMES if key in piece), VARIED))
    parts = [piece.get(name) for name in ("attack", "loss", "weight", "target")]
    names = [name_piece(part) for part in parts if part and part not in SILENT]
    return " with ".join([*names, *(["awp"] if piece.get("awp") else [])])


def _knob(key: str, value: Any) -> str:
    """A key and its value, a piece set apart; what is on goes by its key, what is on as a rule is said to be off."""
    if isinstance(value, bool):
        return _spaced(key) + " off" * (not value)
    return (
        f"{_spaced(key)} ({format_value(value)})"
        if isinstance(value, Mapping)
        else f"{_spaced(key)} {format_value(value)}"
    )


def _drop(value: Any, at: Any) -> str:
    """A value of a schedule and from when on; below 1 is a share of the epochs."""
    return f"{format_value(value)} from {f'{100 * at:g} %' if at < 1 else f'epoch {at:g}'}"


def _quiet(key: str, value: Any) -> bool:
    return value is None or value == [] or (value == QUIET[key] if key in QUIET else value is False)


def _number(value: float) -> str:
    """As short as it can be read back; an epsilon of so many grey levels as these."""
    levels = value * 255
    if len(f"{value:g}") > 6 and abs(levels - round(levels)) < 1e-9:
        return f"{round(levels)}/255"
    return f"{value:g}"


def _spaced(key: str) -> str:
    return key.replace("_", " ")
