"""The records of a training: the type of each file that a trial leaves, with the meaning of every key.

Trainers write these records, and search and analysis read them (trainers.record_reader): nothing else passes between
the three packages. Keys that carry the name of an attack or of a corruption are patterns, such as `test_{along}_acc`.
`python -m trainers.columns` prints all of them. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
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


# Keys with the name of an attack of `evaluate.along`, of `evaluate.final`, of `evaluate.loss_attacks` (and `pgd`, the
# attack of training curves), or of a corruption of the test set. A sampled attack has `images`: it runs on so many.
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


class ArrayDoc(NamedTuple):
    """Describes an array of an .npz file. N: training examples, T: epochs trained, C: classes, M: test examples."""

    meaning: str
    shape: str
    dtype: str
    when: str = "always"


_STEP = "methods that attack"
_TARGET = "soft targets"
# of instances.npz. NaN, or 255 in uint8: the example was not trained on, or the epoch did not record the array
INSTANCE_ARRAYS: dict[str, ArrayDoc] = {
    "index": ArrayDoc("position in the original training set", "(N,)", "int64"),
    "y": ArrayDoc("given label", "(N,)", "int64"),
    "y_clean": ArrayDoc("label before flips", "(N,)", "int64"),
    "loss": ArrayDoc("cross-entropy on the adversary of the training step, before the update", "(T, N)", "float32"),
    "correct": ArrayDoc("whether the prediction there is right", "(T, N)", "uint8"),
    "p_y": ArrayDoc("probability of the given label there", "(T, N)", "float16"),
    "entropy": ArrayDoc("entropy of the prediction there, in nats", "(T, N)", "float16", "with `evaluate.entropy`"),
    "gradient_norm": ArrayDoc(
        "l2 norm of the input gradient of the loss that the attack climbs, where it begins",
        "(T, N)",
        "float32",
        "methods whose attack takes steps, with `evaluate.gradient_norm`",
    ),
    "feature_norm": ArrayDoc("l2 norm of the penultimate activations there", "(T, N)", "float16"),
    "clean_correct": ArrayDoc(
        "whether the prediction on the image is right", "(T, N)", "uint8", "methods that look at clean logits"
    ),
    "kappa": ArrayDoc("attack steps from which it was still right, at most 254", "(T, N)", "uint8", "as `kappa_mean`"),
    "epsilon": ArrayDoc("the example's own radius", "(T, N)", "float16", "as `epsilon_mean`"),
    "weight": ArrayDoc("weight in the loss", "(T, N)", "float16", "as `weight_min`"),
    "t_y": ArrayDoc("entry of the given label in the target", "(T, N)", "float16", _TARGET),
    "t_max": ArrayDoc("largest entry of the target", "(T, N)", "float16", _TARGET),
    "t_class": ArrayDoc("its class", "(T, N)", "uint8", _TARGET),
    "t_correct": ArrayDoc("whether the prediction on the adversary is that class", "(T, N)", "uint8", _TARGET),
    "t_clean_correct": ArrayDoc(
        "whether the prediction on the image is that class", "(T, N)", "uint8", "soft targets, clean logits looked at"
    ),
    "withstood": ArrayDoc(
        "whether it withstands the attack of training curves, in eval mode and not augmented",
        "(T, N)",
        "uint8",
        "with `evaluate.train`",
    ),
    "train_loss": ArrayDoc("cross-entropy on the image", "(T, N)", "float16", "with `evaluate.train_losses`"),
    "test_loss": ArrayDoc("cross-entropy on the test image", "(T, M)", "float16", "with `evaluate.test_losses`"),
    "best_clean_p_y": ArrayDoc(
        "probability of the given label on the image, at the best checkpoint",
        "(N,)",
        "float16",
        "completed, with `best`",
    ),
    "min_perturbation": ArrayDoc(
        "least l-infinity radius that changes the prediction, at the best checkpoint",
        "(N,)",
        "float32",
        "with `evaluate.min_perturbation`",
    ),
}
INSTANCE_PATTERNS: dict[str, ArrayDoc] = {
    "train_{loss_attack}_loss": ArrayDoc(
        "cross-entropy under the attack", "(T, N)", "float16", "with `evaluate.train_losses`"
    ),
    "test_{loss_attack}_loss": ArrayDoc(
        "cross-entropy of the test example under the attack", "(T, M)", "float16", "with `evaluate.test_losses`"
    ),
    "test_{corruption}_loss": ArrayDoc(
        "cross-entropy of the corrupted test example", "(T, M)", "float16", "with `evaluate.test_losses`"
    ),
    "class_{measured}": ArrayDoc(
        "accuracy on each class of test: `clean`, `pgd`, an attack of `evaluate.along`, `<attack>_clean` on its images",
        "(T, C)",
        "float32",
        "with `evaluate.by_class`",
    ),
    "test_images_{images}": ArrayDoc(
        "positions in the test split of the images that attacks on so many look at", "(images,)", "int32", "completed"
    ),
}
_FLAT = "with `evaluate.diagnostics.flatness`"
_LIPSCHITZ = "with `evaluate.diagnostics.lipschitz`"
_LOGITS = "with `evaluate.diagnostics.logits`"
_FEATURES = "with `evaluate.diagnostics.features`"
# of diagnostics.npz, which is there if anything was measured. E: epochs after which the diagnostic is measured
DIAGNOSTIC_ARRAYS: dict[str, ArrayDoc] = {
    "flatness_epochs": ArrayDoc("the epochs, from 0", "(E,)", "int32", _FLAT),
    "flatness_images": ArrayDoc("positions of the images in the test split", "(n,)", "int32", _FLAT),
    "flatness_friendly": ArrayDoc(
        "l2 norm of the input gradient of the cross-entropy at the first misclassified point of the attack",
        "(E, n)",
        "float32",
        _FLAT,
    ),
    "flatness_adversarial": ArrayDoc("the same at its last point", "(E, n)", "float32", _FLAT),
    "lipschitz_epochs": ArrayDoc("the epochs, from 0", "(E,)", "int32", _LIPSCHITZ),
    "lipschitz_naive": ArrayDoc(
        "upper bound of the Lipschitz constant from pixels to logits, in l2: the product of the norms of all layers",
        "(E,)",
        "float64",
        _LIPSCHITZ,
    ),
    "lipschitz_merged": ArrayDoc(
        "the same, with affine layers that follow one another as one map", "(E,)", "float64", _LIPSCHITZ
    ),
    "lipschitz_iterations": ArrayDoc("most iterations that the norm of a map took", "(E,)", "int32", _LIPSCHITZ),
    "logits_epochs": ArrayDoc("the epochs, from 0", "(E,)", "int32", _LOGITS),
    "logits_rows": ArrayDoc("rows of the images in the arrays of instances.npz", "(n,)", "int32", _LOGITS),
    "logits_values": ArrayDoc("logits on the images", "(E, n, C)", "float32", _LOGITS),
    "features_epochs": ArrayDoc("the epochs, from 0", "(E,)", "int32", _FEATURES),
    "features_rows": ArrayDoc("rows of the images in the arrays of instances.npz", "(n,)", "int32", _FEATURES),
    "features_values": ArrayDoc(
        "absolute penultimate activations under the attack of training curves, in eval mode; F: their number",
        "(E, n, F)",
        "float16",
        _FEATURES,
    ),
}
DIAGNOSTIC_PATTERNS: dict[str, ArrayDoc] = {
    "{diagnostic}_forwards": ArrayDoc(
        "forward passes that it took, in examples; for `lipschitz` the mean over the maps of the network",
        "(E,)",
        "int64",
        "with the diagnostic",
    ),
    "{diagnostic}_backwards": ArrayDoc("backward passes, likewise", "(E,)", "int64", "with the diagnostic"),
}
# of profile/<ranking>.npz. A ranking read from a file has what the file holds
RANKING_ARRAYS: dict[str, ArrayDoc] = {
    "index": INSTANCE_ARRAYS["index"],
    "y": INSTANCE_ARRAYS["y"],
    "y_clean": INSTANCE_ARRAYS["y_clean"],
    "agreement": ArrayDoc(
        "for each score its `d_distance` and `top_iou`, means over pairs of profile trainings, as JSON",
        "()",
        "str",
        "rankings made by trainings",
    ),
    "provenance": ArrayDoc("name of the ranking, its profile trials, and how they were trained, as JSON", "()", "str"),
}
RANKING_PATTERNS: dict[str, ArrayDoc] = {
    "{score}": ArrayDoc("mean of the score over profile trainings; higher is harder to learn", "(N,)", "float64"),
    "rank_{score}": ArrayDoc("rank by the score, 0 the friendliest; ties share a rank", "(N,), in [0, 1]", "float64"),
}


# of profile/<ranking>.images.npz
IMAGE_ARRAYS: dict[str, ArrayDoc] = {
    "index": INSTANCE_ARRAYS["index"],
    "x": ArrayDoc("the image", "(N, height, width, channels)", "uint8"),
}
# of profile/<ranking>.adversaries.npz, which is there if the last state of the first profile training is kept. n: the
# examples that are shown in galleries, by instability, by difficulty, and by the score of the study's subsets
ADVERSARY_ARRAYS: dict[str, ArrayDoc] = {
    "index": ArrayDoc("position in the original training set", "(n,)", "int64"),
    "x": ArrayDoc(
        "the last point of the attack on the network at the end of the training",
        "(n, height, width, channels)",
        "uint8",
    ),
    "predicted": ArrayDoc("the class predicted there, before rounding to 8 bits", "(n,)", "int64"),
    "trial": ArrayDoc("the profile training", "()", "str"),
    "attack": ArrayDoc("the attack of training curves, in words", "()", "str"),
}


def identify_problem(config: Row) -> str:
    """Return the `data` block of a trial's config as JSON: accuracies are compared within one such problem alone."""
    return json.dumps(config.get("data", {}), sort_keys=True)


def problem_titles(problems: Iterable[str]) -> dict[str, str]:
    """Return a title for each problem, a `data` block as JSON: the fields in which the problems differ.

    A problem without another beside it has an empty title.
    """
    blocks = {problem: json.loads(problem) for problem in problems}
    fields = dict.fromkeys(key for block in blocks.values() for key in block)
    differ = [key for key in fields if len({json.dumps(block.get(key)) for block in blocks.values()}) > 1]
    return {
        problem: ", ".join(f"{key} {block[key]}".removesuffix(".0") for key in differ if key in block)
        for problem, block in blocks.items()
    }


def constant(result: Row, checkpoint: str) -> int | None:
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
