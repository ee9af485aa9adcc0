"""A finished sweep to damage, and commands that train in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

import search.replay.comparison
import search.run.driver
import search.store.provenance
from search.execution.in_process_backend import InProcessBackend
from search.run.__main__ import main
from search.store.lock import acquire_lock
from trainers.record_io import Place

from ..search.helpers import SMOKE, smoke

ASKED = {  # of a sweep that draws its trials, ends some of them early and adds seeds to none
    "profile": None,
    "search__axes": {"method.attack.epsilon": {"uniform": [0.05, 0.2]}},
    "search__strategy": "tpe",
    "search__trials": 4,
    "search__generation": 2,
    "search__stopping": {"patience": "20%"},
}


def _locked(folder: Place, released: ExitStack) -> Callable[[], None]:
    """Lock a folder, at the latest until `released` ends, and return what unlocks it sooner."""
    stack = released.enter_context(ExitStack())
    stack.callback(acquire_lock(folder))
    return stack.close


@contextmanager
def _in_process() -> Iterator[pytest.MonkeyPatch]:
    """Let commands run in this process, without the report behind them; their locks end at the context's end."""
    with pytest.MonkeyPatch.context() as patched, ExitStack() as released:
        patched.setattr(search.run.driver, "acquire_lock", lambda folder: _locked(folder, released))
        patched.setattr(search.run.driver, "subprocess", SimpleNamespace(run=lambda *a, **k: None))
        patched.setattr(
            search.store.provenance, "find_commit", cache(search.store.provenance.find_commit)
        )  # starts git
        patched.setattr(search.store.provenance, "version", cache(search.store.provenance.version))
        patched.setattr(search.replay.comparison, "DRAWS", 2)  # of each rule: a damaged curve is met in any
        patched.setenv("RAY_ADDRESS", "")
        yield patched


@pytest.fixture
def in_process() -> Iterator[None]:
    with _in_process():
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.yaml and its finished sweep, results/tiny; to be copied."""
    here = tmp_path_factory.mktemp("finished")
    shutil.copy(SMOKE, here / "tiny.yaml")
    with _in_process() as patched:
        patched.chdir(here)
        assert main(["tiny.yaml"], InProcessBackend(2)) == 0
    return here


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `finished`, of a sweep that learns what to train next and stops trainings early."""
    here = tmp_path_factory.mktemp("asked")
    (here / "tiny.yaml").write_text(smoke(**ASKED))
    with _in_process() as patched:
        patched.chdir(here)
        assert main(["tiny.yaml"], InProcessBackend(2)) == 0
    return here
