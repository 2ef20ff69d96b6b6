"""The numbers of a lesson: taken from the runs whenever they are shown, never typed in a lesson file.

A path such as `probe.accuracy` names a number in a run's metrics.json, or one of these:

    history.<column>   the last test row of history.csv: variance, invariance, covariance, total, ...
    start.<column>     its first test row, before any training
    timing.<name>      what a baseline took, in seconds: fit, rule, encoder
    config.<name>      a setting of the training, such as batch_size

Entries of a list are named by position, or by their `name` (`layers.layers.y.probe.accuracy`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from vicreg.lessons.lesson import Figure

if TYPE_CHECKING:
    from vicreg.runs.folder import Run

PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")  # a figure's name in a text
Runs = Mapping[str, "Run"]  # by title


def runs_by_title() -> dict[str, Run]:
    """The runs on this machine by their titles, bundled ones first: `cifar10/vicreg`."""
    from vicreg.runs.discovery import find_runs

    found: dict[str, Run] = {}
    for run in find_runs()[0].values():
        found.setdefault(run.title, run)
    return found


def value_of(figure: Figure, runs: Runs) -> float:
    """The figure's number. Raises ValueError, in a sentence, if there is no such run or no number at the path."""
    if figure.run not in runs:
        raise ValueError(f"there is no run {figure.run!r} here; there are {', '.join(runs) or 'none'}")
    found: object = _facts(runs[figure.run], figure.path)
    where = ""
    for part in figure.path.split("."):
        names = _names(found)
        if part not in names:
            known = ", ".join(list(names)[:12]) or "nothing"
            raise ValueError(f"{figure.run} has no figure {figure.path!r}: below {where or 'it'} there is {known}")
        found, where = names[part], f"{where}.{part}".strip(".")
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        inside = ", ".join(list(_names(found))[:12])
        raise ValueError(
            f"{figure.path!r} of {figure.run} is not a number" + (f"; below it there is {inside}" if inside else "")
        )
    return float(found)


def _facts(run: Run, path: str) -> object:
    """The part of a run's facts that holds a path; history is read only if asked for, since it loads pandas."""
    section = path.partition(".")[0]
    if section in ("history", "start"):
        if run.baseline:
            raise ValueError(f"{run.title} was not trained, so it has no history")
        rows = run.history[run.history["split"] == "test"].drop(columns="split")
        return {section: rows.iloc[-1 if section == "history" else 0].to_dict()}
    return {"timing": run.record.get("timing", {}), "config": run.config.to_dict(), **run.metrics}


def _names(value: object) -> dict[str, object]:
    """What lies directly below a value, by name."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(one.get("name", i)) if isinstance(one, dict) else str(i): one for i, one in enumerate(value)}
    return {}


def shown(value: float, decimals: int | None = None) -> str:
    """A number as text, with so many decimals. None: a whole number as it is, others with three significant digits.

    `?` where there is no number.
    """
    if not math.isfinite(value):
        return "?"
    if decimals is None:
        decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value % 1 else 0
    return f"{value:,.{decimals}f}"


def filled(text: str, figures: Sequence[Figure], value: Callable[[Figure], float]) -> str:
    """The text with its figures put in. value: the number of a figure, such as `lambda f: value_of(f, runs)`."""
    by_name = {figure.name: figure for figure in figures}

    def words(match: re.Match[str]) -> str:
        figure = by_name[match[1]]
        return shown(value(figure), figure.decimals)

    return PLACE.sub(words, text).replace(" %", "\N{NO-BREAK SPACE}%")
