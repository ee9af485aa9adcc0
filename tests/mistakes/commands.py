"""How a command ends that is called in this process."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable

import pytest


def end_of(
    command: str | Callable[[list[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The exit code and all that was printed; an exception that would end the process is 1 and its traceback."""
    main = _main_of(command) if isinstance(command, str) else command
    capsys.readouterr()
    raised = ""
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code
    except Exception:
        code, raised = 1, traceback.format_exc()
    assert isinstance(code, int), f"{command} ended with {code!r}, which is no exit code"
    return code, "".join(capsys.readouterr()) + raised


def _main_of(command: str) -> Callable[[list[str]], int]:
    """Return the main function of a module, or of a package's __main__, as `python -m` finds it."""
    module = importlib.import_module(command)
    main: Callable[[list[str]], int] = (
        importlib.import_module(f"{command}.__main__") if hasattr(module, "__path__") else module
    ).main
    return main
