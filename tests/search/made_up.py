"""Sweeps made up of records alone: trainings are words whose equal beginnings they share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from search.planning.jobs import Job
from search.planning.stage_tree import StageTree
from search.store.plan_file import FORMAT
from trainers.record_io import Row, append_rows, write_json
from trainers.state_chain import WIDTH, Chain

from .trees import chain_of

CONFIG: Row = {
    "data": {"name": "digits", "train": 100, "label_noise": 0.0},
    "model": {"name": "mlp", "hidden": [4]},
    "method": {
        "attack": {"name": "pgd", "steps": 10, "epsilon": 0.1, "step_size": "epsilon/4"},
        "loss": {"name": "ce"},
    },
    "subset": {"name": "all"},
    "batch_size": 32,
    "compute": {"device": "cpu"},
}


class MadeUp:
    """A sweep's folder, written as a run writes it."""

    def __init__(self, folder: Path, words: list[str], seeds: int = 1, **config: Any) -> None:
        """Plan a configuration for each word, in so many seeds; trainings of different seeds share nothing."""
        self.folder = folder
        roots = [chain_of(f"{seed}{word}") for word in words for seed in range(seeds)]
        chains = [Chain(root.links[WIDTH:]) for root in roots]  # which begin behind the seed
        self.ids = [f"lam={i}-abcdef,seed={seed}" for i in range(len(words)) for seed in range(seeds)]
        self.finals = [chain.final for chain in chains]
        tree = StageTree(chains)
        self.plan: Row = {
            "format": FORMAT,
            "study": folder.name,
            "evaluate": {"every": 1},
            "epochs": {"asked": tree.asked, "distinct": tree.distinct},
            "trials": [
                {
                    "id": name, "kind": "trial", "configuration": name.partition(",")[0], "ranks": None,
                    "config": CONFIG | config, "chain": chain.final, "epochs": len(chain) - 1, "branch": branch,
                }
                for name, chain, branch in zip(self.ids, chains, tree.branches.tolist(), strict=True)
            ],
        }  # fmt: skip
        write_json(folder / "plan.json", self.plan)

    def job(self, i: int) -> Job:
        """Return a training as a worker is given it."""
        return Job(
            folder=str(self.folder), trial=self.ids[i], config={"seed": 3, "epochs": 4}, evaluation={}, data="",
            source="", ranks=None, final=self.finals[i], threads=1, code="", training_code="", checkpoint_seconds=60.0,
        )  # fmt: skip

    def place(self, i: int) -> Path:
        path = self.folder / "trials" / self.ids[i]
        path.mkdir(parents=True, exist_ok=True)
        return path

    def train(
        self, i: int, until: int, taken: int = 0, since: int = 0, seconds: float = 2.0, clean: float = 0.5,
        robust: float = 0.3,
    ) -> None:  # fmt: skip
        """Record epochs, the first `taken` of them by another training, each a point better than the last."""
        for epoch in range(since, until):
            accuracies = {"val_clean_acc": clean + epoch / 100, "val_pgd_acc": robust + epoch / 100}
            append_rows(self.place(i) / "epochs.jsonl", [{"epoch": epoch, "train_loss": 2.0 - epoch / 10} | accuracies])
            cost = {"epoch": epoch, "seconds": seconds, "evaluate_seconds": seconds / 2, "images_per_s": 100 / seconds}
            by = "another" if epoch < taken else self.ids[i]
            append_rows(self.place(i) / "cost.jsonl", [cost | {"by": by}])

    def end(self, i: int, status: str = "completed", clean: float = 0.9, robust: float = 0.5) -> None:
        """Record how it ended."""
        epochs = sum(1 for _ in (self.place(i) / "epochs.jsonl").open())
        best = {"best": {"epoch": epochs - 1, "val_clean_acc": clean, "val_pgd_acc": robust}}
        append_rows(self.place(i) / "cost.jsonl", [{"final_seconds": 4.0, "by": self.ids[i]}])
        result = {"status": status, "epochs": epochs, "chain": self.finals[i]}
        write_json(self.place(i) / "result.json", result | (best if status != "diverged" else {}))

    def fail(self, i: int, when: float) -> None:
        path = self.place(i) / "error.txt"
        path.write_text("Traceback ...\nValueError: no\n")
        os.utime(path, (when, when))
