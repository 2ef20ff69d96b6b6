"""Charts, and the widgets for maps: kind, number of pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import streamlit as st

from ui import page_figures
from ui.finished_charts import FinishedChart
from ui.take_away.tables import table_of
from vicreg import charts

if TYPE_CHECKING:
    import pandas as pd
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.vega_charts import VegaLiteState

TOOLTIP = Path(__file__).with_name("chart_tooltip.css")
CLICKED = "_clicked_cell"  # in the session: that a cell is clicked
AMOUNTS = (250, 500, 1_000, 2_000, 5_000, 10_000)  # number of pictures on a map


def chart(
    drawing: FinishedChart,
    *,
    alt: str,
    key: str,
    on_select: Literal["ignore", "rerun"] = "ignore",
    selection_mode: str | None = None,
) -> DeltaGenerator | VegaLiteState:
    """Show a chart at its own size, with alt text. Visitors can take it away. drawing: from `drawn` or `finished`."""
    page_figures.note_figure(key, alt, lambda: table_of(drawing.tables.values()))
    page_figures.once(TOOLTIP, lambda: st.html(TOOLTIP))  # for pictures on hover
    return st.vega_lite_chart(
        drawing.spec(), alt=alt, key=key, width="content", on_select=on_select, selection_mode=selection_mode
    )


def clicked_cell(event: DeltaGenerator | VegaLiteState, fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The cell that was clicked in a `chart` with `selection_mode="cell"`, as field -> value; empty if there is none.

    fields: the values of the rows' and of the columns' field; a cell of another table does not count. The URL keeps the
    numbers of row and column as `cell`, so that a link opens it.
    """
    cells = event["selection"].get("cell", []) if isinstance(event, dict) else []
    cell: dict[str, str] = cells[0] if cells else {}
    if cell and all(cell.get(field) in values for field, values in fields.items()):
        st.session_state[CLICKED] = True
        st.query_params["cell"] = "-".join(str(values.index(cell[field])) for field, values in fields.items())
        return cell
    if st.session_state.pop(CLICKED, False):  # and now it is clicked no longer
        st.query_params.pop("cell", None)
    found = re.fullmatch(r"(\d{1,3})-(\d{1,3})", st.query_params.get("cell", ""))
    places = [int(place) for place in found.groups()] if found else []
    if not places or any(place >= len(values) for place, values in zip(places, fields.values(), strict=True)):
        return {}
    return {field: values[place] for place, (field, values) in zip(places, fields.items(), strict=True)}


def class_words(rows: pd.DataFrame) -> str:
    """What `charts.per_class` shows, for its alt text: run by run. rows: `class`, `run`, `accuracy` in percent."""
    return "; ".join(
        f"{run}: {', '.join(f'{name} {value:.2f} %' for name, value in zip(of['class'], of['accuracy'], strict=True))}"
        for run, of in rows.groupby("run", sort=False)
    )


def pick_map(place: DeltaGenerator, *, key: str) -> str:
    """Select the kind of map, `tsne` or `pca`. Kept in the URL."""
    titles = {charts.MAP_TITLES[kind]: kind for kind in ("tsne", "pca")}
    chosen = place.segmented_control("Map", list(titles), default="t-SNE", required=True, key=key, bind="query-params")
    return titles[chosen]


def pick_amount(place: DeltaGenerator, mapped: int, *, key: str) -> int:
    """Select how many of the mapped pictures to draw; default 2,000 or all. Kept in the URL."""
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
        help=f"The map was computed from all {mapped:,} pictures. This sets how many are drawn; more take longer to load.",
    )
