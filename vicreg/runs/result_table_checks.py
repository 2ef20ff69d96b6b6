"""Check a run's tables, which may come from strangers: their size before reading, their values before pages use them.

A small parquet file can unpack to gigabytes. So we limit rows and bytes, first as the footer states them and then as
the pages' headers do (`parquet_pages`). Text is read as a dictionary, so that one long string is not copied into every
row. After that, labels must be classes and rows must be images, because pages look both up. The metadata that pandas
stores in a file (an index, types) is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vicreg.runs.json_rules import Measured
from vicreg.runs.parquet_pages import unpacked_bytes
from vicreg.runs.result_table_rules import PROBLEMS
from vicreg.runs.result_tables import HOLDS, LABEL, MAX_ROWS, MEASURE, NUMBER, ROW, TABLES, TRUTH, WHOLE, WORD, Table
from vicreg.storage.untrusted import plain, shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MAX_TABLE_BYTES = 25_000_000  # unpacked; the largest of a run of ours has 5 MB, and a server keeps 64 tables
LARGEST = 1e30  # of numbers, so that sums and bins of them stay finite
MAX_COLUMNS = 100
MAX_FOOTER = 100_000  # bytes; the largest of a run of ours has 7,411
MAX_WORD = 100  # characters of a cell


def read_table(
    path: Path, name: str, *, run: str, classes: Sequence[str], measured: Measured, baseline: str = ""
) -> pd.DataFrame:
    """The frame of a run's results/<name>.parquet, checked before and after it is read; half precision as single.

    run: the run's name. classes: of its data set, by label. measured: sizes from its metrics. baseline: name or empty.
    Raises RunError, naming what is wrong.
    """
    import pyarrow as pa

    arrow = _arrow(path, name, run)
    try:
        frame = arrow.replace_schema_metadata(None).to_pandas()
    except (pa.ArrowException, ValueError) as error:
        raise _error(run, name, f"it cannot be read: {shown(str(error))}") from error
    half = frame.select_dtypes("float16").columns  # kept small on disk, awkward to compute with
    frame = frame.astype(dict.fromkeys(half, "float32"))
    check_frame(frame, name, run=run, classes=classes, measured=measured, baseline=baseline)
    return frame


def read_integers(
    path: Path, name: str, *, run: str, classes: Sequence[str], measured: Measured
) -> dict[str, np.ndarray]:
    """The columns of a table of integers, checked as `read_table` checks them, without pandas: it takes 0.3 s to import.

    Arguments and errors as `read_table`.
    """
    import pyarrow as pa

    try:
        table = _arrow(path, name, run)
        columns = {
            column: np.from_dlpack(values.combine_chunks())
            for column, values in zip(table.column_names, table.columns, strict=True)
        }
    except (pa.ArrowException, TypeError, BufferError) as error:  # missing numbers
        raise _error(run, name, "its columns must contain integers") from error
    _check_values(columns, TABLES[name].columns, table.num_rows, name, run, classes, measured)
    return columns


def _arrow(path: Path, name: str, run: str) -> pa.Table:
    """The columns that pages read, words checked."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = check_table(path, name, run=run)
    words = [field.name for field in schema if _kind(field.type) == WORD]
    try:
        read = [field.name for field in schema if name not in TABLES or _read(field.name, name)]
        with pq.ParquetFile(path, read_dictionary=words) as file:
            # By the pages: the footer may say anything.
            if unpacked_bytes(path, file.metadata, most=MAX_TABLE_BYTES) > MAX_TABLE_BYTES:
                raise ValueError(f"its pages unpack to more than {MAX_TABLE_BYTES / 1e6:.0f} MB")
            table = file.read(columns=read, use_threads=False)  # one page unpacked at a time
            if table.num_rows != file.metadata.num_rows:
                raise ValueError("its number of rows is not that of its footer")
        for position, field in enumerate(field for field in schema if field.name in read):
            if field.name in words:
                column = table.column(position)
                _check_words(field.name, column)
                if not pa.types.is_dictionary(field.type):
                    table = table.set_column(position, field, column.cast(field.type))
    except (pa.ArrowException, ValueError, OSError, LookupError) as error:
        raise _error(run, name, f"it cannot be read: {shown(str(error))}") from error
    return table


def check_table(path: Path, name: str, *, run: str) -> pa.Schema:
    """Check what a parquet file says about itself before it is read: size, columns and their kinds. Returns its schema.

    A table that no page reads may have any columns of numbers, booleans and text. Raises RunError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8))
        footer = int.from_bytes(file.read(4), "little")
    if footer > MAX_FOOTER:
        raise _error(run, name, f"its footer has {footer:,} bytes, but at most {MAX_FOOTER:,} are allowed")
    try:
        with pq.ParquetFile(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
    except (pa.ArrowException, ValueError, OSError) as error:
        raise _error(run, name, f"it is not a parquet file: {shown(str(error))}") from error
    columns = {field.name: _kind(field.type) for field in schema}
    if len(columns) != len(schema) or len(columns) > MAX_COLUMNS:
        raise _error(
            run, name, f"it has {len(schema)} columns, but at most {MAX_COLUMNS}, each with a name, are allowed"
        )
    for column, kind in columns.items():
        if kind is None or not plain(column, most=MAX_WORD):
            raise _error(run, name, f"its column {shown(column)} must contain numbers, booleans or text")

    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    known = TABLES.get(name)
    rows, most = max(metadata.num_rows, sum(group.num_rows for group in groups)), known.most if known else MAX_ROWS
    widths = sum(field.type.bit_width // 8 if columns[field.name] != WORD else 8 for field in schema)
    size = max(sum(group.total_byte_size for group in groups), rows * widths)
    if rows > most or size > MAX_TABLE_BYTES or any(group.num_rows < 0 for group in groups):
        bounds = f"at most {most:,} and {MAX_TABLE_BYTES / 1e6:.0f} MB are read"
        raise _error(run, name, f"it unpacks to {rows:,} rows and {size / 1e6:.0f} MB, {bounds}")
    if known:
        _check_columns(columns, known, name, run)
        if not rows:
            raise _error(run, name, "it has no rows")
    return schema


def check_frame(
    frame: pd.DataFrame, name: str, *, run: str, classes: Sequence[str], measured: Measured, baseline: str = ""
) -> None:
    """Check the values that pages use to look things up, in a table that passed `check_table`.

    Arguments as `read_table`'s. Raises RunError.
    """
    known = TABLES.get(name)
    if known is None:
        return
    wanted = dict(known.columns)
    if name == "projections" and baseline == "laplacian":
        wanted |= {"laplacian_x": NUMBER, "laplacian_y": NUMBER}
    columns = {column: frame[column].to_numpy() for column in frame if column in wanted or column == "index"}
    _check_values(columns, wanted, len(frame), name, run, classes, measured)
    problem = PROBLEMS.get(name, lambda *_: "")(frame, classes, measured)
    if problem:
        raise _error(run, name, problem)


def _check_values(
    columns: Mapping[str, np.ndarray],
    wanted: Mapping[str, str],
    rows: int,
    name: str,
    run: str,
    classes: Sequence[str],
    measured: Measured,
) -> None:
    """Check the values of columns, each (rows,). wanted: the kind of each that must be there."""
    images, every = rows if measured.images is None else measured.images, TABLES[name].every
    if every and rows != images:
        raise _error(run, name, f"it has {rows:,} rows for {images:,} test images")
    tops = {ROW: images, LABEL: len(classes)}
    for column, kind in wanted.items():
        if column not in columns:
            raise _error(run, name, f"it has no column {column}")
        values = columns[column]
        if kind in (ROW, LABEL, WHOLE) and values.dtype.kind not in "iu":  # a missing one makes them floats
            raise _error(run, name, f"its column {column} must contain integers")
        if kind in tops and not (values.min() >= 0 and values.max() < tops[kind]):
            raise _error(run, name, f"its column {column} must be from 0 to {tops[kind] - 1:,}")
        if kind == NUMBER and (values.dtype.kind not in "iuf" or not (np.abs(values) < LARGEST).all()):
            raise _error(run, name, f"its column {column} must contain finite numbers below {LARGEST:g}")
        if kind == TRUTH and values.dtype != bool:
            raise _error(run, name, f"its column {column} must contain booleans")
    if every and "index" in columns and not np.array_equal(columns["index"], np.arange(rows)):
        raise _error(run, name, "its rows must be the test images in order")


def _check_columns(columns: dict[str, str | None], known: Table, name: str, run: str) -> None:
    fits = {ROW: (WHOLE,), LABEL: (WHOLE,), NUMBER: (NUMBER, WHOLE), MEASURE: (NUMBER, WHOLE)}
    for column, kind in known.columns.items():
        if column not in columns:
            raise _error(run, name, f"it has no column {column}")
        if columns[column] not in fits.get(kind, (kind,)):
            raise _error(run, name, f"its column {column} must contain {HOLDS[kind]}")
    for column, found in columns.items():
        # Words that no rule knows could be an address: charts draw a column called `image` on hover.
        if column not in known.columns and (found == WORD or (name == "fingerprints" and column.startswith("f"))):
            raise _error(run, name, f"it has a column {shown(column)} that this table must not have")


def _read(column: str, name: str) -> bool:
    """Whether pages use a column of a known table. Other columns are not read."""
    if name in ("bank", "bank_basis") and column[1:].isdigit():  # components
        return True
    more = {
        "bank": ("factor",),
        "embedding_spectrum": ("standard_deviation",),
        "map_choices": ("_kept",),
        "projections": ("_x", "_y", "_kept"),
        "snapshots": ("embedding_std", "embedding_rank"),
        "spectrum": ("standard_deviation", "typical_deviation"),
        "timeline": ("embedding_x", "embedding_y"),
    }.get(name, ())
    return column in TABLES[name].columns or column.endswith(more)


def _kind(of: pa.DataType) -> str | None:
    """What a column of a type holds: WHOLE, NUMBER, TRUTH or WORD; None for anything else."""
    import pyarrow as pa

    if pa.types.is_dictionary(of):
        return WORD if _kind(of.value_type) == WORD else None
    if pa.types.is_string(of) or pa.types.is_large_string(of):
        return WORD
    if pa.types.is_boolean(of):
        return TRUTH
    return WHOLE if pa.types.is_integer(of) else NUMBER if pa.types.is_floating(of) else None


def _check_words(column: str, values: pa.ChunkedArray) -> None:
    """Raise ValueError if text is missing, too long or not plain. Looks at the dictionary, not at every row."""
    if values.null_count:
        raise ValueError(f"column {column} has missing text")
    for chunk in values.chunks:
        if len(chunk.dictionary) > 1_000:
            raise ValueError(f"column {column} has more than 1,000 different texts")
        for word in chunk.dictionary:
            if word.as_buffer() is None or word.as_buffer().size > 4 * MAX_WORD or not plain(str(word), most=MAX_WORD):
                raise ValueError(f"column {column} must contain plain text of at most {MAX_WORD} characters")


def _error(run: str, name: str, problem: str) -> ValueError:
    from vicreg.runs.errors import RunError

    trained = name in ("snapshots", "snapshot_neighbours", "snapshot_spectra", "timeline")
    way_out = "download or train the run again" if trained else f"`python -m vicreg evaluate {run}` rebuilds it"
    return RunError(f"{run}/results/{name}.parquet cannot be used: {problem}; {way_out}")
