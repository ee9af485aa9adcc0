"""A mistyped option is reported with the nearest that there is, and a help tells exit codes, by every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.run.__main__ import build_parser
from search.status import main as status
from trainers.terminal.arguments import EXIT_CODES, Parser

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


@pytest.mark.parametrize("epilog", [None, "More."])
def test_a_help_tells_the_exit_codes(epilog: str | None) -> None:
    shown = Parser(prog="show", description="Show something.", epilog=epilog).format_help()
    assert shown.count("Exit codes: ") == 1 and " ".join(shown.split()).endswith(f"{epilog or ''} {EXIT_CODES}".strip())


def test_a_command_with_exit_codes_of_its_own_tells_these_alone(capsys: pytest.CaptureFixture[str]) -> None:
    own = Parser(prog="own", description="Compare. Exit\ncodes: 0 all is equal, 1 some is not.")
    assert "2 bad input" not in own.format_help()
    with pytest.raises(SystemExit):
        status(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert told.count("xit codes: ") == 1
    assert "1 some have not (the sweep still runs, or was stopped before its end)" in told
