"""The colour encoding of runs, with its legend."""

from __future__ import annotations

import altair as alt


def run_colour(colours: dict[str, str], *, legend: bool = True, columns: int = 2) -> alt.Color:
    """The colour encoding of the field `run`. colours: title -> colour, in order."""
    return alt.Color(
        "run:N",
        sort=list(colours),
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=alt.Legend(title=None, orient="bottom", columns=columns, labelLimit=400) if legend else None,
    )
