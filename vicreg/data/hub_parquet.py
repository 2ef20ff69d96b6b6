"""Decode the Hub's parquet files of PNG or JPEG images into arrays. Each image is checked before it is decoded."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from vicreg.data.image_set import SIDE, DataError, Progress

if TYPE_CHECKING:
    import pyarrow as pa

Cell: TypeAlias = dict[str, bytes] | None  # an encoded picture under `bytes`, or null
BATCH = 256  # rows decoded between two calls of on_progress


def decode(
    file: Path, *, column: str, side: int, classes: int, on_progress: Progress | None
) -> tuple[np.ndarray, np.ndarray, str, str]:
    """Read and decode a parquet file.

    column: the column with the images. side: their stored size; smaller images are centred on black, 32 x 32.
    classes: the number of classes. Returns images (N, 32, 32, 3) uint8, labels (N,) int64, the encoding, and the file's
    sha256. Raises DataError, which names the row if possible, but not the file.
    """
    margin = (SIDE - side) // 2
    middle = slice(margin, margin + side)
    encodings = set()
    sha256, total, rows = _read(file, column)
    images = np.zeros((total, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.zeros(total, dtype=np.int64)
    for row, (cell, label) in enumerate(rows):
        images[row, middle, middle], encoding = _decode_picture(cell, row, side)
        if label is None or not 0 <= label < classes:
            raise DataError(f"the label in row {row} must be 0 to {classes - 1}, got {label}")
        labels[row] = label
        encodings.add(encoding)
        if on_progress is not None and ((row + 1) % BATCH == 0 or row + 1 == total):
            on_progress(row + 1, total)
    return images, labels, " and ".join(sorted(encodings)), sha256


def _read(file: Path, column: str) -> tuple[str, int, Iterator[tuple[Cell, int | None]]]:
    """The file's sha256, the number of rows, and an iterator of (image cell, label). Raises DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def unreadable(error: Exception) -> DataError:
        return DataError(f"it cannot be read as parquet ({first_line(error)})")

    def rows(parquet: pq.ParquetFile) -> Iterator[tuple[Cell, int | None]]:
        with parquet:
            try:
                for batch in parquet.iter_batches(batch_size=BATCH, columns=[column, "label"]):
                    cells, labels = batch.column(column).to_pylist(), batch.column("label").to_pylist()
                    yield from zip(cells, labels, strict=True)
            except (pa.ArrowException, OSError) as error:
                raise unreadable(error) from error

    try:
        with open(file, "rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        parquet = pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(error) from error
    _check_columns(parquet.schema_arrow, column)
    if parquet.metadata.num_rows == 0:
        raise DataError("it contains no images")
    return sha256, parquet.metadata.num_rows, rows(parquet)


def _check_columns(schema: pa.Schema, column: str) -> None:
    import pyarrow as pa

    if missing := [name for name in (column, "label") if name not in schema.names]:
        found = ", ".join(schema.names) or "none"
        raise DataError(f"it must have the columns {column} and label, but {missing[0]} is missing; found: {found}")
    pictures, labels = schema.field(column).type, schema.field("label").type
    if not pa.types.is_struct(pictures) or pictures.get_field_index("bytes") < 0:
        raise DataError(f"column {column} must be a struct with the bytes of encoded images, found {pictures}")
    if not pa.types.is_integer(labels):
        raise DataError(f"column label must contain integers, found {labels}")


def _decode_picture(cell: Cell, row: int, side: int) -> tuple[np.ndarray, str]:
    """(side, side, 3) uint8, and the name of the encoding. The size is checked before decoding."""
    from PIL import Image

    try:
        if cell is None:
            raise TypeError("null")
        with Image.open(io.BytesIO(cell["bytes"]), formats=("PNG", "JPEG")) as picture:
            if picture.size != (side, side):
                width, height = picture.size
                raise DataError(
                    f"the image in row {row} must be {side} x {side} pixels (width x height), got {width} x {height}"
                )
            if picture.mode not in ("L", "RGB"):
                raise DataError(f"the image in row {row} must be 8-bit greyscale or RGB, got mode {picture.mode}")
            return np.asarray(picture.convert("RGB")), str(picture.format)
    except DataError:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds of errors
        raise DataError(f"the image in row {row} cannot be decoded as PNG or JPEG ({type(error).__name__})") from error


def first_line(error: Exception) -> str:
    """An error in one line: its type and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
