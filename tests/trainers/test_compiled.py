"""What torch.compile made is read back, and run, from a folder of this user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import torch

from trainers.compiled import VARIABLE, set_cache_folder
from trainers.models.small import SmallCNN
from trainers.step import Net


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "")  # which is put back
    return tmp_path


def chosen() -> Path:
    os.environ[VARIABLE] = ""
    set_cache_folder()
    return Path(os.environ[VARIABLE])


def test_compile_cache_is_private_to_the_user_and_found_again(temporary: Path) -> None:
    folder = chosen()
    assert folder.parent == temporary and chosen() == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("how", ["open to others", "a link", "a file", "of another user"])
def test_compile_cache_of_another_user_is_not_read(temporary: Path, how: str) -> None:
    taken, elsewhere = chosen(), temporary / "elsewhere"
    if how == "open to others":
        taken.chmod(0o777)
    elif how == "of another user":
        if os.geteuid():
            pytest.skip("NOT TESTED: what another user owns, for only root can give a file away")
        os.chown(taken, 65534, 65534)
    else:
        taken.rmdir()
        elsewhere.mkdir()
        taken.symlink_to(elsewhere) if how == "a link" else taken.touch()
    folder = chosen()
    assert folder not in (taken, elsewhere) and folder.resolve() == folder
    assert folder.stat().st_uid == os.geteuid() and stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_compile_cache_named_by_the_environment_is_kept(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/data/cache")
    set_cache_folder()
    assert os.environ[VARIABLE] == "/data/cache"


@pytest.mark.long
def test_compiled_network_uses_the_private_compile_cache(temporary: Path) -> None:
    from torch._inductor.runtime.cache_dir_utils import cache_dir  # late: seconds of imports

    torch.manual_seed(0)
    Net(SmallCNN().build(1, 8, 10), compiled=True)
    assert Path(cache_dir()) == temporary / f"torchinductor-{os.geteuid()}"
