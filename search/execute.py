"""Running a plan's unfinished trials on Ray Tune, in a cluster that is up."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from search.cluster import mine, short
from search.environment import Unpickled, tune
from search.interrupt import Interrupt
from search.resources import Resources
from search.searchers import Queue
from search.trial import Trial
from trainers.arrays import Source
from trainers.records import Place


class _StopWhen(Unpickled, tune.Stopper):
    """Ends the whole run once a callback says so: a full disk fails every further trial alike."""

    def __init__(self, watch: Any) -> None:
        self._watch = watch

    def __call__(self, trial_id: str, result: dict) -> bool:
        return False

    def stop_all(self) -> bool:
        return bool(self._watch.disk_full)


def scratch(folder: Place) -> Path:
    """Where Tune keeps its own files, for this process alone: beside the sweep, or here if that lies behind a URL.

    Tune checks that a node sees them only when it stores checkpoints, and it stores none.
    """
    if isinstance(folder, Path):
        return folder / ".tune"
    return Path(tempfile.mkdtemp(prefix=f"{mine()}tune-", dir=short()))


def run(
    queue: Queue, sources: dict[str, Source], resources: Resources, retries: int, watch: Any,
    interrupt: Interrupt, slots: int, scratch: Path,
) -> str | None:  # fmt: skip
    """Run what the queue hands out until it is finished, interrupted, or the disk is full.

    Success is judged from the store by the caller; returned is what Tune complained of, if it did.
    """
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots)  # else actors of a custom searcher start one by one
    asked = {kind.lower(): amount for kind, amount in resources.amounts.items()}
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
