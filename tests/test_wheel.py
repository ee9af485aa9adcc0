"""The wheel holds all that the commands need, so that an installed package runs its spaces from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("search", "trainers", "analysis", "spaces")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NEEDED = PROJECT["build-system"]["requires"][0].partition(">=")[2]
OLD = int(version("setuptools").partition(".")[0]) < int(NEEDED)


def list_declared(package: str) -> set[Path]:
    """List the files of a package that are declared as its data."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"][package]
    return {path for pattern in patterns for path in ROOT.joinpath(*package.split(".")).glob(pattern)}


def test_every_space_is_declared_as_package_data() -> None:
    assert list_declared("spaces") == set((ROOT / "spaces").rglob("*.yaml"))


def test_all_that_the_report_page_is_made_of_is_declared_as_package_data() -> None:
    web = ROOT / "analysis" / "report" / "web"
    parts = {path for path in web.rglob("*") if path.is_file() and path.suffix != ".md" and path.name != ".prettierrc"}
    assert len(parts) > 20 and list_declared("analysis.report") == parts


@pytest.mark.long
@pytest.mark.skipif(OLD, reason=f"setuptools {NEEDED} builds the wheel, and pip would fetch it")
def test_a_wheel_holds_the_spaces_and_lists_them_from_anywhere(tmp_path: Path) -> None:
    source, built, site = tmp_path / "source", tmp_path / "built", tmp_path / "site"
    for name in (*PACKAGES, ".github"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*pip, "--wheel-dir", str(built), str(source)], check=True, cwd=tmp_path)
    (wheel,) = built.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "spaces").rglob("*.yaml")}
    assert {str(path.relative_to(site)) for path in site.rglob("*.yaml")} >= files
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "search.simulate", "cifar10/gairat"]
    listed = subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "\ntrainings" in listed.stdout, listed.stderr
