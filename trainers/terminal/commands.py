"""The index of a package's commands, which `python -m PACKAGE` prints."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

from trainers.terminal.console import Console

_USAGE = re.compile(r"^python -m .*?: |: `python -m .*`\.?$")


def print_commands(package: str) -> int:
    """Print the commands of a package, one a line, and return the exit code 0."""
    commands = {f"python -m {name}": summary for name, summary in list_commands(package).items()}
    width = max(map(len, commands), default=0)
    lines = [f"{command:{width}}  {summary}" for command, summary in commands.items()]
    Console(soft_wrap=True).print(*lines, "", f"python -m {package}.COMMAND --help explains one.", sep="\n")
    return 0


def list_commands(package: str) -> dict[str, str]:
    """Return the modules of a package that `python -m` runs, each with the first line of its docstring.

    Modules are read, not imported: an index needs no torch. A package counts if it has a `__main__.py`. How a
    command is typed, at either end of the line, is left out.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package}")
    folder = Path(spec.origin).parent
    commands = {}
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        tree = ast.parse(path.read_bytes())
        name = parts[:-1] if parts[-1] == "__main__" else parts
        if name and (parts[-1] == "__main__" or any(map(_is_main_guard, tree.body))):
            first = (ast.get_docstring(tree) or "").partition("\n")[0]
            commands[".".join((package, *name))] = _USAGE.sub("", first).removesuffix(".") + "."
    return dict(sorted(commands.items()))


def _is_main_guard(statement: ast.stmt) -> bool:
    """Return whether a statement is `if __name__ == "__main__":`."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"
