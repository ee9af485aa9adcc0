"""How a command ends that is called in this process."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest

from search.execution.in_process_backend import InProcessBackend

TRAINING = ("search.run", "search.confirm")  # whose main takes a backend


def end_of(
    command: str | Callable[[list[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str],
    ray: bool = False,
) -> tuple[int, str]:  # fmt: skip
    """Return the exit code and all that was printed; an exception that would end the process is 1 and its traceback.

    `ray`: whether what trains does so on Ray, and not in this process.
    """
    main: Callable[..., int] = _module(command).main if isinstance(command, str) else command
    if command in TRAINING and not ray:
        main = partial(main, backend=InProcessBackend(2))
    capsys.readouterr()
    code: object
    raised = ""
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code
    except Exception:
        code, raised = 1, traceback.format_exc()
    assert isinstance(code, int), f"{command} ended with {code!r}, which is no exit code"
    return code, "".join(capsys.readouterr()) + raised


def _module(command: str) -> ModuleType:
    """Import the module that `python -m command` runs."""
    module = importlib.import_module(command)
    return importlib.import_module(f"{command}.__main__") if hasattr(module, "__path__") else module
