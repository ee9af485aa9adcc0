"""A mistyped option is reported with the nearest that there is, by every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.run.__main__ import build_parser

ROOT = Path(__file__).resolve().parents[3]
COMMAND = re.compile(r"argparse\.ArgumentParser\(\s*prog=")


@pytest.mark.parametrize(
    ("arguments", "ends"),
    [
        (["--dryrun"], "unrecognized arguments: --dryrun; did you mean --dry-run?"),
        (["--sett", "trial.epochs=3"], "unrecognized arguments: --sett trial.epochs=3; did you mean --set?"),
        (["--result=x"], ""),  # the beginning of an option is enough
        (["--resluts=x"], "unrecognized arguments: --resluts=x; did you mean --results?"),
        (["--zzz"], "unrecognized arguments: --zzz"),
        (["--set", "trial.epochs", "3"], "unrecognized arguments: 3; did you mean --set trial.epochs=3?"),
        (["--set", "trial.epochs=3", "4"], "unrecognized arguments: 4"),
    ],
)
def test_a_mistyped_option_gets_the_nearest(
    arguments: list[str], ends: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        build_parser().parse_args(["space.yaml", *arguments])
    except SystemExit as ended:
        assert ended.code == 2
    assert capsys.readouterr().err.rstrip().endswith(ends)


def test_every_command_has_this_parser() -> None:
    files = [path for package in ("analysis", "search", "trainers") for path in (ROOT / package).rglob("*.py")]
    assert [path.name for path in files if COMMAND.search(path.read_text(encoding="utf-8"))] == []
