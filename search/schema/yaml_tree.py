"""From YAML text to a tree as it looks: keys are words, numbers are those that are written, nothing is run or hidden.

YAML 1.1 reads `010` as 8, `1:30` as 90, `on` as true and `2020-01-01` as a date. Here the first is refused; the others
are the words that they look like, which a knob that takes a number, or true and false, then refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from search.exceptions import SpaceError
from search.schema.limits import BYTES, DEPTH, INTEGER, VALUES

INDENT = "; this line begins in another column than those of its mapping: indent them alike"
PREFIX = "tag:yaml.org,2002:"
MERGE = f"{PREFIX}merge"
PLAIN = {  # what is no word where it stands without quotes, and the letters that it begins with
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    "int": (r"[-+]?(?:0[0-7_]*|[1-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+)", [*"-+0123456789"]),
    "float": (
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        [*"-+0123456789."],
    ),
    "merge": (r"<<", ["<"]),
}
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
Path = tuple[str, ...]
Places = dict[Path, str]  # of each key, 'file:line'


class _Loader(yaml.SafeLoader):
    """Composes nodes no deeper and no more than allowed, and constructs scalars alone."""

    yaml_implicit_resolvers: dict[str, Any] = {}
    yaml_constructors = {
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.removeprefix(PREFIX) in ("null", "bool", "int", "float", "str")
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.values = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth, self.values = self.depth + 1, self.values + 1
        where = self.peek_event().start_mark
        if self.depth > DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {DEPTH} levels", where)
        if self.values > VALUES:
            raise yaml.composer.ComposerError(None, None, f"more than {VALUES:,} values and keys", where)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _name, (_pattern, _first) in PLAIN.items():
    _Loader.add_implicit_resolver(f"{PREFIX}{_name}", re.compile(f"(?:{_pattern})$"), _first)


def parsed(text: str, file: str) -> tuple[Any, Places]:
    """A file's tree, and the line of each key, 'file:line'.

    Raises SpaceError with line and column, or with every key that stands twice and every number that is not as it
    looks.
    """
    return _read(text, _Reader(lambda mark: f"{file}:{mark.line + 1}", file), ())


def value_at(path: Path, text: str, file: str) -> Any:
    """The value of a text that is to stand at a path of a space, `file` being what a complaint begins with.

    Raises SpaceError.
    """
    return _read(text, _Reader(lambda mark: file, file), path)[0]


def value_of(text: str) -> Any:
    """What a text is in YAML, or the text itself where it is none."""
    try:
        return value_at((), text, "")
    except SpaceError:
        return text


def _read(text: str, reader: _Reader, at: Path) -> tuple[Any, Places]:
    file = reader.file
    if len(text) > BYTES:
        raise SpaceError([f"{file}: has more than {BYTES:,} bytes, and no space has"])
    try:
        reader.loader = loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        if (count := _expanded(node, {})) > VALUES:
            raise SpaceError([f"{file}: its aliases expand it to {count:,} values; a space has at most {VALUES:,}"])
        tree = reader.built(node, at)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        spot = reader.spot(mark) if mark else file
        spot += f":{mark.column + 1}" if mark and spot != file else ""
        column = INDENT if str(error.problem).startswith("expected <block end>") else ""
        raise SpaceError([f"{spot}: not YAML: {error.problem}{column}"]) from None
    except yaml.YAMLError as error:
        raise SpaceError([f"{file}: not YAML: {' '.join(str(error).split())}"]) from None
    if reader.problems:
        raise SpaceError(reader.problems)
    return tree, reader.places


def _expanded(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How many values a node is, those behind aliases counted each time. Raises ConstructorError on a loop."""
    if id(node) in known:
        if (count := known[id(node)]) is None:
            raise yaml.constructor.ConstructorError(None, None, "it contains itself", node.start_mark)
        return count
    known[id(node)] = None
    parts = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
    inner = 0 if isinstance(node, yaml.ScalarNode) else sum(_expanded(each, known) for each in parts)
    known[id(node)] = inner + 1
    return inner + 1


class _Reader:
    """What is built of one text: its tree, where its keys stand, and what is wrong with it."""

    loader: _Loader

    def __init__(self, spot: Callable[[yaml.Mark], str], file: str) -> None:
        self.spot, self.file = spot, file
        self.places: Places = {}
        self.problems: list[str] = []

    def built(self, node: yaml.Node, path: Path) -> Any:
        """The value of a node."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        kind = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != f"{PREFIX}{kind}":
            unknown = f"could not determine a constructor for the tag {node.tag!r}"
            raise yaml.constructor.ConstructorError(None, None, unknown, node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return [self.built(item, (*path, str(i))) for i, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        """Keys are words as they are written; `<<` lays the mapping under the one that it stands in."""
        under: dict[str, Any] = {}
        tree: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is a word", key.start_mark)
            if key.tag == MERGE:
                for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(each, yaml.MappingNode):
                        raise yaml.constructor.ConstructorError(None, None, "<< takes mappings", key.start_mark)
                    under = self._mapping(each, path) | under
                continue
            here = (*path, key.value)
            if key.value in lines:
                self._wrong(key, f"{'.'.join(here)} stands twice; first in line {lines[key.value]}")
            lines[key.value] = key.start_mark.line + 1
            self.places[here] = self.spot(key.start_mark)
            tree[key.value] = self.built(value, here)
        return under | tree

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        """A word, a number, true, false or nothing; the labels of a condition are words, as those of an axis are."""
        if path[:2] == ("search", "axes") and path[3:4] == ("when",):
            return node.value
        what, text = ".".join(path), node.value
        if node.tag == f"{PREFIX}int" and _OCTAL.fullmatch(text):
            octal, decimal = int(text.replace("_", ""), 8), int(text.replace("_", ""))
            if decimal != octal:
                why = f"YAML reads {text} as {octal}, for a 0 in front means base 8; write {decimal}"
                self._wrong(node, f"{what}: {why}")
                return None
        try:
            value = self.loader.construct_object(node)
        except (ValueError, LookupError, ArithmeticError):
            self._wrong(node, f"{what}: is no {node.tag.removeprefix(PREFIX)}; got {text[:60]!r}")
            return None
        if isinstance(value, int) and abs(value) > INTEGER:
            self._wrong(node, f"{what}: a whole number is at most {INTEGER:,}; got {text[:60]}")
        elif isinstance(value, float) and abs(value) == float("inf") and "inf" not in text.lower():
            self._wrong(node, f"{what}: is beyond the numbers that there are; got {text[:60]}")
        return value

    def _wrong(self, node: yaml.Node, message: str) -> None:
        self.problems.append(f"{self.spot(node.start_mark)}: {message}")
