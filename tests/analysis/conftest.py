"""Sweeps made up once for all tests of the analysis; a test that writes into one makes its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .synthetic import Made, write_sweep


@pytest.fixture(scope="package")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished friendly-k sweep with a diverged, a torn and a crashed trial."""
    return write_sweep(tmp_path_factory.mktemp("results") / "made_up")


@pytest.fixture(scope="package")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without faults."""
    return write_sweep(tmp_path_factory.mktemp("results") / "whole", Made(study="whole", faults=False))
