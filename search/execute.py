"""Running a plan's unfinished trials on Ray Tune: start or join Ray, check that a trial fits, run, stop cleanly."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.environment import Unpickled, ray, tune
from search.searchers import Queue
from search.space import Resources
from search.trial import Trial
from trainers.arrays import Source

MIB = 1 << 20
NOT_SHIPPED = [".git/", ".venv/", ".*_cache/", ".hypothesis/", "/results/", "/data/", "/tests/", "*.npz", "*.egg-info/"]


class Infeasible(Exception):
    """No machine can hold one trial, or the cluster cannot be reached."""


class Interrupt:
    """Turns the first Ctrl-C or SIGTERM into a clean stop and the second into an immediate end."""

    def __init__(self) -> None:
        self.code = 0  # 130 or 143 once asked to stop
        self.running = False  # whether Tune is there to be told

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._asked)

    def _asked(self, number: int, frame: Any) -> None:
        if self.code:
            os._exit(128 + number)  # the store is safe at any instant
        self.code = 128 + number
        if not self.running or signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # Tune does not listen yet
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGUSR1)  # what Tune listens to, however Ctrl-C is handled


@contextmanager
def cluster(address: str | None, interrupt: Interrupt) -> Iterator[None]:
    """Ray on this machine alone, or the cluster at an address; silenced. Raises Infeasible if it can't be reached."""
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    quiet: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    folder = None
    if address:
        _reachable(address)
        quiet |= {"address": address}
    else:
        folder = Path(tempfile.mkdtemp(prefix=f"{_clean_up_after_the_dead()}{os.getpid()}-", dir=_short()))
        quiet |= {"address": "local", "include_dashboard": False, "_temp_dir": str(folder)}
    try:
        ray.init(runtime_env=shipped(), **quiet)
    except (ConnectionError, SystemExit, RuntimeError, ValueError) as error:
        token = "; if it wants a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN" if address else ""
        raise Infeasible(f"Ray at {address or 'this machine'} did not start: {error}{token}") from None
    interrupt.install()  # after Ray, which sets handlers of its own
    try:
        yield
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _short() -> str | None:
    """Ray's folder needs a short path, for it holds sockets."""
    return "/tmp" if os.path.isdir("/tmp") else None


def _clean_up_after_the_dead() -> str:
    """Remove the Ray folders that killed drivers left behind; returns the prefix by which they are known."""
    prefix = "rs-"
    for path in Path(_short() or tempfile.gettempdir()).glob(f"{prefix}*-*"):
        pid = path.name.removeprefix(prefix).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists() and Path("/proc").is_dir():
            shutil.rmtree(path, ignore_errors=True)
    return prefix


def shipped() -> dict[str, Any] | None:
    """A copy of the checkout for the workers: editing code while a sweep runs must not change its later trials."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "pyproject.toml").exists():
        return None  # installed as a package: every node has its own
    return {"working_dir": str(root), "excludes": NOT_SHIPPED}


def _reachable(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto" or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise Infeasible(
            f"no Ray answers at {address}: {error}; start one by `ray start`, or unset RAY_ADDRESS"
        ) from None


def slots(resources: Resources) -> int:
    """How many trials run at once. Raises Infeasible, naming what is short, if no node can hold one."""
    asked = {"CPU": float(resources.cpus), "GPU": resources.gpus}
    if resources.memory_gb:
        asked["memory"] = resources.memory_gb * 1024 * MIB
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fitting = sum(
        min(int(node.get(kind, 0) / amount + 1e-9) for kind, amount in asked.items() if amount > 0) for node in nodes
    )
    if fitting:
        return fitting
    best = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in asked}
    short = [
        f"{kind} {_amount(kind, amount)} asked, {_amount(kind, best[kind])} on the largest machine"
        for kind, amount in asked.items()
        if best[kind] < amount
    ] or ["no single machine has all of it at once"]
    raise Infeasible(f"resources: a trial fits on no machine: {'; '.join(short)}; lower `resources:` or join a cluster")


def _amount(kind: str, amount: float) -> str:
    return f"{amount / MIB / 1024:.1f} GB" if kind == "memory" else f"{amount:g}"


class _StopWhen(Unpickled, tune.Stopper):
    """Ends the whole run once a callback says so: a full disk fails every further trial alike."""

    def __init__(self, watch: Any) -> None:
        self._watch = watch

    def __call__(self, trial_id: str, result: dict) -> bool:
        return False

    def stop_all(self) -> bool:
        return bool(self._watch.disk_full)


def run(
    queue: Queue, sources: dict[str, Source], resources: Resources, retries: int, watch: Any,
    interrupt: Interrupt, slots: int, scratch: Path,
) -> str | None:  # fmt: skip
    """Run what the queue hands out until it is finished, interrupted, or the disk is full.

    Success is judged from the store by the caller; returned is what Tune complained of, if it did.
    """
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots)  # else actors of a custom searcher start one by one
    asked: dict[str, float] = {"cpu": resources.cpus, "gpu": resources.gpus}
    if resources.memory_gb:
        asked["memory"] = resources.memory_gb * 1024 * MIB
    trainable = tune.with_resources(tune.with_parameters(Trial, sources=sources), asked)
    shutil.rmtree(scratch, ignore_errors=True)  # Tune's own files, never read again
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(search_alg=queue, num_samples=-1, reuse_actors=True),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(scratch),
            verbose=0,
            callbacks=[watch],
            stop=_StopWhen(watch),
            failure_config=tune.FailureConfig(max_failures=retries),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
    interrupt.running = True
    try:
        tuner.fit()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        interrupt.running = False
        shutil.rmtree(scratch, ignore_errors=True)
    return None
