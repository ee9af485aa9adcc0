"""The work of `python -m search.new` once its arguments are parsed."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch

from search.cli import DONE
from search.exceptions import SpaceError
from search.execution.reuse import count_remaining
from search.new.choices import choose
from search.new.data_block import Block, find_data_block, name_option, parse_block
from search.new.inspection import check_square, list_doubts, list_notes
from search.new.refusal import DoubtfulData, report_refusal
from search.new.space_text import format_space
from search.planning.data_inspection import note_splits
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.planning.validation import check_plan
from search.run.dry_run import describe_time, list_splits, simulate_here
from search.schema.space import LoadedSpace, load_space
from trainers.arrays import Source
from trainers.data import prepare_data
from trainers.formatting import format_count
from trainers.images import DataError, prefix_errors
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import show_wait

RESULTS = Path("results")  # where search.run stores by default


def write_space(options: argparse.Namespace) -> int:
    """Look at the data, and write a space for it. Return the exit code."""
    console, errors = Console(), error_console()
    file: Path = options.space
    try:
        with name_option():
            block = find_data_block(options.data, options.size)
            source = parse_block(block).load()
        with prefix_errors(options.data):
            check_square(source)
        doubts = list(list_doubts(source))
        if doubts and not options.anyway:
            raise DoubtfulData([f"{options.data}: {doubt}" for doubt in doubts])
        with show_wait("estimating the time"):
            text, notes, time = build_space(file, block, source, doubts)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except (DataError, SpaceError, ValueError, OSError) as error:
        return report_refusal(error, errors)
    for note in notes:
        errors.print(f"note: {note}", soft_wrap=True)
    console.print(f"{file} is written: {time}.", soft_wrap=True)
    console.print(f"Next: python -m search.run {file} --dry-run", soft_wrap=True)
    return DONE


def build_space(file: Path, block: Block, source: Source, doubts: list[str]) -> tuple[str, list[str], str]:
    """Return the text of a space, notes on the data, and how long the trainings take.

    Raises SpaceError if the space cannot be planned.
    """
    block = complete_block(block, source)
    splits = prepare_data(source, parse_block(block))
    notes = [*doubts, *list_notes(source), *note_splits(source, splits)]
    on_gpu = torch.cuda.is_available()
    choices = choose(source, len(splits.train), on_gpu)

    def fill(time: str) -> str:
        return format_space(str(file), file.stem, block, source, splits, choices, notes, on_gpu, time)

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, file.name)
        draft.write_text(fill("unknown"), encoding="utf-8")
        loaded, plan, sources = plan_space(draft)
    splits_of_plan, left = list_splits(plan, sources), count_remaining(None, plan)
    time = describe_time(plan, RESULTS, splits_of_plan, left, *simulate_here(plan, loaded.space))
    return fill(f"{format_count(len(plan.trials), 'training')}, {time}"), notes, time


def complete_block(block: Block, source: Source) -> Block:
    """Return a data block with the sizes of its splits and its augmentation, those that search.run takes by default."""
    data = parse_block(block)
    splits = {"val": data.val} | ({} if len(source.x_test) else {"test": data.test or "20%"})
    return block | splits | ({"crop": data.crop, "flip": data.flip} if data.crop else {})


def plan_space(file: Path) -> tuple[LoadedSpace, Plan, DatasetCache]:
    """Return a space, its plan and its data. Raises SpaceError if search.run would refuse it."""
    loaded, sources = load_space(file, []), DatasetCache()
    plan = Planner(loaded, sources.fingerprint).plan()
    check_plan(loaded, plan, sources)
    return loaded, plan, sources
