"""The line of a TOML file on which a value begins, which `tomllib` does not report.

A file cut off after some line is valid TOML unless the cut lies inside a value. So we search for the longest valid
beginning of the file that does not contain the value: the value begins right after it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

Path = Sequence[str | int]
MOST = 40  # lines of one value on either side of a cut


def line_of(text: str, path: Path) -> int:
    """The line, counted from 1, on which the value at a path begins. text: valid TOML that contains the path."""
    lines = text.split("\n")
    without, within = 0, len(lines)
    while without + 1 < within:
        middle = (without + within) // 2
        cut = next(
            (n for n in _near(middle, without, within) if _parsed(lines, n) is not None),
            None,
        )
        if cut is None:  # one value fills the lines between
            break
        if _holds(_parsed(lines, cut), path):
            within = cut
        else:
            without = cut
    first = next(
        (n for n in range(without, within) if lines[n].strip() and not lines[n].lstrip().startswith("#")), without
    )
    return first + 1


def _near(middle: int, without: int, within: int) -> tuple[int, ...]:
    """Lines to cut at, nearest to the middle first. Only a few, because the file is parsed again for each."""
    return (*range(middle, max(without, middle - MOST), -1), *range(middle + 1, min(within, middle + MOST)))


def _parsed(lines: Sequence[str], count: int) -> dict[str, object] | None:
    try:
        return tomllib.loads("\n".join(lines[:count]))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _holds(found: object, path: Path) -> bool:
    for part in path:
        inside = part in found if isinstance(found, dict) else isinstance(found, list) and part in range(len(found))
        if not inside:
            return False
        found = found[part]  # type: ignore[index]  # a dict or a list, by the line before the last
    return True
