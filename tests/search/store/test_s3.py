"""A sweep in an object store as the user meets it: the command with a URL, killed and given again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import search.status
from analysis.report import __main__ as reporting
from search.store.lease import EXPIRY_SECONDS
from search.store.lock import is_locked
from search.store.remote import RemotePath, parse_path
from trainers.record_reader import read_json, read_rows

from ..cluster.test_ray_cluster import simulated
from ..conftest import S3
from ..execution.test_sweep import main_here
from ..helpers import SMOKE, SweepProcess, Tiny, hash_records

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LONGER = ("--set", "trial.epochs=20", "--set", "evaluate.every=10")
EPOCHS = 6 * 20


def trained(folder: RemotePath) -> int:
    time.sleep(0.5)  # the server has few cores, and others ask it too
    return sum(len(read_rows(trial / "epochs.jsonl")) for trial in (folder / "trials").glob("*"))


def test_a_sweep_killed_and_resumed_has_the_records_of_an_undisturbed_run(
    s3: S3, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    undisturbed = Tiny(tmp_path / "smoke", trial__epochs=20, evaluate__every=10).all()
    folder = parse_path(s3.url("killed/smoke"))
    assert isinstance(folder, RemotePath)
    arguments, drivers = (SMOKE, *LONGER, "--results", s3.url("killed")), []
    try:
        for workers in (False, True):
            drivers.append(SweepProcess(*arguments, scratch=tmp_path / "tmp"))
            if not workers:
                drivers[-1].wait_until(lambda: is_locked(folder))  # long before Ray is up
                assert main_here(*arguments) == 2, "another driver runs it"
            before = trained(folder)
            drivers[-1].wait_until(lambda before=before: trained(folder) > before + EPOCHS // 6)
            drivers[-1].kill(workers=workers)
        assert trained(folder) < EPOCHS
        drivers.append(SweepProcess(*arguments, scratch=tmp_path / "tmp"))
        assert drivers[-1].wait() == 0, drivers[-1].output
    finally:
        for driver in drivers:
            driver.close()
    output = " ".join(drivers[-1].output.split())  # however it is wrapped
    assert f"waiting {EXPIRY_SECONDS:g} s to see whether that process still runs" in output
    assert "Report: s3://bucket/killed/smoke/report/index.html" in drivers[-1].output
    assert (folder / "report" / "index.html").exists()
    assert hash_records(folder) == hash_records(undisturbed.store.folder)
    assert not [entry for entry in folder.list_files() if "damaged" in entry.path or "error.txt" in entry.path]
    assert [run.get("exit") for run in read_json(folder / "provenance.json")["runs"]] == [None, None, 0]
    assert not is_locked(folder)
    assert search.status.main([str(folder)]) == 0
    assert "smoke  finished" in capsys.readouterr().out


def test_an_extended_sweep_trains_only_new_trials(s3: S3, tmp_path: Path) -> None:
    folder = parse_path(s3.url("extended/smoke"))
    Tiny(tmp_path / "first", at=folder).all()
    before = {path: (folder / path).read_bytes() for path in hash_records(folder)}
    assert main_here(SMOKE, "--set", "search.replicates=2", "--results", s3.url("extended")) == 0
    undisturbed = Tiny(tmp_path / "smoke", search__replicates=2).all()
    assert hash_records(folder) == hash_records(undisturbed.store.folder)
    assert {path: (folder / path).read_bytes() for path in before} == before
    assert len(read_json(folder / "plan.json")["trials"]) == 6 + 4


def test_two_nodes_give_the_records_of_one(s3: S3, tmp_path: Path) -> None:
    with simulated() as nodes:
        assert main_here(SMOKE, "--results", s3.url("two"), "--address", nodes.address) == 0
    folder = parse_path(s3.url("two/smoke"))
    (run,) = read_json(folder / "provenance.json")["runs"]
    assert (run["slots"], [len(hosts) for hosts in run["nodes"].values()]) == (4, [2])
    assert hash_records(folder) == hash_records(Tiny(tmp_path / "smoke").all().store.folder)
    assert not list(folder.glob(".*.tmp")), "the marks by which the nodes were asked whether they see it"


def test_a_report_is_drawn_from_a_url(s3: S3, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Tiny(tmp_path / "smoke", at=parse_path(s3.url("reported/smoke"))).all()
    assert reporting.main([s3.url("reported/smoke")]) == 0
    assert "Report: s3://bucket/reported/smoke/report/index.html" in capsys.readouterr().out
    page = (parse_path(s3.url("reported/smoke")) / "report" / "index.html").read_text()
    assert "python -m analysis.report s3://bucket/reported/smoke?" in page
    assert reporting.main([s3.url("nowhere")]) == 2
    assert "no sweep is stored there" in capsys.readouterr().err


def test_a_bucket_that_is_not_there_is_refused(s3: S3, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_here(SMOKE, "--results", s3.url("x").replace("bucket", "no-bucket")) == 2
    assert "there is no such bucket; make it first" in capsys.readouterr().err
