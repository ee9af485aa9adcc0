"""The command: which sections run, what a stranger sees, the JSON, the row, and the exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path

import psutil
import pytest

from search.doctor import __main__ as doctor
from search.doctor import section_process
from search.doctor.check import Check, failed, passed, skipped
from search.doctor.report import COLUMNS, build_report, format_verdict, list_failures, print_section
from search.doctor.section_process import SectionResult, end_check, parse_checks, print_checks, run_section
from search.doctor.sections import SECTIONS
from search.soak.process import SweepProcess
from trainers.record_io import Place
from trainers.terminal.console import Console
from trainers.terminal.text import ASCII

ROOT = Path(__file__).resolve().parents[3]
DEVICE = passed("device", "no GPU: trainings run on EPYC, 8 cores", device="cpu", model="EPYC", gpus=0, cores=8)
VERSIONS = passed("Python and torch", "Python 3.12.1, torch 2.14", python="3.12.1", torch="2.14", cuda=None)
FULL = failed("free room", "200 MB are free", "1 GB and more", "free some room", free=200_000_000)


class Machine:
    """Stands in for the processes of sections: each ends at once with the checks that it is told."""

    def __init__(self, **checks: list[Check]) -> None:
        self.checks, self.asked, self.limits = {"software": [VERSIONS, DEVICE]} | checks, [], []
        self.now, self.takes = 0.0, 0.0  # seconds

    def run(self, name: str, results: Place, scratch: Path, limit: float) -> SectionResult:
        self.asked.append(name)
        self.now += self.takes
        self.limits.append(limit)
        return SectionResult(name, 1.0, self.checks.get(name, [passed("all", "well")]))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(machine: Machine, *arguments: str) -> tuple[int, str]:
        sections = doctor.run_sections
        monkeypatch.setattr(doctor, "run_sections", lambda *given: sections(*given, run=machine.run))
        code = doctor.main(list(arguments))
        monkeypatch.setattr(doctor, "run_sections", sections)
        return code, re.sub(r" +$", "", capsys.readouterr().out, flags=re.MULTILINE)

    return run


def test_a_machine_that_passes_ends_with_0(run: Callable[..., tuple[int, str]]) -> None:
    machine = Machine()
    code, printed = run(machine)
    assert code == 0 and printed.endswith("\n8 checks passed, 2 not made, in 0 s.\n")
    assert machine.asked == ["software", "ray", "storage", "methods", "promises", "speed", "costs"]


def test_a_failed_check_ends_with_1_and_is_named_with_the_remedy(run: Callable[..., tuple[int, str]]) -> None:
    code, printed = run(Machine(storage=[FULL]))
    assert code == 1 and "✗ free room" in printed and "to do: free some room" in printed
    assert printed.endswith("Failed: storage/free room. What to do is said above.\n")


def test_sections_that_do_not_suit_a_processor_are_named_with_the_command(run: Callable[..., tuple[int, str]]) -> None:
    _, printed = run(Machine())
    assert "- the section                there is no GPU to share\n" in printed
    assert "run: python -m search.doctor --section compiled\n" in printed


def test_a_gpu_has_all_sections(run: Callable[..., tuple[int, str]]) -> None:
    gpu = passed("device", "1 x H100", device="cuda", model="H100", gpus=1, cores=16, driver="575.1")
    machine = Machine(software=[VERSIONS, gpu])
    assert run(machine)[0] == 0 and machine.asked == list(SECTIONS)


def test_a_section_that_is_asked_for_runs_alone(run: Callable[..., tuple[int, str]]) -> None:
    machine = Machine()
    code, printed = run(machine, "--section", "compiled", "--section", "storage", "compiled")
    assert code == 0 and machine.asked == ["compiled", "storage"] and machine.limits == [1200, 900], (
        "longer than among all"
    )
    assert printed.startswith("compiled: equal bits of compiled trainings\n")


def test_sections_for_which_no_time_is_left_are_named(
    run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine()
    machine.takes = 40.0
    monkeypatch.setattr(doctor.time, "monotonic", lambda: machine.now)
    code, printed = run(machine)
    assert code == 0 and machine.asked == ["software", "ray", "storage"]
    assert machine.limits == [60.0, 60.0, doctor.TOTAL["cpu"] - 80]
    assert "- the section                no time is left\n" in printed
    assert "python -m search.doctor --section speed\n" in printed


def test_an_unknown_section_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        doctor.main(["--section", "promise"])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "--section promise: there is no such section; did you mean promises? (there are software, ray, " in error


def test_the_json_has_every_check(run: Callable[..., tuple[int, str]]) -> None:
    code, printed = run(Machine(storage=[FULL]), "--json")
    report = json.loads(printed)
    assert code == 1 and report.keys() == {"format", "date", "passed", "seconds", "sections", "row"}
    assert report["format"] == 1 and report["passed"] is False
    (storage,) = [section for section in report["sections"] if section["section"] == "storage"]
    assert storage == {
        "section": "storage",
        "seconds": 1.0,
        "checks": [
            {
                "name": "free room",
                "state": "failed",
                "found": "200 MB are free",
                "needed": "1 GB and more",
                "remedy": "free some room",
                "values": {"free": 200_000_000},
            }
        ],
    }


def test_the_keys_of_the_json_are_documented() -> None:
    page = (ROOT / "search" / "README.md").read_text().partition("\n## Checking a machine\n")[2].partition("\n## ")[0]
    report = build_report([SectionResult("storage", 1.0, [FULL])], "2026-01-31", 1.0)
    section = report["sections"][0]
    assert [key for key in (*report, *section, *section["checks"][0]) if f"`{key}`" not in page] == []
    assert [name for name in SECTIONS if f"`{name}`" not in page] == []


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def test_rows_of_verified_machines_have_the_columns_of_a_report() -> None:
    page = (ROOT / "search" / "README.md").read_text()
    table = re.search(r"^\| checked \|.*\n\|[-|]+\|\n(?:\|.*\n)+", page, re.MULTILINE)
    assert table
    head, _, *rows = map(cells, table[0].splitlines())
    assert head == list(COLUMNS) and rows and {len(row) for row in rows} == {len(COLUMNS)}


def test_a_report_is_a_row_of_verified_machines() -> None:
    gpu = passed("device", "", device="cuda", model="H100", gpus=2, cores=16, driver="575.1", memory=80 << 30)
    step = passed("PreAct ResNet-18, compiled", "", images_per_s=12345.6, share=0.41, precision="bf16", compiled=True)
    results = [
        SectionResult("software", 1.0, [VERSIONS, gpu]),
        SectionResult(
            "promises", 1.0, [passed("trained twice, eager", "", compared=2), passed("again", "", compared=2)]
        ),
        SectionResult("compiled", 1.0, [failed("trained twice, compiled", "", "", "", compared=2)]),
        SectionResult("speed", 1.0, [passed("measured peak", "", bf16={"flops": 7e14, "by": ""}), step]),
        SectionResult("packing", 1.0, [passed("copies", "", packed=3)]),
    ]
    row = cells(build_report(results, "2026-01-31", 100.0)["row"])
    assert row == ["2026-01-31", "2 x H100, 16 cores", "Python 3.12.1, torch 2.14, driver 575.1",
                   "eager ✓, compiled ✗", "–", "1.23e+04 images/s (bf16, compiled, 41% of the peak)",
                   "bf16 700 TFLOP/s", "3"]  # fmt: skip


def test_what_was_not_checked_is_blank_in_the_row() -> None:
    assert cells(build_report([], "2026-01-31", 1.0)["row"]) == ["2026-01-31", *["–"] * 7]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal_and_the_names_are_aligned(width: int) -> None:
    output = StringIO()
    result = SectionResult("ray", 1.0, [FULL, passed("deterministic kernels", "x " * 200), skipped("the rest", "late")])
    print_section(Console(file=output, width=width), "Ray starts, and its limits", result)
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    assert lines[0] == "ray: Ray starts, and its limits" and max(map(len, lines)) <= width
    found = [line for line in lines if line[:1] and line[0] in "✓✗-"]
    assert [line[2:28].rstrip() for line in found] == ["free room", "deterministic kernels", "the rest"]
    assert lines[2:4] == [" " * 29 + "needed: 1 GB and more", " " * 29 + "to do: free some room"] or width == 80


def test_marks_have_letters_for_a_terminal_without_them() -> None:
    assert "✓ ✗".translate(ASCII) == "+ x"


def test_the_verdict_counts_all_states() -> None:
    results = [SectionResult("ray", 1.0, [passed("start", ""), FULL, skipped("the rest", "late")])]
    assert format_verdict(results, 61.0).startswith("1 check passed, 1 failed, 1 not made, in 1 min 01 s.\n")
    assert list_failures(results) == ["ray/free room"]


def test_checks_come_through_whatever_a_library_prints(capsys: pytest.CaptureFixture[str]) -> None:
    print_checks([FULL, DEVICE])
    printed = capsys.readouterr().out
    assert parse_checks(f"loading ...\n{{'a': 1}}\n{printed}{{\"name\": torn") == [FULL, DEVICE]


def test_a_section_whose_process_dies_fails() -> None:
    assert end_check("speed", 0, "") == []
    (killed,) = end_check("speed", -9, "")
    assert killed.found == "its process was ended by signal 9: it says nothing" and "free memory" in killed.remedy
    (died,) = end_check("speed", 1, "RuntimeError: CUDA error: unspecified launch failure")
    assert died.state == "failed" and died.found.endswith("unspecified launch failure")
    assert died.remedy.endswith("`python -m search.doctor --section speed` asks for this section alone")


@pytest.mark.long
def test_a_section_is_ended_at_its_limit_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"""
import subprocess, sys, time
print('{{"name": "first", "state": "passed", "found": "well", "needed": "", "remedy": "", "values": {{}}}}', flush=True)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(600)
"""

    def start(*arguments: str, scratch: Path, **options: object) -> SweepProcess:
        return SweepProcess(*arguments, scratch=scratch, program=("-c", program))

    monkeypatch.setattr(section_process, "SweepProcess", start)
    result = run_section("speed", tmp_path, tmp_path / "scratch", 3.0)
    with suppress(psutil.NoSuchProcess):
        child = psutil.Process(int((tmp_path / "pid").read_text()))
        assert psutil.wait_procs([child], timeout=20)[1] == []
    assert [check.name for check in result.checks] == ["first", "the rest"]
    assert result.checks[1].found == "the time for this section, 3 s, is used up"
    assert result.checks[1].remedy == "python -m search.doctor --section speed"


@pytest.mark.long
def test_a_section_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    result = run_section("storage", tmp_path, tmp_path / "scratch", 120.0)
    assert [check for check in result.checks if check.state != "passed"] == [] and len(result.checks) == 6
    assert result.section == "storage"
