"""Charts: pure functions from a table to an Altair chart, with the same colours and labels on every page."""

import altair as alt

from vicreg.charts.anomalies import auroc_cells, score_pairs
from vicreg.charts.colours import (
    CLASS_COLOURS,
    GROUP_COLOURS,
    HUE_COLOURS,
    KEPT_COLOURS,
    NO_CLASS_COLOUR,
    OTHER_COLOUR,
    PRESET_COLOURS,
    REFERENCE_COLOUR,
    TERM_COLOURS,
    TERMS,
    UNNAMED_COLOURS,
)
from vicreg.charts.curves import compared_curves, live_terms, snapshots, spectra, training_curves
from vicreg.charts.maps import MAP_TITLES, placements
from vicreg.charts.measures import (
    accuracy_bars,
    attribute_bars,
    histogram,
    per_class,
    roc,
    table_of_counts,
    tight_and_telling,
)
from vicreg.charts.spaces import covariances, deviations, layer_curves

__all__ = [
    "CLASS_COLOURS",
    "GROUP_COLOURS",
    "HUE_COLOURS",
    "KEPT_COLOURS",
    "MAP_TITLES",
    "NO_CLASS_COLOUR",
    "OTHER_COLOUR",
    "PRESET_COLOURS",
    "REFERENCE_COLOUR",
    "TERMS",
    "TERM_COLOURS",
    "UNNAMED_COLOURS",
    "accuracy_bars",
    "alt",
    "attribute_bars",
    "auroc_cells",
    "compared_curves",
    "covariances",
    "deviations",
    "histogram",
    "layer_curves",
    "live_terms",
    "per_class",
    "placements",
    "roc",
    "score_pairs",
    "snapshots",
    "spectra",
    "table_of_counts",
    "tight_and_telling",
    "training_curves",
]
