"""The index of a package's commands: every module that runs with `python -m`, and what it does."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from trainers.formatting import find_nearest
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.listing import print_listing

ENTRY = '\nif __name__ == "__main__":'
MAIN = "__main__"
USAGE = re.compile(r"`?python -m [\w.]+[^:`]*`?: ")  # how a docstring may begin, before it says what the command does


def commands(package: str) -> dict[str, str]:
    """Return the first line of the docstring of each command in a package, by the command's module.

    Modules are read and not imported. `package/name/__main__.py` is the command `package.name`. The index of the
    package itself is left out.
    """
    spec = find_spec(package)
    if spec is None or not spec.origin:
        raise ModuleNotFoundError(f"no package is called {package}")
    folder, found = Path(spec.origin).parent, {}
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text()
        name = ".".join((package, *path.relative_to(folder).with_suffix("").parts)).removesuffix(f".{MAIN}")
        if name != package and ENTRY in source:
            doc = ast.get_docstring(ast.parse(source)) or ""
            found[name] = _sentence(doc.partition("\n")[0])
    return found


def _sentence(line: str) -> str:
    text = USAGE.sub("", line)
    return text[:1].upper() + text[1:]


def print_index(package: str, arguments: Sequence[str]) -> int:
    """Print a line for each command of a package; return the exit code."""
    parser = Parser(prog=f"python -m {package}", description=f"List the commands of {package}.")
    _, words = parser.parse_known_args(arguments)
    found = commands(package)
    if words:
        near = find_nearest(words[0], (name.removeprefix(f"{package}.") for name in found))
        hint = f"did you mean python -m {package}.{near}?" if near else f"python -m {package} lists all"
        parser.error(f"{words[0]}: a command is a module; {hint}")
    print_listing(Console(), [(f"python -m {name}", does) for name, does in found.items()])
    return 0
