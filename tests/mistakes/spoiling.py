"""What a seed makes of good spaces, data and sweeps: commands with spoilt files, and folders with a spoilt file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from trainers.record_io import sealed

from ..search.helpers import ROOT
from .makers import MAKERS
from .mutations import ODD, change_bytes, change_text, change_tree, misspelt, places, share

SPACES = ("smoke", "gairat_lambda", "finetune", "friendly_k")  # the first more often than the others
JSONS = ("[]", "3", '"x"', "null", "{}", '{"a": 1}', "NaN", "[[1]]", "{" * 3000, "9" * 5000)
PARENTS = ("nowhere.yaml", "..", "/dev/null", "", ["base.yaml"], {"name": "base.yaml"}, "space.yaml", "base.yaml\0", 3)
OPTIONS = (
    ("--name", ".."), ("--name", ""), ("--name", "a" * 300), ("--name", "other"), ("--results", "space.yaml"),
    ("--results", "/dev/null"), ("--results", "nowhere://x"), ("--add-trials", "1"), ("--add-trials", "-3"),
    ("--add-trials", "99999999999"), ("--reuse", "nowhere"), ("--reuse", "."), ("--fresh",), ("--accept-code-change",),
)  # fmt: skip
DATA: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {  # by what is spoilt: a space, and the files that it names
    "archive": ("trial: {data: {name: npz, path: x.npz}}", {"x.npz": {"npz": {"count": 40}}}),
    "pictures": (
        "trial: {data: {name: image_folder, root: pets, size: 8, channels: 1}}",
        {"pets": {"image_folder": {"train": 3, "test": 2}}},
    ),
    "weights": ("trial: {start_from: {path: w.pt}}", {"w.pt": {"weights": {"shapes": {"head.bias": [10]}}}}),
    "ranks": (
        "trial: {subset: {name: ranked, size: 50%}}\nprofile: {file: r.npy}",
        {"r.npy": {"npy": {"shape": [1797], "dtype": "float64"}}},
    ),
    "corruptions": (
        "trial: {data: {name: npz, path: x.npz, corruptions: {path: c, severity: 1}}}",
        {
            "x.npz": {"npz": {"count": 40}},
            "c/labels.npy": {"npy": {"shape": [100], "dtype": "int64", "cycle": 10}},
            "c/fog.npy": {"npy": {"shape": [100, 8, 8, 1]}},
        },
    ),
}


@dataclass(frozen=True)
class Typed:
    """What stands in an empty folder, and the arguments of search.run there."""

    files: dict[str, str]
    arguments: list[str]

    def write(self, here: Path) -> None:
        for name, text in self.files.items():
            (here / name).write_text(text)


def space(random: Random) -> Typed:
    """Change a space of the checkout; beside another that it extends, or below --set, or both."""
    text = source(SPACES[0] if random.random() < 0.6 else random.choice(SPACES[1:]))
    files = {"space.yaml": text}
    if random.random() < 0.2:
        files = _extended(text, random)
    arguments = ["space.yaml", "--dry-run"]
    for _ in range(random.choice([0, 0, 1, 2])):
        arguments += ["--set", _setting(text, random)]
    if random.random() < 0.1:
        arguments += random.choice(OPTIONS)
    for _ in range(random.randint(0 if len(arguments) > 2 else 1, 2)):
        name = random.choice(list(files))
        files[name] = _changed(files[name], random)
    return Typed(files, arguments)


def data(here: Path, random: Random) -> Path:
    """Write a space and what it names, and spoil one of the files; which."""
    text, files = DATA[random.choice(list(DATA))]
    (here / "space.yaml").write_text(text)
    for name, made in files.items():
        ((maker, knobs),) = made.items()
        (here / name).parent.mkdir(exist_ok=True)
        MAKERS[maker](here / name, **knobs)
    path = random.choice(sorted(path for path in here.rglob("*") if path.is_file() and path.suffix != ".yaml"))
    for _ in range(random.randint(1, 2)):
        path.write_bytes(change_bytes(path.read_bytes(), random))
    return path


def folder(sweep: Path, random: Random) -> tuple[Path, bool]:
    """Spoil one file of a sweep, each kind as often as any; which, and whether its checksum is right nonetheless."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(path for path in sweep.rglob("*") if path.is_file()):
        kinds.setdefault(f"{path.relative_to(sweep).parts[0]}/{re.sub('-[0-9a-f]{12}', '', path.name)}", []).append(
            path
        )
    path = random.choice(kinds[random.choice(list(kinds))])
    ways: list[Callable[[Path, Random], None]] = [_bytes, _bytes, _other_json, _unlink, _folder_instead, _copied]
    if ".json" in path.suffix:
        sealing = random.random() < 0.5
        if random.random() < 0.5:
            return path, _record(path, random, sealing)
    random.choice(ways)(path, random)
    return path, False


@cache
def source(name: str) -> str:
    return (ROOT / "spaces" / f"{name}.yaml").read_text()


@cache
def _grafts() -> tuple[tuple[str, Any], ...]:
    """Return what stands at the dotted paths of all spaces of the checkout."""
    return tuple(
        graft for path in sorted(ROOT.glob("spaces/*.yaml")) for graft in _paths(yaml.safe_load(path.read_text()), "")
    )


def _paths(tree: Any, above: str) -> list[tuple[str, Any]]:
    found = []
    for key, value in tree.items() if isinstance(tree, dict) else ():
        found += [(f"{above}{key}", value), *_paths(value, f"{above}{key}.")]
    return found


def _changed(text: str, random: Random) -> str:
    """Change a space as a tree if it is one, or as text."""
    if random.random() < 0.2:
        return change_text(text, random)
    try:
        tree = yaml.safe_load(text)
        random.choice((_graft, _graft, share, *(change_tree,) * 4))(tree, random)
        return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
    except (yaml.YAMLError, ArithmeticError, AttributeError, IndexError, RecursionError, TypeError, ValueError):
        return change_text(text, random)


def _graft(tree: Any, random: Random) -> None:
    """Put in what stands in another space, at its own path or anywhere."""
    path, value = deepcopy(random.choice(_grafts()))
    if random.random() < 0.3:
        container, key = random.choice(list(places(tree)))
        container[key] = value
        return
    *above, last = path.split(".")
    for part in above:
        tree[part] = tree[part] if isinstance(tree.get(part), dict) else {}
        tree = tree[part]
    tree[last] = value


def _extended(text: str, random: Random) -> dict[str, str]:
    """Lay a file over another, which may be missing, or extend the first again."""
    upper: dict[str, Any] = {"extends": "base.yaml" if random.random() < 0.7 else random.choice(PARENTS)}
    lower = {"extends": "space.yaml"} if random.random() < 0.2 else {}
    for _ in range(random.randint(0, 3)):
        _graft(upper, random)
    return {"space.yaml": yaml.safe_dump(upper), "base.yaml": f"{text}{yaml.safe_dump(lower) if lower else ''}"}


def _setting(text: str, random: Random) -> str:
    """Return a PATH=VALUE of this space or any other, misspelt or odd."""
    path, value = random.choice(_grafts() if random.random() < 0.5 else _paths(yaml.safe_load(text), ""))
    if random.random() < 0.2:
        path = misspelt(path, random)
    if random.random() < 0.5:
        value = random.choice([*ODD, random.choice(_grafts())[1]])
    written = yaml.safe_dump(value, default_flow_style=True, width=10**6).partition("\n...")[0].strip()
    return misspelt(f"{path}={written}", random) if random.random() < 0.1 else f"{path}={written}"


def _bytes(path: Path, random: Random) -> None:
    path.write_bytes(change_bytes(path.read_bytes(), random))


def _other_json(path: Path, random: Random) -> None:
    path.write_text(random.choice(JSONS))


def _unlink(path: Path, random: Random) -> None:
    path.unlink()


def _folder_instead(path: Path, random: Random) -> None:
    path.unlink()
    path.mkdir()


def _copied(path: Path, random: Random) -> None:
    """Copy the content of another file."""
    files = sorted(other for other in path.parent.parent.rglob("*") if other.is_file() and other != path)
    shutil.copyfile(random.choice(files), path)


def _record(path: Path, random: Random, sealing: bool) -> bool:
    """Change a value within a record, or a line of records, that stays JSON; whether its checksum was made anew."""
    lines = path.read_text().splitlines(keepends=True) if path.suffix == ".jsonl" else [path.read_text()]
    at = random.randrange(len(lines) or 1)
    try:
        tree = json.loads(lines[at])
        sealing = sealing and "digest" in tree
        tree.pop("digest", None) if sealing else None
        change_tree(tree, random)
        lines[at] = json.dumps(sealed(tree) if sealing else tree) + "\n"
    except (ArithmeticError, IndexError, RecursionError, TypeError, ValueError):
        _bytes(path, random)
        return False
    path.write_text("".join(lines))
    return sealing
