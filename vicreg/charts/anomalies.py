"""AUROCs of many runs as pictures: one score against the other, and every run against every kind of anomaly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import altair as alt
import pandas as pd

from vicreg.charts.legends import run_colour
from vicreg.charts.lettering import TEXT
from vicreg.charts.overlay import layered

HEAD = 80  # pixels above the cells of every panel, for the longest name, so that the panels' titles are level
# for both dots of a row: whether it is the lower one; alignment and offset of its number
ENDS: tuple[tuple[bool, Literal["left", "right"], int], ...] = ((True, "right", -11), (False, "left", 11))


def score_pairs(
    frame: pd.DataFrame, colours: dict[str, str], scores: Sequence[str], *, width: int = 460
) -> alt.LayerChart:
    """A row per run with a bar between its AUROCs under two scores: a circle for the first, a diamond for the second.

    frame: run (title), short (its name on the axis), score, auroc, low, high; a row per run and score, in the order to show.
    """
    order = list(dict.fromkeys(frame["short"]))
    lower = frame["auroc"] == frame.groupby("run")["auroc"].transform("min")
    lower &= ~frame[lower].duplicated("run").reindex(frame.index, fill_value=False)  # of two equal ones, the first
    frame = frame.assign(lower=lower)
    x = alt.X(
        "auroc:Q",
        title="AUROC: 0.5 is chance",
        scale=alt.Scale(domain=[-0.05, 1.14], nice=False),
        axis=alt.Axis(values=[0, 0.5, 1], format=".2~f"),
    )
    y = alt.Y("short:N", sort=order, title=None, axis=alt.Axis(labelOverlap=False))
    tooltip = ["run:N", "score:N", *(alt.Tooltip(f"{field}:Q", format=".3f") for field in ("auroc", "low", "high"))]
    base = alt.Chart(frame).encode(y=y, x=x)
    chance = alt.Chart(pd.DataFrame({"x": [0.5]})).mark_rule(strokeDash=[4, 4], color="#888").encode(x="x:Q")
    colour = run_colour(colours, legend=False)
    bars = base.mark_line(strokeWidth=9, opacity=0.4).encode(detail="run:N", color=colour)
    shape = alt.Shape(
        "score:N",
        scale=alt.Scale(domain=list(scores), range=["circle", "diamond"]),
        legend=alt.Legend(
            title=None,
            orient="top",
            offset=2,
            symbolSize=150,
            symbolFillColor="#888",
            symbolStrokeWidth=0,
        ),
    )
    dots = base.mark_point(size=190, filled=True, opacity=1, stroke="#8888", strokeWidth=1).encode(
        shape=shape, color=colour, tooltip=tooltip
    )
    words = [
        base.transform_filter(alt.datum.lower == least)
        .mark_text(align=align, dx=dx)
        .encode(text=alt.Text("auroc:Q", format=".2f"))
        for least, align, dx in ENDS
    ]
    return layered(chance, bars, dots, *words).properties(width=width, height=31 * len(order))


def auroc_cells(
    frame: pd.DataFrame, *, runs: list[str], columns: dict[str, list[str]], width: int = 900, upright: bool = False
) -> alt.HConcatChart | alt.VConcatChart:
    """AUROCs as shaded cells with their numbers, a panel for each group of anomalies.

    frame: run, group, name, auroc, low, high, n_anomalies. runs: names of runs in their order. columns: group -> names
    of its anomalies in their order. upright: anomalies go down and runs across, for a narrow page.
    """
    count = sum(len(names) for names in columns.values())
    drawn, rows = [], alt.Scale(domain=runs)  # also those that were not measured against a group
    for number, (group, names) in enumerate(columns.items()):
        labels = alt.Axis(
            orient="top",
            labelAngle=-40,
            labelOverlap=False,
            domain=False,
            ticks=False,
            minExtent=0 if upright else HEAD,
        )
        side = alt.Axis(labelOverlap=False, domain=False, ticks=False, labelLimit=180)
        x, y = alt.X("name:N", sort=names, title=None, axis=labels), alt.Y("run:N", scale=rows, title=None, axis=side)
        if number:
            y = y.axis(None)
        if upright:
            x = alt.X("run:N", scale=rows, title=None, axis=None if number else labels)
            y = alt.Y("name:N", sort=names, title=None, axis=side)
        base = alt.Chart(frame[frame["group"] == group]).encode(x=x, y=y)
        cells = base.mark_rect(stroke="#8886", strokeWidth=0.5).encode(
            color=alt.Color(
                "auroc:Q",
                scale=alt.Scale(scheme="brownbluegreen", domain=[0, 1], domainMid=0.5),
                legend=None,
            ),
            tooltip=[
                "run:N",
                alt.Tooltip("name:N", title="anomalies"),
                *(alt.Tooltip(f"{field}:Q", format=".3f") for field in ("auroc", "low", "high")),
                alt.Tooltip("n_anomalies:Q", format=",", title="n"),
            ],
        )
        text = base.mark_text().encode(
            text=alt.Text("auroc:Q", format=".2f"),
            color=alt.condition("abs(datum.auroc - 0.5) > 0.36", alt.value("white"), alt.value("#222")),
        )
        across, down = (runs, names) if upright else (names, runs)
        cell = max(36, width // max(1, len(runs) if upright else count))
        drawn.append(
            alt.layer(cells, text).properties(
                width=cell * len(across),
                height=26 * len(down),
                title=alt.TitleParams(group, fontSize=TEXT, anchor="start"),
            )
        )
    return alt.vconcat(*drawn, spacing=14) if upright else alt.hconcat(*drawn, spacing=14)
