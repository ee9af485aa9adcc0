"""Tables as files: CSV that no spreadsheet computes with, and Parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

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
    shown = {str(column): _quote_column(table[column]) for column in table}
    return pd.DataFrame({_quote(column): values for column, values in shown.items()}, index=table.index)


def _quote_column(values: pd.Series) -> pd.Series:
    """Quote the texts of a column. Few of them differ in the table of epochs, and most columns need none."""
    if values.dtype.kind in "biuf":
        return values
    texts = {value for value in (values if values.dtype == object else values.unique()) if isinstance(value, str)}
    changed = {text: quoted for text in texts if (quoted := _quote(text)) != text}
    return (
        values.map(lambda value: changed.get(value, value) if isinstance(value, str) else value) if changed else values
    )


def _quote(text: str) -> str:
    return escape_controls(f"'{text}" if _FORMULA.match(text) else text)
