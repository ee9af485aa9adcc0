"""What a sweep shows while it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.environment import Unpickled, tune
from search.jobs import ENDED
from search.plan import Planned

PLAIN_SECONDS = 15.0


class Watch(Unpickled, tune.Callback):
    """Hears of every report, and keeps count."""

    def __init__(self, console: Console, planned: list[Planned], done: set[str], slots: int) -> None:
        self.console, self.slots = console, slots
        self.planned = {trial.id: trial for trial in planned}
        self.done = set(done)
        self.counts = {"completed": len(done), "diverged": 0, "failed": 0}
        self.latest: dict[str, dict[str, Any]] = {}
        self.front: list[tuple[float, float, str]] = []
        self.began = self._spoke = time.monotonic()
        self._work = self._remaining()
        self._live: Live | None = None

    def __enter__(self) -> Watch:
        if self.console.is_terminal:
            self._live = Live(self._view(), console=self.console, refresh_per_second=2, transient=True)
            self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._live:
            self._live.__exit__(None, None, None)

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict[str, Any], **info: Any) -> None:
        name = result.get("trial")
        if name not in self.planned:
            return
        self.latest[name] = self.latest.get(name, {}) | result
        if result.get("outcome") in ENDED:
            self._ended(name, str(result["outcome"]))
        self._show()

    def failed(self, name: str) -> None:
        """A training will not be tried again."""
        if name not in self.done:
            self._ended(name, "failed")

    def again(self, name: str, why: str) -> None:
        """A training came to no end, and is put back."""
        self.latest.pop(name, None)
        if not self._live:
            self.console.print(f"again: {name}: {why}", markup=False, soft_wrap=True)

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        if self._live and time.monotonic() - self._spoke > 1:
            self._show()

    def _ended(self, name: str, outcome: str) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        self.done.add(name)
        row = self.latest.pop(name, {})
        if outcome == "completed" and self.planned[name].kind == "trial" and "val_pgd_acc" in row:
            self._join_front(row["val_clean_acc"], row["val_pgd_acc"], name)
        if not self._live:
            self.console.print(
                f"[{len(self.done)}/{len(self.planned)}] {outcome}: {name}{_accuracies(row)}",
                markup=False,
                soft_wrap=True,
            )

    def _join_front(self, clean: float, robust: float, name: str) -> None:
        if any(c >= clean and r >= robust for c, r, _ in self.front):
            return
        kept = [(c, r, n) for c, r, n in self.front if c > clean or r > robust]
        self.front = sorted([*kept, (clean, robust, name)], reverse=True)

    def _show(self) -> None:
        now = time.monotonic()
        if self._live:
            self._spoke = now
            self._live.update(self._view())
        elif now - self._spoke > PLAIN_SECONDS:
            self._spoke = now
            self.console.print(self._headline(), markup=False)

    def _remaining(self) -> float:
        """Epochs still to be trained."""
        open_trials = (trial for name, trial in self.planned.items() if name not in self.done)
        return sum(t.config.epochs - self.latest.get(t.id, {}).get("epoch", -1) - 1 for t in open_trials)

    def _headline(self) -> str:
        left, spent = self._remaining(), time.monotonic() - self.began
        trained = self._work - left
        eta = f", about {duration(spent * left / trained)} left" if trained > self._work / 50 and left > 0 else ""
        extra = "".join(f", {n} {what}" for what, n in self.counts.items() if n and what != "completed")
        return f"{len(self.done)} of {len(self.planned)} trainings ended{extra}, {duration(spent)} so far{eta}"

    def _view(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("training", "epoch", "val clean", "val PGD"):
            table.add_column(name, justify="left" if name == "training" else "right", no_wrap=True, overflow="ellipsis")
        for name, row in list(self.latest.items())[-max(self.slots, 1) :]:
            epochs = self.planned[name].config.epochs
            table.add_row(name, f"{row.get('epoch', -1) + 1}/{epochs}", *_shown(row))
        best = [
            Text("front so far (validation, last epoch, one seed each):", style="bold"),
            *(
                Text(f"  clean {c:6.1%}  PGD {r:6.1%}  {n}", overflow="ellipsis", no_wrap=True)
                for c, r, n in self.front[:8]
            ),
        ]
        return Group(Text(self._headline()), table, *(best if self.front else ()))


def _shown(row: dict[str, Any]) -> tuple[str, str]:
    values = (row.get("val_clean_acc"), row.get("val_pgd_acc"))
    clean, robust = (f"{value:.1%}" if value is not None else "" for value in values)
    return clean, robust


def _accuracies(row: dict[str, Any]) -> str:
    clean, robust = _shown(row)
    return f" (validation: clean {clean}, PGD {robust})" if robust else ""


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
