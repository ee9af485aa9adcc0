"""The corpus of mistakes: one YAML file a case below cases/, read and set up in an empty folder.

A later fault extends it by one file. Keys of a case:

right    one line that says what is right
files    what is written first, by path: text, or {maker: arguments} of makers.py
sweep    true: results/tiny is a finished sweep of tiny.yaml, and both are there
damage   in order: {file: GLOB} with one of append, text, replace: [old, new], delete, directory, truncate, hex,
         unsign (without checksums, as older versions wrote it)
run      a module that has main(arguments), and its arguments
code     the exit code
says     what is printed, on stdout or stderr, contains each of these; white space counts as one blank
never    what is printed contains none of these
writes   whether files may change; false where the code is 2
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from trainers.record_io import MARK

from .makers import MAKERS

CHECKSUMS = ("digest", "head")  # keys of records
CASES = Path(__file__).parent / "cases"


class Damage(BaseModel):
    """Change the files that a glob finds below the working folder, in one way."""

    model_config = ConfigDict(extra="forbid")

    file: str
    append: str | None = None
    text: str | None = None
    replace: tuple[str, str] | None = None
    truncate: int | None = None  # bytes that stay; below 0: that are cut off
    hex: str | None = None
    unsign: bool = False
    delete: bool = False
    directory: bool = False

    @model_validator(mode="after")
    def _one(self) -> Damage:
        given = self.model_fields_set - {"file"}
        if len(given) != 1:
            raise ValueError(f"a damage does one thing; got {sorted(given)}")
        return self

    def inflict(self, here: Path) -> None:
        """Do the damage. Raises AssertionError if it would change nothing, for then the case tests nothing."""
        found = sorted(here.glob(self.file))
        if not found and self.text is not None:
            found = [here / self.file]
        assert found, f"{self.file}: no such file to damage"
        for path in found:
            self._change(path)

    def _change(self, path: Path) -> None:
        if self.delete or self.directory:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            if self.directory:
                path.mkdir()
            return
        before = path.read_bytes() if path.exists() else b""
        after = self._changed(before)
        assert after != before, f"{path}: the damage changes nothing"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(after)

    def _changed(self, before: bytes) -> bytes:
        if self.append is not None:
            return before + self.append.encode()
        if self.replace is not None:
            old, new = (part.encode() for part in self.replace)
            return before.replace(old, new, 1)
        if self.truncate is not None:
            return before[: self.truncate]
        if self.unsign:
            return _unsigned(before)
        return bytes.fromhex(self.hex) if self.hex is not None else (self.text or "").encode()


def _unsigned(content: bytes) -> bytes:
    """Return a record without the checksums of its own content, those of its trainings among them."""
    if content.startswith(MARK.encode()):
        return content.partition(b"\n")[2]
    record = {key: value for key, value in json.loads(content).items() if key not in CHECKSUMS}
    if "trials" in record:
        record["trials"] = [{k: v for k, v in row.items() if k not in CHECKSUMS} for row in record["trials"]]
    return json.dumps(record).encode() + b"\n"


class Case(BaseModel):
    """One mistake, what is typed, and what must be seen."""

    model_config = ConfigDict(extra="forbid")

    right: str = Field(pattern=r"^\S.{10,}$")
    files: dict[str, str | dict[str, Any]] = Field(default_factory=dict)
    sweep: bool = False
    damage: list[Damage] = Field(default_factory=list)
    run: list[str | int | float] = Field(min_length=1)
    code: int
    says: list[str] = Field(min_length=1)
    never: list[str] = Field(default_factory=list)
    writes: bool | None = None

    @property
    def may_write(self) -> bool:
        return self.code != 2 if self.writes is None else self.writes

    def set_up(self, here: Path) -> None:
        """Write the files of the case below an empty folder, or one that holds the finished sweep, and damage them."""
        for name, content in self.files.items():
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_text(content)
                continue
            ((maker, arguments),) = content.items()
            if isinstance(arguments, dict):
                MAKERS[maker](path, **arguments)
            else:
                MAKERS[maker](path, arguments)
        for damage in self.damage:
            damage.inflict(here)


def paths() -> list[Path]:
    """Return the files of all cases."""
    return sorted(CASES.rglob("*.yaml"))


def read(path: Path) -> Case:
    """Read a case. Raises pydantic's ValidationError if it is not as described above."""
    return Case.model_validate(yaml.safe_load(path.read_text()))


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file, the target of every link, and the name of every folder below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = f"-> {path.readlink()}"
        else:
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no regular file"
    return found
