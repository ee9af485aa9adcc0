"""The `search:` block of the space that a sweep stored: objectives, constraints and the checkpoint that selects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.results.sweep import Sweep
from trainers.record_reader import read_yaml


def read_search_block(results: Sweep) -> Mapping[str, Any]:
    """Return the `search:` block of the stored space; empty if it has none, is damaged, or missing."""
    tree = read_yaml(results.folder / "space.yaml", results.damage)
    block = tree.get("search") if tree else None
    return block if isinstance(block, dict) else {}


def read_checkpoint(results: Sweep) -> str:
    """Return the checkpoint whose validation metrics select, best or last."""
    return str(read_search_block(results).get("checkpoint", "best"))
