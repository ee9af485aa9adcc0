"""However a space is written, in one place or in several, by words or by mappings, the same trainings come of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.exceptions import SpaceError
from search.schema.axes import list_grid_points
from search.schema.merging import SPACE_NODE, expand_short_forms, overlay_space, overlay_trial
from search.schema.space import LoadedSpace, build_config, build_config_at, load_space
from trainers.config import TrialConfig

Leaves = dict[str, Any]
HOW = ("base", "extends", "set", "set again", "axis")
NAMED = {"method": ("base", "pgd-at"), "optimizer": ("name", "sgd")}  # the names that need not be written
METHODS: dict[str, Leaves] = {
    "pgd-at": {"attack.epsilon": "8/255", "attack.steps": 3, "weight.name": "probability", "weight.burn_in": "10%"},
    "trades": {"attack.epsilon": 0.05, "attack.name": "pgd", "loss.beta": 3, "loss.name": "trades"},
    "gairat": {"weight.lam": -1.0, "weight.burn_in": 2, "attack.bn": "train"},
    "free-at": {"epsilon": 0.1, "replays": 4},
    "standard": {"target.name": "smoothed", "target.share": 0.2},
}
OTHERS: dict[str, list[Leaves]] = {
    "optimizer": [{"name": "sgd", "momentum": 0.5, "lr": "1e-2"}, {"name": "adam", "lr": 0.01, "weight_decay": 0.0}],
    "model": [{"name": "mlp", "hidden": [8, 8]}, {"name": "wrn_28_10"}, {"name": "resnet18"}],
    "data": [{"name": "digits", "label_noise": 0.1, "train": 96}, {"name": "cifar10", "classes": [0, 1, 9]}],
    "subset": [{"name": "all"}, {"name": "random", "size": "50%", "seed": 3}, {"name": "drop-unlearned", "epoch": 2}],
    "average": [{"name": "ema", "momentum": 0.9}, {"name": "swa", "burn_in": "20%"}],
}


class Written(NamedTuple):
    """A trial's leaves, and in which place each is written."""

    leaves: Leaves
    places: dict[str, str]
    words: bool  # pieces of which a place says the name alone are written by that word


def tree_of(leaves: Leaves) -> Any:
    tree: Any = {}
    for path, value in leaves.items():
        *above, last = path.split(".")
        at = tree
        for key in above:
            at = at.setdefault(key, {})
        at[last] = value
    return tree


@st.composite
def spaces(draw: st.DrawFn) -> Written:
    base = draw(st.sampled_from(sorted(METHODS)))
    some = draw(st.sets(st.sampled_from(sorted({path.partition(".")[0] for path in METHODS[base]}))))
    leaves: Leaves = {"method.base": base, "epochs": draw(st.integers(4, 9))}
    leaves |= {f"method.{path}": value for path, value in METHODS[base].items() if path.partition(".")[0] in some}
    for key, pieces in OTHERS.items():
        if piece := draw(st.sampled_from([{}, *pieces])):
            leaves |= {f"{key}.{path}": value for path, value in piece.items()}
    places = {}
    for path, value in leaves.items():
        key, _, rest = path.partition(".")
        implied = NAMED.get(key) == (rest, value) or (key == "method" and rest == "loss.name" and base == "trades")
        implied |= key == "method" and rest == "attack.name"
        is_name = path.rpartition(".")[2] in ("name", "base")
        alone = path == "optimizer.name" or (path == "method.base" and "method.loss.name" not in leaves)
        anywhere = HOW if alone or not is_name else HOW[:-1]
        places[path] = draw(st.sampled_from(anywhere if implied or not is_name else ("base", *anywhere[4:])))
    return Written(leaves, places, draw(st.booleans()))


def shortened(tree: Any) -> Any:
    """Write mappings that hold a name alone as the word."""
    if isinstance(tree, dict) and len(tree) == 1 and (word := tree.get("name") or tree.get("base")):
        return word
    return {key: shortened(value) for key, value in tree.items()} if isinstance(tree, dict) else tree


def trees(written: Written) -> dict[str, Any]:
    found = {how: tree_of({p: v for p, v in written.leaves.items() if written.places[p] == how}) for how in HOW[:-1]}
    return {how: shortened(tree) for how, tree in found.items()} if written.words else found


def loaded(folder: Path, layers: dict[str, Any], axes: Leaves, block: tuple[str, ...] = ("trial",)) -> LoadedSpace:
    def within(tree: Any) -> Any:
        for key in reversed(block):
            tree = {key: tree}
        return tree

    (folder / "base.yaml").write_text(yaml.safe_dump(within(layers["base"])))
    search = {"search": {"axes": {path: {"grid": [value]} for path, value in axes.items()}}} if axes else {}
    top = {"extends": "base.yaml"} | within(layers["extends"]) | search
    (folder / "space.yaml").write_text(yaml.safe_dump(top))
    overrides = [
        f"{'.'.join((*block, key))}={json.dumps(value)}"
        for how in ("set", "set again")
        for key, value in layers[how].items()
    ]
    return load_space(folder / "space.yaml", overrides)


@pytest.mark.long
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(spaces())
def test_trial_is_the_same_wherever_its_knobs_are_written(tmp_path: Path, written: Written) -> None:
    axes = {path: value for path, value in written.leaves.items() if written.places[path] == "axis"}
    loaded_space = loaded(tmp_path, trees(written), axes)
    (point,) = list_grid_points(loaded_space.space.search.axes)
    assert build_config_at(loaded_space, point) == TrialConfig.model_validate(tree_of(written.leaves))


@pytest.mark.parametrize("block", ["profile", "pretrain"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(spaces())
def test_upstream_training_is_the_same_wherever_its_knobs_are_written(
    tmp_path: Path, block: str, written: Written
) -> None:
    own = {path: value for path, value in written.leaves.items() if path.partition(".")[0] not in ("data", "model")}
    named_first = {
        p: "base" if p.endswith((".name", ".base")) else written.places[p].replace("axis", "set") for p in own
    }
    loaded_space = loaded(tmp_path, trees(Written(own, named_first, written.words)), {}, (block, "trial"))
    loaded_space.space.trial.update(
        expand_short_forms({"method": "mart", "optimizer": {"momentum": 0.1}, "batch_size": 7})[0]
    )
    overlay = getattr(loaded_space.space, block).trial
    apart = TrialConfig.model_validate({"batch_size": 7} | tree_of(own))
    config = build_config(loaded_space, overlay_trial(loaded_space.space.trial, overlay))
    if "optimizer.name" not in own:
        config = config.model_copy(update={"optimizer": apart.optimizer})  # the trial's own
    assert config == apart


@pytest.mark.parametrize(
    ("trial", "axes", "overrides"),
    [
        ("{method: trades, optimizer: adam}", "", ["method.attack.epsilon=0.05", "optimizer.lr=0.01"]),
        ("{method: trades, optimizer: adam}", "", ["method={attack: {epsilon: 0.05}}", "optimizer={lr: 0.01}"]),
        ("{method: trades, optimizer: adam}", "method.attack.epsilon: {grid: [0.05]}", ["optimizer.lr=0.01"]),
        (
            "{method: trades, optimizer: adam}",
            "method: {grid: [{attack: {epsilon: 0.05}}]}, optimizer: {grid: [{lr: 0.01}]}",
            [],
        ),
        (
            "{method: trades, optimizer: adam}",
            "",
            ["method={attack: {epsilon: 0.05}}", "method=trades", "optimizer.lr=0.01", "optimizer=adam"],
        ),
    ],
)  # fmt: skip
def test_short_form_survives_an_overlay(tmp_path: Path, trial: str, axes: str, overrides: list[str]) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(f"trial: {trial}\nsearch: {{axes: {{{axes}}}}}\n")
    loaded_space = load_space(path, [f"trial.{override}" for override in overrides])
    (point,) = list_grid_points(loaded_space.space.search.axes)
    pieces = {"method": {"base": "trades", "attack": {"epsilon": 0.05}}, "optimizer": {"name": "adam", "lr": 0.01}}
    assert build_config_at(loaded_space, point) == TrialConfig.model_validate(pieces)


def test_implied_name_is_not_another_piece(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(
        "trial: {method: {attack: {epsilon: 0.05}}, optimizer: {lr: 0.01}}\nsearch: {stopping: {margin: 0.2}}"
    )
    names = ("trial.method.base=pgd-at", "trial.method.attack.name=pgd", "trial.optimizer.name=sgd")
    loaded_space = load_space(path, [*names, "search.stopping.name=robust"])
    assert build_config_at(loaded_space, {}).method.attack.epsilon == 0.05  # type: ignore[union-attr]
    assert build_config_at(loaded_space, {}).optimizer.lr == 0.01
    assert loaded_space.space.search.stopping.margin == 0.2  # type: ignore[union-attr]


def test_axis_over_a_name_keeps_the_knobs_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    axes = "optimizer.name: {grid: [sgd, adam]}, method.base: {grid: [pgd-at, iat]}, subset.epoch: {grid: [2]}, "
    axes += "subset.name: {grid: [drop-unlearned]}"
    path.write_text(
        f"trial: {{method: {{attack: {{epsilon: 0.1}}}}, optimizer: {{lr: 0.3}}}}\nsearch: {{axes: {{{axes}}}}}"
    )
    loaded_space = load_space(path, ["trial.epochs=9"])
    configs = [build_config_at(loaded_space, point) for point in list_grid_points(loaded_space.space.search.axes)]
    assert [(config.optimizer.name, config.method.attack.name) for config in configs] == [  # type: ignore[union-attr]
        ("sgd", "pgd"), ("sgd", "iat"), ("adam", "pgd"), ("adam", "iat")
    ]  # fmt: skip
    for config in configs:
        assert (config.optimizer.lr, config.method.attack.epsilon, config.subset.epoch) == (0.3, 0.1, 2)  # type: ignore[union-attr]


def test_piece_of_another_name_replaces_all_knobs(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("trial: {method: {attack: {epsilon: 0.05}}, optimizer: {lr: 0.01}}")
    for override in ("trial.method=trades", "trial.method={base: trades}"):
        config = build_config_at(load_space(path, [override, "trial.optimizer=adam"]), {})
        assert config == TrialConfig.model_validate({"method": "trades", "optimizer": {"name": "adam"}})
    config = build_config_at(load_space(path, ["trial.method={kind: free}", "trial.method=pgd-at"]), {})
    assert config.method.kind == "pieces"


def test_implied_kind_of_a_method_is_not_another_method(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("trial: {method: {base: trades, loss: {beta: 3}}}")
    path = tmp_path / "space.yaml"
    path.write_text("extends: base.yaml\ntrial: {method: {kind: pieces}}\n")
    loaded_space = load_space(
        path, ["trial.method.kind=pieces", "trial.method={kind: pieces, attack: {epsilon: 0.05}}"]
    )
    method = {"base": "trades", "loss": {"beta": 3}, "attack": {"epsilon": 0.05}}
    assert build_config_at(loaded_space, {}) == TrialConfig.model_validate({"method": method})


@pytest.mark.parametrize("block", ["profile", "pretrain"])
@pytest.mark.parametrize("below", ["an extending file", "--set"])
def test_overlay_over_a_null_of_an_upstream_training_is_refused(tmp_path: Path, block: str, below: str) -> None:
    taken_out = "{trial: {method: {loss: null}, epochs: null}}"
    (tmp_path / "base.yaml").write_text(f"trial: {{method: trades}}\n{block}: {taken_out}\n")
    path = tmp_path / "space.yaml"
    over = f"{block}: {{trial: {{method: {{loss: {{beta: 3}}}}, epochs: 4}}}}\n"
    path.write_text("extends: base.yaml\n" + over * (below == "an extending file"))
    knobs = [f"{block}.trial.epochs=4", f"{block}.trial.method.loss.beta=3"] if below == "--set" else []
    with pytest.raises(SpaceError) as caught:
        load_space(path, knobs)
    (problem,) = caught.value.problems
    null = f"{tmp_path / 'base.yaml'}:2"
    where = f"{null} with --set {knobs[-1]}" if knobs else f"{path}:2"
    assert problem.startswith(f"{where}: {block}.trial.method.loss: is null in {null}, which removes the trial's")


MISTYPED = {
    "trial.method": ("[trades]", "true", "3"),
    "trial.optimizer": ("[adam]", "1.5"),
    "trial.method.attack": ("[pgd]", "0.1"),
    "trial.method.awp": ("true", "on"),
    "trial.data.extra": ("[rest]",),
    "trial.start_from": ("weights.pt",),
    "trial": ("3", "[]"),
    "profile.trial.optimizer": ("[adam]",),
    "pretrain.trial.method": ("[trades]",),
    "search": ("[]", "grid"),
    "search.axes": ("[method]",),
    "search.stopping": ("[none]", "5"),
    "search.budget": ("3",),
    "evaluate.final": ("[pgd20]",),
    "evaluate.final.pgd20": ("20",),
    "resources": ("2",),
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, each in MISTYPED.items() for value in each])
@pytest.mark.parametrize("below", ["nothing", "an extending file", "--set", "an axis"])
def test_value_in_place_of_a_mapping_is_refused_at_its_line_under_any_overlay(
    tmp_path: Path, path: str, value: str, below: str
) -> None:
    *above, last = path.split(".")
    text = (
        "".join(f"{'  ' * depth}{key}:\n" for depth, key in enumerate(above)) + f"{'  ' * len(above)}{last}: {value}\n"
    )
    (tmp_path / "base.yaml").write_text(text)
    over = "".join(f"{'  ' * depth}{key}:\n" for depth, key in enumerate([*above, last]))
    over += "  " * (len(above) + 1) + "x: {y: 1}\n"
    axis = f"search: {{axes: {{{path.removeprefix('trial.')}.x: {{grid: [1]}}}}}}\n"
    more = {"an extending file": over, "an axis": axis if path.startswith("trial.") else over}
    (tmp_path / "space.yaml").write_text("extends: base.yaml\n" + more.get(below, ""))
    with pytest.raises(SpaceError) as caught:
        load_space(tmp_path / "space.yaml", [f"{path}.x=1"] if below == "--set" else [])
    lines = [
        problem for problem in caught.value.problems if f"base.yaml:{len(above) + 1}: {path}: should be " in problem
    ]
    assert len(lines) == 1, caught.value.problems


def test_axis_value_in_place_of_a_mapping_is_refused_beside_a_deeper_axis(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("search:\n  axes:\n    method: {grid: [[trades]]}\n    method.attack.epsilon: {grid: [0.1]}\n")
    loaded_space = load_space(path, [])
    (point,) = list_grid_points(loaded_space.space.search.axes)
    with pytest.raises(SpaceError) as caught:
        build_config_at(loaded_space, point)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:3: axis method=trades: trial.method: should be the name of a piece")


def test_short_forms_are_expanded_wherever_a_piece_is_expected() -> None:
    tree = {
        "trial": {"average": "ema", "method": {"base": "pgd-at", "loss": "trades", "attack": {"start": "normal"}}},
        "evaluate": {"final": {"aa": "autoattack"}},
        "search": {"stopping": "none", "replicates": 3, "strategy": "grid", "axes": {"method": {"grid": ["trades"]}}},
    }
    out, wrong = expand_short_forms(tree, SPACE_NODE)
    assert not wrong
    method = {"base": "pgd-at", "loss": {"name": "trades"}, "attack": {"start": "normal"}}
    assert out["trial"] == {"average": {"name": "ema"}, "method": method}
    assert out["evaluate"] == {"final": {"aa": {"name": "autoattack"}}}
    assert out["search"] == tree["search"] | {"stopping": {"name": "none"}}
    assert expand_short_forms(out, SPACE_NODE) == (out, [])


@pytest.mark.parametrize(
    ("change", "when"),
    [
        ({"grid": [3]}, {"method": "gairat"}),
        ({"uniform": [0, 1]}, {"method": "gairat"}),
        ({"grid": [3], "when": {"method": "pgd-at"}}, {"method": "pgd-at"}),
        ({"grid": [3], "when": None}, None),
    ],
)
def test_axis_over_another_keeps_the_condition_and_no_values(change: Any, when: Any) -> None:
    """`--set search.axes.epochs.grid=[3]` is about values; without `when` the axis would act in every training."""
    tree = {"search": {"axes": {"epochs": {"grid": [1, 2], "when": {"method": "gairat"}}, "seed": {"grid": [0]}}}}
    merged = overlay_space(tree, {"search": {"axes": {"epochs": change}}})["search"]["axes"]
    values = {key: value for key, value in change.items() if key != "when"}
    assert merged["epochs"] == values | ({"when": when} if when else {})
    assert list(merged) == ["epochs", "seed"]
