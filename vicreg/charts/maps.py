"""Where new images lie on an eigenmap. (Maps themselves are `ui.picture_map`'s.)"""

from __future__ import annotations

import altair as alt
import pandas as pd

from vicreg.charts.legends import class_colour
from vicreg.charts.overlay import layered


def placements(background: pd.DataFrame, frame: pd.DataFrame, classes: list[str], *, side: int = 360) -> alt.LayerChart:
    """Two positions for each of a few images, joined by a line, over a faint map of many images.

    background: x, y. frame: class, index, rule_x, rule_y, fitted_x, fitted_y.
    """
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    low, high = background[["x", "y"]].quantile(0.002), background[["x", "y"]].quantile(0.998)
    ends = pd.concat(
        [
            frame[["class", "index", f"{rule}_x", f"{rule}_y"]]
            .rename(columns={f"{rule}_x": "x", f"{rule}_y": "y"})
            .assign(placed=name)
            for rule, name in (("rule", "Nyström's rule"), ("fitted", "fitted again"))
        ]
    )

    def of(field: str) -> alt.Scale:
        reach = ends[field].agg(["min", "max"])
        return alt.Scale(domain=[min(low[field], reach["min"]), max(high[field], reach["max"])], clamp=True, nice=False)

    x, y = alt.X("x:Q", axis=axis, scale=of("x")), alt.Y("y:Q", axis=axis, scale=of("y"))
    many = alt.Chart(background).mark_circle(size=8, color="#999", opacity=0.35).encode(x=x, y=y)
    lines = alt.Chart(ends).mark_line(strokeWidth=2, color="#888").encode(x=x, y=y, detail="index:N")
    points = (
        alt.Chart(ends)
        .mark_point(size=140, filled=True, opacity=1, stroke="#333", strokeWidth=0.7)
        .encode(
            x=x,
            y=y,
            color=class_colour(classes, columns=5),
            shape=alt.Shape(
                "placed:N",
                scale=alt.Scale(domain=["Nyström's rule", "fitted again"], range=["circle", "triangle-up"]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=["class:N", "placed:N", "index:Q"],
        )
    )
    return layered(many, lines, points).properties(width=side, height=side)
