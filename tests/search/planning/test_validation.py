"""What a space asks of its data, models and files is looked at before anything starts, and named where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from search.run.__main__ import main
from trainers.config import TrialConfig
from trainers.data import prepare_data
from trainers.evaluate import Evaluation
from trainers.methods import METHODS
from trainers.models import MLP
from trainers.sources import Digits
from trainers.trainer import Trainer

Refused = Callable[..., list[str]]
RANKED = "{name: ranked, side: friendly, size: 50%, score: kappa}"
VGG = "model vgg halves its images five times and needs 32x32 pixels or more; got 8x8; take small_cnn or resnet10"
WINDOW = "select: {from: burn-in}"  # without it a further note says that a best may lie in the burn-in
TOWARD = "{base: targeted, attack: {toward: {label: 0, instead: 10}}}"
NO_CLASS = (
    "method.attack.toward.instead: no class 10; the data has 0..9 (data.classes numbers those that it keeps from 0)"
)
NO_POOL = (
    "data.extra.share: got 0.01, that is 0 examples of a batch of 32; a batch holds at least one of either kind:"
    " ask for 1/32 to 31/32"
)
NO_KAPPA = "this ranking has no kappa, by which a subset is cut"
TOO_FEW = (
    "evaluate.final.aa: the DLR loss of this AutoAttack needs 4 classes, the data has 2; take version custom with "
    "attacks: [apgd-ce, fab, square]"
)

MISTAKES = {
    "images too small for the model": ("trial:\n  model: {name: vgg}\n", f"space.yaml:2: trial: {VGG}"),
    "images too small for one of the models": (
        "search:\n  axes:\n    model: {grid: [mlp, vgg]}\n",
        f"space.yaml:3: axis model=vgg: {VGG}",
    ),
    "a class that is not there": (f"trial:\n  method: {TOWARD}\n", f"space.yaml:2: trial: {NO_CLASS}"),
    "a class that is not there, in a profile training": (
        f"trial:\n  subset: {RANKED}\nprofile:\n  trial:\n    method: {TOWARD}\n",
        f"space.yaml:5: profile.trial: {NO_CLASS}",
    ),
    "a pool of which a batch has no room": (
        "trial:\n  batch_size: 32\n  data: {name: digits, train: 96, extra: {name: rest, share: 0.01}}\n",
        f"space.yaml:3: trial: {NO_POOL}",
    ),
    "a pool that is empty": (
        "trial:\n  data: {name: digits, extra: {name: rest}}\n",
        "space.yaml:2: trial: data.extra: rest are the training examples that data.train leaves out, and it leaves out"
        " none; set data.train to fewer, or name another pool",
    ),
    "a score that the profile's method does not record": (
        f"trial:\n  subset: {RANKED}\nprofile: {{trial: {{method: standard}}}}\n",
        f"space.yaml:3: profile: {NO_KAPPA}",
    ),
    "a score that training on noise does not record": (
        f"trial:\n  subset: {RANKED}\nprofile: {{trial: {{method: {{base: pgd-at, attack: {{steps: 0}}}}}}}}\n",
        f"space.yaml:3: profile: {NO_KAPPA}",
    ),
    "too few classes for the final attack": (
        "trial:\n  data: {name: digits, classes: [3, 8]}\nevaluate:\n  final: {aa: {name: autoattack}}\n",
        f"space.yaml:4: {TOO_FEW}",
    ),
    "too few classes for a further attack": (
        "trial:\n  data: {name: digits, classes: [3, 8]}\nevaluate:\n  along: {aa: {name: autoattack}}\n",
        f"space.yaml:4: {TOO_FEW.replace('final', 'along')}",
    ),
}


@pytest.mark.parametrize(("text", "complaint"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_refused_with_its_place_and_the_remedy(refused: Refused, text: str, complaint: str) -> None:
    (problem,) = refused(text)
    message, _, configuration = problem.rpartition(" (")
    assert message == complaint
    assert configuration.endswith(")")


LOST = "{name: npz, path: /nowhere/x.npz}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"trial:\n  data: {LOST}\n", "space.yaml:2: trial"),
        (f"search:\n  axes:\n    data: {{grid: {{here: digits, lost: {LOST}}}}}\n", "space.yaml:3: axis data=lost"),
    ],
)
def test_missing_data_is_reported_at_its_block(refused: Refused, text: str, place: str) -> None:
    assert refused(text) == [f"{place}: data: path: no file /nowhere/x.npz"]


def test_all_problems_are_reported_at_once(refused: Refused) -> None:
    text = f"trial:\n  method: {TOWARD}\nsearch:\n  axes:\n    model: {{grid: [vgg, mnist_cnn, mlp]}}\n"
    problems = refused(text)
    assert [problem.partition(": ")[0] for problem in problems] == ["space.yaml:5", "space.yaml:2", "space.yaml:5"]


def test_problem_of_the_data_is_reported_once_for_all_models(refused: Refused) -> None:
    (problem,) = refused(
        "trial: {data: {name: digits, val: 999}}\nsearch: {axes: {model: {grid: [mlp, digits_cnn]}}}\n"
    )
    assert "data.val: asked for 999" in problem


ATTACKS = {
    "TRADES with its step in pixels": (
        "{base: trades, attack: {epsilon: 0.1, steps: 5}}",
        "reach 0.035 of 0.1",
    ),
    "too few shares": ("{base: pgd-at, attack: {start: none, steps: 3}}", "reach 0.02353 of 0.03137"),
    "as many as it takes": ("{base: pgd-at, attack: {start: none, steps: 4}}", None),
    "a start anywhere within": ("{base: pgd-at, attack: {steps: 3}}", None),
    "a schedule": (
        "{base: trades, attack: {epsilon: {name: piecewise, values: [0.03, 0.2], drops: [0.5]}}}",
        "reach 0.07 of 0.2",
    ),
    "one step of all": ("fgsm-at", None),
    "none": ("standard", None),
}


@pytest.mark.parametrize(("method", "message"), ATTACKS.values(), ids=ATTACKS.keys())
def test_an_epsilon_that_no_attack_reaches_is_noted(
    here: Path, capsys: pytest.CaptureFixture[str], method: str, message: str | None
) -> None:
    axes = f"search: {{axes: {{method: {{grid: {{it: {method}, other: mart}}}}}}}}\n"
    Path("space.yaml").write_text("trial: {data: digits, model: mlp, epochs: 4}\n" + axes)
    assert main(["space.yaml", "--dry-run"]) == 0
    notes = capsys.readouterr().err
    assert (f"steps {message} (method=it-" in notes) if message else not notes
    assert notes.count("in 1 of 2 configurations the attack's steps end within its epsilon") == bool(message)


SHORT, SHORTER, LONG = (f"{{base: trades, attack: {{epsilon: {budget}}}}}" for budget in (0.1, 0.2, 0.05))


@pytest.mark.parametrize(
    ("profile", "methods", "message"),
    [
        (LONG, {"a": SHORT, "b": LONG}, "in 1 of 2 configurations"),
        (SHORT, {"a": SHORT, "b": SHORTER}, "in 2 of 2 configurations and in trainings that come first"),
        (SHORT, {"a": LONG}, "in trainings that come first"),
    ],
)
def test_configurations_of_short_attacks_are_counted_without_what_comes_first(
    here: Path, capsys: pytest.CaptureFixture[str], profile: str, methods: dict[str, str], message: str
) -> None:
    space = {
        "trial": {"data": "digits", "epochs": 4, "subset": {"name": "ranked", "side": "friendly", "size": "50%"}},
        "profile": {"trial": {"method": yaml.safe_load(profile)}},
        "search": {"axes": {"method": {"grid": {name: yaml.safe_load(text) for name, text in methods.items()}}}},
    }
    Path("space.yaml").write_text(yaml.safe_dump(space))
    assert main(["space.yaml", "--dry-run"]) == 0
    assert (
        capsys.readouterr().err.partition("note: in")[2].startswith(message.removeprefix("in") + " the attack's steps")
    )


@pytest.fixture
def files(here: Path) -> None:
    """Weights of a network of 16 hidden units; a state that was never measured; and a text."""
    weights = MLP(hidden=(16,)).build(1, 8, 10).state_dict()
    torch.save(weights, "weights.pt")
    torch.save({"model": weights, "best": None}, "unmeasured.pt")
    Path("text.pt").write_text("weights")


FILES = {
    "missing": ("nowhere.pt", "start_from.path: no file {here}/nowhere.pt"),
    "a folder": (".", "start_from.path: {here} is a folder; name a file"),
    "without an end": ("/dev/zero", "start_from.path: /dev/zero is a device, not a regular file"),
    "no tensors": ("text.pt", "start_from.path: {here}/text.pt holds no tensors that can be read safely ("),
    "no best weights": (
        "unmeasured.pt", "start_from.weights: {here}/unmeasured.pt has no best weights; take weights: last (trial-",
    ),
    "of another network": (
        "weights.pt",
        "start_from: the checkpoint is one of another architecture: it lacks body.3.weight, body.3.bias; set "
        "trial.model to the one that it was trained with (trial-",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("path", "complaint"), FILES.values(), ids=FILES.keys())
def test_a_file_that_no_trial_can_start_from(refused: Refused, here: Path, path: str, complaint: str) -> None:
    (problem,) = refused(f"trial:\n  model: mlp\n  start_from: {{path: {path}}}\n")
    assert problem.startswith(f"space.yaml:3: trial: {complaint.format(here=here)}")


@pytest.mark.usefixtures("files")
def test_a_file_that_fits_one_of_the_models(refused: Refused) -> None:
    axes = "search:\n  axes:\n    model.hidden: {grid: {fits: [16], narrow: [8]}}\n"
    text = "trial:\n  model: {name: mlp, normalize: false}\n  start_from: {path: weights.pt}\n"
    (problem,) = refused(text + axes)
    assert "body.1.weight (16, 64) for (8, 64)" in problem
    assert "(hidden=narrow-" in problem


@pytest.mark.usefixtures("files")
def test_a_missing_file_of_an_axis_names_the_axis(refused: Refused, here: Path) -> None:
    axes = "search:\n  axes:\n    start_from: {grid: {none: null, it: {path: weights.pt}, lost: {path: lost.pt}}}\n"
    (problem,) = refused("trial: {model: {name: mlp, hidden: [16], normalize: false}}\n" + axes)
    assert problem.startswith(f"space.yaml:4: axis start_from=lost: start_from.path: no file {here}/lost.pt (")


@pytest.mark.parametrize("name", METHODS)
def test_which_methods_count_steps(name: str) -> None:
    source = Digits(train=24, val=20, test=20)
    config = TrialConfig(data=source, model=MLP(hidden=(4,)), method=METHODS[name], epochs=1, batch_size=12)
    trainer = Trainer(config, Evaluation(steps=1, final={}), prepare_data(source.load(), source), None)
    _, instances, _ = trainer.run_epoch(config.stage(0))
    assert ("kappa" in instances) == METHODS[name].counts_steps


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (
            "trial:\n  epochs: 60\n  method: {base: gairat, weight: {burn_in: 60}}\n",
            "note: space.yaml:3: trial: method.weight.burn_in: 60, and training ends after 60 epochs: it never acts\n",
        ),
        (
            "trial:\n  epochs: 10\n  subset: {name: drop-unlearned, epoch: 500}\n",
            "note: space.yaml:3: trial: subset.epoch: 500, and training ends after 10 epochs: it never acts\n",
        ),
        (
            "trial:\n  epochs: 10\n  subset: {name: random, size: 50%, start: 100%}\n",
            "note: space.yaml:3: trial: subset.start: 100%, and training ends after 10 epochs: it never acts\n",
        ),
        (
            "trial:\n  epochs: 10\n  average: {name: swa, burn_in: 100%}\n",
            "note: space.yaml:3: trial: average.burn_in: 100%, and training ends after 10 epochs: it never acts\n",
        ),
        (
            f"trial: {{epochs: 5, {WINDOW}}}\nsearch:\n  axes:\n    method: {{grid: [gairat, iat]}}\n",
            "note: space.yaml:4: axis method=iat: method.attack.burn_in: 5, and training ends after 5 epochs: it never"
            " acts\n",
        ),
        (
            f"trial: {{method: gairat, {WINDOW}}}\n"
            "search:\n  axes:\n    method.weight.burn_in: {grid: [50%, 100%]}\n",
            "",
        ),
        (f"trial: {{method: gairat, {WINDOW}}}\n", ""),
        (
            "trial:\n  method: {base: pgd-at, attack: {steps: 0, start: none}}\n",
            "note: space.yaml:2: trial: method.attack.steps: 0, from the image itself: this is standard training; with"
            " start: uniform it is the control that trains on random noise\n",
        ),
        ("trial:\n  method: {base: pgd-at, attack: {steps: 0}}\n", ""),
    ],
)
def test_a_piece_that_never_acts_is_noted(here: Path, capsys: pytest.CaptureFixture[str], text: str, note: str) -> None:
    Path("space.yaml").write_text(text)
    assert main(["space.yaml", "--dry-run"]) == 0
    assert capsys.readouterr().err == note


def test_losses_under_an_attack_and_a_corruption_have_names_of_their_own(here: Path, refused: Refused) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (90, 8, 8), np.uint8), np.arange(90) % 10
    np.savez("set.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    np.save("fog.npy", np.full((150, 8, 8), 255, np.uint8))
    np.save("labels.npy", np.tile(y[60:], 5))
    data = {"name": "npz", "path": "set.npz", "val": 20, "corruptions": {"path": ".", "severity": 1, "names": ["fog"]}}
    text = yaml.safe_dump(
        {
            "trial": {"data": data},
            "evaluate": {"test_losses": True, "loss_attacks": {"fog": {"name": "pgd", "steps": 5}}},
        }
    )
    (problem,) = refused(text)
    assert "evaluate.loss_attacks.fog: is the name of a corruption, too; take another" in problem


@pytest.mark.long
@pytest.mark.parametrize("model", ["mlp", "digits_cnn", "small_cnn"])
def test_a_network_that_takes_squares_alone_is_refused_for_other_images(
    model: str, here: Path, refused: Refused
) -> None:
    rng = np.random.default_rng(0)
    np.savez("wide.npz", x_train=rng.integers(0, 256, (90, 8, 16), np.uint8), y_train=np.arange(90) % 10)
    text = "trial:\n  data: {{name: npz, path: wide.npz, test: 20%}}\n  model: {}\n"
    (problem,) = refused(text.format(model))
    assert f"model: {model} takes squares, and the images have 8x16 pixels" in problem
    Path("space.yaml").write_text(text.format("resnet10"))
    assert main(["space.yaml", "--dry-run"]) == 0
