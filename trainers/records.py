"""The records of a training in JSON: the type of each file that a trial leaves, with the meaning of every key.

Trainers write these records and the arrays of trainers.record_arrays, and search and analysis read them
(trainers.record_reader): nothing else passes between the three packages. Keys that carry the name of an attack or of a
corruption are patterns, such as `test_{along}_acc`. `python -m trainers.columns` prints all of them. Standard library
only.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Required, TypedDict

from trainers.checking import Count, Name, ReadAs
from trainers.record_io import Row

FRACTION = "fraction in [0, 1]"
ATTACKED = "attacked.json"  # in the folder of a trial: how far AutoAttack came (trainers.verdict_log)
VERDICT_CODES = (
    "?x.0123456789"  # a letter an image: unseen, misclassified, withstood, or the place of the attack that broke it
)
WEIGHT = "0 or more, mean 1 in a batch; not normalised: [0, 1]"
MEASURED = "measured epochs"
VALIDATED = "measured epochs, if `data.val` is not 0"


class Doc(NamedTuple):
    """Describes a recorded key."""

    meaning: str
    unit: str = ""  # or its range
    when: str = "always"  # in which records the key is present


class EpochRecord(TypedDict, total=False):
    """A row of epochs.jsonl: what one epoch trained and measured, the same bits however often a run was resumed."""

    epoch: Annotated[int, Doc("the epoch", "from 0")]
    lr: Annotated[float, Doc("learning rate of the first update")]
    train_loss: Annotated[float, Doc("mean training loss of an example, before the update that it takes part in")]
    examples: Annotated[int, Doc("examples in all updates; each replay of free-at counts again")]
    updates: Annotated[int, Doc("updates of the weights")]
    forwards: Annotated[int, Doc("forward passes, in examples, of attack, loss and update; no measurement counts")]
    backwards: Annotated[int, Doc("backward passes, in examples, likewise")]
    train_robust_acc: Annotated[
        float, Doc("accuracy on the method's own adversaries, before the update", FRACTION, "methods that attack")
    ]
    train_clean_acc: Annotated[
        float, Doc("accuracy on the augmented training images, before the update, in eval mode", FRACTION, MEASURED)
    ]
    train_pgd_acc: Annotated[
        float,
        Doc(
            "accuracy on the training images trained on, not augmented, under the attack of training curves",
            FRACTION,
            "measured epochs, with `evaluate.train`",
        ),
    ]
    val_clean_acc: Annotated[float, Doc("clean accuracy on validation", FRACTION, VALIDATED)]
    val_pgd_acc: Annotated[
        float, Doc("accuracy on validation under the attack of training curves", FRACTION, VALIDATED)
    ]
    test_clean_acc: Annotated[float, Doc("clean accuracy on test", FRACTION, MEASURED)]
    test_pgd_acc: Annotated[float, Doc("accuracy on test under the attack of training curves", FRACTION, MEASURED)]
    kappa_mean: Annotated[
        float,
        Doc("mean number of attack steps from which an example was still right", "0 to K", "attacks that count steps"),
    ]
    kappa_median: Annotated[float, Doc("median of the same", "0 to K", "attacks that count steps")]
    weight_min: Annotated[float, Doc("least weight of an example", WEIGHT, "epochs that weigh examples")]
    weight_max: Annotated[float, Doc("largest weight of an example", WEIGHT, "epochs that weigh examples")]
    epsilon_mean: Annotated[
        float, Doc("mean of the examples' own radii", "pixels in [0, 1]", "methods with a radius for each example")
    ]
    t_y_mean: Annotated[float, Doc("mean entry of the given label in the target", FRACTION, "soft targets")]
    select_from: Annotated[
        int, Doc("the first epoch that may be selected", "epoch", "the row of that epoch, if it is not 0")
    ]


class CostRecord(TypedDict, total=False):
    """A row of cost.jsonl: what an epoch, or the final evaluation, took. Times differ from run to run."""

    epoch: Annotated[int, Doc("the epoch", "from 0", "rows of an epoch")]
    seconds: Annotated[float, Doc("time of training", "s", "rows of an epoch")]
    evaluate_seconds: Annotated[float, Doc("time of the measurements after it", "s", "rows of an epoch")]
    images_per_s: Annotated[float, Doc("`examples` of the epoch over `seconds`", "1/s", "rows of an epoch")]
    peak_memory: Annotated[
        int,
        Doc(
            "peak memory so far: of the trial's tensors on the GPU; on a CPU of the process, earlier trials included",
            "bytes",
            "rows of an epoch",
        ),
    ]
    final_seconds: Annotated[float, Doc("time of the final evaluation and of its records", "s", "a row at the end")]
    by: Annotated[str, Doc("the trial that spent it; <sweep>/<trial> if another sweep did")]
    device: Annotated[
        str, Doc("the processor, or the GPU with its driver and cuDNN, that trained it", when="rows of an epoch")
    ]


class OrderRecord(TypedDict):
    """`margin_order` of a checkpoint, by attack: how far AutoAttack with `order: margin` went, in test images."""

    survivors: Annotated[Count, Doc("images that withstand the cheaper attacks")]
    attacked: Annotated[Count, Doc("of them, those attacked by growing margin until it broke no more")]
    deepest: Annotated[Count, Doc("of these, up to the last one that was broken")]
    audited: Annotated[Count, Doc("of the others, those drawn and attacked as well")]
    hits: Annotated[Count, Doc("of those drawn, the broken ones; if there is any, all of the others are attacked")]
    found: Annotated[Count, Doc("images broken among all that the order had left out")]
    audit: Annotated[float, Doc("share that is drawn", FRACTION)]
    masked: Annotated[bool, Doc("gradients look masked: an image behind 40 % of the survivors is broken, or a hit")]
    forwards: Annotated[Count, Doc("forward passes of this AutoAttack, in examples")]
    backwards: Annotated[Count, Doc("backward passes, likewise")]


class CheckpointRecord(TypedDict, total=False):
    """The measurements of the `best` or `last` checkpoint of a result; `stopped` trials lack the final attacks."""

    epoch: Annotated[int, Doc("epoch of the checkpoint", "from 0")]
    val_clean_acc: Annotated[float, Doc("clean accuracy on validation", FRACTION, "if `data.val` is not 0")]
    val_pgd_acc: Annotated[
        float, Doc("accuracy on validation under the attack of training curves", FRACTION, "if `data.val` is not 0")
    ]
    test_clean_acc: Annotated[float, Doc("clean accuracy on test", FRACTION)]
    test_pgd_acc: Annotated[float, Doc("accuracy on test under the attack of training curves", FRACTION)]
    constant: Annotated[
        int,
        Doc("the class that is predicted for every image of validation and test", "class", "if there is such a class"),
    ]
    warnings: Annotated[
        dict[str, list[str]],
        Doc(
            "what AutoAttack's own checks warn of, by attack, each text once; of those that count zero gradients the "
            "highest count in a batch",
            "",
            "completed; if there was a warning",
        ),
    ]
    margin_order: Annotated[
        dict[str, OrderRecord],
        Doc("how far AutoAttack went, by attack", "", "completed; AutoAttack with `order: margin`"),
    ]
    bounds: Annotated[
        dict[str, float],
        Doc(
            "no more than this is the accuracy under AutoAttack, by attack: the share of the images that withstand "
            "cheaper attacks",
            FRACTION,
            "completed; AutoAttack with `for: front`, attacked or not",
        ),
    ]


class DataSummary(TypedDict, total=False):
    """`data` of a result."""

    train: Annotated[Count, Doc("training examples")]
    val: Annotated[Count, Doc("validation examples")]
    test: Annotated[Count, Doc("test examples")]
    classes: Annotated[Count, Doc("classes")]
    flipped: Annotated[Count, Doc("training examples whose label was flipped")]


class SubsetSummary(TypedDict, total=False):
    """`subset` of a result: the training examples that the last epoch used."""

    size: Annotated[Count, Doc("examples")]
    class_counts: Annotated[list[Count], Doc("examples of each class", "(classes,)")]
    flipped_in: Annotated[Count, Doc("flipped labels in the subset")]
    flipped_out: Annotated[Count, Doc("flipped labels outside it")]
    hash: Annotated[str, Doc("hash of the members' indices in the original training set", "sha256")]


class Divergence(TypedDict, total=False):
    """`diverged` of a result."""

    epoch: Required[Annotated[Count, Doc("epoch whose loss, weights or predictions were not finite", "from 0")]]
    why: Annotated[str, Doc("what was not finite")]


class Stop(TypedDict, total=False):
    """`stopped` of a result: the decision of a stopping rule."""

    epoch: Annotated[Count, Doc("number of epochs after which the trial stopped")]
    rule: Annotated[str, Doc("the part of the rule that applied")]
    reason: Annotated[str, Doc("the numbers that it went by")]


# a checkpoint as readers check it: attacks name further keys
Metrics = dict[str, float | bool | dict[str, float] | dict[str, list[str]] | dict[str, OrderRecord] | None]
ByClass = dict[str, list[float | None]]  # `clean` or an attack -> the accuracy on each class; None: no example of it


class TrialResult(TypedDict, total=False):
    """result.json: written last, so that its presence says that all other records of the trial are there."""

    trial: Annotated[str, Doc("id of the trial")]
    status: Required[Annotated[Literal["completed", "diverged", "stopped"], Doc("how the training ended")]]
    epochs: Annotated[Count, Doc("number of epochs trained")]
    burn_in: Annotated[Count, Doc("epochs until method, averaging and subset are complete", "", "if it is not 0")]
    best: Annotated[
        CheckpointRecord,
        ReadAs(Metrics),
        Doc("the checkpoint that validation selects", "", "completed or stopped, and validation was measured"),
    ]
    last: Annotated[
        CheckpointRecord,
        ReadAs(Metrics),
        Doc("the last checkpoint; of a stopped trial the last measured epoch", "", "completed, or as `best`"),
    ]
    classes: Annotated[
        dict[str, ByClass],
        Doc(
            "accuracy on each class, by `best`, `last` or (with `evaluate.by_class`) `mean` over epochs, and by attack",
            "(classes,) fractions",
            "completed",
        ),
    ]
    diverged: Annotated[Divergence, Doc("where training diverged", "", "diverged")]
    stopped: Annotated[Stop, Doc("why the search stopped the trial", "", "stopped")]
    attacks: Annotated[dict[str, str], Doc("each attack in words, by its name")]
    data: Annotated[DataSummary, Doc("sizes of the data")]
    class_names: Annotated[list[str], Doc("name of each class", "(classes,)")]
    subset: Annotated[SubsetSummary, Doc("the training examples used")]
    chain: Annotated[str, Doc("name of the trial's last state", "hash")]
    bytes: Annotated[dict[Name, Count], Doc("size of each other record of the trial", "bytes")]
    sha256: Annotated[dict[Name, str], Doc("checksum of each other record of the trial")]
    digest: Annotated[str, Doc("checksum of this record", "sha256")]


# Keys with the name of an attack of `evaluate.along` or of `evaluate.final`, or of a corruption of the test set. A
# sampled attack has `images`: it runs on so many.
EPOCH_PATTERNS: dict[str, Doc] = {
    "test_{along}_acc": Doc("accuracy on test under an attack of `evaluate.along`", FRACTION, "epochs where it is due"),
    "test_{sampled_along}_clean_acc": Doc(
        "clean accuracy on the test images that the attack looks at", FRACTION, "with it; attacks with `images`"
    ),
}
CHECKPOINT_PATTERNS: dict[str, Doc] = {
    "test_{final}_acc": Doc("accuracy on test under an attack of `evaluate.final`", FRACTION, "completed"),
    "test_{sampled_final}_clean_acc": Doc(
        "clean accuracy on the test images that the attack looks at", FRACTION, "completed; attacks with `images`"
    ),
    "test_{autoattack}_gap": Doc(
        "accuracy under the PGD of training curves less that under AutoAttack, on the images that AutoAttack looks at",
        "difference of fractions",
        "completed; AutoAttack at `evaluate.epsilon`",
    ),
    "test_{corruption}_acc": Doc("clean accuracy on a corrupted test set", FRACTION, "completed; corrupted data"),
}


def find_constant_class(result: Row, checkpoint: str) -> int | None:
    """Return the class that a network predicts for every image, by its result.json, or None if it predicts several.

    `checkpoint` is best or last. Results of older code lack the key `constant`; their accuracies by class show the
    same: one class is always right, and no other ever is.
    """
    ended, classes = result.get(checkpoint) or {}, result.get("classes") or {}
    if "constant" in ended:
        return int(ended["constant"])
    clean = {
        label: share for label, share in enumerate(classes.get(checkpoint, {}).get("clean", ())) if share is not None
    }
    always = [label for label, share in clean.items() if share == 1]
    return always[0] if len(always) == 1 < len(clean) and sum(clean.values()) == 1 else None
