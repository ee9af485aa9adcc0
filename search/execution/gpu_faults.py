"""GPUs that lose workers: counted one by one, and no longer used once the fault is theirs and not a training's."""

from __future__ import annotations

from collections import defaultdict

MAX_STRIKES = 3  # losses in a row without progress, after which a GPU is no longer used


class GpuFaults:
    """Counts the losses of each GPU since it last trained anything, and tells faults of GPUs from those of trainings.

    A GPU is a name: trainable.find_gpu. One event of the hardware ends all workers of a GPU, so that losses of workers
    that ran at the same time count once. A training may itself be what breaks its workers. A GPU is therefore retired
    only if it lost several trainings, or if the training that it lost never failed elsewhere and other GPUs work.
    """

    def __init__(self) -> None:
        self.retired: dict[str, str] = {}  # GPU -> the last error there
        self._strikes: dict[str, list[str]] = defaultdict(list)  # GPU -> trainings lost there without progress
        self._working: set[str] = set()  # GPUs that trained something
        self._failed_on: dict[str, set[str]] = defaultdict(set)  # training -> GPUs on which it was lost
        self._events = 0
        self._started: dict[str, int] = {}  # task -> number of the event that started it
        self._struck: dict[str, int] = {}  # GPU -> number of the event of its last strike

    def record_start(self, task: str) -> None:
        """Record that a worker starts a task."""
        self._events += 1
        self._started[task] = self._events

    def record_progress(self, training: str, gpu: str) -> None:
        """Record that a training made progress on a GPU."""
        self._strikes.pop(gpu, None)
        self._working.add(gpu)
        self._failed_on[training].discard(gpu)

    def record_loss(self, task: str, training: str, gpu: str, why: str) -> bool:
        """Record that a task lost its worker by a fault of a GPU. Return whether the GPU is retired by it."""
        self._failed_on[training].add(gpu)
        if gpu in self.retired or self._started.get(task, 0) < self._struck.get(gpu, 0):
            return False
        self._events += 1
        self._struck[gpu] = self._events
        self._strikes[gpu].append(training)
        if len(self._strikes[gpu]) < MAX_STRIKES or not self._is_to_blame(gpu):
            return False
        self.retired[gpu] = why
        self._working.discard(gpu)
        return True

    def _is_to_blame(self, gpu: str) -> bool:
        trainings = set(self._strikes[gpu])
        if len(trainings) > 1:
            return True
        (training,) = trainings
        return self._failed_on[training] == {gpu} and bool(self._working - {gpu})
