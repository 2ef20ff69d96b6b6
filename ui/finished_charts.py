"""Finished charts: Vega-Lite as text and its data as Arrow, made once and shared by all visitors.

Building and checking an Altair chart takes 10 to 100 ms of a core, and most charts never change. `drawn` keeps the result
by everything that decides it: the function and the content of its arguments. So a chart can never be out of date, and what
is kept cannot be changed by a page.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec

from ui.shared_cache import Store
from vicreg import charts
from vicreg.storage.json_values import JsonObject

if TYPE_CHECKING:
    import pyarrow as pa
    from streamlit.elements.vega_charts import AltairChart

P = ParamSpec("P")
MOST = 400  # charts kept; the largest of ours has 100 kB, most have a tenth of that
SVG = {"embedOptions": {"renderer": "svg"}}  # also over 2,000 marks, so that visitors can take any chart as SVG


@dataclass(frozen=True)
class FinishedChart:
    """A chart that nobody changes. text: Vega-Lite as JSON, without data. tables: the data by name."""

    text: str
    tables: Mapping[str, pa.Table]

    def spec(self) -> JsonObject:
        """A new dict for `st.vega_lite_chart`, which changes what it gets."""
        return {**json.loads(self.text), "datasets": dict(self.tables)}


_CHARTS = Store[FinishedChart](MOST)


def drawn(make: Callable[P, AltairChart], *args: P.args, **options: P.kwargs) -> FinishedChart:
    """`finished(make(*args, **options))`, made once for all visitors.

    make: a function of `vicreg.charts`, whose result depends on its arguments only. Arguments are compared by content.
    """
    content = pickle.dumps((make.__module__, make.__qualname__, args, sorted(options.items())), protocol=5)
    return _CHARTS.get(hashlib.blake2b(content, digest_size=20).digest(), lambda: finished(make(*args, **options)))


def finished(drawing: AltairChart) -> FinishedChart:
    """A chart at its own size. For charts that many visitors see, use `drawn`."""
    import pyarrow as pa

    with charts.alt.data_transformers.disable_max_rows():
        spec = _sized(drawing).to_dict()
    tables = {name: pa.Table.from_pylist(rows) for name, rows in spec.pop("datasets", {}).items()}
    return FinishedChart(json.dumps(spec), tables)


def _sized(drawing: AltairChart) -> AltairChart:
    """Set sizes for the plot area. (Streamlit would fit axes and legend into them as well.)"""
    from vicreg.charts.lettering import lettered

    drawing = lettered(drawing).properties(usermeta=SVG)
    if hasattr(drawing, "hconcat") or hasattr(drawing, "vconcat"):
        return drawing
    return drawing.properties(autosize=charts.alt.AutoSizeParams(type="pad"))
