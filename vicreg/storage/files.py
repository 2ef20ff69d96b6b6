"""Write files atomically, and encode their contents."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
NOT_FETCHED = "is a Git LFS pointer, not the file itself; run `git lfs pull` in its repository"


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path next to `path`. If the block succeeds, the file written there replaces `path`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file's content is on the disk, not only in the memory of the operating system."""
    with path.open("r+b") as file:  # Windows can flush only a file that is open for writing
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_lfs_pointer(path: Path) -> bool:
    """Whether the file is the few lines of text that Git leaves in a file's place when Git LFS has not fetched it."""
    with path.open("rb") as file:
        return file.read(len(_LFS_POINTER)) == _LFS_POINTER


def frame_bytes(frame: pd.DataFrame) -> bytes:
    """A table as zstd-compressed parquet. The same table gives the same bytes."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def to_json(value: object) -> bytes:
    """Indented JSON, ending in a newline."""
    return (json.dumps(value, indent=2) + "\n").encode()
