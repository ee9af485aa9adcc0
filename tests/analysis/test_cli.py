"""How commands of analysis end: errors are lines on stderr, and records that were left out are noted before them."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis import figure
from analysis.cli import report_errors
from analysis.exceptions import SweepError

from .synthetic import Made, write_sweep


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (SweepError("results/x: holds no sweep"), "error: results/x: holds no sweep\n"),
        (SweepError("claims.yaml:2: no id\nclaims.yaml:5: no title"),
         "error: claims.yaml:2: no id\nerror: claims.yaml:5: no title\n"),
        (FileNotFoundError(2, "No such file", "front.png"), "error: [Errno 2] No such file: 'front.png'\n"),
        (OSError(), "error: OSError()\n"),
    ],
)  # fmt: skip
def test_an_error_of_the_user_is_printed_and_the_code_is_2(
    error: Exception, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @report_errors
    def main(arguments: list[str]) -> int:
        raise error

    assert main([]) == 2
    assert capsys.readouterr() == ("", printed)


def test_a_command_without_errors_ends_with_its_own_code() -> None:
    @report_errors
    def main(code: int) -> int:
        return code

    assert (main(0), main(1)) == (0, 1)


def test_a_mistake_of_the_program_is_not_hidden() -> None:
    @report_errors
    def main() -> int:
        raise KeyError("a column")

    with pytest.raises(KeyError):
        main()


def test_records_that_are_left_out_are_noted_before_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(faults=False, profile=False, noise=(0.0,), replicates=1))
    (folder / "provenance.json").write_text("{")
    code = figure.main([str(folder), "--figure", "gairat:F13", "-o", str(tmp_path / "f.png")])
    note, error = capsys.readouterr().err.splitlines()
    assert code == 2
    assert note.startswith(f"note: {folder}/provenance.json: ") and note.endswith("; it is left out")
    assert error.startswith("error: ")
