"""What a run's history.csv must hold: the terms by epoch and split, whoever wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.loss_terms import FIGURES
from vicreg.storage.paths import HISTORY_FILE
from vicreg.storage.untrusted import shown

if TYPE_CHECKING:
    import pandas as pd

MAX_HISTORY_BYTES = 10_000_000
HISTORY = ("epoch", "split", *FIGURES, "learning_rate", "seconds")


def read_history(path: Path, *, run: str) -> pd.DataFrame:
    """The frame of a run's history.csv, with the columns of HISTORY. Raises RunError, naming what is wrong."""
    import pandas as pd

    size = path.stat().st_size
    if size > MAX_HISTORY_BYTES:
        raise _error(run, f"it has {size:,} bytes, but at most {MAX_HISTORY_BYTES:,} are allowed")
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline(2_000).rstrip("\r\n")
        missing = [column for column in HISTORY if column not in first.split(",")]
        if missing:
            raise _error(run, f"it has no column {missing[0]}")
        frame = pd.read_csv(path, usecols=list(HISTORY), encoding="utf-8")
    except (ValueError, OverflowError) as error:  # ParserError, EmptyDataError and UnicodeDecodeError among them
        if str(error).startswith(f"{run}/"):
            raise
        raise _error(run, f"it cannot be read: {shown(str(error))}") from error
    for column in HISTORY:
        if column != "split" and frame[column].dtype.kind not in "iuf":
            raise _error(run, f"its column {column} must be numbers")
    if not frame["split"].isin(["train", "test"]).all() or not (frame["split"] == "test").any():
        raise _error(run, "its column split must contain train and test only, and test at least once")
    return frame


def _error(run: str, problem: str) -> ValueError:
    from vicreg.runs.errors import RunError

    return RunError(f"{run}/{HISTORY_FILE} cannot be used: {problem}; download or train the run again")
