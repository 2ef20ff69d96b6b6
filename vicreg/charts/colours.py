"""Colours, the same on every page. They work on light and dark themes and for colour-blind readers."""

from __future__ import annotations

from vicreg import loss_terms

# Five sets: terms, presets, classes, clusters without a class, and groups. Colours of different sets differ by at least 11
# (CIEDE2000), so that each colour has one meaning. Within a set, they are also distinct for colour-blind readers. All work
# on light and dark.
TERM_COLOURS = {**{term.name: term.colour for term in loss_terms.TERMS}, "total": loss_terms.TOTAL_COLOUR}
# One colour per preset. `vicreg` is the strongest; ablations resemble the colour of the missing term. Baselines are pale or
# dark.
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
OWN_COLOURS = ("#697800", "#00aadd")  # runs that are not bundled, in turn
REFERENCE_COLOUR = "#f0965a"  # reference values: the study's figures, a threshold
# Found by a search for ten colours that are as different as possible, also for readers without red or green cones, and are
# not near any other set. CIEDE2000 of the nearest two: 21 in normal sight, 16 with deuteranopia or protanopia (petroff10,
# used before: 17, 12 and 12). Assigned so that classes and digits that are easily confused differ by at least 35.
CLASS_COLOURS = (
    "#b4c8ff",
    "#2da5a5",
    "#966969",
    "#78e1a5",
    "#3c00ff",
    "#1e87ff",
    "#f05a1e",
    "#ffc300",
    "#870f69",
    "#4b4b1e",
)
UNNAMED_COLOURS = ("#917355", "#288ca0", "#c8cdc3", "#503c28", "#286455")  # clusters without a class, in turn
# How many of an image's true neighbours a map keeps, in five steps from few (light) to many (dark).
KEPT_COLOURS = ("#f7d8fe", "#c7aadd", "#9382b3", "#625d7f", "#373a53")
NO_CLASS_COLOUR = "#666666"  # clusters that are not matched to a class
# Groups on the page Anomalies: images of the data set, of another data set, and uploaded ones.
GROUP_COLOURS = {"normal": "#00c369", "anomalous": "#ff4b96", "own": "#004bc3"}
# The ink and paper colours of the coloured digits, with different lightness for colour-blind readers.
HUE_COLOURS = {
    "red": "#b01515",
    "yellow": "#e0bd00",
    "green": "#2f9e44",
    "cyan": "#35c9dc",
    "blue": "#2b47c4",
    "magenta": "#e063e0",
}
TERMS = loss_terms.NAMES
# What pages call each kind of map.
MAP_TITLES = {"pca": "PCA", "tsne": "t-SNE", "laplacian": "Laplacian Eigenmaps of pixels"}
