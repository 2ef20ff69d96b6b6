"""The colour encodings of classes and runs, with their legends."""

from __future__ import annotations

import altair as alt

from vicreg.charts.colours import CLASS_COLOURS


def class_colour(
    classes: list[str], *, field: str = "class", columns: int = 10, colours: list[str] | None = None
) -> alt.Color:
    """The colour encoding of a field of class names, in label order, with a legend below.

    colours: one per name, if not the default class colours.
    """
    return alt.Color(
        f"{field}:N",
        sort=classes,
        scale=alt.Scale(domain=classes, range=colours or list(CLASS_COLOURS[: len(classes)])),
        legend=alt.Legend(
            title=None, orient="bottom", columns=columns, symbolSize=120, symbolOpacity=1, symbolStrokeWidth=0.5
        ),
    )


def run_colour(colours: dict[str, str], *, legend: bool = True, columns: int = 2) -> alt.Color:
    """The colour encoding of the field `run`. colours: title -> colour, in order."""
    return alt.Color(
        "run:N",
        sort=list(colours),
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=alt.Legend(title=None, orient="bottom", columns=columns, labelLimit=400) if legend else None,
    )
