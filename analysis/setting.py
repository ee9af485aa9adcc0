"""What the trainings of a study have in common, in words: model, method, optimizer, data, and how examples were ranked.

Read from the configurations in its plan. Knobs that are off, or as they are wherever nobody asked, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.stats import seeds
from trainers.records import Row

QUIET: Mapping[str, Any] = {
    **{"kind": "pieces", "crop": 0, "padding": "zeros", "split_seed": 0, "noise_seed": 0, "label_noise": 0},
    **{"bn": "eval", "keep": "last", "restarts": 1, "jitter": 0, "geometry": "count", "normalize": True},
    **{"compile": False, "channels_last": True, "deterministic": True, "balance": "none"},
}  # a knob -> the value of which one need not be told
SILENT = ({"name": "uniform"}, {"name": "given"}, {"name": "all"})  # weights, targets and subsets that do nothing
VARIED = "varied"
NAMES = ("name", "kind", "base")  # what a piece is called by
DATA = "data set"
PIECES = ("attack", "loss", "weight", "target", "awp")


def setting(plan: Row) -> dict[str, str]:
    """Names and what they are, of all trials of a plan; then how their rankings and first weights were made."""
    of = {kind: [trial["config"] for trial in plan["trials"] if _is(trial, kind)] for kind in ("trial", "pretrain")}
    common = _common(of["trial"])
    found = _told(common)
    if rankings := plan.get("rankings", {}):
        made = [trial["config"] for trial in plan["trials"] if _is(trial, "profile")]
        found["ranking"] = _ranking(next(iter(rankings.values())), made, common)
    if of["pretrain"]:
        found["pretraining"] = _apart(_common(of["pretrain"]), common)
    return {name: text for name, text in found.items() if text}


def words(value: Any) -> str:
    """A value of a configuration, its name first: "sgd, lr 0.1, momentum 0.9"."""
    if isinstance(value, Mapping) and value.get("name") == "piecewise" and VARIED not in value.values():
        return ", ".join([words(value["values"][0]), *map(_drop, value["values"][1:], value["drops"])])
    if isinstance(value, Mapping):
        named = [str(value[key]) for key in NAMES if key in value and not _quiet(key, value[key])]
        others = {key: its for key, its in value.items() if key not in NAMES and not _quiet(key, its)}
        return ", ".join([*named, *(_knob(key, its) for key, its in others.items())])
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value))
    return _number(value) if isinstance(value, float) else str(value)


def _told(common: Mapping[str, Any]) -> dict[str, str]:
    """The rows for a configuration, piece by piece."""
    method = common.get("method", {})
    whole = isinstance(method, Mapping) and method.get("kind") == "pieces"
    pieces = {name: method.get(name) for name in PIECES} if whole else {"method": method}
    rows = {"model": common.get("model"), **pieces}
    rows |= {name: common.get(name) for name in ("subset", "optimizer", "epochs")} | {
        "batch size": common.get("batch_size"),
        "average of weights": common.get("average"),
        "first weights": common.get("start_from"),
        DATA: common.get("data"),
        "computed on": common.get("compute"),
    }
    return {name: words(value) for name, value in rows.items() if value and value not in SILENT}


def _common(configs: Sequence[Any]) -> Any:
    """What configurations agree on; what differs is said to, and of pieces by different names nothing more."""
    first = configs[0] if configs else {}
    if not all(isinstance(config, Mapping) for config in configs):
        return first if all(config == first for config in configs) else VARIED
    if any(len({str(config.get(key)) for config in configs}) > 1 for key in NAMES):
        return VARIED
    keys = dict.fromkeys(key for config in configs for key in config if key != "seed")
    return {key: _common([config.get(key) for config in configs]) for key in keys}


def _ranking(made_by: Row, configs: Sequence[Any], common: Mapping[str, Any]) -> str:
    """How the examples were ranked: by a file, or by which trainings, of all rankings, and from which epochs."""
    if "file" in made_by:
        return f"the file {made_by['file']}"
    if not configs:
        return ""
    own = {config["seed"] for config in configs}  # the same for every ranking
    average = {"ranks": "ranks averaged", "scores": "scores averaged"}.get(made_by.get("average", ""), "averaged")
    start = f", losses from epoch {made_by['first_epoch']}" if made_by.get("first_epoch") else ""
    return f"{average} over {seeds(len(own))}{start}; {_apart(_common(configs), common)}"


def _apart(config: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    """Another training, by what it has unlike the trials; its data is theirs."""
    rows, known = _told(config), _told(common)
    unlike = [f"{name} {text}" for name, text in rows.items() if known.get(name) != text and name != DATA]
    return f"trained as the trials, but for {'; '.join(unlike)}" if unlike else "trained as the trials"


def _knob(key: str, value: Any) -> str:
    """A key and its value, a piece set apart; what is on goes by its key."""
    if value is True:
        return _spaced(key)
    return f"{_spaced(key)} ({words(value)})" if isinstance(value, Mapping) else f"{_spaced(key)} {words(value)}"


def _drop(value: Any, at: Any) -> str:
    """A value of a schedule and from when on; below 1 is a share of the epochs."""
    return f"{words(value)} from {f'{100 * at:g} %' if at < 1 else f'epoch {at:g}'}"


def _quiet(key: str, value: Any) -> bool:
    return value is None or value == [] or value is False or (key in QUIET and value == QUIET[key])


def _number(value: float) -> str:
    """As short as it can be read back; an epsilon of so many grey levels as these."""
    levels = value * 255
    if len(f"{value:g}") > 6 and abs(levels - round(levels)) < 1e-9:
        return f"{round(levels)}/255"
    return f"{value:g}"


def _spaced(key: str) -> str:
    return key.replace("_", " ")


def _is(trial: Row, kind: str) -> bool:
    return trial["kind"] == kind and isinstance(trial.get("config"), Mapping)
