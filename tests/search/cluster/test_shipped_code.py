"""What workers get of a checkout."""

from __future__ import annotations

from pathlib import Path
from venv import EnvBuilder

import pytest

from search.cluster import ray_cluster
from search.cluster.ray_cluster import build_runtime_env, list_environments


def test_python_environments_are_not_shipped_whatever_their_names(tmp_path: Path) -> None:
    for name in ("env", "my [venv]"):
        EnvBuilder(with_pip=False).create(tmp_path / name)
    (tmp_path / "conda" / "conda-meta").mkdir(parents=True)
    (tmp_path / "search").mkdir()
    assert sorted(list_environments(tmp_path)) == ["/conda/", "/env/", "/my [[]venv]/"]


def test_the_environment_in_a_checkout_is_left_out_of_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    EnvBuilder(with_pip=False).create(tmp_path / "env")
    monkeypatch.setattr(ray_cluster, "ROOT", tmp_path)
    assert "/env/" in build_runtime_env()["excludes"]
