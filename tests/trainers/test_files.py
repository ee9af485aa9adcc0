"""Files that a user names are looked at before they are opened: nothing hangs, unpickles or outgrows the memory."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainers.files import FileError, check_file, expand_path, read_npy, read_npz

ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)


class Trap:
    """A pickle that would leave a mark."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("sprung"),))


def complaint(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(FileError) as error:
        call(*arguments)
    return str(error.value)


def read_x(path: Path) -> np.ndarray:
    return read_npz(path, lambda found: ("x",))["x"]


def test_whole_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ARRAY)
    np.savez_compressed(tmp_path / "x.npz", x=ARRAY, other=np.array([None]))
    for mapped in (False, True):
        np.testing.assert_array_equal(read_npy(tmp_path / "x.npy", mapped), ARRAY)
    np.testing.assert_array_equal(read_x(tmp_path / "x.npz"), ARRAY)


@pytest.mark.parametrize(
    "text", ["", "a\0b", "s3://bucket/x.npz", "~no-such-user-here/x.npz", "x" * 300, "a/" * 9000, "\ud800"]
)
def test_impossible_file_name_is_refused(text: str) -> None:
    assert complaint(expand_path, text)


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert expand_path("~/x.npz") == Path("/somewhere/x.npz")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("read", [check_file, read_npy, read_x])
def test_irregular_file_is_named_and_not_waited_for(tmp_path: Path, read: Callable[..., Any]) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "ring").symlink_to("ring")
    (tmp_path / "text").write_text("1")
    messages = {
        "fifo": "is a FIFO, not a regular file",
        "device": "is a device, not a regular file",
        "ring": "cannot be read: Too many levels of symbolic links",
        ".": "is a folder; name a file",
        "nowhere": "no file",
        "text/below": "no file",
        "x" * 300: "cannot be read: File name too long",
    }
    for name, why in messages.items():
        assert why in complaint(read, tmp_path / name)


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"")
    (tmp_path / "x.npy").chmod(0)
    user = os.geteuid()
    try:
        os.seteuid(user or 65534)  # root may read everything
        message = complaint(read_npy, tmp_path / "x.npy")
    finally:
        os.seteuid(user)
    assert message == f"{tmp_path}/x.npy cannot be read: Permission denied"


def test_a_file_beyond_the_memory_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.npy").touch()
    os.truncate(tmp_path / "x.npy", 2**43)  # no block of it is on disk
    assert f"{tmp_path}/x.npy has 8,192.0 GiB, more than the " in complaint(read_npy, tmp_path / "x.npy")


def test_an_archive_that_unpacks_beyond_the_memory_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(2**24, np.uint8))
    assert (tmp_path / "bomb.npz").stat().st_size < 2**20
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 2**12, "SC_PHYS_PAGES": 2**10}[name])
    assert "bomb.npz: x unpack to 0.0 GiB, more than" in complaint(read_x, tmp_path / "bomb.npz")


def packed(path: Path, content: bytes, **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("x.npy", content)


def npy(**header: Any) -> bytes:
    """Return an .npy with this header and hardly any content."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": (4,)} | header)
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + b"1234"


DAMAGED: dict[str, bytes] = {
    "nothing": b"",
    "a text": b"0.1 0.2",
    "the magic word alone": b"\x93NUMPY",
    "a version to come": b"\x93NUMPY\x09\x00v\x00",
    "a pickle": pickle.dumps(Trap()),
    "a pickle of an array": npy(descr="|O"),
    "more than there is": npy(shape=(5,)),
    "a shape beyond all memory": npy(shape=(2**62,)),
    "a negative shape": npy(shape=(-4,)),
    "no such type": npy(descr="|q7"),
    "code for a header": b"\x93NUMPY\x01\x00\x20\x00" + b"__import__('os').abort()        \n",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_pickle_in_place_of_an_array_is_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npy").write_bytes(content)
    packed(tmp_path / "x.npz", content)
    for mapped in (False, True):
        assert str(tmp_path / "x.npy") in complaint(read_npy, tmp_path / "x.npy", mapped)
    assert str(tmp_path / "x.npz") in complaint(read_x, tmp_path / "x.npz")
    assert not (tmp_path / "sprung").exists()


def test_an_archive_says_what_it_lacks_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "y.npz", y=ARRAY)
    assert complaint(read_x, tmp_path / "y.npz") == f"{tmp_path}/y.npz lacks x; it holds y"
    whole = np.full(1000, 7, np.uint8)
    np.savez(tmp_path / "x.npz", x=whole)
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content.replace(bytes([7] * 9), bytes([7, 7, 6] * 3), 1))
    assert "cannot be read (Bad CRC-32 for file 'x.npy'); store numbers only" in complaint(read_x, tmp_path / "x.npz")
    packed(tmp_path / "x.npz", npy(), compression=zipfile.ZIP_DEFLATED)
    content = (tmp_path / "x.npz").read_bytes()
    method = content.rfind(b"PK\x01\x02") + 10  # where the directory of an archive says how a file is packed
    (tmp_path / "x.npz").write_bytes(content[:method] + b"\x63\0" + content[method + 2 :])
    assert "cannot be read (That compression method is not supported" in complaint(read_x, tmp_path / "x.npz")


def test_misspelt_file_name_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    np.save(tmp_path / "ranks.npy", ARRAY)
    assert complaint(read_npy, tmp_path / "rank.npy") == f"no file {tmp_path}/rank.npy; did you mean ranks.npy?"
