"""Maps: one point per image, panels side by side, with a brush that marks the same images on all panels."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import altair as alt
import pandas as pd

from vicreg.charts.colours import class_colour
from vicreg.charts.layers import layered

MAP_TITLES = {"pca": "PCA", "tsne": "t-SNE", "laplacian": "Laplacian Eigenmaps of pixels"}


class Panel(NamedTuple):
    """One map: its title, the columns of its coordinates, and the column and values that colour the points."""

    title: str
    x: str
    y: str
    names: list[str]
    field: str = "class"
    colours: list[str] | None = None


def panel(
    kind: str,
    names: list[str],
    *,
    prefix: str = "",
    title: str = "",
    field: str = "class",
    colours: list[str] | None = None,
) -> Panel:
    """The panel for a kind of map, with columns `<prefix><kind>_x` and `<prefix><kind>_y`."""
    return Panel(title or MAP_TITLES[kind], f"{prefix}{kind}_x", f"{prefix}{kind}_y", names, field, colours)


def maps(frame: pd.DataFrame, panels: list[Panel], *, width: int = 800) -> alt.HConcatChart | alt.VConcatChart:
    """Panels side by side, one point per image, coloured by class or by another column.

    frame: index, class, the panels' columns, and `image` (a data URI shown on hover) if available. Dragging a box on one
    map marks the same images on all maps (parameter `brush`). Clicking a name in the first legend shows only that class.
    """
    narrow = width < 700
    count = 1 if narrow else len(panels)
    side = max(240 if count < 3 else 200, (width - 20 - 20 * count) // count)
    brush = alt.selection_interval(name="brush", resolve="global")
    only = alt.selection_point(name="only", fields=[panels[0].field], bind="legend")
    fields = list(dict.fromkeys(["class", *(p.field for p in panels)]))
    tooltip = (["image:N"] if "image" in frame else []) + [f"{field}:N" for field in fields] + ["index:Q"]
    columns = (3 if narrow else 5) if len(fields) > 1 else 5 if narrow else 10

    def one(p: Panel) -> alt.Chart:
        axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
        return (
            alt.Chart(frame)
            .mark_circle(size=26 if side < 400 else 32 if side < 500 else 45, stroke="#333", strokeWidth=0.25)
            .encode(
                x=alt.X(f"{p.x}:Q", axis=axis, scale=alt.Scale(zero=False, nice=False, padding=8)),
                y=alt.Y(f"{p.y}:Q", axis=axis, scale=alt.Scale(zero=False, nice=False, padding=8)),
                color=class_colour(p.names, field=p.field, columns=columns, colours=p.colours),
                opacity=alt.condition(brush & only, alt.value(0.85), alt.value(0.06)),
                tooltip=tooltip,
            )
            .properties(width=side, height=min(side, 340 if width < 900 else 560), title=p.title)
        )

    first, *others = [one(p) for p in panels]
    drawn = [first.add_params(brush, only), *(chart.add_params(brush) for chart in others)]
    with warnings.catch_warnings():  # sharing one brush between maps is intended
        warnings.filterwarnings("ignore", message="Automatically deduplicated selection parameter")
        joined = alt.vconcat(*drawn) if narrow else alt.hconcat(*drawn)
    return joined.resolve_scale(color="shared" if len(fields) == 1 else "independent")


def film(
    frame: pd.DataFrame, classes: list[str], *, kind: str, limits: tuple[float, float], side: int = 420
) -> alt.Chart:
    """The map of the same images at one epoch of a run.

    frame: class, <kind>_x, <kind>_y. limits: of both axes, the same for all epochs, so that they can be compared.
    """
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    scale = alt.Scale(domain=list(limits), nice=False)
    return (
        alt.Chart(frame)
        .mark_circle(size=30, opacity=0.8, stroke="#333", strokeWidth=0.25)
        .encode(
            x=alt.X(f"{kind}_x:Q", axis=axis, scale=scale),
            y=alt.Y(f"{kind}_y:Q", axis=axis, scale=scale),
            color=class_colour(classes, columns=5),
            tooltip=["class:N"],
        )
        .properties(width=side, height=side)
    )


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
