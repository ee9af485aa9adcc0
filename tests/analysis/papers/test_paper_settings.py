"""The papers' own settings, on CIFAR-10 and SVHN: what their studies plan has all that each figure needs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from analysis import load
from analysis.papers.catalogue import FIGURES
from analysis.papers.drawing import draw_paper_figure
from analysis.papers.row import PaperFigure, find_usable
from analysis.results.sweep import Sweep

from ..planned import SPACES, write_planned
from ..planned_diagnostics import write_recordings
from .test_recorded_figures import RECORDED

PARTS_OF = {"friendly_sizes": "friendly_k"}  # study -> the study that it is a part of in the paper's setting
PAPERS = ("hard", "gairat", "profiling")


def list_settings(row: PaperFigure) -> list[str]:
    """Return the spaces of a row's studies in the paper's setting."""
    studies = [PARTS_OF.get(study, study) for study in row.study.split(", ")]
    return [study if "/" in study else f"cifar10/{study}" for study in studies]


def list_rows(paper: str) -> Iterator[PaperFigure]:
    return (row for name, row in FIGURES.items() if row.parts and name.startswith(f"{paper}:"))


@pytest.mark.parametrize("paper", PAPERS)
def test_every_figure_has_a_study_in_the_setting_of_its_paper(paper: str) -> None:
    for row in list_rows(paper):
        assert all((SPACES / f"{study}.yaml").exists() for study in list_settings(row)), row.name


@pytest.mark.long
@pytest.mark.parametrize("paper", PAPERS)
def test_the_study_in_the_setting_of_a_paper_lacks_nothing_for_its_figures(paper: str, tmp_path: Path) -> None:
    @cache
    def read(study: str, sets: tuple[str, ...], recorded: bool) -> Sweep:
        folder = write_planned(tmp_path / f"{read.cache_info().misses}", study, sets, examples=not recorded)
        if recorded:
            write_recordings(folder)
        return load(folder)

    for row in list_rows(paper):
        sets = tuple(value for key, value in pairwise(shlex.split(row.sets)) if key == "--set")
        recorded = any(isinstance(part, RECORDED) for part in row.parts)
        runs = [read(study, sets, recorded) for study in list_settings(row)]
        assert find_usable(row, runs)[0], f"{row.name}: {find_usable(row, runs)[1]}"
        points = draw_paper_figure(row, runs, width=3.25).points
        assert len(points) and points["mean"].notna().all(), row.name
