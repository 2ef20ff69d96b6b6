"""Charts of figures: accuracies with intervals, confusion matrices, ROC curves, histograms of scores."""

from __future__ import annotations

import altair as alt
import pandas as pd

from vicreg.charts.colours import GROUP_COLOURS, REFERENCE_COLOUR
from vicreg.charts.legends import run_colour
from vicreg.charts.overlay import layered

SHORT = (
    "replace(datum.label, /^[^/]*[/]/, '')"  # in Vega: the title of a run without its data set, which the page names
)


def accuracy_bars(
    frame: pd.DataFrame, colours: dict[str, str], *, chance: float, width: int = 700, seeds: pd.DataFrame | None = None
) -> alt.LayerChart:
    """One bar per run with its interval, and a mark at the study's figure.

    frame: run (title), accuracy, low, high, study (NaN if there is none), in percent and in display order.
    chance: the accuracy of guessing, in percent. seeds: run, accuracy of other seeds, a small tick each.
    """
    order = frame["run"].tolist()
    names = alt.Axis(
        labelExpr=f"split({SHORT}, ', ')", labelOverlap=False, labelLimit=260
    )  # the epochs in a second line
    y = alt.Y("run:N", sort=order, title=None, axis=names)
    base = alt.Chart(frame).encode(y=y)
    tooltip = [
        "run:N",
        alt.Tooltip("accuracy:Q", format=".2f"),
        alt.Tooltip("low:Q", format=".2f"),
        alt.Tooltip("high:Q", format=".2f"),
        alt.Tooltip("study:Q", format=".2f"),
    ]
    x = alt.X(
        "accuracy:Q", title="linear probe accuracy, %", scale=alt.Scale(domain=[0, max(80, frame["high"].max() + 8)])
    )
    bars = base.mark_bar(height={"band": 0.6}).encode(x=x, color=run_colour(colours, legend=False), tooltip=tooltip)
    halo = base.mark_rule(strokeWidth=6, color="#fff").encode(x="low:Q", x2="high:Q")  # visible on dark pages
    interval = base.mark_rule(strokeWidth=2.5, color="#222").encode(x="low:Q", x2="high:Q", tooltip=tooltip)
    figures = base.mark_text(align="left", dx=8).encode(x="high:Q", text=alt.Text("accuracy:Q", format=".2f"))
    study = (
        base.transform_filter("isValid(datum.study)")
        .mark_tick(color=REFERENCE_COLOUR, thickness=3, height={"band": 0.85})
        .encode(x="study:Q", tooltip=tooltip)
    )
    guess = alt.Chart(pd.DataFrame({"x": [chance]})).mark_rule(strokeDash=[4, 4], color="#888").encode(x="x:Q")
    ticks = [] if seeds is None or seeds.empty else _seed_ticks(seeds, order)
    drawn = layered(bars, halo, interval, figures, study, *ticks, guess)
    return drawn.properties(width=width, height=34 * len(order))


def attribute_bars(
    frame: pd.DataFrame,
    colours: dict[str, str],
    chances: dict[str, float],
    *,
    width: int = 700,
    axis: str = "linear probe, %",
    seeds: pd.DataFrame | None = None,
) -> alt.HConcatChart | alt.VConcatChart:
    """One panel per known property of an image, with one bar per run and its interval. Stacked on narrow pages.

    frame: what, run (title), accuracy, low, high, in percent. chances: what -> accuracy of guessing, in display order.
    axis: what is measured. seeds: what, run, accuracy of other seeds, a small tick each below the interval.
    """
    order = list(dict.fromkeys(frame["run"]))
    narrow = width < 120 * len(chances)
    panels = []
    for number, (what, chance) in enumerate(chances.items()):
        names = alt.Axis(labelLimit=260, labelOverlap=False) if number == 0 or narrow else None
        base = alt.Chart(frame[frame["what"] == what]).encode(y=alt.Y("run:N", sort=order, title=None, axis=names))
        x = alt.X("accuracy:Q", title=axis, scale=alt.Scale(domain=[0, 119]), axis=alt.Axis(values=[0, 50, 100]))
        tooltip = ["run:N", *(alt.Tooltip(f"{field}:Q", format=".2f") for field in ("accuracy", "low", "high"))]
        bars = base.mark_bar(height={"band": 0.6}).encode(x=x, color=run_colour(colours, legend=False), tooltip=tooltip)
        halo = base.mark_rule(strokeWidth=6, color="#fff").encode(x="low:Q", x2="high:Q")
        interval = base.mark_rule(strokeWidth=2.5, color="#222").encode(x="low:Q", x2="high:Q", tooltip=tooltip)
        figures = base.mark_text(align="left", dx=6).encode(x="high:Q", text=alt.Text("accuracy:Q", format=".1f"))
        guess = alt.Chart(pd.DataFrame({"x": [chance]})).mark_rule(strokeDash=[4, 4], color="#888").encode(x="x:Q")
        layers = [bars, halo, interval, figures, guess]
        own = None if seeds is None else seeds[seeds["what"] == what]
        if own is not None and len(own):
            layers += _seed_ticks(own, order)
        panel = layered(*layers)
        panels.append(
            panel.properties(
                width=max(120, width // (1 if narrow else len(chances))), height=34 * len(order), title=what
            )
        )
    return alt.vconcat(*panels) if narrow else alt.hconcat(*panels, spacing=18)


def _seed_ticks(seeds: pd.DataFrame, order: list[str]) -> list[alt.Chart]:
    """A tick for each other seed of each run, in the lower part of its bar, with a halo for dark pages and bars.

    seeds: run, accuracy. order: of the runs.
    """
    base = alt.Chart(seeds).encode(
        x="accuracy:Q",
        y=alt.Y("run:N", sort=order),
        tooltip=["run:N", alt.Tooltip("accuracy:Q", title="another seed", format=".2f")],
    )
    return [
        base.mark_tick(color=colour, thickness=thick, height=high, yOffset=9, opacity=1)
        for colour, thick, high in (("#fff", 5, 13), ("#222", 2.5, 11))
    ]


def tight_and_telling(
    frame: pd.DataFrame, colours: dict[str, str], *, width: int = 700
) -> alt.HConcatChart | alt.VConcatChart:
    """Clusters' silhouettes beside their NMI with the classes, one bar per run; stacked where it is narrow.

    frame: run (title), silhouette, nmi, in the order to show.
    """
    order, narrow = frame["run"].tolist(), width < 400
    panels: list[alt.LayerChart | alt.Chart] = []
    for field, title in (("silhouette", "silhouette: how tight"), ("nmi", "NMI with the classes: how informative")):
        axis = alt.Axis(labelExpr=SHORT, labelLimit=260, labelOverlap=False) if not panels or narrow else None
        base = alt.Chart(frame).encode(y=alt.Y("run:N", sort=order, title=None, axis=axis))
        x = alt.X(f"{field}:Q", title=None, scale=alt.Scale(domain=[min(0, 1.5 * frame[field].min()), 0.8]))
        label = alt.Text(f"{field}:Q", format=".2f")
        bars = base.mark_bar(height={"band": 0.6}).encode(
            x=x, color=run_colour(colours, legend=False), tooltip=["run", field]
        )
        figures = base.mark_text(align="left", dx=6).encode(x=alt.X("shown:Q"), text=label)
        drawn = layered(bars, figures.transform_calculate(shown=f"max(0, datum.{field})"))
        panels.append(
            drawn.properties(width=max(120, width // (1 if narrow else 2)), height=28 * len(order), title=title)
        )
    return alt.vconcat(*panels) if narrow else alt.hconcat(*panels, spacing=18)


def per_class(
    frame: pd.DataFrame,
    colours: dict[str, str],
    classes: list[str],
    *,
    width: int = 700,
    title: str = "accuracy within the class, %",
) -> alt.LayerChart:
    """One row per class, one dot per run. frame: class, run (title), accuracy in percent."""
    base = alt.Chart(frame).encode(
        y=alt.Y("class:N", sort=classes, title=None, axis=alt.Axis(labelOverlap=False)),
        x=alt.X("accuracy:Q", title=title, scale=alt.Scale(domain=[0, 100])),
    )
    span = base.mark_line(color="#999", strokeWidth=1.5).encode(detail="class:N", color=alt.value("#999"))
    dots = base.mark_point(size=130, filled=True, opacity=1, stroke="#333", strokeWidth=0.5).encode(
        color=run_colour(colours, columns=1),
        tooltip=["class:N", "run:N", alt.Tooltip("accuracy:Q", format=".2f")],
    )
    return layered(span, dots).properties(width=width, height=24 * len(classes))


def table_of_counts(
    frame: pd.DataFrame,
    *,
    row: str,
    column: str,
    rows: list[str],
    columns: list[str],
    side: int = 460,
    title: str = "",
) -> alt.LayerChart:
    """Counts as a table of cells, shaded by their share of the row. frame: the two fields and `count`.

    Clicking a cell selects it (parameter `cell`, with both fields).
    """
    frame = frame.assign(share=frame["count"] / frame.groupby(row)["count"].transform("sum").clip(lower=1))
    cell = alt.selection_point(name="cell", fields=[row, column])
    base = alt.Chart(frame).encode(
        x=alt.X(
            f"{column}:N",
            sort=columns,
            title=column,
            axis=alt.Axis(orient="top", labelAngle=-45, labelOverlap=False, domain=False),
        ),
        y=alt.Y(f"{row}:N", sort=rows, title=row, axis=alt.Axis(labelOverlap=False, domain=False)),
    )
    shades = base.mark_rect(stroke="#8888", strokeWidth=0.5).encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="purples", domain=[0, 1]), legend=None),
        opacity=alt.condition(cell, alt.value(1), alt.value(0.45)),
        tooltip=[f"{row}:N", f"{column}:N", "count:Q", alt.Tooltip("share:Q", format=".1%")],
    )
    text = base.mark_text().encode(
        text="count:Q",
        color=alt.condition("datum.share > 0.5", alt.value("white"), alt.value("#222")),
    )
    drawn = layered(shades.add_params(cell), text).properties(width=side, height=side * len(rows) / len(columns))
    return drawn.properties(title=title) if title else drawn


def roc(frame: pd.DataFrame, colours: dict[str, str], *, side: int = 380) -> alt.LayerChart:
    """ROC curves. frame: run (title), false_positive_rate, true_positive_rate, from (0, 0) to (1, 1)."""
    x = alt.X("false_positive_rate:Q", title="normal pictures above the threshold", axis=alt.Axis(format=".0%"))
    y = alt.Y("true_positive_rate:Q", title="anomalies above the threshold", axis=alt.Axis(format=".0%"))
    chance = alt.Chart(pd.DataFrame({"x": [0, 1], "y": [0, 1]})).mark_line(strokeDash=[4, 4], color="#888")
    line = (
        alt.Chart(frame)
        .mark_line(strokeWidth=3)
        .encode(
            x=x,
            y=y,
            order="order:Q",
            color=run_colour(colours, columns=1),
            tooltip=[
                "run:N",
                alt.Tooltip("false_positive_rate:Q", format=".2%"),
                alt.Tooltip("true_positive_rate:Q", format=".2%"),
            ],
        )
        .transform_window(order="row_number()")
    )
    return layered(chance.encode(x="x:Q", y="y:Q"), line).properties(width=side, height=side)


def histogram(
    frame: pd.DataFrame,
    threshold: float,
    *,
    groups: dict[str, str],
    limits: tuple[float, float],
    width: int = 460,
    height: int = 260,
    title: str = "",
    legend: bool = True,
    own: float | None = None,
) -> alt.LayerChart:
    """Histograms of scores, one shape per group, with the threshold as a line.

    frame: group, low, high (of the bin), share (of the group's images). groups: name -> colour. own: the score of an
    uploaded picture, marked with an arrow; beyond the range, the arrow is at the edge.
    """
    of_scores = "anomaly score" if limits[0] <= 0 else "anomaly score (the axis does not start at 0)"
    bars = (
        alt.Chart(frame)
        .mark_bar(opacity=0.6)
        .encode(
            x=alt.X("low:Q", title=of_scores, scale=alt.Scale(domain=list(limits), nice=False)),
            x2="high:Q",
            y=alt.Y("share:Q", title="share of its group", axis=alt.Axis(format="%", tickCount=4), stack=None),
            y2=alt.datum(0),
            color=alt.Color(
                "group:N",
                scale=alt.Scale(domain=list(groups), range=list(groups.values())),
                legend=alt.Legend(title=None, orient="top", columns=1 if width < 300 else 2) if legend else None,
            ),
            tooltip=["group:N", alt.Tooltip("share:Q", format=".2%"), alt.Tooltip("low:Q", format=".2f")],
        )
    )
    rule = alt.Chart(pd.DataFrame({"x": [threshold]})).mark_rule(color=REFERENCE_COLOUR, strokeWidth=3).encode(x="x:Q")
    layers = [bars, rule]
    if own is not None:
        place = alt.Chart(pd.DataFrame({"x": [min(max(own, limits[0]), limits[1])], "words": ["yours"]})).encode(
            x="x:Q"
        )
        arrow = place.mark_point(shape="triangle-down", size=200, filled=True, opacity=1, color=GROUP_COLOURS["own"])
        words = place.mark_text(dy=-14, fontWeight="bold").encode(text="words:N")
        layers += [arrow.encode(y=alt.value(28)), words.encode(y=alt.value(28))]
    drawn = layered(*layers).properties(width=width, height=height)
    return drawn.properties(title=title) if title else drawn
