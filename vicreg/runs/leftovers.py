"""Clean up after processes that were killed during `write_run`, or while they measured a baseline.

A run is written to `.<name>.<pid>.new`. Then the old one is renamed to `.<name>.<pid>.old`, and the new one to `<name>`.
Between these two renames a run has no folder for some microseconds. A baseline is measured in `.<name>.<pid>.measuring`.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from vicreg.storage.paths import CONFIG_FILE


def drafts(folder: Path) -> tuple[Path, Path]:
    """The temporary folders of this process: for the new run, and for the old one until that is complete."""
    return folder.with_name(f".{folder.name}.{os.getpid()}.new"), folder.with_name(f".{folder.name}.{os.getpid()}.old")


def measuring(folder: Path) -> Path:
    """Where this process measures a baseline before it is written to its folder."""
    return folder.with_name(f".{folder.name}.{os.getpid()}.measuring")


def restore(folder: Path) -> None:
    """Rename the old run back if a process died between the two renames. Does nothing if that is not allowed."""
    with suppress(OSError):
        for left in () if folder.exists() else _left(folder, "old"):
            if (left / CONFIG_FILE).is_file():
                left.rename(folder)


def restore_all(root: Path) -> None:
    """`restore` for every run in a folder of runs."""
    for left in root.glob(".*.old"):
        restore(root / left.name.removeprefix(".").rsplit(".", 2)[0])


def sweep(folder: Path) -> None:
    """Restore a run, and delete what dead processes left beside it."""
    restore(folder)
    for kind in ("new", "old", "measuring"):
        for left in _left(folder, kind):
            shutil.rmtree(left, ignore_errors=True)


def _left(folder: Path, kind: str) -> list[Path]:
    """The temporary folders of dead processes next to a run."""
    name = re.compile(rf"\.{re.escape(folder.name)}\.(\d+)\.{kind}")
    found = []
    for path in folder.parent.glob(f".{folder.name}.*.{kind}") if folder.parent.is_dir() else ():
        match = name.fullmatch(path.name)
        if match and not _alive(int(match[1])):
            found.append(path)
    return found


def _alive(pid: int) -> bool:
    """Whether a process has this id."""
    import psutil

    try:
        return psutil.pid_exists(pid)
    except OverflowError:  # a number that no process can have
        return False
