"""One colour for each thing, the same on every page, for light and dark and for colour-blind readers."""

from __future__ import annotations

import altair as alt

# One colour a term, everywhere (formula, curve, bar): blue, vermilion and green after Okabe and Ito, for light and dark.
TERM_COLOURS = {"variance": "#2087c8", "invariance": "#d55e00", "covariance": "#009e73", "total": "#7f7f7f"}
# One colour a preset, everywhere; `vicreg` the strongest. Baselines are greys, and the eigenmap a light blue.
PRESET_COLOURS = {
    "vicreg": "#832db6",
    "no-variance": "#3f90da",
    "no-covariance": "#a96b59",
    "no-invariance": "#e76300",
    "neighbour-views": "#b9ac70",
    "vicreg-long": "#ffa90e",
    "untrained": "#94a4a2",
    "pixels": "#717581",
    "laplacian": "#92dadd",
}
OTHER_COLOUR = "#bd1f01"  # a run of one's own
# petroff10 (Petroff 2021), bound to the ten classes by their order.
CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
# The colours that coloured digits are drawn in, each as itself, their lightness apart for colour-blind readers.
HUE_COLOURS = {
    "red": "#b01515",
    "yellow": "#e0bd00",
    "green": "#2f9e44",
    "cyan": "#35c9dc",
    "blue": "#2b47c4",
    "magenta": "#e063e0",
}
TERMS = ("variance", "invariance", "covariance")


def class_colour(
    classes: list[str], *, field: str = "class", columns: int = 10, colours: list[str] | None = None
) -> alt.Color:
    """The encoding of a field of class names, in the order of their labels, with a legend below.

    colours: others than the classes' own, one a name.
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
    """The encoding of the field `run`: colours by the runs' titles, in their order."""
    return alt.Color(
        "run:N",
        sort=list(colours),
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=alt.Legend(title=None, orient="bottom", columns=columns, labelLimit=400) if legend else None,
    )
