"""The data of a chart as one table, and a table as CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from streamlit.elements.vega_charts import AltairChart

    from vicreg.storage.json_values import JsonObject

PARTS = ("layer", "hconcat", "vconcat", "concat")  # of a chart that is made of others
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would run


def frames_of(drawing: AltairChart | JsonObject) -> list[pd.DataFrame]:
    """Every table that a chart draws, each once. drawing: an Altair chart, or one as `to_dict` gives it."""
    if isinstance(drawing, dict):
        return [pd.DataFrame.from_records(rows) for rows in drawing.get("datasets", {}).values()]
    found: list[pd.DataFrame] = []
    waiting: list[object] = [drawing]
    while waiting:
        one = waiting.pop(0)
        data = getattr(one, "data", None)
        if isinstance(data, pd.DataFrame) and not any(data is other for other in found):
            found.append(data)
        for name in PARTS:
            parts = getattr(one, name, None)
            waiting += parts if isinstance(parts, list) else []
        inner = getattr(one, "spec", None)  # of a facet
        waiting += [inner] if hasattr(inner, "mark") or hasattr(inner, "layer") else []
    return found


def table_of(drawing: AltairChart | JsonObject) -> pd.DataFrame:
    """The data of a chart in one table; where it draws several, a first column `table` says which."""
    frames = [frame for frame in map(_without_pictures, frames_of(drawing)) if len(frame.columns)]
    if len(frames) < 2:
        return frames[0] if frames else pd.DataFrame()
    numbered = [frame.convert_dtypes() for frame in frames]  # whole numbers stay whole where other tables have none
    for i, frame in enumerate(numbered, start=1):
        frame.insert(0, "table", i)
    return pd.concat(numbered, ignore_index=True)


def csv_of(table: pd.DataFrame) -> str:
    """A table as CSV. Text that a spreadsheet would take for a formula gets a single quote in front."""
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
