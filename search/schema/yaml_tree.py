"""Read YAML text as a plain tree: keys are strings, values mean what they look like, and no tag runs code.

YAML 1.1 reads `010` as 8, `1:30` as 90, `on` as true and `2020-01-01` as a date. Here `010` is refused and the others
are strings, which a knob for numbers or booleans then refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from search.exceptions import SpaceError
from search.schema.limits import MAX_DEPTH, MAX_FILE_BYTES, MAX_FILE_VALUES, MAX_INTEGER

INDENT_HINT = "; this line begins in another column than the other lines of its mapping: indent them alike"
TAG_PREFIX = "tag:yaml.org,2002:"
MERGE_TAG = f"{TAG_PREFIX}merge"
PLAIN_SCALARS = {  # unquoted scalars that are not strings: pattern, and first letters
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
KeyPath = tuple[str, ...]  # of keys, from the top of a space down
Tree = dict[str, Any]  # a mapping of a space, nested as its YAML is
Places = dict[KeyPath, str]  # 'file:line' of each key


class _Loader(yaml.SafeLoader):
    """Composes nodes within the limits of depth and number, and constructs only scalars."""

    yaml_implicit_resolvers: dict[str, Any] = {}
    yaml_constructors = {
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.removeprefix(TAG_PREFIX) in ("null", "bool", "int", "float", "str")
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.values = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth, self.values = self.depth + 1, self.values + 1
        where = self.peek_event().start_mark
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", where)
        if self.values > MAX_FILE_VALUES:
            raise yaml.composer.ComposerError(None, None, f"more than {MAX_FILE_VALUES:,} values and keys", where)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _name, (_pattern, _first) in PLAIN_SCALARS.items():
    _Loader.add_implicit_resolver(f"{TAG_PREFIX}{_name}", re.compile(f"(?:{_pattern})$"), _first)


def parse_yaml(text: str, file: str) -> tuple[Any, Places]:
    """Return a file's tree, and 'file:line' of each key.

    Raises SpaceError with line and column, or with every duplicate key and every number that is not what it looks like.
    """
    return _read_tree(text, _TreeBuilder(lambda mark: f"{file}:{mark.line + 1}", file), ())


def parse_value(path: KeyPath, text: str, file: str) -> Any:
    """Return the value of a text at a path of a space. Raises SpaceError; its messages begin with `file`."""
    return _read_tree(text, _TreeBuilder(lambda mark: file, file), path)[0]


def parse_or_keep(text: str) -> Any:
    """Return the value of a YAML text, or the text itself if it is not valid."""
    try:
        return parse_value((), text, "")
    except SpaceError:
        return text


def _read_tree(text: str, reader: _TreeBuilder, at: KeyPath) -> tuple[Any, Places]:
    file = reader.file
    if len(text) > MAX_FILE_BYTES:
        raise SpaceError([f"{file}: has more than {MAX_FILE_BYTES:,} bytes, and no space has"])
    try:
        reader.loader = loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        if (count := _count_values(node, {})) > MAX_FILE_VALUES:
            raise SpaceError(
                [f"{file}: its aliases expand it to {count:,} values; a space has at most {MAX_FILE_VALUES:,}"]
            )
        tree = reader.build(node, at)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        spot = reader.format_place(mark) if mark else file
        spot += f":{mark.column + 1}" if mark and spot != file else ""
        column = INDENT_HINT if str(error.problem).startswith("expected <block end>") else ""
        raise SpaceError([f"{spot}: not YAML: {error.problem}{column}"]) from None
    except yaml.YAMLError as error:
        raise SpaceError([f"{file}: not YAML: {' '.join(str(error).split())}"]) from None
    if reader.problems:
        raise SpaceError(reader.problems)
    return tree, reader.places


def _count_values(node: yaml.Node, known: dict[int, int | None]) -> int:
    """Count the values of a node; an alias counts at each use. Raises ConstructorError if a node contains itself."""
    if id(node) in known:
        if (count := known[id(node)]) is None:
            raise yaml.constructor.ConstructorError(None, None, "it contains itself", node.start_mark)
        return count
    known[id(node)] = None
    parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    inner = 0 if isinstance(node, yaml.ScalarNode) else sum(_count_values(part, known) for part in parts)
    known[id(node)] = inner + 1
    return inner + 1


class _TreeBuilder:
    """Builds the tree of one text, and records the places of its keys and its problems."""

    loader: _Loader

    def __init__(self, spot: Callable[[yaml.Mark], str], file: str) -> None:
        self.format_place, self.file = spot, file
        self.places: Places = {}
        self.problems: list[str] = []

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        """Return the value of a node at a path."""
        if isinstance(node, yaml.ScalarNode):
            return self._build_scalar(node, path)
        kind = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != f"{TAG_PREFIX}{kind}":
            unknown = f"could not determine a constructor for the tag {node.tag!r}"
            raise yaml.constructor.ConstructorError(None, None, unknown, node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node, path)
        return [self.build(item, (*path, str(i))) for i, item in enumerate(node.value)]

    def _build_mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        """Return a mapping; keys are strings as written, and `<<` lays its mappings under this one."""
        under: dict[str, Any] = {}
        tree: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is a word", key.start_mark)
            if key.tag == MERGE_TAG:
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(merged, yaml.MappingNode):
                        raise yaml.constructor.ConstructorError(None, None, "<< takes mappings", key.start_mark)
                    under = self._build_mapping(merged, path) | under
                continue
            here = (*path, key.value)
            if key.value in lines:
                self._add_problem(key, f"{'.'.join(here)} is written twice; first in line {lines[key.value]}")
            lines[key.value] = key.start_mark.line + 1
            self.places[here] = self.format_place(key.start_mark)
            tree[key.value] = self.build(value, here)
        return under | tree

    def _build_scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        """Return a string, number, boolean or None; labels in a condition stay strings, as an axis has them."""
        if path[:2] == ("search", "axes") and path[3:4] == ("when",) and len(path) > 4:
            return node.value
        what, text = ".".join(path), node.value
        if node.tag == f"{TAG_PREFIX}int" and _OCTAL.fullmatch(text):
            octal, decimal = int(text.replace("_", ""), 8), int(text.replace("_", ""))
            if decimal != octal:
                why = f"YAML reads {text} as {octal}, since a leading 0 means base 8; write {decimal}"
                self._add_problem(node, f"{what}: {why}")
                return None
        try:
            value = self.loader.construct_object(node)
        except (ValueError, LookupError, ArithmeticError):
            self._add_problem(node, f"{what}: is no {node.tag.removeprefix(TAG_PREFIX)}; got {text[:60]!r}")
            return None
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            self._add_problem(node, f"{what}: a whole number is at most {MAX_INTEGER:,}; got {text[:60]}")
        elif isinstance(value, float) and abs(value) == float("inf") and "inf" not in text.lower():
            self._add_problem(node, f"{what}: is beyond the range of floats; got {text[:60]}")
        return value

    def _add_problem(self, node: yaml.Node, message: str) -> None:
        self.problems.append(f"{self.format_place(node.start_mark)}: {message}")
