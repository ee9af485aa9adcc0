"""Claims read from a YAML file; each mistake is told with its line, what was found and what is allowed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from analysis.claims.claim import Along, Check, Claim, ClaimFile, Pair
from analysis.exceptions import SweepError
from trainers.formatting import did_you_mean
from trainers.knobs import Knobs

BUILT_IN = "claims.yaml"  # in analysis.papers
MAX_BYTES = 1_000_000
MAX_SHOWN = 60  # letters of a value that a message repeats
MODELS: dict[str, type[Knobs]] = {"claims": Claim, "checks": Check, "along": Along, "less": Pair}


class _AliasError(Exception):
    """A text has an alias."""


class _Loader(yaml.SafeLoader):
    """A loader of YAML without aliases, by which a short text may stand for a vast one."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node. Raises _AliasError if it is an alias."""
        if self.check_event(yaml.AliasEvent):
            raise _AliasError
        return super().compose_node(parent, index)


def read_paper_claims() -> list[Claim]:
    """Read the claims of the three papers."""
    return parse_claims((files("analysis.papers") / BUILT_IN).read_text(encoding="utf-8"), BUILT_IN)


def read_claims(path: Path) -> list[Claim]:
    """Read a file of claims. Raises SweepError that lists its mistakes, a line each."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SweepError(f"{path}: has more than {MAX_BYTES:,} bytes, and no file of claims has")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SweepError(f"{path}: is no text in UTF-8; give a YAML file of claims") from None
    except OSError as error:
        raise SweepError(f"{path}: cannot be read ({error.strerror}); give a YAML file of claims") from None
    return parse_claims(text, str(path))


def parse_claims(text: str, name: str) -> list[Claim]:
    """Parse the text of a file of claims. Raises SweepError that lists its mistakes, a line each."""
    try:
        loader = _Loader(text)  # which is read once, as the claims of the papers are long
        node = loader.get_single_node()
        tree, lines = None if node is None else loader.construct_document(node), _find_lines(node)
    except _AliasError:
        raise SweepError(f"{name}: has an alias (*); write the value again") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SweepError(f"{name}{line}: not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SweepError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(tree, dict):
        raise SweepError(f"{name}: should be a mapping with `claims`, a list; got {_shorten(tree)}")
    try:
        return ClaimFile.model_validate(tree).claims
    except ValidationError as error:
        raise SweepError(
            "\n".join(dict.fromkeys(_describe(item, tree, lines, name) for item in error.errors()))
        ) from None


def _find_lines(node: yaml.Node | None, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], int]:
    """Return the line of each key and each element of a list, from 1."""
    found: dict[tuple[Any, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*path, getattr(key, "value", ""))
            found |= {place: key.start_mark.line + 1} | _find_lines(value, place)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            place = (*path, number)
            found |= {place: value.start_mark.line + 1} | _find_lines(value, place)
    return found


def _describe(item: Any, tree: Any, lines: dict[tuple[Any, ...], int], name: str) -> str:
    """Write an error of pydantic: file, line, claim, place, what was found and what is allowed."""
    place = _as_written(item["loc"], tree)
    line = next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), 1)
    claim = _name_claim(place, tree)
    below = ".".join(map(str, place[2:] if claim else place))
    return ": ".join(filter(None, (f"{name}:{line}", claim, below, _reword(item, place))))


def _as_written(loc: tuple[Any, ...], tree: Any) -> tuple[Any, ...]:
    """Return the part of a location that the file has, and a missing key; pydantic adds names of types."""
    place: list[Any] = []
    for number, part in enumerate(loc):
        inside = (isinstance(tree, dict) and part in tree) or (isinstance(tree, list) and part in range(len(tree)))
        if inside:
            tree = tree[part]
        if inside or (number == len(loc) - 1 and isinstance(tree, dict)):
            place.append(part)
    return tuple(place)


def _name_claim(place: tuple[Any, ...], tree: Any) -> str:
    if len(place) < 2 or place[0] != "claims" or not isinstance(place[1], int):
        return ""
    claim = tree["claims"][place[1]]
    return f"claim {claim['id'] if isinstance(claim, dict) and 'id' in claim else place[1] + 1}"


def _reword(item: Any, place: tuple[Any, ...]) -> str:
    found, kind, context = _shorten(item.get("input")), item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        owner = next((MODELS[part] for part in reversed(place[:-1]) if part in MODELS), ClaimFile)
        allowed = list(owner.written())
        return f"no such key{did_you_mean(str(place[-1]), allowed)} (allowed: {', '.join(allowed)})"
    if kind == "literal_error":
        allowed = [word.strip("' ") for word in context["expected"].replace(" or ", ", ").split(",")]
        return f"got {found}{did_you_mean(str(item.get('input')), allowed)} (allowed: {', '.join(allowed)})"
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(context["error"])
    expected = {"model_type": "a mapping", "dict_type": "a mapping", "list_type": "a list", "string_type": "text"}
    return f"should be {expected[kind]}; got {found}" if kind in expected else f"{item['msg']}; got {found}"


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
