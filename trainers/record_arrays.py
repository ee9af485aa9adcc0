"""The arrays of a training: the meaning, shape and type of each array in the .npz files of a trial and of a ranking.

Names that carry the name of an attack, a corruption, a diagnostic or a score are patterns, such as
`class_{measured}`; a loss attack is one of `evaluate.loss_attacks`, or `pgd`, the attack of training curves.
`python -m trainers.columns` prints all of them. Standard library only.
"""

from __future__ import annotations

from typing import NamedTuple


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
        "probability of the given label on the image, at the epoch that validation selects",
        "(N,)",
        "float16",
        "completed, with `best`",
    ),
    "min_perturbation": ArrayDoc(
        "least l-infinity radius that changes the prediction, at the epoch that validation selects",
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
