"""How much a parquet file unpacks to, from the headers of its pages.

The footer says it, too, but pyarrow does not enforce it: a page of a few kilobytes can unpack to a gigabyte.
pyarrow does not show the headers of pages, so we read them here: Thrift structs in the compact protocol
(https://github.com/apache/parquet-format, PageHeader in parquet.thrift).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow.parquet as pq

UNPACKED, PACKED = 2, 3  # fields of a PageHeader: bytes of the page without and with compression
LONGEST = 1_000_000  # bytes of a statistic in a header
MOST_PAGES = 10_000  # of a file, so that the walk takes seconds at most; the most of a table of ours is 198
MOST_FIELDS = 64  # of a header, with those of the structs inside it; ours have at most 16
BOOLEANS, BYTE, NUMBERS, DOUBLE, BINARY, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, 12  # Thrift's kinds of fields


def unpacked_bytes(path: Path, footer: pq.FileMetaData, *, most: int) -> int:
    """The bytes that all pages of a file unpack to; if that is more than `most`, those of the pages up to there.

    Raises ValueError, LookupError or OSError for pages that cannot be found or read, or that are too many.
    """
    total = pages = 0
    with path.open("rb") as file:
        for at, end in _columns(footer, path.stat().st_size):
            while at < end:
                pages += 1
                if pages > MOST_PAGES:
                    raise ValueError(f"it has more than {MOST_PAGES:,} pages")
                file.seek(at)
                header = _numbers_of_struct(file, iter(range(MOST_FIELDS)))
                if min(header[UNPACKED], header[PACKED]) < 0:
                    raise ValueError("a page has a negative size")
                total += header[UNPACKED]
                if total > most:
                    return total
                at = file.tell() + header[PACKED]
    return total


def _columns(footer: pq.FileMetaData, size: int) -> Iterator[tuple[int, int]]:
    """Where the pages of each column of each row group begin and end in a file of `size` bytes."""
    packed = 0
    for group in range(footer.num_row_groups):
        for number in range(footer.num_columns):
            column = footer.row_group(group).column(number)
            at = column.data_page_offset
            if column.has_dictionary_page and 0 < column.dictionary_page_offset < at:
                at = column.dictionary_page_offset
            end = at + column.total_compressed_size
            if not 0 <= at <= end <= size:
                raise ValueError("its pages lie outside the file")
            packed += end - at
            if packed > size:
                raise ValueError("its columns share pages")
            yield at, end


def _numbers_of_struct(file: IO[bytes], left: Iterator[int], depth: int = 0) -> dict[int, int]:
    """The whole numbers of the struct that begins here, by field. Structs inside it are skipped.

    left: one value for each field that may still be read.
    """
    if depth > 4:
        raise ValueError("the header of a page is nested too deeply")
    found: dict[int, int] = {}
    field = 0
    while byte := file.read(1)[0]:
        if next(left, None) is None:
            raise ValueError("the header of a page has too many fields")
        field = field + (byte >> 4) if byte >> 4 else _number(file) >> 1
        kind = byte & 0x0F
        if kind in NUMBERS:
            number = _number(file)
            found[field] = (number >> 1) ^ -(number & 1)
        elif kind == BYTE:
            file.seek(1, 1)
        elif kind == DOUBLE:
            file.seek(8, 1)
        elif kind == BINARY:
            length = _number(file)
            if length > LONGEST:
                raise ValueError("the header of a page is too long")
            file.seek(length, 1)
        elif kind == STRUCT:
            _numbers_of_struct(file, left, depth + 1)
        elif kind not in BOOLEANS:
            raise ValueError("the header of a page has a field of an unexpected type")
    return found


def _number(file: IO[bytes]) -> int:
    """A number of variable length. Raises IndexError at the end of the file."""
    value = shift = 0
    while shift < 64:
        byte = file.read(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
    raise ValueError("the header of a page has a number that is too long")
