"""Read and check a run's history.csv: the terms by epoch and split. The file may come from strangers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.loss_terms import FIGURES
from vicreg.storage.paths import HISTORY_FILE
from vicreg.storage.untrusted import shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MAX_HISTORY_BYTES = 10_000_000
HISTORY = ("epoch", "split", *FIGURES, "learning_rate", "seconds")


def read_history(path: Path, *, run: str) -> pd.DataFrame:
    """The frame of a run's history.csv, with the columns of HISTORY. Raises RunError, naming what is wrong."""
    return _read(path, run).to_pandas()


def last_losses(path: Path, *, run: str) -> dict[str, float]:
    """The terms and the total on test images at the end of a run, by name; NaN where the file has none.

    Needs no pandas, which takes a third of a second to import. Raises RunError, as `read_history`.
    """
    table = _read(path, run)
    splits = table["split"].to_pylist()
    row = table.slice(len(splits) - 1 - splits[::-1].index("test"), 1).to_pylist()[0]
    return {name: math.nan if row[name] is None else row[name] for name in FIGURES}


def _read(path: Path, run: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    size = path.stat().st_size
    if size > MAX_HISTORY_BYTES:
        raise _error(run, f"it has {size:,} bytes, but at most {MAX_HISTORY_BYTES:,} are allowed")
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline(2_000).rstrip("\r\n")
        missing = [column for column in HISTORY if column not in first.split(",")]
        if missing:
            raise _error(run, f"it has no column {missing[0]}")
        wanted = csv.ConvertOptions(include_columns=list(HISTORY), column_types={"split": pa.string()})
        table = csv.read_csv(path, csv.ReadOptions(use_threads=False), convert_options=wanted)
    except (ValueError, OverflowError, KeyError, pa.ArrowException) as error:  # UnicodeDecodeError among them
        if str(error).startswith(f"{run}/"):
            raise
        raise _error(run, f"it cannot be read: {shown(str(error))}") from error
    for column in table.schema:
        kind = column.type
        if column.name != "split" and not any(
            fits(kind) for fits in (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
        ):
            raise _error(run, f"its column {column.name} must be numbers")
    splits = set(table["split"].to_pylist())
    if not splits <= {"train", "test"} or "test" not in splits:
        raise _error(run, "its column split must contain train and test only, and test at least once")
    return table


def _error(run: str, problem: str) -> ValueError:
    from vicreg.runs.errors import RunError

    return RunError(f"{run}/{HISTORY_FILE} cannot be used: {problem}; download or train the run again")
