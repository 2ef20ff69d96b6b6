"""Charts as every page shows them, the choices that go with maps, and what was brushed on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import streamlit as st

from vicreg import charts

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.vega_charts import AltairChart, VegaLiteState

    from vicreg.storage.json_values import JsonObject

TOOLTIP = Path(__file__).with_name("chart_tooltip.css")
AMOUNTS = (250, 500, 1_000, 2_000, 5_000, 10_000)  # of pictures on a map


def chart(
    drawing: AltairChart | JsonObject,
    *,
    alt: str,
    key: str,
    on_select: Literal["ignore", "rerun"] = "ignore",
    selection_mode: str | None = None,
) -> DeltaGenerator | VegaLiteState:
    """An Altair chart as every page shows it: its own size, a text for those who cannot see it.

    drawing: the chart, or what `prepared` made of it.
    """
    st.html(TOOLTIP)
    if isinstance(drawing, dict):
        return st.vega_lite_chart(
            drawing, alt=alt, key=key, width="content", on_select=on_select, selection_mode=selection_mode
        )
    return st.altair_chart(
        _sized(drawing), alt=alt, key=key, width="content", on_select=on_select, selection_mode=selection_mode
    )


def prepared(drawing: AltairChart) -> JsonObject:
    """A chart as `chart` sends it. Making it takes 10 to 20 ms; one that many visitors see is made once."""
    return _sized(drawing).to_dict()


def _sized(drawing: AltairChart) -> AltairChart:
    """Sizes are those of the plot itself; Streamlit would squeeze axes and legend into them."""
    if hasattr(drawing, "hconcat") or hasattr(drawing, "vconcat"):
        return drawing
    return drawing.properties(autosize=charts.alt.AutoSizeParams(type="pad"))


def pick_map(place: DeltaGenerator, *, key: str) -> str:
    """Which map to show, `tsne` or `pca`; its name is in the URL."""
    titles = {charts.MAP_TITLES[kind]: kind for kind in ("tsne", "pca")}
    chosen = place.segmented_control("Map", list(titles), default="t-SNE", required=True, key=key, bind="query-params")
    return titles[chosen]


def pick_amount(place: DeltaGenerator, mapped: int, *, key: str) -> int:
    """How many of the mapped pictures are drawn, in the URL; 2,000 unless chosen, or all where there are fewer."""
    amounts = [n for n in AMOUNTS if n <= mapped] or [mapped]
    if st.session_state.get(key, amounts[0]) not in amounts:  # chosen for a larger data set
        del st.session_state[key]
    return place.select_slider(
        "Pictures on the maps",
        amounts,
        value=2_000 if 2_000 in amounts else amounts[-1],
        format_func=lambda n: f"{n:,}",
        key=key,
        bind="query-params",
        persist_state="session",
        help=f"All {mapped:,} were mapped; this many of them are drawn. More pictures take longer to send.",
    )


def brushed(frame: pd.DataFrame, box: dict[str, list[float]]) -> pd.DataFrame | None:
    """The rows inside a brushed box {column: [low, high]}; None where nothing is brushed."""
    if not box or not set(box) <= set(frame):  # a box that was drawn on maps that are gone
        return None
    inside = np.ones(len(frame), dtype=bool)
    for column, (low, high) in box.items():
        inside &= frame[column].between(low, high).to_numpy()
    return frame[inside]
