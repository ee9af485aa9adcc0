"""Tables as files: CSV that no spreadsheet computes with, and Parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from trainers.terminal.text import escape_controls

KINDS = ("csv", "parquet")
_FORMULA = re.compile(r"[=@]|[+-](?![\d.]+%?$)")  # how text begins that a spreadsheet computes; "-1" is a number


def write_table(table: pd.DataFrame, folder: Path, name: str, kinds: Sequence[str] = KINDS) -> list[Path]:
    """Write one table as CSV, as Parquet or as both, and return the paths.

    Spreadsheets open CSV: there, text that they would take for a formula begins with an apostrophe, and control
    characters are escapes.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / f"{name}.{kind}" for kind in kinds}
    if path := paths.get("csv"):
        shown = pa.Table.from_pandas(_quote_formulas(table), preserve_index=False)
        csv.write_csv(shown, path, csv.WriteOptions(quoting_style="needed"))
    if path := paths.get("parquet"):
        parquet.write_table(pa.Table.from_pandas(table, preserve_index=False), path)
    return [*paths.values()]


def _quote_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before each text that a spreadsheet would run as a formula, as =HYPERLINK(…); keep numbers."""

    def quoted(value: Any) -> Any:
        return escape_controls(f"'{value}" if _FORMULA.match(value) else value) if isinstance(value, str) else value

    shown = {str(column): table[column].map(quoted) if table[column].dtype.kind not in "biuf" else table[column]
              for column in table}  # fmt: skip
    return pd.DataFrame({quoted(column): values for column, values in shown.items()}, index=table.index)
