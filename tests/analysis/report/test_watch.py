"""A page is written again when records change, and no longer once all have ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.exceptions import SweepError
from analysis.report import __main__ as command
from analysis.report.data import collect_report_data
from analysis.report.watch import mark_records, may_change, watch_records
from analysis.results.sweep import load_sweep
from trainers.record_io import write_json

from ..synthetic import Made, write_sweep

SMALL = Made(noise=(0.1,), methods=("AT",), subsets=("all",), replicates=2, profile=False, faults=False)


def test_a_page_is_written_when_records_change_until_no_more_can_come(tmp_path: Path) -> None:
    write_json(tmp_path / "plan.json", {})
    waits: list[float] = []
    written: list[int] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        assert len(waits) < 9
        if len(waits) in (2, 4):
            write_json(tmp_path / "provenance.json", {"runs": [len(waits)] * len(waits)})

    def write() -> bool:
        written.append(len(waits))
        return len(written) < 3

    watch_records([tmp_path], write, 5.0, wait)
    assert written == [0, 2, 4] and set(waits) == {5.0}


def test_records_that_cannot_be_read_for_a_moment_do_not_end_the_watch(tmp_path: Path) -> None:
    notes: list[str] = []
    written: list[bool] = []

    def write() -> bool:
        written.append(len(written) != 1)
        if not written[-1]:
            raise SweepError("its plan.json is damaged")
        return len(written) < 3

    def wait(seconds: float) -> None:
        write_json(tmp_path / "provenance.json", {"runs": [0] * len(written)})

    write_json(tmp_path / "plan.json", {})
    watch_records([tmp_path], write, 5.0, wait, notes.append)
    assert written == [True, False, True] and notes == ["not written: its plan.json is damaged"]


def test_a_folder_that_is_no_sweep_ends_the_watch_at_once(tmp_path: Path) -> None:
    def write() -> bool:
        raise SweepError("no sweep")

    with pytest.raises(SweepError, match="no sweep"):
        watch_records([tmp_path], write, 5.0)


def test_what_a_running_sweep_writes_every_moment_is_no_change(tmp_path: Path) -> None:
    write_json(tmp_path / "plan.json", {})
    before = mark_records([tmp_path])
    write_json(tmp_path / "now.json", {"epoch": 3})
    assert mark_records([tmp_path]) == before and len(before) == 1
    trial = tmp_path / "trials" / "one"
    trial.mkdir(parents=True)
    (trial / "epochs.jsonl").write_text("{}\n")
    assert mark_records([tmp_path]) != before


@pytest.mark.parametrize(("made", "more"), [(SMALL, False), (Made(finished=False), True)], ids=["ended", "planned"])
def test_a_sweep_may_change_until_all_trainings_have_ended(tmp_path: Path, made: Made, more: bool) -> None:
    assert may_change([collect_report_data(load_sweep(write_sweep(tmp_path / "sweep", made)))]) is more


@pytest.mark.long
def test_a_watched_page_loads_itself_again_and_a_finished_one_does_not(
    tmp_path: Path, unrendered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_sweep(tmp_path / "sweep", SMALL)
    result = next(folder.glob("trials/*seed=1/result.json"))
    text, page = result.read_text(), tmp_path / "page.html"
    result.unlink()

    def finish(seconds: float) -> None:
        assert seconds == 7 and '"reload_seconds":7' in page.read_text() and "Interrupted: 1 of 2" in page.read_text()
        result.write_text(text)

    monkeypatch.setattr(command, "watch_records", lambda *given, **more: _watch(*given, finish, **more))
    assert command.main([str(folder), "-o", str(page), "--watch", "--interval", "7"]) == 0
    assert '"reload_seconds":null' in page.read_text() and "Interrupted" not in page.read_text()


def _watch(*given: object, **more: object) -> None:
    watch_records(*given, **more)  # type: ignore[arg-type]
