"""A finished sweep to damage, and commands that train in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

import search.replay.__main__
import search.run.driver
import search.store.provenance
from search.run.__main__ import main
from search.store.lock import acquire_lock
from trainers.record_io import Place

from ..search.hand import Hand
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
    """A lock that ends at the latest with what it is released with, and sooner where its release is called."""
    mine = released.enter_context(ExitStack())
    mine.callback(acquire_lock(folder))
    return mine.close


@contextmanager
def _by_hand() -> Iterator[pytest.MonkeyPatch]:
    """Train what a command would give to Ray in this process, without the report behind it; locks end at its end."""
    with pytest.MonkeyPatch.context() as patched, ExitStack() as released:
        patched.setattr(search.run.driver, "acquire_lock", lambda folder: _locked(folder, released))
        patched.setattr(search.run.driver, "subprocess", SimpleNamespace(run=lambda *a, **k: None))
        patched.setattr(
            search.store.provenance, "find_commit", cache(search.store.provenance.find_commit)
        )  # starts git
        patched.setattr(search.store.provenance, "version", cache(search.store.provenance.version))
        patched.setattr(search.replay.__main__, "DRAWS", 2)  # of each rule: a damaged curve is met in any
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


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `finished`, of a sweep that learns what to train next and stops trainings early."""
    here = tmp_path_factory.mktemp("asked")
    (here / "tiny.yaml").write_text(smoke(**ASKED))
    with _by_hand() as patched:
        patched.chdir(here)
        assert main(["tiny.yaml"]) == 0
    return here
