"""A finished sweep to damage, and commands that train in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

import search.command
from search.run import main
from search.storing.locking import lock
from trainers.records import Place

from ..search.hand import Hand
from ..search.helpers import SMOKE


def _locked(folder: Place, released: ExitStack) -> Callable[[], None]:
    """A lock that ends at the latest with what it is released with, and sooner where its release is called."""
    mine = released.enter_context(ExitStack())
    mine.callback(lock(folder))
    return mine.close


@contextmanager
def _by_hand() -> Iterator[pytest.MonkeyPatch]:
    """Train what a command would give to Ray in this process, without the report behind it; locks end at its end."""
    with pytest.MonkeyPatch.context() as patched, ExitStack() as released:
        patched.setattr(search.command, "lock", lambda folder: _locked(folder, released))
        patched.setattr(search.command, "subprocess", SimpleNamespace(run=lambda *a, **k: None))
        patched.setenv("RAY_ADDRESS", "")
        Hand(None).patch(patched)
        yield patched


@pytest.fixture
def by_hand() -> Iterator[None]:
    with _by_hand():
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.yaml and its finished sweep, results/tiny; to be copied."""
    here = tmp_path_factory.mktemp("finished")
    shutil.copy(SMOKE, here / "tiny.yaml")
    with _by_hand() as patched:
        patched.chdir(here)
        assert main(["tiny.yaml"]) == 0
    return here
