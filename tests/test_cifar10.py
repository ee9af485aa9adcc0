"""Real images end to end: CIFAR-10 (JPEG copies) through npz, with a ranking, a small network and a subset."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trainers.record_reader import read_json, read_rows

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"

SPACE = """
trial:
  data: {{name: npz, path: {path}, train: 1000, val: 500}}
  model: {{name: digits_cnn}}
  method: {{base: pgd-at, attack: {{epsilon: 4/255, steps: 5}}}}
  optimizer: {{lr: 0.02}}
  epochs: 6
profile: {{seeds: 1}}
search:
  axes:
    subset: {{grid: {{all: all, friendly: {{name: ranked, size: 80%}}, random: {{name: random, size: 80%}}}}}}
evaluate: {{epsilon: 4/255, steps: 5, every: 3, final: {{pgd20: {{name: pgd, images: 500}}}}}}
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (SHARED / "unpack_cifar10.py").exists():
        pytest.skip(f"no CIFAR-10 images in {SHARED}: this check of real images did not run")
    path = tmp_path_factory.mktemp("cifar10") / "cifar10.npz"
    subprocess.run([sys.executable, str(SHARED / "unpack_cifar10.py"), str(path)], check=True)
    return path


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_sweep_on_cifar10_learns_ranks_and_reports(images: Path, tmp_path: Path) -> None:
    space = tmp_path / "cifar.yaml"
    space.write_text(SPACE.format(path=images))
    command = [sys.executable, "-m", "search.run", str(space), "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "cifar"
    plan = read_json(folder / "plan.json")
    for row in plan["trials"]:
        epochs = read_rows(folder / "trials" / row["id"] / "epochs.jsonl")
        result = read_json(folder / "trials" / row["id"] / "result.json")
        assert epochs[-1]["train_loss"] < epochs[0]["train_loss"]
        assert result["data"] == {"train": 1000, "val": 500, "test": 10000, "classes": 10, "flipped": 0}
        assert result["best"]["test_clean_acc"] > 0.2, "chance is 0.1"
        assert result["best"]["test_pgd_acc"] < result["best"]["test_clean_acc"]
    assert (folder / "report" / "index.html").stat().st_size > 100_000
