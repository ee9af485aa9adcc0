"""The tutorial and the debugging recipe run as they are written, in a copy of the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import load
from search.soak.process import PRIORITY

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "trainers" / "TUTORIAL.md").read_text(encoding="utf-8")
RECIPES = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SAVE = re.compile(r"[Ss]ave this as `(.+?)`:$")
ADD = re.compile(r"In `(.+?)`, above the line `(.+?)`, add:$")
REPLACE = re.compile(r"^In `(.+?)`, replace `(.+?)` by `(.+?)`", re.MULTILINE)


def command(folder: Path, *arguments: str) -> str:
    """Run Python in a folder whose packages it imports, and return what it prints."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment | PRIORITY | {"PYTHONPATH": str(folder), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file.name} has {text.count(old)} times {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def follow(page: str, folder: Path) -> list[str]:
    """Do what a page says, block by block, and return what its commands print."""
    printed = []
    for block in FENCE.finditer(page):
        before, text = page[: block.start()].rstrip().rpartition("\n")[2], block["text"]
        if save := SAVE.search(before):
            (folder / save[1]).write_text(text, encoding="utf-8")
        elif add := ADD.search(before):
            edit(folder / add[1], f"\n{add[2]}", f"\n{text}\n\n{add[2]}")
            for file, old, new in REPLACE.findall(page):
                edit(folder / file, old, new)
        elif block["kind"] == "console":
            printed += [command(folder, *line.split()[1:]) for line in text.splitlines()]
        else:
            assert block["kind"] == "python", f"nothing says what becomes of this block:\n{text}"
            printed.append(command(folder, "-c", text))
    return printed


pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutorial") / "checkout"
    folder.mkdir()
    for package in ("analysis", "search", "trainers"):
        shutil.copytree(ROOT / package, folder / package)  # with what is compiled, as each command would compile it
    return folder


@pytest.fixture(scope="module")
def printed(checkout: Path) -> list[str]:
    return follow(TUTORIAL, checkout)


def test_the_tutorial_ends_in_a_front_of_both_sweeps(checkout: Path, printed: list[str]) -> None:
    plan = " ".join(printed[4].split())
    assert "3 configurations x 3 seeds" in plan and "180" in plan
    assert "first is finished" in " ".join(printed[6].split()) or "finished" in printed[6]
    assert (checkout / "first.png").stat().st_size > 10_000 and (checkout / "both.png").stat().st_size > 10_000
    assert "1 of 1 trials trained again" in " ".join(printed[9].split())
    table = printed[-1]
    assert "focal" in table and "0.5" in table and "nan" not in table.lower()


def test_the_method_of_the_tutorial_and_its_control_are_trained_with_one_epsilon(
    checkout: Path, printed: list[str]
) -> None:
    """`first.yaml` limits the axis to pgd; its condition would leave the new method with the default of its base."""
    trials = load(checkout / "results" / "focal").trials
    assert len(trials) == 9 and set(trials["method.attack.epsilon"]) == {0.1}


def test_the_tutorial_begins_with_a_space_that_is_written_and_trained(checkout: Path, printed: list[str]) -> None:
    written, plan, trained = (" ".join(text.split()) for text in printed[1:4])
    assert written.startswith("mine.yaml is written: ") and "Next: python -m search.run mine.yaml --dry-run" in written
    assert "4 configurations x 3 seeds" in plan and "estimated from a few training steps on this machine" in plan
    assert "results/look/report/index.html" in trained
    assert (checkout / "results" / "look" / "report" / "index.html").exists()


def test_a_trial_alone_has_the_rows_of_the_sweep(checkout: Path, printed: list[str]) -> None:
    (recipe,) = [block["text"] for block in FENCE.finditer(RECIPES) if block["kind"] == "python"]
    rows = command(checkout, "-c", recipe.replace("results/friendly_k", "results/first")).splitlines()
    folder = sorted((checkout / "results" / "first" / "trials").iterdir())[0]
    stored = [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]
    assert [eval(row) for row in rows] == stored
