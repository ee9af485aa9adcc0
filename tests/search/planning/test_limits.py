"""What no sweep is, is refused at once with its number; what is large and allowed is planned in linear time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import search.schema.axes
from search.planning.consistency import _find_equal_labels
from search.schema import limits
from search.schema.axes import AxisPoint

Refused = Callable[..., list[str]]
LISTED = "{grid: [" + ", ".join(map(str, range(1, 2001))) + "]}"

BEYOND = {
    "epochs": ("trial: {epochs: 1000000000}\n", "trial.epochs: should be less than or equal to 100000; got 1000000000"),
    "trials": (
        "search: {strategy: random, trials: 1000000, axes: {batch_size: {int: [1, 9]}}}\n",
        "search.trials: 1,000,000 configurations x 1 seed are 1,000,000 trainings; a sweep has at most 100,000",
    ),
    "trials of an adaptive search": (
        "search: {strategy: tpe, trials: 1000000, axes: {batch_size: {int: [1, 9]}}}\n",
        "search.trials: 1,000,000 configurations x 1 seed are 1,000,000 trainings; a sweep has at most 100,000",
    ),
    "generation": (
        "search: {strategy: tpe, trials: 9, generation: 1000000, axes: {batch_size: {int: [1, 9]}}}\n",
        "search.generation: should be less than or equal to 1000; got 1000000",
    ),
    "seeds": ("search: {replicates: 1000000000}\n", "search.replicates: 1 to 10,000 seeds; got 1,000,000,000"),
    "seeds of a ranking": ("profile: {seeds: 1000000000}\n", "profile.seeds: 1 to 10,000 seeds; got 1,000,000,000"),
    "seeds in doubt": (
        "search: {replicates: {min: 2, max: 1000000000}}\n",
        "search.replicates.max: should be less than or equal to 10000; got 1000000000",
    ),
    "grid": (
        f"search: {{axes: {{batch_size: {LISTED}, epochs: {LISTED}}}}}\n",
        "search.axes: cross to 4,000,000 configurations; a grid has at most 1,000,000",
    ),
    "grid with seeds": (
        f"search: {{replicates: 100, axes: {{batch_size: {LISTED}}}}}\n",
        "search.axes: 2,000 configurations x 100 seeds are 200,000 trainings; a sweep has at most 100,000",
    ),
    "epochs of all together": (
        f"trial: {{epochs: 100000}}\nsearch: {{axes: {{batch_size: {LISTED}}}}}\n",
        "trial.epochs: 200,000,000 epochs in all; a sweep has at most 20,000,000",
    ),
    "values of an axis": (
        "search: {axes: {batch_size: {grid: [" + "1, " * 20000 + "]}}}\n",
        "search.axes.batch_size: an axis has at most 10,000 values; got 20,000",
    ),
    "network": (
        "trial: {model: {name: mlp, hidden: [65536, 65536, 65536]}}\n",
        "trial: model: has 8,594,980,874 weights; take one of at most 2,000,000,000 (trial-",
    ),
    "layer": (
        "trial: {model: {name: mlp, hidden: [9007199254740992]}}\n",
        "trial.model.hidden.0: should be less than ",
    ),
    "depth of an axis": (
        "search: {axes: {" + ".".join("a" * 400) + ": {grid: [1]}}}\n",
        "search.axes: an axis is the path of a key; got a.a.a",
    ),
}


@pytest.mark.parametrize(("text", "why"), BEYOND.values(), ids=BEYOND.keys())
def test_sweep_beyond_the_limits_is_refused_at_once(refused: Refused, text: str, why: str) -> None:
    began = time.process_time()
    (problem,) = refused(text)
    assert f": {why}" in problem
    assert time.process_time() - began < 10


SEVEN = ", ".join(
    f"{path}: {{grid: {list(range(1, 21))}}}"
    for path in (
        "batch_size", "epochs", "optimizer.lr", "optimizer.momentum", "optimizer.weight_decay", "method.attack.steps",
        "method.attack.epsilon",
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (f"axes: {{{SEVEN}}}", "search.axes: cross to 1,280,000,000 configurations; a grid has at most 1,000,000"),
        (
            f"strategy: random, trials: 100000000, axes: {{{SEVEN}}}",
            "search.trials: 100,000,000 configurations x 1 seed are 100,000,000 trainings; a sweep has at most 100,000",
        ),
    ],
)
def test_sweep_beyond_the_limits_is_not_listed_for_another_mistake(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, keys: str, why: str
) -> None:
    def drop_inapplicable(axes: object, point: AxisPoint) -> AxisPoint:
        points.append(point)
        assert len(points) < 1000, "points are listed"
        return point

    points: list[AxisPoint] = []
    monkeypatch.setattr(search.schema.axes, "_drop_inapplicable", drop_inapplicable)
    mistyped, large = refused(f"search: {{replicats: 3, {keys}}}\n")
    assert "search.replicats: Search has no such key" in mistyped and large.endswith(why)
    assert points == []


def test_override_deeper_than_the_limit_is_refused(refused: Refused) -> None:
    (problem,) = refused("trial: {}\n", "--set", f"trial.{'.'.join('a' * 900)}=1")
    assert problem.endswith(f"...: nested deeper than {limits.MAX_DEPTH} levels")


@pytest.mark.long
def test_many_mistakes_are_counted_and_the_first_shown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from search.run.__main__ import main

    (here / "space.yaml").write_text("trial:\n" + "".join(f"  epochs{i}: 1\n" for i in range(20_000)))
    began = time.process_time()
    assert main(["space.yaml", "--dry-run"]) == 2
    *problems, more, last = capsys.readouterr().err.splitlines()
    assert len(problems) == limits.MAX_PROBLEMS_SHOWN
    assert (more, last) == ("error: and 19,950 more", "20,000 problems; nothing was started.")
    assert time.process_time() - began < 30


@pytest.mark.long
def test_too_many_keys_are_refused_before_validation(refused: Refused) -> None:
    (problem,) = refused("trial:\n" + "".join(f"  e{i}: 1\n" for i in range(60_000)))
    assert problem.endswith(f"not YAML: more than {limits.MAX_FILE_VALUES:,} values and keys")


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_device_or_fifo_is_refused_as_a_space(here: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    from search.run.__main__ import main

    os.mkfifo("pipe")
    assert main([name, "--dry-run"]) == 2
    assert f"error: {name}: is no regular file; write the space into one\n" in capsys.readouterr().err
    Path("large.yaml").write_text("trial: {}\n#" + "x" * limits.MAX_FILE_BYTES)
    assert main(["large.yaml", "--dry-run"]) == 2
    assert "large.yaml: has more than 1,000,000 bytes" in capsys.readouterr().err


def test_a_link_to_itself_and_a_chain_without_end_are_no_spaces(refused: Refused, here: Path) -> None:
    (here / "loop.yaml").symlink_to("loop.yaml")
    (problem,) = refused("extends: loop.yaml\n")
    assert problem.startswith("space.yaml:1: extends: loop.yaml: ")
    for i in range(60):
        (here / f"a{i}.yaml").write_text(f"extends: a{i + 1}.yaml\n")
    (problem,) = refused("extends: a0.yaml\n")
    assert problem.endswith(f"extends: more than {limits.MAX_DEPTH} files, each laid over the next")


@pytest.mark.parametrize(
    "groups",
    [
        [{"a": "x", "b": "y", "c": "x"}, {"a": "p", "c": "p"}],
        [{"a": "x"}, {"b": "x"}, {"a": "z", "c": "z"}, {"c": "z", "b": "y"}],
    ],
)
def test_labels_that_agree_in_all_common_groups_are_found(groups: list[dict[str, str]]) -> None:
    assert _find_equal_labels(groups) == ("a", "c")


def test_labels_that_differ_or_never_meet_are_not_found() -> None:
    assert _find_equal_labels([{"a": "x", "b": "x"}, {"a": "x", "b": "y"}]) is None
    assert _find_equal_labels([{"a": "x"}, {"b": "x"}]) is None
    assert _find_equal_labels([{"a": "x", "b": "x", "c": "y"}, {"b": "y", "a": "x"}, {"c": "x"}]) is None


def test_long_axis_is_searched_in_linear_time() -> None:
    n = limits.MAX_AXIS_VALUES
    groups = [{str(i): "same" for i in range(n)}, {str(i): f"own {i}" for i in range(n)}]
    began = time.process_time()
    assert _find_equal_labels(groups) is None
    assert time.process_time() - began < 2
