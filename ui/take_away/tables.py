"""The data of a chart as one table, and a table as CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would run


def table_of(tables: Iterable[pa.Table]) -> pd.DataFrame:
    """The data of a chart in one table; where it draws several, a first column `table` says which."""
    import pandas as pd

    frames = [frame for table in tables if len((frame := _without_pictures(table.to_pandas())).columns)]
    if len(frames) < 2:
        return frames[0] if frames else pd.DataFrame()
    numbered = [frame.convert_dtypes() for frame in frames]  # whole numbers stay whole where other tables have none
    for i, frame in enumerate(numbered, start=1):
        frame.insert(0, "table", i)
    return pd.concat(numbered, ignore_index=True)


def csv_of(table: pd.DataFrame) -> str:
    """A table as CSV. Text that a spreadsheet would take for a formula gets a single quote in front."""
    import pandas as pd

    safe = table.copy()
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            safe[name] = table[name].map(_harmless)
    return safe.rename(columns=_harmless).to_csv(index=False, lineterminator="\n")


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _without_pictures(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns of pictures, which charts show on hover."""
    pictures = [
        name
        for name, column in frame.items()
        if len(column) and isinstance(column.iloc[0], str) and column.iloc[0].startswith("data:")
    ]
    return frame.drop(columns=pictures)
