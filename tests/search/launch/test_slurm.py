"""search/launch/slurm.sh: linted, run with stand-ins for all it calls, and run for real on a stand-in for Slurm."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trainers.record_reader import read_json

from ..helpers import ROOT, SMOKE, Tiny, count_epochs, hash_records, kill_process, list_descendants, read_command_line

SCRIPT = ROOT / "search" / "launch" / "slurm.sh"
JOB = 31000 + os.getpid() % 900
SRUN = f"""#!{sys.executable}
# runs a command once for each node named, on this machine, and hands on what ends it
import os, signal, subprocess, sys
at = next(i for i, word in enumerate(sys.argv[1:], 1) if not word.startswith("--"))
options = dict(word.removeprefix("--").split("=") for word in sys.argv[1:at])
names = options["nodelist"].split(",")
with open(os.environ["SAID"], "a") as said:
    print("srun", *names, *sys.argv[at:][3:], file=said)
if not len(names) == int(options["nodes"]) == int(options["ntasks"]):
    sys.exit("asked for other nodes than it names")
node = {{"SLURM_CPUS_ON_NODE": "1"}}
run = [
    subprocess.Popen(sys.argv[at:], env=os.environ | node | {{"SLURM_NODEID": name[-1]}}) for name in names
]
signal.signal(signal.SIGTERM, lambda *_: [each.terminate() for each in run])
sys.exit(max(each.wait() for each in run))
"""
SCONTROL = """#!/bin/sh
echo scontrol "$@" >>"$SAID"
case $1 in show) for i in $(seq "${NODES:-2}"); do echo "node$i"; done ;; esac
"""
PYTHON = """#!/bin/bash
# stands in for the interpreter: there is an address, the nodes join, and a sweep ends with $CODE, or once it is told to
case "$1" in
-c) echo 10.0.0.7 ;;
-)
    until [ "$(grep -c '^ray start' "$SAID")" -ge "$2" ]; do sleep 0.02; done
    echo "$2 nodes joined" >>"$SAID"
    ;;
*)
    trap 'echo told >>"$SAID"; exit 143' TERM # first: whoever reads the lines below may end it at once
    echo "python $* with $RAY_AUTH_MODE $RAY_AUTH_TOKEN" >>"$SAID"
    echo "until $SEARCH_ENDS_AT" >>"$SAID"
    while [ "$CODE" = told ]; do sleep 0.02; done
    exit "$CODE"
    ;;
esac
"""
RAY = """#!/bin/bash
trap 'exit 0' TERM
echo "ray $* with $RAY_AUTH_MODE $RAY_AUTH_TOKEN" >>"$SAID"
while :; do sleep 0.05; done
"""


class Slurm:
    """Run the script as a Slurm job; a file lists what it called."""

    def __init__(self, folder: Path, **stand_ins: str) -> None:
        self.bin, self.file = folder / "bin", folder / "said"
        self.bin.mkdir(parents=True)
        for name, text in ({"srun": SRUN, "scontrol": SCONTROL} | stand_ins).items():
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "TUNE_", "SLURM"))}
        path = os.pathsep.join([str(self.bin), str(Path(sys.executable).parent), os.environ["PATH"]])
        job = {"SLURM_JOB_ID": str(JOB), "SLURM_JOB_NODELIST": "node[1-2]", "SAID": str(self.file), "PATH": path}
        return subprocess.Popen(
            [SCRIPT, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=inherited | {"OMP_NUM_THREADS": "1"} | job | environment,
        )  # fmt: skip

    def said(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    def called(self, word: str) -> list[str]:
        return [line for line in self.said() if line.startswith(word)]


@pytest.fixture
def rehearsal(tmp_path: Path) -> Slurm:
    """Replace everything that the script calls by stand-ins."""
    return Slurm(tmp_path, python=PYTHON, ray=RAY)


def ended(job: subprocess.Popen[str], timeout: float = 30) -> tuple[int, str]:
    out, _ = job.communicate(timeout=timeout)
    return job.returncode, out


def when(happened: Callable[[], object], job: subprocess.Popen[str], timeout: float = 120) -> None:
    until = time.monotonic() + timeout
    while not happened():
        assert job.poll() is None, job.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_script_passes_shellcheck() -> None:
    lint = Path(sys.executable).with_name("shellcheck")
    checked = subprocess.run([lint, SCRIPT], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_directives_come_before_the_first_command() -> None:
    """Slurm reads directives only there; the signal goes to the script, which passes it on."""
    head = SCRIPT.read_text().partition("\nset -")[0].splitlines()
    assert "#SBATCH --signal=B:TERM@120" in head
    assert all(line.startswith("#") or not line for line in head)
    assert "#SBATCH" not in SCRIPT.read_text().partition("\nset -")[2]


def test_the_documented_commands_ask_for_cpus() -> None:
    """Otherwise Slurm gives each node's task one CPU, and Ray runs one trial there."""
    for text in (SCRIPT.read_text(), (ROOT / "search" / "README.md").read_text()):
        commands = re.findall(r"sbatch [^`]*?slurm\.sh", text)
        assert commands and all("--gpus-per-node" in command and "--exclusive" in command for command in commands)


def test_ray_counts_the_cpus_that_slurm_allocated(rehearsal: Slurm) -> None:
    assert ended(rehearsal.start("spaces/smoke.yaml", CODE="0", NODES="2"))[0] == 0
    assert all("--num-cpus=1 " in line for line in rehearsal.called("ray start"))


def test_rays_folder_is_private_on_each_node_and_removed(rehearsal: Slurm) -> None:
    job = rehearsal.start("spaces/smoke.yaml", CODE="told", NODES="3")
    when(lambda: rehearsal.called("until"), job)
    folders = [Path(re.findall(r"--temp-dir=(\S+)", line)[0]) for line in rehearsal.called("ray start")]
    assert {path.name for path in folders} == {"ray"}
    around = {path.parent for path in folders}
    assert len(around) == 3, "each node has its own, also where they share a file system"
    assert {stat.S_IMODE(path.stat().st_mode) for path in around} == {0o700}
    job.send_signal(signal.SIGTERM)
    assert ended(job)[0] == 143
    assert not [path for path in around if path.exists()]


def test_two_nodes_share_a_token_and_the_sweep_waits_for_both(rehearsal: Slurm) -> None:
    code, out = ended(rehearsal.start("spaces/smoke.yaml", "--set", "trial.epochs=2 3", CODE="1"))
    assert (code, out) == (1, "")  # the sweep's own code
    port = 20000 + JOB % 12000
    head, worker = rehearsal.called("ray start")
    (sweep,) = rehearsal.called("python")
    assert f"--head --node-ip-address=10.0.0.7 --port={port}" in head
    assert f"--address=10.0.0.7:{port}" in worker
    assert f"-m search.run spaces/smoke.yaml --set trial.epochs=2 3 --address 10.0.0.7:{port} with" in sweep
    (token,) = {line.rpartition(" with ")[2] for line in (head, worker, sweep)}
    assert re.fullmatch("token [0-9a-f]{64}", token)
    order = [line.split(" --")[0] for line in rehearsal.said() if not line.startswith("ray")]
    assert order[:1] + order[2:3] + order[4:5] == [
        "scontrol show hostnames node[1-2]",
        "1 nodes joined",
        "2 nodes joined",
    ]
    assert order[1].startswith("srun node1") and order[3].startswith("srun node2") and order[5].startswith("python -m")


def test_the_token_is_new_each_time(rehearsal: Slurm) -> None:
    for _ in range(2):
        assert ended(rehearsal.start("spaces/smoke.yaml", CODE="0", NODES="1"))[0] == 0
    assert len({line.rpartition(" with ")[2] for line in rehearsal.called("python")}) == 2


def test_one_node_starts_no_other(rehearsal: Slurm) -> None:
    assert ended(rehearsal.start("spaces/smoke.yaml", CODE="0", NODES="1"))[0] == 0
    assert len(rehearsal.called("ray start")) == 1
    assert [line for line in rehearsal.said() if "joined" in line] == ["1 nodes joined"]


def test_three_other_nodes_are_started_in_one_step(rehearsal: Slurm) -> None:
    assert ended(rehearsal.start("spaces/smoke.yaml", CODE="0", NODES="4"))[0] == 0
    assert [line.split(" --")[0] for line in rehearsal.called("srun")] == [
        "srun node1 ray",
        "srun node2 node3 node4 ray",
    ]
    assert len(rehearsal.called("ray start")) == 4


@pytest.mark.parametrize(
    ("environment", "requeued"),
    [
        ({"SEARCH_REQUEUE": "1", "SLURM_JOB_END_TIME": "soon"}, True),
        ({"SEARCH_REQUEUE": "1", "SLURM_JOB_END_TIME": "late"}, False),  # someone else told it to stop
        ({"SLURM_JOB_END_TIME": "soon"}, False),
    ],
)
def test_the_time_limit_stops_the_sweep_and_requeues_if_requested(
    rehearsal: Slurm, environment: dict[str, str], requeued: bool
) -> None:
    ends = {"soon": str(int(time.time()) + 115), "late": str(int(time.time()) + 7200)}
    environment |= {"SLURM_JOB_END_TIME": ends[environment["SLURM_JOB_END_TIME"]]}
    job = rehearsal.start("spaces/smoke.yaml", CODE="told", **environment)
    when(lambda: rehearsal.called("until"), job)
    job.send_signal(signal.SIGTERM)
    assert ended(job)[0] == 143
    assert rehearsal.called("told") == ["told"]
    assert rehearsal.called("until") == [f"until {environment['SLURM_JOB_END_TIME']}"]
    assert rehearsal.called("scontrol requeue") == ([f"scontrol requeue {JOB}"] if requeued else [])


def test_outside_slurm_or_without_a_space_the_script_says_what_to_do(rehearsal: Slurm) -> None:
    code, out = ended(rehearsal.start("spaces/smoke.yaml", SLURM_JOB_ID=""))
    assert code != 0 and "submit this script by sbatch" in out
    code, out = ended(rehearsal.start())
    assert (code, out) == (2, "error: name a space after the script, such as spaces/cifar10/friendly_k.yaml\n")
    assert rehearsal.said() == []


@pytest.mark.parametrize("once", ["--fresh", "--add-trials", "--add-trials=10"])
def test_a_requeued_job_does_not_repeat_one_time_options(rehearsal: Slurm, once: str) -> None:
    """Otherwise the sweep would be moved aside, or more and more trials be added."""
    arguments = ("spaces/smoke.yaml", "--set", "trial.epochs=2", once)
    code, out = ended(rehearsal.start(*arguments, CODE="0", NODES="1", SLURM_RESTART_COUNT="1"))
    assert code == 2 and f"{once} was asked for once" in out
    assert rehearsal.said() == []
    assert ended(rehearsal.start(*arguments, CODE="0", NODES="1"))[0] == 0
    assert ended(rehearsal.start(*arguments[:3], CODE="0", NODES="1", SLURM_RESTART_COUNT="2"))[0] == 0


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[Slurm]:
    """The real sweep, with a stand-in for Slurm."""
    cluster = Slurm(tmp_path)
    yield cluster
    for line in Path("/proc").glob("[0-9]*"):  # what a failed test left
        if f"/tmp/ray-{JOB}-" in read_command_line(int(line.name)):
            kill_process(int(line.name))


@pytest.mark.slow
def test_a_job_that_is_cut_off_resumes_when_requeued(two_nodes: Slurm, tmp_path: Path) -> None:
    arguments = (SMOKE, "--set", "trial.epochs=40", "--set", "evaluate.every=20", "--results", tmp_path / "results")
    folder = tmp_path / "results" / "smoke"
    cut_off = two_nodes.start(*arguments, SEARCH_REQUEUE="1")
    when(lambda: count_epochs(folder) > 60, cut_off)
    started = list_descendants(cut_off.pid)
    cut_off.send_signal(signal.SIGTERM)
    code, out = ended(cut_off, 60)
    assert code == 143, out
    assert "All that was trained is kept; the same command carries on:" in out
    assert two_nodes.called("scontrol requeue") == [f"scontrol requeue {JOB}"]
    assert [pid for pid in started if "ray" in read_command_line(pid)] == []
    code, out = ended(two_nodes.start(*arguments, SEARCH_REQUEUE="1"), 240)
    assert code == 0, out
    assert [run["slots"] for run in read_json(folder / "provenance.json")["runs"]] == [2, 2]
    assert not list(Path("/tmp").glob(f"ray-{JOB}-*"))
    study = Tiny(tmp_path / "alone" / "smoke", trial__epochs=40, evaluate__every=20).all()
    assert hash_records(folder) == hash_records(study.store.folder)
