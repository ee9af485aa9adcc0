"""What torch.compile made is read back, and run, from a folder of this user alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import torch

from trainers.accuracy import find_correct
from trainers.attack_runs import AutoAttackRun
from trainers.attacks import PGD
from trainers.compiled import VARIABLE, set_cache_folder
from trainers.data import Split
from trainers.models.small import DigitsCNN, SmallCNN
from trainers.step import Batch, Net


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
    torch.manual_seed(0)
    Net(SmallCNN().build(1, 8, 10), compiled=True)

    from torch._inductor.runtime.cache_dir_utils import cache_dir  # late: its import settles on a folder

    assert Path(cache_dir()) == temporary / f"torchinductor-{os.geteuid()}"


@pytest.fixture
def compiled(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Net:
    """A network that torch.compile traces, and whose graphs run without a C++ compiler."""
    compile_ = torch.compile
    monkeypatch.setattr("torch.compile", lambda run, **how: compile_(run, **how | {"backend": "aot_eager"}))
    torch.manual_seed(0)
    return Net(DigitsCNN().build(1, 8, 2), compiled=True)


def labelled(net: Net, count: int) -> Split:
    x = torch.randint(256, (count, 1, 8, 8), dtype=torch.uint8)
    return Split(x, net.module(x / 255).argmax(1))


@pytest.mark.long
def test_compiled_network_is_measured_by_fab(compiled: Net) -> None:
    """FAB goes through one graph several times, which a compiled backward refuses."""
    data = labelled(compiled, 6)
    fab = AutoAttackRun(version="custom", attacks=("fab",))
    eager = Net(compiled.module)
    right = fab.find_robust(compiled, data, 0.02, "linf", 0)
    assert torch.equal(right, fab.find_robust(eager, data, 0.02, "linf", 0)) and right.any()


@pytest.mark.long
def test_measuring_a_compiled_network_makes_no_graph_and_leaves_the_training_ones(compiled: Net) -> None:
    data = labelled(compiled, 6)
    batch = Batch(data.x / 255, data.y)
    with torch.compiler.set_stance("fail_on_recompile"):
        find_correct(compiled, data, PGD(), seed=0)
    PGD(steps=1)(compiled, batch, torch.Generator())
    with torch.compiler.set_stance("fail_on_recompile"):
        PGD(steps=1)(compiled, batch, torch.Generator())
