"""profile/<ranking>.adversaries.npz: what the network of the first profile training makes of its ranking's extremes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from search.execution.gallery import SCORES
from trainers.accuracy import predict_split
from trainers.data import Split, to_pixels
from trainers.extremes import select_gallery
from trainers.npz import Arrays, read_arrays
from trainers.trainer import Trainer

from ..helpers import Tiny, hash_records, smoke

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("gallery") / "sweep", smoke()).all()


def read(tiny: Tiny, kind: str = "") -> Arrays:
    (ranks,) = tiny.plan.rankings
    found = read_arrays(tiny.store.folder / "profile" / f"{ranks}{kind}.npz")
    assert found is not None
    return found


def test_the_extremes_of_each_class_by_both_scores_are_there(whole: Tiny) -> None:
    ranking, made = read(whole), read(whole, ".adversaries")
    wanted = {place for score in SCORES for place in select_gallery(ranking[f"rank_{score}"], ranking["y"]).ravel()}
    assert made["index"].tolist() == ranking["index"][sorted(wanted - {-1})].tolist()
    assert str(made["attack"]).startswith("PGD-") and str(made["trial"]) in {trial.id for trial in whole.plan.trials}


def test_the_network_is_that_of_the_training_s_end_and_names_what_is_recorded(whole: Tiny) -> None:
    """Rounding to 8 bits moves each pixel by at most 1/510 of the range, and beyond epsilon by no more than that."""
    made, (profile, *_) = read(whole, ".adversaries"), [t for t in whole.plan.trials if t.kind == "profile"]
    data = whole.data(whole.plan.trials.index(profile))
    state = whole.store.read_state(profile.final)
    assert state is not None
    trainer = Trainer(profile.config, whole.plan.evaluation, data, None)
    trainer.load_state_dict(state)
    where = [data.index.tolist().index(index) for index in made["index"]]
    x = torch.from_numpy(np.moveaxis(made["x"], -1, 1).copy())
    moved = (to_pixels(x) - to_pixels(data.train.x[where])).abs().amax()
    assert 0.5 * whole.plan.evaluation.epsilon < moved <= whole.plan.evaluation.epsilon + 1 / 509
    named = predict_split(trainer.net, Split(x, data.train.y[where]), 0).numpy()
    assert (named == made["predicted"]).mean() > 0.95
    clean = predict_split(trainer.net, Split(data.train.x[where], data.train.y[where]), 0).numpy()
    y = data.train.y[where].numpy()
    assert (made["predicted"] == y).mean() < (clean == y).mean(), "an attack that does not mislead is none"


def test_all_other_records_are_as_without_and_a_lost_file_is_made_again(
    whole: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hash_records(whole.store.folder)
    monkeypatch.setattr("search.execution.prerequisites.write_adversaries", lambda *_: None)
    bare = Tiny(tmp_path / "sweep", smoke()).all()
    assert {name: value for name, value in before.items() if "adversaries" not in name} == hash_records(
        bare.store.folder
    )
    assert [t.final for t in bare.plan.trials] == [t.final for t in whole.plan.trials]
    monkeypatch.undo()
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    assert bare.rank() is None
    assert hash_records(bare.store.folder) == before, "by a sweep that older code has ended"
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads


def test_nothing_is_computed_again_and_without_a_state_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Tiny(tmp_path / "sweep", smoke(search__keep="none")).all()
    (ranks,) = tiny.plan.rankings
    assert not (tiny.store.folder / "profile" / f"{ranks}.adversaries.npz").exists()
    kept = Tiny(tmp_path / "kept", smoke()).all()
    monkeypatch.setattr("search.execution.gallery.craft_adversaries", lambda *_: pytest.fail("computed again"))
    assert kept.rank() is None
