"""A first space: what is chosen for a data set, what is refused or noted, and that what is written trains."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import search.new.writer
from search.execution.in_process_backend import InProcessBackend
from search.new.__main__ import main
from search.new.choices import choose_epsilon, choose_model, list_fitting_models, measure_class_distance
from search.planning.planner import Planner
from search.run.__main__ import main as run
from search.schema.space import load_space
from trainers.record_reader import read_json
from trainers.record_shapes import check_result

from ..helpers import slow

Written = tuple[int, str, str]  # exit code, output, errors


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("COLUMNS", "1000")
    return tmp_path


@pytest.fixture
def write(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Written]:
    monkeypatch.setattr(search.new.writer, "describe_time", lambda *of: "some minutes")

    def call(data: str, *options: str) -> Written:
        code = main(["mine.yaml", "--data", data, *options])
        return code, *capsys.readouterr()

    return call


def store(x: np.ndarray | None = None, y: np.ndarray | None = None, **more: np.ndarray) -> None:
    """Write data.npz: by default 120 random images of 3 classes, 12x12 in colour."""
    x = images(120) if x is None else x
    np.savez("data.npz", x_train=x, y_train=np.arange(len(x)) % 3 if y is None else y, **more)


def images(n: int, size: int = 12, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, channels), dtype=np.uint8)


def written() -> Any:
    return yaml.safe_load(Path("mine.yaml").read_text())


def unwrapped() -> str:
    """Return the space with its first comment as one line."""
    return Path("mine.yaml").read_text().replace("\n# ", " ")


def test_the_space_has_the_data_splits_seeds_attacks_and_an_epsilon_grid(write: Callable[..., Written]) -> None:
    store()
    code, printed, _ = write("data.npz")
    assert code == 0 and "mine.yaml is written: some minutes." in printed and "--dry-run" in printed
    space = written()
    assert space["trial"]["data"] == {"name": "npz", "path": "data.npz", "val": "10%", "test": "20%"}
    assert space["trial"]["model"] == "digits_cnn"
    assert space["search"]["axes"]["method.attack.epsilon"]["grid"] == ["2/255", "4/255", "8/255"]
    assert space["search"]["replicates"] == 3
    assert space["evaluate"]["epsilon"] == "8/255"
    assert space["evaluate"]["final"] == {
        "pgd20": {"name": "pgd", "steps": 20},
        "aa": {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce", "fab", "square"]},  # three classes
    }


def test_the_comments_count_the_splits_and_name_the_next_commands(write: Callable[..., Written]) -> None:
    store()
    write("data.npz")
    text = Path("mine.yaml").read_text()
    assert "val: 10%  # 12 training images are held out" in text and "test: 20%  # 24 images are set apart" in text
    assert "left to train on: 84, 28 of each class" in text
    asked = "What does adversarial training cost in clean accuracy, and gain in robust accuracy?"
    assert load_space(Path("mine.yaml"), []).document.tree["question"] == asked  # it heads the report
    for command in ("search.run mine.yaml --dry-run", "search.run mine.yaml ", "analysis.report results/mine"):
        assert f"#   python -m {command}" in text
    assert "Time: 12 trainings, some minutes. This is an estimate, no measurement" in unwrapped()
    assert max(map(len, text.splitlines())) <= 130


def test_a_method_that_the_comments_propose_is_valid(write: Callable[..., Written]) -> None:
    store()
    write("data.npz")
    text = Path("mine.yaml").read_text()
    more = re.sub(r"# (trades: .*\}\})  #.*", r"\1", text)
    assert more != text
    Path("more.yaml").write_text(more.replace("when: {method: pgd}", "when: {method: [pgd, trades]}"))
    assert len(Planner(load_space(Path("more.yaml"), []), lambda data: "here").plan().trials) == 21


def test_an_existing_file_is_never_overwritten(write: Callable[..., Written]) -> None:
    store()
    Path("mine.yaml").write_text("precious")
    code, _, errors = write("data.npz")
    assert code == 2 and "mine.yaml exists and is never overwritten" in errors
    assert Path("mine.yaml").read_text() == "precious"


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("mine.txt", "name it mine.yaml"),
        ("no/mine.yaml", "no is no folder"),
        (".yaml", "name it"),
        ("a?.yaml", "wildcard"),
    ],
)
def test_a_file_that_cannot_be_a_space_is_refused(file: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file, "--data", "digits"]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("notes.md", "error: --data: notes.md is no .npz archive"),
        ("pets", "error: --data: pets/train cannot be listed"),
        ("zoo", "error: --data: zoo/train/cat holds no image"),
    ],
)
def test_what_is_wrong_with_the_data_names_the_option(write: Callable[..., Written], data: str, says: str) -> None:
    """No user of this command has written the key `path` or `root`."""
    Path("notes.md").write_text("notes")
    Path("pets").mkdir()
    Path("zoo/train/cat").mkdir(parents=True)
    code, _, errors = write(data)
    assert code == 2 and says in errors


LABELS = np.arange(120) % 3
DOUBTFUL: dict[str, tuple[dict[str, Any], str]] = {
    "leak": ({"x_test": images(9), "y_test": LABELS[:9]}, "9 of 9 test images are training images too"),
    "copies": ({"x": np.concatenate([images(118), images(2)])}, "2 of 120 training images are copies of others"),
    "rare": ({"y": np.where(np.arange(120) < 3, 3, LABELS)}, "fewer than 5 training images of a class (3 of class 3)"),
    "bits": ({"x": images(120) // 128}, "every pixel of the training images is 0 or 1"),
    "dark": ({"x": images(120) // 16}, "no pixel of the training images is above 15 of 255"),
    "blank": ({"x": images(120) * (np.arange(120) != 7)[:, None, None, None].astype(np.uint8)}, "of one value"),
}
UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "one class": ({"y": LABELS * 0}, "y_train has one class only"),
    "gap": ({"y": LABELS * 2}, "labels up to 4 but none that is 1; number the classes 0..C-1"),
    "words": ({"y": LABELS.astype("U1")}, "expected integers"),
    "fractions": ({"y": LABELS / 1}, "expected integers"),
    "floats": ({"x": images(120) / 255}, "store np.rint(255 * x).astype(np.uint8)"),
    "NaN": ({"x": np.full((120, 8, 8), np.nan)}, "NaN"),
    "wide": ({"x": images(120)[:, :8]}, "8 pixels high and 12 wide, and networks here take squares"),
    "other test size": ({"x_test": images(9, 8), "y_test": LABELS[:9]}, "make them equal"),
    "unknown test class": ({"x_test": images(9, seed=1), "y_test": LABELS[:9] + 3}, "y_test has label 5"),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_doubtful_data_is_refused_and_written_down_anyway_if_it_is_intended(
    case: str, write: Callable[..., Written]
) -> None:
    made, says = DOUBTFUL[case]
    store(**made)
    code, _, errors = write("data.npz")
    assert code == 2 and says in errors and "write the space with --anyway" in errors
    assert not Path("mine.yaml").exists()
    code, _, errors = write("data.npz", "--anyway")
    assert code == 0 and "note: " in errors and says in errors
    assert "Note: " in unwrapped() and says in unwrapped()


@pytest.mark.parametrize("case", UNUSABLE)
@pytest.mark.parametrize("options", [[], ["--anyway"]], ids=["", "anyway"])
def test_data_that_no_training_could_use_is_always_refused(
    case: str, options: list[str], write: Callable[..., Written]
) -> None:
    made, says = UNUSABLE[case]
    store(**made)
    code, _, errors = write("data.npz", *options)
    assert code == 2 and says in errors and "Nothing was written." in errors and "Traceback" not in errors
    assert "--anyway" not in errors and not Path("mine.yaml").exists()


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            {"y": np.r_[np.zeros(108, int), np.ones(6, int), np.full(6, 2)]},
            "class 0 has 108 training images and class 1 6",
        ),
        ({"x": images(120)[..., :1].repeat(3, 3)}, "the three channels are equal, grey stored as RGB"),
    ],
    ids=["imbalance", "grey"],
)
def test_what_is_allowed_and_good_to_know_is_noted(
    made: dict[str, Any], says: str, write: Callable[..., Written]
) -> None:
    store(**made)
    code, _, errors = write("data.npz")
    assert code == 0 and f"note: {says}" in errors
    assert f"Note: {says}" in unwrapped()


def test_data_that_is_not_there_is_named_with_what_there_is(write: Callable[..., Written]) -> None:
    code, _, errors = write("cifar01")
    assert code == 2 and "cifar01 is no file, no folder and no data set" in errors and "did you mean cifar10?" in errors
    store()
    code, _, errors = write("dat.npz")
    assert code == 2 and "dat.npz is no file" in errors and "did you mean data.npz?" in errors


def folder_of(*sizes: tuple[int, int], mode: str = "L") -> None:
    for i, (width, height) in enumerate(size for size in sizes for _ in range(20)):
        folder = Path("pictures", "train", "ab"[i % 2])
        folder.mkdir(parents=True, exist_ok=True)
        pixels = images(1, max(width, height), 3, seed=i)[0, :height, :width]
        Image.fromarray(pixels).convert(mode).save(folder / f"{i}.png")


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_a_folder_of_equal_images_gives_size_and_channels(
    mode: str, channels: int, write: Callable[..., Written]
) -> None:
    folder_of((9, 9), (9, 9), mode=mode)
    assert write("pictures")[0] == 0
    data = written()["trial"]["data"]
    assert (data["root"], data["size"], data["channels"]) == ("pictures", 9, channels)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [([(9, 9), (12, 12)], "have 2 sizes in pixels: 9 x 9 (20), 12 x 12 (20)"), ([(9, 6), (9, 6)], "40 images")],
)
def test_images_of_unequal_sides_or_sizes_need_a_size(
    sizes: list[tuple[int, int]], says: str, write: Callable[..., Written]
) -> None:
    folder_of(*sizes)
    code, _, errors = write("pictures")
    assert code == 2 and says in errors and "--size N" in errors
    assert write("pictures", "--size", "8")[0] == 0
    assert written()["trial"]["data"]["size"] == 8


@pytest.mark.parametrize(
    ("size", "channels", "on_gpu", "model"),
    [
        (8, 1, False, "mlp"), (28, 1, False, "digits_cnn"), (32, 3, False, "digits_cnn"), (28, 1, True, "small_cnn"),
        (32, 3, True, "preact_resnet18"), (8, 3, True, "mlp"), (64, 3, True, "preact_resnet18"),
    ],
)  # fmt: skip
def test_the_network_fits_images_and_machine(size: int, channels: int, on_gpu: bool, model: str) -> None:
    fitting = list_fitting_models(channels, size, 10)
    assert choose_model(size, channels, on_gpu, fitting) == model and model in fitting


@pytest.mark.long
def test_networks_that_cannot_take_the_images_are_not_proposed() -> None:
    assert "small_cnn" not in list_fitting_models(1, 4, 10)
    assert "small_cnn" in list_fitting_models(1, 8, 10)


def test_epsilon_is_the_usual_one_and_stays_below_half_the_distance_of_classes() -> None:
    photographs, drawings = images(50), images(50) // 128 * 255
    assert [choose_epsilon(photographs, d) for d in (None, 200, 17, 16, 9, 1)] == [8, 8, 8, 7, 4, 1]
    assert choose_epsilon(drawings, None) == 26 and choose_epsilon(drawings, 21) == 10


def test_the_distance_of_classes_is_that_of_the_closest_pair_of_two() -> None:
    x = np.zeros((4, 3, 3, 1), np.uint8)
    x[1], x[2, 0, 0], x[3] = 90, 40, 200
    x[2, 1:] = 10  # 40 from image 0, and 80 from image 1
    assert measure_class_distance(x, np.array([0, 0, 1, 1])) == 40
    assert measure_class_distance(x, np.array([0, 0, 0, 1])) == 110
    assert measure_class_distance(x, np.zeros(4, int)) is None


@pytest.mark.long
@pytest.mark.parametrize("data", ["data.npz", *slow("digits", "pictures")])
def test_the_written_space_is_planned_and_trains(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    store(x_test=images(30, seed=1), y_test=LABELS[:30])
    folder_of((8, 8), (8, 8), (8, 8), mode="RGB")
    assert main(["mine.yaml", "--data", data]) == 0
    assert "estimated from a few training steps on this machine" in capsys.readouterr().out
    assert run(["mine.yaml", "--dry-run"]) == 0
    assert "12: 4 configurations x 3 seeds" in capsys.readouterr().out
    changes = (
        "search.replicates=1", "trial.epochs=1",
        "evaluate.final.aa.images=10", "evaluate.final.aa.version=custom", "evaluate.final.aa.attacks=[apgd-ce]",
    )  # fmt: skip  # Square tries 5,000 times, however few the images
    assert run(["mine.yaml", *(word for change in changes for word in ("--set", change))], InProcessBackend(2)) == 0
    results = [read_json(path, check_result) for path in Path("results/mine/trials").glob("*/result.json")]
    assert len(results) == 4
    assert all(result and result["status"] == "completed" for result in results)
