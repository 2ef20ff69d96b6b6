"""Charts drawn over each other."""

from __future__ import annotations

from typing import cast

import altair as alt


def layered(*charts: alt.Chart) -> alt.LayerChart:
    """The charts over each other, the last on top: `alt.layer`, which could give a FacetChart if one of them had facets."""
    return cast(alt.LayerChart, alt.layer(*charts))
