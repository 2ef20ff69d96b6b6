"""Representations y and embeddings z as pictures: how far every dimension spreads, what covaries, what layers hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from vicreg.charts.colours import TERM_COLOURS
from vicreg.charts.legends import run_colour
from vicreg.charts.lettering import TEXT
from vicreg.charts.overlay import layered

_GREY = "#888"
_PERCENT = alt.Scale(domain=[0, 100], nice=False)
_LINE = 7  # height of a line of text, in percent of the axis
_DASHES = ([1, 0], [8, 5], [2, 4], [10, 3, 2, 3])  # of the things that a probe reads


def deviations(
    spreads: Mapping[str, np.ndarray],
    colours: dict[str, str],
    *,
    title: str,
    axis: str,
    top: float,
    gamma: float | None = None,
    width: int = 380,
    height: int = 200,
) -> alt.LayerChart:
    """How far pictures spread in every dimension, from largest to smallest, one line per run; the axis begins at 0.

    spreads: title -> (D,). axis: what they are, such as standard deviations. top: of the axis. gamma: what the variance
    term requires, drawn as a rule; None for representations, on which the loss does not act.
    """
    parts = []
    for name, spread in spreads.items():
        values = np.sort(spread)[::-1]
        place = 100 * (np.arange(len(values)) + 0.5) / len(values)
        parts.append(pd.DataFrame({"run": name, "place": place, "spread": values}))
    lines = (
        alt.Chart(pd.concat(parts, ignore_index=True))
        .mark_line(strokeWidth=3)
        .encode(
            x=alt.X(
                "place:Q",
                title="dimensions, sorted by spread, %",
                axis=alt.Axis(grid=False),
                scale=alt.Scale(domain=[0, 100]),
            ),
            y=alt.Y(
                "spread:Q",
                title=axis,
                axis=alt.Axis(tickCount=4),
                scale=alt.Scale(domain=[0, top], nice=False),
            ),
            color=run_colour(colours, columns=1),
            tooltip=["run:N", alt.Tooltip("spread:Q", format=".3g", title=axis)],
        )
    )
    layers = [lines]
    if gamma is not None:
        rule = alt.Chart(pd.DataFrame({"spread": [gamma]}))
        layers.insert(
            0, rule.mark_rule(color=TERM_COLOURS["variance"], strokeDash=[6, 5], strokeWidth=2).encode(y="spread:Q")
        )
    return layered(*layers).properties(width=width, height=height, title=title)


def covariances(frame: pd.DataFrame, *, title: str, scale: float = 1.0, side: int = 190) -> alt.Chart:
    """A covariance matrix as a square of cells: full colour where a covariance is `scale` or more, blank where it is 0.

    frame: row, column, covariance of its upper triangle, the diagonal included. The diagonal, which the variance term acts
    on, has that term's colour, and the rest that of the covariance term.
    """
    lower = frame[frame["row"] != frame["column"]].rename(columns={"row": "column", "column": "row"})
    whole = pd.concat([frame, lower], ignore_index=True)[["row", "column", "covariance"]]
    whole = whole.assign(
        strength=(whole["covariance"].abs() / scale).clip(upper=1).round(3),
        part=np.where(whole["row"] == whole["column"], "variance", "covariance"),
    )
    axis = alt.Axis(labels=False, ticks=False, domain=False)
    return (
        alt.Chart(whole)
        .mark_rect()
        .encode(
            x=alt.X("column:O", title=None, axis=axis),
            y=alt.Y("row:O", title=None, axis=axis),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(
                    domain=["variance", "covariance"], range=[TERM_COLOURS["variance"], TERM_COLOURS["covariance"]]
                ),
                legend=None,
            ),
            opacity=alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0, 1]), legend=None),
            tooltip=["row:Q", "column:Q", alt.Tooltip("covariance:Q", format=".3g")],
        )
        .properties(
            width=side,
            height=side,
            title=alt.Title(title, fontSize=TEXT),
            view=alt.ViewBackground(stroke=_GREY, strokeWidth=1, strokeOpacity=1),
        )
    )


def covariances_beside(squares: Sequence[tuple[str, pd.DataFrame, float]], *, side: int = 190) -> alt.HConcatChart:
    """`covariances` beside each other: title, frame and scale of each."""
    return alt.hconcat(
        *(covariances(frame, title=title, scale=scale, side=side) for title, frame, scale in squares), spacing=16
    )


def layer_curves(
    frame: pd.DataFrame, colours: dict[str, str], *, figure: str, title: str, chance: float, width: int = 420
) -> alt.LayerChart:
    """A figure of every layer from the pixels to z, one line per run, with intervals; the expander is shaded.

    frame: run, layer, <figure>, <figure>_low, <figure>_high in percent, the layers in their order. The axis is 0 to 100.
    """
    order = list(dict.fromkeys(frame["layer"]))
    y = alt.Y(f"{figure}:Q", title=f"{title}, %", scale=_PERCENT, axis=alt.Axis(tickCount=5))
    base = alt.Chart(frame).encode(x=_layer_axis(order), color=run_colour(colours, columns=1))
    tooltip = ["run:N", "layer:N", *(alt.Tooltip(f"{figure}{end}:Q", format=".2f") for end in ("", "_low", "_high"))]
    lines = base.mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=90, filled=True)).encode(y=y, tooltip=tooltip)
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y(f"{figure}_low:Q", scale=_PERCENT), y2=f"{figure}_high:Q")
    return layered(*_thrown_away(order, width), _guess(chance), bars, lines).properties(width=width, height=240)


def layer_contents(
    frame: pd.DataFrame, colour: str, *, chances: Mapping[str, float], width: int = 420
) -> alt.LayerChart:
    """What a linear probe reads at every layer of one run: a line for each thing, named at its end.

    frame: what, layer, accuracy, low, high in percent, the layers in their order. colour: of the run. chances: what ->
    accuracy of guessing; equal ones are drawn once. The axis is 0 to 100.
    """
    order, things = list(dict.fromkeys(frame["layer"])), list(dict.fromkeys(frame["what"]))
    y = alt.Y("accuracy:Q", title="linear probe, %", scale=_PERCENT, axis=alt.Axis(tickCount=5))
    dash = alt.StrokeDash("what:N", scale=alt.Scale(domain=things, range=_DASHES[: len(things)]), legend=None)
    base = alt.Chart(frame).encode(x=_layer_axis(order))
    tooltip = ["what:N", "layer:N", *(alt.Tooltip(f"{name}:Q", format=".2f") for name in ("accuracy", "low", "high"))]
    lines = base.mark_line(strokeWidth=4, color=colour).encode(y=y, strokeDash=dash, tooltip=tooltip)
    points = base.mark_point(size=90, filled=True, opacity=1, color=colour).encode(y=y, tooltip=tooltip)
    bars = base.mark_rule(strokeWidth=2, color=colour).encode(y=alt.Y("low:Q", scale=_PERCENT), y2="high:Q")
    last = frame[frame["layer"] == order[-1]]
    named = last.sort_values("accuracy").assign(says=lambda t: [f"{r.what} {r.accuracy:.0f} %" for r in t.itertuples()])
    apart = _LINE * np.arange(len(named))  # names that would overlap move up
    named["at"] = np.maximum.accumulate(named["accuracy"].to_numpy() - apart) + apart
    names = (
        alt.Chart(named)
        .mark_text(align="left", dx=10, fontWeight="bold")
        .encode(x=_layer_axis(order), y=alt.Y("at:Q", scale=_PERCENT), text="says:N")
    )
    guesses = [_guess(chance) for chance in dict.fromkeys(round(chances[thing], 6) for thing in things)]
    return layered(*_thrown_away(order, width), *guesses, bars, lines, points, names).properties(
        width=width, height=240
    )


def _layer_axis(order: list[str]) -> alt.X:
    return alt.X("layer:N", sort=order, title=None, axis=alt.Axis(labelAngle=-45, grid=False, labelOverlap=False))


def _guess(chance: float) -> alt.Chart:
    """A dashed line at what guessing gives."""
    return alt.Chart(pd.DataFrame({"chance": [chance]})).mark_rule(strokeDash=[4, 4], color=_GREY).encode(y="chance:Q")


def _thrown_away(order: list[str], width: int) -> tuple[alt.Chart, alt.Chart]:
    """A grey area behind the layers after y, and what it means above it."""
    after = order[order.index("y") + 1 :]
    step = width / len(order)
    gone = (
        alt.Chart(pd.DataFrame({"words": ["thrown away"]}))
        .mark_rect(color=_GREY, opacity=0.16, aria=False)
        .encode(x=alt.value(step * (len(order) - len(after))), x2=alt.value(width), y=alt.value(0), y2=alt.value(240))
    )
    words = (
        alt.Chart(pd.DataFrame({"words": ["thrown away"]}))
        .mark_text(baseline="bottom")
        .encode(x=alt.value(width - step * len(after) / 2), y=alt.value(-5), text="words:N")
    )
    return gone, words
