"""The commented YAML of a first study."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from textwrap import wrap

import numpy as np

from search.new.choices import MOST_ATTACKED, Choices
from search.new.data_block import Block
from trainers.arrays import Source, format_classes
from trainers.data import Data

WIDTH = 100  # characters of a comment

TEMPLATE = """\
{head}
question: What does adversarial training cost in clean accuracy, and gain in robust accuracy?  # heads the report
trial:  # one training; all trainings of the study have this in common
{data}
  model: {model}  # {models}
  optimizer: {{lr: {{name: piecewise, values: [0.1, 0.01, 0.001], drops: [0.5, 0.75]}}}}  # SGD
  batch_size: {batch_size}
  epochs: {epochs}  # {updates} updates: enough for a first look. Papers train for 100 to 200 epochs; robust
  # overfitting shows after the first drop of the learning rate.
search:
  replicates: 3  # seeds, the fewest that verdicts on the front take. More decide more: finished trainings are kept
  axes:  # what varies. Each further line of values multiplies the number of trainings; --dry-run counts them
    method:
      grid:
        standard: standard  # no attack: the highest clean accuracy, and no robust accuracy
        pgd: pgd-at  # adversarial training by PGD-10 (Madry et al. 2018)
        # trades: {{base: trades, attack: {{epsilon: {epsilon}/255, step_size: epsilon/4}}}}  # the next method to try
    method.attack.epsilon:  # how far the attack of training moves a pixel: the trade-off of clean and robust accuracy
      when: {{method: pgd}}
      grid: [{grid}]  # n/255: n of the 256 levels of an 8-bit image
evaluate:  # how all trainings are measured, whatever they train with
  epsilon: {epsilon}/255
{distance}
  every: {every}  # epochs between measurements under PGD-10; a small number costs time
  final:  # attacks on the best and on the last epoch of each training
    pgd20: {{name: pgd, steps: 20}}
    # AutoAttack takes most of the time where there is no GPU; for a first look: --set evaluate.final.aa=null
    aa: {{name: autoattack, version: custom, attacks: [{attacks}]{images}}}{attacked}
{resources}"""


def format_space(
    file: str, study: str, block: Block, source: Source, splits: Data, choices: Choices, notes: Iterable[str],
    on_gpu: bool, time: str,
) -> str:  # fmt: skip
    """Return the text of a space for a data set. `time` says how long its trainings take, and what that goes by."""
    epsilon, updates = choices.epsilon, -(-len(splits.train) // choices.batch_size) * choices.epochs
    sampled = len(splits.test) > MOST_ATTACKED
    return TEMPLATE.format(
        head="\n".join(_format_head(file, study, source, notes, time)),
        data="\n".join(_format_data(block, source, splits)),
        model=choices.model,
        models=f"for these images also {', '.join(choices.other_models)}",
        batch_size=choices.batch_size,
        epochs=choices.epochs,
        updates=f"{updates:,}",
        epsilon=epsilon,
        grid=", ".join(f"{n}/255" for n in sorted({max(1, epsilon // 4), max(1, epsilon // 2), epsilon})),
        distance="\n".join(_comment(_explain_epsilon(choices), "  ")),
        every=choices.every,
        attacks=", ".join(choices.attacks),
        images=f", images: {MOST_ATTACKED}" if sampled else "",
        attacked="  # remove `images` to attack all test images" if sampled else "",
        resources="resources: {gpus: auto}  # as many trainings on a GPU as pay off\n" if on_gpu else "",
    )


def _format_head(file: str, study: str, source: Source, notes: Iterable[str], time: str) -> Iterator[str]:
    height, width, channels = source.x_train.shape[1:]
    yield f"# {file}: a first study of adversarial training, written by search.new. It is yours to change."
    yield "#"
    images = f"{len(source.x_train):,} training images and {len(source.x_test) or 'no'} test images"
    shape = f"{height}x{width} pixels, {channels} channel{'s' * (channels > 1)}"
    yield from _comment(f"Data: {images} of {shape}, classes {format_classes(source.classes, source.names)}.")
    for note in notes:
        yield from _comment(f"Note: {note}.")
    yield "#"
    yield "# Next:"
    for command, does in (
        (f"search.run {file} --dry-run", "print what would be trained, and how long it takes"),
        (f"search.run {file}", "train; after Ctrl-C or a kill the same command goes on"),
        (f"search.status results/{study}", "show the state, from any terminal"),
        (f"analysis.report results/{study}", f"draw results/{study}/report/index.html again"),
        (f"search.confirm results/{study}", "train the front of validation again with fresh seeds"),
    ):
        yield f"#   python -m {command:<40}  {does}"
    yield "#"
    yield from _comment(
        f"Time: {time}. This is an estimate, no measurement; --dry-run makes it anew after each change."
    )
    yield from _comment("Every key: spaces/KEYS.md. One value for one run: --set trial.epochs=2.")


def _format_data(block: Block, source: Source, splits: Data) -> Iterator[str]:
    yield "  data:  # the splits are drawn in proportion to the classes, the same for all trainings"
    for key, value in block.items():
        text = value if key in ("name", "val", "test") else json.dumps(value, ensure_ascii=False)
        yield f"    {key}: {text}{_explain_key(key, source, splits)}"
    if "crop" not in block:
        yield "    # crop: 2  # shifts training images by up to 2 pixels at random; `flip: true` mirrors them"
    yield f"    # left to train on: {len(splits.train):,}, {_count_by_class(splits.train.y.numpy(), splits.classes)}"


def _explain_key(key: str, source: Source, splits: Data) -> str:
    return {
        "val": f"  # {len(splits.val):,} training images are held out and select the epoch that counts",
        "test": f"  # {len(splits.test):,} images are set apart and choose nothing",
        "crop": "  # pixels by which training images are shifted at random",
        "flip": "  # training images are mirrored at random; false where left and right differ, as in letters",
        "size": "  # pixels a side",
    }.get(key, "")


def _count_by_class(y: np.ndarray, classes: int) -> str:
    counts = np.bincount(y, minlength=classes)
    few, many = f"{counts.min():,}", f"{counts.max():,}"
    return f"{few} of each class" if few == many else f"{few} to {many} of a class"


def _explain_epsilon(choices: Choices) -> str:
    usual = "8/255 is usual for photographs, 26/255 (0.1) and more for drawings such as digits"
    if choices.distance is None:
        return usual
    return (
        f"{usual}; the closest images of two classes, in a sample, differ by {choices.distance}/255, and from half of "
        "that on no network can be right on both"
    )


def _comment(text: str, indent: str = "") -> Iterator[str]:
    """Wrap a text, as the lines of a comment."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    yield from (f"{indent}# {line}" for line in wrap(plain, WIDTH, break_long_words=False, break_on_hyphens=False))
