"""Private temporary folders: other users cannot enter, and only folders surely left behind are removed."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from search.cluster import private_folder
from search.cluster.private_folder import MARK, create_folder, remove_abandoned
from search.cluster.ray_cluster import connect
from search.exceptions import Infeasible
from search.soak.process import (
    count_epochs,
    find_raylet,
    find_workers,
    kill_process,
    list_descendants,
    read_command_line,
)
from trainers.record_io import Row

from ..helpers import SweepProcess, smoke


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /tmp."""
    monkeypatch.setattr(private_folder, "_find_parent", lambda: str(tmp_path))
    return tmp_path


@pytest.fixture
def left(temporary: Path) -> Path:
    """The folder of a process that has ended."""
    folder, process = create_folder(), subprocess.Popen(["sleep", "60"])
    (folder / MARK).write_text(json.dumps(private_folder._describe_process(process.pid)))
    process.kill()
    process.wait()
    return folder


def as_another(command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command as a user who is neither this one nor in its groups; skip if that is impossible."""
    if os.geteuid():
        pytest.skip("NOT TESTED: what another user can do, for only root can become one")
    return subprocess.run(
        ["/bin/sh", "-c", command], user="nobody", group=65534, extra_groups=[],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip


def marked(folder: Path, **changes: object) -> None:
    mark = json.loads((folder / MARK).read_text())
    (folder / MARK).write_text(json.dumps(mark | changes))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_folder_is_private_whatever_the_umask(temporary: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = create_folder()
    finally:
        os.umask(before)
    assert folder.parent == temporary
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / MARK).stat().st_mode) == 0o600
    remove_abandoned()
    assert folder.exists(), "its process lives"


def test_no_sweep_starts_without_a_private_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_folder, "_find_parent", lambda: "/proc")
    with pytest.raises(Infeasible, match="its folder cannot be made"), connect(None):
        pytest.fail("Ray started")


def test_the_folder_of_an_ended_process_is_removed(left: Path) -> None:
    (left / "ray").mkdir(mode=0o777)
    (left / "ray" / "log").write_text("said")
    remove_abandoned()
    assert not left.exists()


def test_a_process_with_a_reused_id_is_another(left: Path) -> None:
    marked(left, pid=os.getpid())
    remove_abandoned()
    assert not left.exists()


def nobody_s(folder: Path) -> None:
    if os.geteuid():
        pytest.skip("NOT TESTED: what another user owns, for only root can give a file away")
    os.chown(folder, 65534, 65534)


def unmarked(folder: Path) -> None:
    (folder / MARK).unlink()


def linked(folder: Path) -> None:
    (folder / MARK).rename(folder.parent / "mark")
    (folder / MARK).symlink_to(folder.parent / "mark")


def link(folder: Path) -> None:
    folder.rename(folder.parent / "mine")
    folder.symlink_to(folder.parent / "mine")


CASES: dict[str, Callable[[Path], object]] = {
    "no mark": unmarked,
    "an empty mark": lambda folder: (folder / MARK).write_text(""),
    "a mark of something else": lambda folder: (folder / MARK).write_text("[1]"),
    "another program's mark": lambda folder: marked(folder, by="another"),
    "an earlier start of the machine": lambda folder: marked(folder, boot="another"),
    "another container's processes": lambda folder: marked(folder, namespace="pid:[1]"),
    "no namespace": lambda folder: marked(folder, namespace=None),
    "a mark that says more": lambda folder: marked(folder, more=1),
    "a process id that is none": lambda folder: marked(folder, pid="all"),
    "a process that lives": lambda folder: (folder / MARK).write_text(
        json.dumps(private_folder._describe_process(os.getpid()))
    ),
    "a mark that is a link": linked,
    "a folder that is a link": link,
    "a folder that others may write to": lambda folder: folder.chmod(0o777),
    "a mark that others may write to": lambda folder: (folder / MARK).chmod(0o666),
    "a folder of another user": nobody_s,
    "a mark of another user": lambda folder: nobody_s(folder / MARK),
}


@pytest.mark.parametrize("case", CASES)
def test_a_doubtful_folder_stays(left: Path, case: str) -> None:
    (left / "data").write_text("mine")
    CASES[case](left)
    remove_abandoned()
    assert (left / "data").read_text() == "mine"


def test_a_users_folder_with_such_a_name_stays(temporary: Path) -> None:
    (temporary / "rs-999999-mydata").mkdir()
    (temporary / "rs-999999-mydata" / "thesis.tex").write_text("years")
    (temporary / "rs-notes").write_text("mine")
    remove_abandoned()
    assert (temporary / "rs-999999-mydata" / "thesis.tex").read_text() == "years"
    assert (temporary / "rs-notes").read_text() == "mine"


# --- the same with Ray

SECRETS: Row = {
    "AWS_ACCESS_KEY_ID": "not-for-others-1",
    "AWS_SECRET_ACCESS_KEY": "not-for-others-2",
    "AWS_SESSION_TOKEN": "not-for-others-3",
}


def folder_of(driver: SweepProcess) -> Path:
    (found,) = Path("/tmp").glob(f"rs-{driver.process.pid}-*")
    return found


def told_in(folder: Path, secret: bytes = b"not-for-others") -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_running_sweep_is_closed_to_others_and_a_killed_one_leaves_no_secret(tmp_path: Path) -> None:
    (tmp_path / "smoke.yaml").write_text(smoke(trial__epochs=400, evaluate__every=200, search__retries=5))
    arguments = (tmp_path / "smoke.yaml", "--results", tmp_path)
    driver = SweepProcess(*arguments, scratch=tmp_path / "tmp", **SECRETS)
    try:
        driver.wait_until(lambda: count_epochs(tmp_path / "smoke") > 20 and bool(find_workers(driver)))
        folder = folder_of(driver)
        (code,) = folder.glob("ray/session_2*/runtime_resources/working_dir_files/_ray_pkg_*/")
        assert stat.S_IMODE(code.parent.stat().st_mode) == 0o777, "Ray itself keeps nobody out"
        assert_closed(folder, code)
        killed = find_workers(driver)[0]
        kill_process(killed)
        driver.wait_until(lambda: "retry: " in driver.raw_output)
        driver.wait_until(lambda: len(find_workers(driver)) == 2 and killed not in find_workers(driver))
        assert_closed(folder, code)
        started = list_descendants(driver.process.pid)
        token = re.findall(rb"RAY_AUTH_TOKEN=([0-9a-f]{64})", Path(f"/proc/{find_raylet(driver)}/environ").read_bytes())
        assert len(token) == 1 and not told_in(folder, token[0])
        assert not [pid for pid in started if token[0].decode() in read_command_line(pid)], "which everybody may read"
        shared = {name.removesuffix(" (deleted)") for name in opened(started) if name.startswith("/dev/shm/")}
        assert shared and not [name for name in shared if os.path.exists(name)], "the object store has no name"
        driver.kill(workers=True)
        assert not told_in(tmp_path)
    finally:
        driver.close()


def opened(processes: list[int]) -> list[str]:
    """Return the files that processes have open."""
    names = []
    for link in (link for pid in processes for link in Path("/proc").glob(f"{pid}/fd/*")):
        with suppress(FileNotFoundError):  # it was closed meanwhile
            names.append(os.readlink(link))
    return names


def assert_closed(folder: Path, code: Path) -> None:
    """Assert that nothing another user tries in a sweep's folder succeeds."""
    sockets = next(folder.glob("ray/session_2*/sockets/plasma_store"))
    for command in (
        f"ls {folder}", f"ls {folder}/ray", f"ls {code}", f"cat {folder}/{MARK}", f"cat {code}/search/run/__main__.py",
        f"mv {code} {code}.old", f"mv {folder}/ray {folder}/mine", f"mv {folder} {folder}.mine",
        f"touch {code}/search/more.py", f"mkdir {folder}/ray/mine", f"test -S {sockets}",
        f"ln -s /etc {folder}/ray/link", f"rm -r {folder}/ray", f"chmod 777 {folder}",
    ):  # fmt: skip
        assert as_another(command).returncode, command
    assert code.is_dir() and (code / "search" / "run" / "__main__.py").is_file()
    assert not (code / "search" / "more.py").exists()
    assert not told_in(folder), "nor does anything there tell a secret"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_folder_of_a_killed_sweep_is_private_and_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "smoke.yaml").write_text(smoke(trial__epochs=100, evaluate__every=50))
    arguments = (tmp_path / "smoke.yaml", "--results", tmp_path)
    driver = SweepProcess(*arguments, scratch=tmp_path / "tmp", **SECRETS)
    again = None
    try:
        driver.wait_until(lambda: count_epochs(tmp_path / "smoke") > 5)
        folder = folder_of(driver)
        driver.kill(workers=False)
        assert folder.exists()
        assert as_another(f"ls {folder}").returncode
        again = SweepProcess(*arguments, scratch=tmp_path / "tmp", **SECRETS)
        assert again.wait() == 0, again.output
        assert not folder.exists()
        assert not list(Path("/tmp").glob(f"rs-{again.process.pid}-*"))
    finally:
        driver.close()
        if again:
            again.close()
