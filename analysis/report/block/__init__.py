"""The data that the scripts of a page draw from, as one block of JSON: by columns, and nothing twice.

assembly                             the whole block
rows                                 the trials and configurations of all sweeps, numbered as everywhere in the block
configurations, endings              what each configuration is, how it ended and why
trials, curves                       the numbers of each training, at its checkpoints and along training
metrics, knobs                       accuracies and axes in words
effects, classes                     paired differences, accuracy by class and the classes of subsets
search                               what only a search has: its history, importances, and what it stopped
comparison                           what several sweeps differ in
json_text                            numbers and text that stand in a page
"""

from __future__ import annotations

from analysis.report.block.assembly import assemble_block, build_block
from analysis.report.block.json_text import format_block
from analysis.report.block.rows import Rows, collect_rows

__all__ = ["Rows", "assemble_block", "build_block", "collect_rows", "format_block"]
