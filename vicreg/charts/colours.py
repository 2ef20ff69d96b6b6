"""One colour for each thing, the same on every page, for light and dark and for colour-blind readers."""

from __future__ import annotations

import altair as alt

from vicreg import terms

# Five sets: terms, presets, classes, clusters without a class, and groups. Colours of two sets are at least 11 apart
# (CIEDE2000), so that one colour means one thing; within a set they stay apart for colour-blind readers too. All can be seen
# on light and on dark.
TERM_COLOURS = {**{term.name: term.colour for term in terms.TERMS}, "total": terms.TOTAL_COLOUR}
# One colour a preset, everywhere; `vicreg` the strongest, ablations near the colour of the term that they lack. Baselines
# are pale or dark.
PRESET_COLOURS = {
    "vicreg": "#c3003c",
    "no-variance": "#9687ff",
    "no-covariance": "#a5b400",
    "no-invariance": "#e15ac3",
    "neighbour-views": "#00965a",
    "vicreg-long": "#ff5a69",
    "untrained": "#005a78",
    "pixels": "#694b5a",
    "laplacian": "#b496a5",
}
OTHER_COLOUR = "#697800"  # a run of one's own
REFERENCE_COLOUR = "#f0965a"  # what figures are held against: the study's, a threshold
# petroff10 (Petroff 2021), bound to the ten classes by their order. Classes that are taken for each other look different:
# at least 33 apart are cat and dog, deer and horse, airplane and ship, automobile and truck, cat and ship, dog and horse.
CLASS_COLOURS = (
    "#e76300",
    "#b9ac70",
    "#832db6",
    "#bd1f01",
    "#a96b59",
    "#ffa90e",
    "#94a4a2",
    "#92dadd",
    "#717581",
    "#3f90da",
)
NO_CLASS_COLOUR = "#666666"  # of a cluster that no class is matched to
UNNAMED_COLOURS = ("#917355", "#288ca0", "#91cdaf", "#b4dc8c", "#286455")  # of clusters without a class, in turn
# How many of its true neighbours a map keeps, in five steps from few to many: a scale of its own, darker step by step.
KEPT_COLOURS = ("#f7d8fe", "#c7aadd", "#9382b3", "#625d7f", "#373a53")
# The groups of an anomaly score: pictures of the data set, of another one, and a visitor's.
GROUP_COLOURS = {"normal": "#00c369", "anomalous": "#ff4b96", "own": "#004bc3"}
# The colours that coloured digits are drawn in, each as itself, their lightness apart for colour-blind readers.
HUE_COLOURS = {
    "red": "#b01515",
    "yellow": "#e0bd00",
    "green": "#2f9e44",
    "cyan": "#35c9dc",
    "blue": "#2b47c4",
    "magenta": "#e063e0",
}
TERMS = terms.NAMES


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
