"""How much a parquet file unpacks to, from the headers of its pages.

The footer says it, too, but pyarrow does not enforce it: a page of a few kilobytes can unpack to a gigabyte.
pyarrow does not show the headers of pages, so we read them here: Thrift structs in the compact protocol
(https://github.com/apache/parquet-format, PageHeader in parquet.thrift).
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow.parquet as pq

UNPACKED, PACKED = 2, 3  # fields of a PageHeader: bytes of the page without and with compression
LONGEST = 1_000_000  # bytes of a statistic in a header
BOOLEANS, BYTE, NUMBERS, DOUBLE, BINARY, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, 12  # Thrift's kinds of fields


def unpacked_bytes(path: Path, footer: pq.FileMetaData) -> int:
    """The bytes that all pages of a file unpack to.

    Raises ValueError, LookupError or OSError for pages that cannot be found or read.
    """
    total, size = 0, path.stat().st_size
    with path.open("rb") as file:
        for group in range(footer.num_row_groups):
            for number in range(footer.num_columns):
                column = footer.row_group(group).column(number)
                at = column.data_page_offset
                if column.has_dictionary_page and 0 < column.dictionary_page_offset < at:
                    at = column.dictionary_page_offset
                end = at + column.total_compressed_size
                if not 0 <= at <= end <= size:
                    raise ValueError("its pages lie outside the file")
                while at < end:
                    file.seek(at)
                    header = _numbers_of_struct(file)
                    if min(header[UNPACKED], header[PACKED]) < 0:
                        raise ValueError("a page has a negative size")
                    total += header[UNPACKED]
                    at = file.tell() + header[PACKED]
    return total


def _numbers_of_struct(file: IO[bytes], depth: int = 0) -> dict[int, int]:
    """The whole numbers of the struct that begins here, by field. Structs inside it are skipped."""
    if depth > 4:
        raise ValueError("the header of a page is nested too deeply")
    found: dict[int, int] = {}
    field = 0
    while byte := file.read(1)[0]:
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
            _numbers_of_struct(file, depth + 1)
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
