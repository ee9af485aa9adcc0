"""What search.measure says at its end: accuracies of configurations under each new attack, and where the rest is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from search.measure.further_accuracy import describe_attacks
from search.store.remote import RemotePath, parse_path
from trainers.record_io import Place

Accuracies = dict[str, float | None]


def described(folder: Place, accuracies: Accuracies, epoch: str = "last", attack: str = "aa") -> list[str]:
    """Describe trials named CONFIGURATION,seed=N; None: one that has no result."""
    results = {name: {epoch: {"test_aa_acc": value}} for name, value in accuracies.items() if value is not None}
    trials: list[Any] = [
        SimpleNamespace(kind="trial", id=name, configuration=name.partition(",")[0], final="") for name in accuracies
    ]
    trials.append(SimpleNamespace(kind="profile", id="profile", configuration="profile", final=""))
    results["profile"] = {epoch: {"test_aa_acc": 0.01}}
    store: Any = SimpleNamespace(folder=folder, read_result=lambda name, final: results.get(name))
    return describe_attacks([attack], trials, store, epoch)


def test_seeds_are_averaged_and_configurations_compared() -> None:
    """The extremes are of means: no configuration is at 10 % or at 90 %."""
    accuracies: Accuracies = {
        "a,seed=0": 0.1, "a,seed=1": 0.5, "a,seed=2": None,
        "b,seed=0": 0.2, "b,seed=1": 0.9, "b,seed=2": 0.7,
        "c,seed=0": 0.5,
    }  # fmt: skip
    line, _ = described(Path("results/study"), accuracies)
    assert line == "Test accuracy under aa, the last epoch: 30.0 to 60.0 % (3 configurations)."
    line, _ = described(Path("results/study"), {"a,seed=0": 0.25, "a,seed=1": 0.5}, "best")
    assert line == "Test accuracy under aa, the selected epoch: 37.5 % (1 configuration)."
    assert described(Path("results/study"), {"a,seed=0": 0.25}, attack="other") == []


def test_the_command_that_shows_all_works_on_a_folder_and_behind_a_url() -> None:
    _, how = described(Path("results/my study"), {"a,seed=0": 0.25})
    assert how == "Every configuration: python -m analysis.markdown 'results/my study'"
    url = parse_path("s3://bucket/results/study?region=eu")
    assert isinstance(url, RemotePath)
    _, how = described(url, {"a,seed=0": 0.25})
    copies = "python -m analysis.mirror 's3://bucket/results/study?region=eu' study"
    assert how == f"Every configuration: {copies} && python -m analysis.markdown study"
