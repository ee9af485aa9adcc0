"""Print the table of all recorded columns, keys and arrays, in Markdown.

The tables come from trainers.records and trainers.record_arrays. Where the `evaluate:` block of a study is at hand,
`expanded` turns the patterns into the names that its records have.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Required, TypeVar, Union, get_args, get_origin, get_type_hints

from trainers import record_arrays, records
from trainers.record_arrays import ArrayDoc
from trainers.record_io import Row
from trainers.records import Doc
from trainers.terminal.arguments import Parser
from trainers.terminal.showing import run_and_exit

AnyDoc = TypeVar("AnyDoc", Doc, ArrayDoc)
PLACEHOLDER = re.compile(r"\{(\w+)\}")


class File(NamedTuple):
    """A part of the records, for a table of its own."""

    title: str
    record: type
    patterns: Mapping[str, Doc]


RECORDS = (
    File("`epochs.jsonl`: a row an epoch", records.EpochRecord, records.EPOCH_PATTERNS),
    File("`cost.jsonl`: a row an epoch, and one at the end", records.CostRecord, {}),
    File("`result.json`", records.TrialResult, {}),
    File("`best` and `last` in `result.json`", records.CheckpointRecord, records.CHECKPOINT_PATTERNS),
    File("`margin_order` of `best` or `last`, an attack", records.OrderRecord, {}),
    File("`data` in `result.json`", records.DataSummary, {}),
    File("`subset` in `result.json`", records.SubsetSummary, {}),
    File("`diverged` in `result.json`", records.Divergence, {}),
    File("`stopped` in `result.json`", records.Stop, {}),
)
ARRAYS = {
    "`instances.npz`": record_arrays.INSTANCE_ARRAYS | record_arrays.INSTANCE_PATTERNS,
    "`diagnostics.npz`": record_arrays.DIAGNOSTIC_ARRAYS | record_arrays.DIAGNOSTIC_PATTERNS,
    "`profile/<ranking>.npz`": record_arrays.RANKING_ARRAYS | record_arrays.RANKING_PATTERNS,
    "`profile/<ranking>.images.npz`": record_arrays.IMAGE_ARRAYS,
    "`profile/<ranking>.adversaries.npz`": record_arrays.ADVERSARY_ARRAYS,
}


def described(record: type) -> dict[str, tuple[str, Doc]]:
    """Return the type, in words, and the description of each key of a record."""
    found = {}
    for key, hint in get_type_hints(record, include_extras=True).items():
        annotated = get_args(hint)[0] if get_origin(hint) is Required else hint
        kind, *more = get_args(annotated)
        found[key] = _in_words(kind), next(doc for doc in more if isinstance(doc, Doc))
    return found


def expanded(patterns: Mapping[str, AnyDoc], evaluate: Row, corruptions: Iterable[str] = ()) -> dict[str, AnyDoc]:
    """Return the keys that patterns stand for in a study, given its `evaluate:` block as plan.json has it."""
    names = _names(evaluate) | {"corruption": [*corruptions]}
    found: dict[str, AnyDoc] = {}
    for pattern, doc in patterns.items():
        (placeholder,) = PLACEHOLDER.findall(pattern)
        found |= {pattern.replace(f"{{{placeholder}}}", name): doc for name in names[placeholder]}
    return found


def _names(evaluate: Row) -> dict[str, list[str]]:
    """Return the names that each placeholder of the patterns stands for."""
    along, final = evaluate.get("along", {}), evaluate["final"]
    sampled = {
        block: [name for name, attack in attacks.items() if attack.get("images")]
        for block, attacks in (("along", along), ("final", final))
    }
    budgets = (None, evaluate["epsilon"])
    sizes = {str(attack["images"]) for attack in (*along.values(), *final.values()) if attack.get("images")}
    return {
        "along": [*along],
        "sampled_along": sampled["along"],
        "final": [*final],
        "sampled_final": sampled["final"],
        "autoattack": [
            name
            for name, attack in final.items()
            if attack["name"] == "autoattack" and attack.get("epsilon") in budgets
        ],
        "loss_attack": ["pgd", *evaluate.get("loss_attacks", {})],
        "measured": ["clean", "pgd", *along, *(f"{name}_clean" for name in sampled["along"])],
        "images": sorted(sizes),
        "diagnostic": [*evaluate.get("diagnostics", {})],
    }


def _in_words(kind: Any) -> str:
    """Return a type as a reader of a table wants it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _in_words(parts[0])
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(map(_in_words, parts))
    if origin is list:
        return f"list of {_in_words(parts[0])}"
    if origin is dict:
        return f"mapping to {_in_words(parts[1])}"
    return {str: "text", NoneType: "null"}.get(kind, "mapping" if hasattr(kind, "__total__") else kind.__name__)


def markdown() -> str:
    """Return a table for each record, one row a key."""
    parts = []
    for title, record, patterns in RECORDS:
        rows = [(f"`{key}`", kind, *doc) for key, (kind, doc) in described(record).items()]
        rows += [(f"`{key}`", "float", *doc) for key, doc in patterns.items()]
        parts.append(_table(title, ("key", "type", "meaning", "unit", "when"), rows))
    for title, arrays in ARRAYS.items():
        rows = [(f"`{key}`", doc.dtype, doc.meaning, doc.shape, doc.when) for key, doc in arrays.items()]
        parts.append(_table(title, ("array", "dtype", "meaning", "shape", "when"), rows))
    return "\n".join(parts)


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join([f"### {title}", "", *_lines([head, ("---",) * len(head), *rows]), ""])


def _lines(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main(arguments: list[str]) -> int:
    parser = Parser(prog="python -m trainers.columns", description=__doc__.partition("\n")[0])
    parser.parse_args(arguments)
    print(markdown(), end="")
    return 0


if __name__ == "__main__":
    run_and_exit(lambda: main(sys.argv[1:]))
