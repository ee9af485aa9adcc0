"""The adversaries of a ranking's gallery, made by the first of the trainings that rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from search.planning.plan import Plan, PlannedTrial
from search.planning.rankings import PlannedRanking
from search.store.segments import write_arrays
from search.store.store import Arrays, Store
from trainers.adversaries import craft_adversaries
from trainers.data import Data, Split
from trainers.extremes import list_gallery
from trainers.models import build_network
from trainers.npz import read_arrays
from trainers.step import Net
from trainers.trainer import derived

SCORES = ("instability", "difficulty")  # whose galleries are drawn, besides those by which the plan's subsets are cut


def write_adversaries(
    store: Store, plan: Plan, ranking: PlannedRanking, profiles: Sequence[PlannedTrial], arrays: Arrays, data: Data
) -> None:
    """Write profile/<ranks>.adversaries.npz: the images at both ends of a ranking under the attack of training curves.

    `arrays` are those of the ranking. Nothing is written for a ranking that is read from a file, nor where the last
    state of the first profile training is not kept, and nothing is computed again that is there.
    """
    if not profiles:
        return
    cuts = [trial.config.needs_ranking() for trial in plan.trials if trial.ranks == ranking.name]
    wanted = [f"rank_{score}" for score in dict.fromkeys([*SCORES, *filter(None, cuts)])]
    places = list_gallery([arrays[name] for name in wanted if name in arrays], arrays["y"])
    path = store.folder / "profile" / f"{ranking.name}.adversaries.npz"
    made = {
        "index": data.index[places],
        "trial": np.array(profiles[0].id),
        "attack": np.array(plan.describe_attacks()["pgd"]),
    }
    known = read_arrays(path)
    if known is not None and all(name in known and np.array_equal(known[name], made[name]) for name in made):
        write_arrays(path, known)  # other readers may stumble over bytes behind an archive
        return
    state = store.read_state(profiles[0].final)
    if state is None or not len(places):
        return
    before = torch.get_num_threads()
    torch.set_num_threads(plan.threads)  # on which bits depend
    try:
        net = _build_net(profiles[0], data, state)
        images = Split(data.train.x[places], data.train.y[places])
        seed = derived(profiles[0].config.seed, profiles[0].config.epochs, "gallery")
        found = craft_adversaries(net, images, plan.evaluation.pgd(), seed)
    finally:
        torch.set_num_threads(before)
    write_arrays(path, made | {"x": found.x, "predicted": found.predicted})


def _build_net(training: PlannedTrial, data: Data, state: dict[str, Any]) -> Net:
    """Return the network at the end of a training, on the CPU, with the weights that are measured."""
    channels, size = data.train.x.shape[1:3]
    network = build_network(training.config.model, channels, size, data.classes, data.mean, data.std, 0)
    network.load_state_dict(state["measured"] or state["model"])
    return Net(network)
