"""Per-instance records in parts: where a training was checkpointed, or stopped, is not to be seen in them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.monitor.trial_progress import TrialProgress
from search.stopping.curves import read_curve
from search.store.segments import (
    Segment,
    append_segment,
    format_json_lines,
    join_diagnostics,
    join_instances,
    summarize_rows,
    truncate_segments,
)
from search.store.store import Arrays
from trainers.scores import UNSEEN

KINDS = {"loss": (np.float32, 4), "weight": (np.float16, 4), "kappa": (np.uint8, 4), "test_loss": (np.float16, 3)}
EPOCHS = st.lists(st.sets(st.sampled_from([*KINDS])).map(lambda names: names | {"loss"}), min_size=1, max_size=7)
NOTHING = Segment([], [], {}, {})


def epoch(number: int, names: set[str]) -> Segment:
    """Return a segment whose arrays hold its number."""
    arrays = {name: np.full((1, KINDS[name][1]), number, KINDS[name][0]) for name in sorted(names)}
    diagnostics = {f"{kind}_{what}": np.array([number]) for kind in names & {"kappa"} for what in ("epochs", "depth")}
    return Segment([{"epoch": number}], [{"epoch": number}], arrays, diagnostics)


def recorded(epochs: list[set[str]], checkpoints: set[int] = frozenset()) -> list[Segment]:  # type: ignore[assignment]
    """Return the segments as a session has them: one between two checkpoints."""
    parts = []
    for first, last in pairwise(sorted({0, len(epochs), *(each for each in checkpoints if each < len(epochs))})):
        part = NOTHING
        for number in range(first, last):
            part = append_segment(part, epoch(number, epochs[number]))
        parts.append(part)
    return parts


def equal(one: Arrays, other: Arrays) -> bool:
    return [*one] == [*other] and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name], equal_nan=True) for name in one
    )


@given(EPOCHS, st.sets(st.integers(1, 6)))
def test_every_array_has_a_row_an_epoch_however_it_was_checkpointed(epochs: list[set[str]], at: set[int]) -> None:
    whole = join_instances(recorded(epochs, at))
    assert equal(whole, join_instances(recorded(epochs)))
    measured = [number for number, names in enumerate(epochs) if "kappa" in names]
    diagnostics = join_diagnostics(recorded(epochs, at))
    assert {name: values.tolist() for name, values in diagnostics.items()} == (
        {"kappa_epochs": measured, "kappa_depth": measured} if measured else {}
    )
    for name, values in whole.items():
        assert values.shape == (len(epochs), KINDS[name][1]) and values.dtype == KINDS[name][0]
        for number, names in enumerate(epochs):
            missing = UNSEEN if values.dtype == np.uint8 else np.nan
            expected = number if name in names else missing
            assert np.array_equal(values[number], np.full(KINDS[name][1], expected), equal_nan=True)


@given(EPOCHS, st.sets(st.integers(1, 6)), st.integers(0, 7))
def test_truncated_segments_are_the_records_up_to_there(epochs: list[set[str]], at: set[int], until: int) -> None:
    """An array that begins with a later epoch, as weights after a burn-in, is not there."""
    kept = truncate_segments(recorded(epochs, at), until)
    assert equal(join_instances(kept), join_instances(recorded(epochs[:until])) if until else {})
    assert equal(join_diagnostics(kept), join_diagnostics(recorded(epochs[:until])) if until else {})
    assert [row["epoch"] for part in kept for row in part.rows] == [*range(min(until, len(epochs)))]
    assert sum(len(part.costs) for part in kept) == len(epochs)  # they were spent


@pytest.mark.parametrize("attacks", [True, False])
def test_the_summarized_best_epoch_is_the_selected_one(tmp_path: Path, attacks: bool) -> None:
    """Robust validation accuracy, or clean of a training that does not attack its images; wherever it is read."""
    more = {"train_robust_acc": 0.5} if attacks else {}
    heights = [(0.5, 0.3), (0.7, 0.2), (0.9, 0.1), (0.9, 0.1)]
    rows = [
        {"epoch": i, "train_clean_acc": 0.9, "val_clean_acc": clean, "val_pgd_acc": robust} | more
        for i, (clean, robust) in enumerate(heights)
    ]
    best = 0 if attacks else 2
    assert summarize_rows(rows)["best"]["epoch"] == best
    assert read_curve(rows, {"val_pgd_acc": "max"}).best(4).epoch == best
    (tmp_path / "epochs.jsonl").write_bytes(format_json_lines(rows))
    seen = TrialProgress(tmp_path, "one", "")
    seen.update()
    assert seen.best["epoch"] == best
