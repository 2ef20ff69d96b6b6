"""Explain in one sentence why a training failed and what to do."""

from __future__ import annotations

import errno
import math
import shutil
from pathlib import Path

NO_ROOM = 1_000_000  # with less free space than this in bytes, not even a message can be written
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
GO_ON = "Resume it, or run the same command again, to continue from the last saved epoch"


def full_disk(folder: Path, *, below: float = NO_ROOM) -> str:
    """A message if the folder's disk has fewer free bytes than `below`; otherwise empty."""
    try:
        free = shutil.disk_usage(folder.parent).free
    except OSError:
        return ""
    if free >= below:
        return ""
    return f"The disk is full: {folder.parent} has {free / 1e6:.1f} MB left. Free some space. {GO_ON}."


def why(error: BaseException, folder: Path) -> str | None:
    """Why a training failed and what to do; None for an unexpected error."""
    text = str(error)
    if getattr(error, "errno", None) in FULL or "No space left on device" in text or "os error 28" in text:
        return full_disk(folder, below=math.inf) or f"The disk is full: {text}. Free some space. {GO_ON}."
    no_memory = ("out of memory", "not enough memory", "can't allocate memory", "Cannot allocate memory")
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(n in text for n in no_memory)
    ):
        return (
            f"There was not enough memory ({text.splitlines()[0][:200] if text else 'no details'}). Use a smaller "
            "batch, a narrower expander or a smaller encoder."
        )
    return text if isinstance(error, (ValueError, OSError)) else None
