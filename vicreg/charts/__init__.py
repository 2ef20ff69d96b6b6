"""Charts: pure functions from a table to an Altair chart, with the same colours and labels on every page.

Altair takes most of a second to load, and many pages draw no chart: it is loaded with the first chart.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from vicreg.charts.colours import (
    CLASS_COLOURS,
    GROUP_COLOURS,
    HUE_COLOURS,
    KEPT_COLOURS,
    MAP_TITLES,
    NO_CLASS_COLOUR,
    OWN_COLOURS,
    PRESET_COLOURS,
    REFERENCE_COLOUR,
    TERM_COLOURS,
    TERMS,
    UNNAMED_COLOURS,
)

if TYPE_CHECKING:
    import altair as alt

    from vicreg.charts.anomalies import auroc_cells, score_pairs
    from vicreg.charts.curves import compared_curves, live_terms, snapshots, spectra, training_curves
    from vicreg.charts.measures import (
        accuracy_bars,
        attribute_bars,
        histogram,
        per_class,
        roc,
        table_of_counts,
        tight_and_telling,
    )
    from vicreg.charts.spaces import covariances, covariances_beside, deviations, layer_contents, layer_curves

__all__ = [
    "CLASS_COLOURS",
    "GROUP_COLOURS",
    "HUE_COLOURS",
    "KEPT_COLOURS",
    "MAP_TITLES",
    "NO_CLASS_COLOUR",
    "OWN_COLOURS",
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
    "covariances_beside",
    "deviations",
    "histogram",
    "layer_contents",
    "layer_curves",
    "live_terms",
    "per_class",
    "roc",
    "score_pairs",
    "snapshots",
    "spectra",
    "table_of_counts",
    "tight_and_telling",
    "training_curves",
]

_MODULES = ("anomalies", "curves", "measures", "spaces")


def __getattr__(name: str) -> object:
    """A chart, or `alt`, on first use (PEP 562)."""
    if name in __all__:
        for module in (importlib.import_module(f"{__name__}.{module}") for module in _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
