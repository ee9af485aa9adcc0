"""Learning curves of a selection: clean or robust accuracy, or error, on training and test examples by epoch."""

from __future__ import annotations

from analysis.measures.figure_table import TidyTable, as_error, average_seeds, stack_variants
from analysis.measures.own_attack import OWN_ATTACK, describe_augmentation, explain_own_attack
from analysis.results.axes import SEPARATOR
from analysis.results.gaps import TRAINED
from analysis.results.metrics import describe_metric, parse_attack
from analysis.results.selection import Selection

UPDATES = "train_robust_acc"  # on the adversaries of the updates
SPLITS = {"test": "test", "train": "training"}
OWN = f"training ({OWN_ATTACK})"
AS_ON_TEST = "`evaluate: {{train: true}}` measures training {what} as on test."
CLEAN_OWN = "Clean training {what} is that in each batch before its update{images}."


def find_curve_columns(selection: Selection, kind: str, splits: tuple[str, ...]) -> dict[str, str]:
    """Return the recorded column of each split: the name of the split -> the column.

    Robust training accuracy is that under the attack of the curves where all trials have it, else that of the updates,
    whose name has the own attack.
    """
    found = {}
    for split in splits:
        column = f"{split}_{kind}_acc"
        if column == TRAINED and not _is_everywhere(selection, TRAINED):
            column = UPDATES
        if column in selection.epochs and selection.epochs[column].notna().any():
            found[OWN if column == UPDATES else SPLITS[split]] = column
    return found


def _is_everywhere(selection: Selection, column: str) -> bool:
    known = selection.epochs.get(column)
    return known is not None and bool(
        known.notna().groupby([selection.epochs["sweep"], selection.epochs["id"]]).any().all()
    )


def measure_curves(
    selection: Selection,
    kind: str = "pgd",
    error: bool = False,
    splits: tuple[str, ...] = ("train", "test"),
    start: float = 0.0,
) -> TidyTable:
    """Measure the learning curves of each line by epoch, a variant a split, averaged over seeds.

    `kind` is "clean", "pgd" (the attack by which validation selects), or the name of a further attack along training.
    `start` leaves out the epochs before this share of the longest training; the titles of the panels then say so.
    """
    columns = find_curve_columns(selection, kind, splits)
    epochs = selection.epochs
    if start:
        first = round(start * (epochs["epoch"].max() + 1))
        epochs = epochs[epochs["epoch"] >= first]
        epochs = epochs.assign(
            panel=[SEPARATOR.join(filter(None, (p, f"from epoch {first}"))) for p in epochs["panel"]]
        )
    points = average_seeds(stack_variants(epochs, columns, epochs["epoch"]))
    what = "error" if error else "accuracy"
    metric = f"test_{kind}_acc"
    split = f"{next(iter(columns))} " if len(columns) == 1 else ""  # else dashes tell the splits apart
    title = describe_metric(metric, selection.attacks).replace("test accuracy", f"{split}{what}")
    own, is_own = f"robust training {what}, {OWN_ATTACK}", [*columns] == [OWN]
    notes = []
    if OWN in columns:
        notes += [explain_own_attack(selection), AS_ON_TEST.format(what=what)]
    elif "training" in columns and parse_attack(metric) is None:
        notes.append(CLEAN_OWN.format(what=what, images=describe_augmentation(selection)))
    return TidyTable(
        as_error(points) if error else points,
        "epoch",
        own if is_own else title,
        attacks=() if is_own else tuple(filter(None, [parse_attack(metric)])),
        other=((OWN, own),),
        notes=tuple(notes),
        of_test="test" in columns,
    )
