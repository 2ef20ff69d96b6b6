"""Representations y and embeddings z as pictures: where images lie, how far every dimension spreads, what covaries."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from vicreg.charts.colours import TERM_COLOURS, run_colour
from vicreg.charts.layers import layered

REACH = 3.0  # of the axes of `embedding_points`, in standard deviations that the variance term asks for
ONE_PLACE = 0.04  # of the axes' length: points within are one dot to the eye
FEW_PLACES = 3  # that are named in words
TEXT = 13  # pixels
_GREY = "#888"


def embedding_points(
    points: pd.DataFrame, *, colour: str, gamma: float = 1.0, width: int = 400, height: int = 300
) -> alt.LayerChart:
    """Every image by two numbers of its embedding, on the same fixed axes for every run.

    points: z_1, z_2, less their means. gamma: the standard deviation that the variance term asks for, drawn as a circle.
    Points beyond 3 gamma are drawn at the edge. Where all lie in one place, or in a few, that is written beside them.
    """
    reach = REACH * gamma
    ratio = width / height  # so that a circle is round
    across, up = (reach * ratio, reach) if ratio >= 1 else (reach, reach / ratio)

    def scale(limit: float) -> alt.Scale:
        return alt.Scale(domain=[-limit, limit], nice=False, clamp=True)

    ticks = [i * gamma for i in range(-3, 4)]
    x = alt.X(
        "z_1:Q",
        title="a number of z",
        scale=scale(across),
        axis=alt.Axis(labelFontSize=TEXT, titleFontSize=TEXT, values=ticks, gridOpacity=0.35, labelOverlap=False),
    )
    y = alt.Y(
        "z_2:Q",
        title="another number of z",
        scale=scale(up),
        axis=alt.Axis(labelFontSize=TEXT, titleFontSize=TEXT, values=ticks, gridOpacity=0.35, labelOverlap=False),
    )
    found = _places(points[["z_1", "z_2"]].to_numpy(np.float64), radius=ONE_PLACE * 2 * reach)
    few = len(found) <= FEW_PLACES
    dots = (
        alt.Chart(points)
        .mark_circle(size=260 if few else 42, color=colour, opacity=1 if few else 0.55)
        .encode(x=x, y=y, tooltip=[alt.Tooltip("z_1:Q", format=".3f"), alt.Tooltip("z_2:Q", format=".3f")])
    )
    angle = np.linspace(0, 2 * np.pi, 73)
    circle = pd.DataFrame({"z_1": gamma * np.cos(angle), "z_2": gamma * np.sin(angle), "order": range(73)})
    wanted = (
        alt.Chart(circle)
        .mark_line(color=TERM_COLOURS["variance"], strokeWidth=2.5, strokeDash=[6, 5])
        .encode(x=x, y=y, order="order:Q")
    )
    layers = [dots, wanted]
    if few:
        words = pd.DataFrame(found, columns=["z_1", "z_2", "images"])
        words["text"] = [f"{'all ' if len(found) == 1 else ''}{n:,.0f} images are here" for n in words["images"]]
        words["top"], words["end"] = words["z_2"] + 1.5 * gamma, words["z_2"] + 0.3 * gamma
        if len(found) > 1:  # a shorter pointer, so that the words of one are not written over another
            words["top"] = words["z_2"] + 0.6 * gamma
        pointer = alt.Chart(words).mark_rule(color=_GREY, strokeWidth=2.5).encode(x=x, y=alt.Y("top:Q"), y2="end:Q")
        text = alt.Chart(words).mark_text(
            dy=-14, fontSize=20 if len(found) == 1 else 15, fontWeight="bold", color=colour
        )
        layers += [pointer, text.encode(x=x, y=alt.Y("top:Q"), text="text:N")]
    return layered(*layers).properties(width=width, height=height)


def _places(points: np.ndarray, *, radius: float) -> list[tuple[float, float, int]]:
    """The places that points (N, 2) keep to: x, y and how many points lie within radius; more than FEW_PLACES is enough."""
    found: list[tuple[float, float, int]] = []
    while len(points) and len(found) <= FEW_PLACES:
        near = np.linalg.norm(points - points[0], axis=1) < radius
        found.append((*points[near].mean(axis=0).tolist(), int(near.sum())))
        points = points[~near]
    return found


def deviations(
    frames: dict[str, pd.DataFrame],
    colours: dict[str, str],
    *,
    title: str,
    top: float,
    gamma: float | None = None,
    width: int = 380,
    height: int = 200,
) -> alt.LayerChart:
    """The standard deviation of every dimension, from the largest to the smallest, a line a run; the axis begins at 0.

    frames: title -> standard_deviation, a row a dimension. top: of the axis. gamma: what the variance term asks for,
    drawn as a rule; None for representations, of which nothing is asked.
    """
    parts = []
    for name, frame in frames.items():
        values = np.sort(frame["standard_deviation"].to_numpy())[::-1]
        place = 100 * (np.arange(len(values)) + 0.5) / len(values)
        parts.append(pd.DataFrame({"run": name, "place": place, "std": values}))
    lines = (
        alt.Chart(pd.concat(parts, ignore_index=True))
        .mark_line(strokeWidth=3)
        .encode(
            x=alt.X(
                "place:Q",
                title="dimensions, largest first, %",
                axis=alt.Axis(labelFontSize=TEXT, titleFontSize=TEXT, grid=False),
                scale=alt.Scale(domain=[0, 100]),
            ),
            y=alt.Y(
                "std:Q",
                title="standard deviation",
                axis=alt.Axis(labelFontSize=TEXT, titleFontSize=TEXT, tickCount=4),
                scale=alt.Scale(domain=[0, top], nice=False),
            ),
            color=run_colour(colours, columns=1),
            tooltip=["run:N", alt.Tooltip("std:Q", format=".3g", title="standard deviation")],
        )
    )
    layers = [lines]
    if gamma is not None:
        rule = alt.Chart(pd.DataFrame({"std": [gamma]}))
        layers.insert(
            0, rule.mark_rule(color=TERM_COLOURS["variance"], strokeDash=[6, 5], strokeWidth=2).encode(y="std:Q")
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


def layer_curves(
    frame: pd.DataFrame, colours: dict[str, str], *, figure: str, title: str, chance: float, width: int = 420
) -> alt.LayerChart:
    """A figure of every layer from the pixels to z, a line a run, with its interval; what is thrown away is shaded.

    frame: run, layer, <figure>, <figure>_low, <figure>_high in percent, the layers in their order. The axis is 0 to 100.
    """
    order = list(dict.fromkeys(frame["layer"]))
    after = order[order.index("y") + 1 :]
    x = alt.X(
        "layer:N",
        sort=order,
        title=None,
        axis=alt.Axis(labelFontSize=TEXT, titleFontSize=TEXT, labelAngle=-45, grid=False, labelOverlap=False),
    )
    domain = alt.Scale(domain=[0, 100], nice=False)
    y = alt.Y(
        f"{figure}:Q",
        title=f"{title}, %",
        scale=domain,
        axis=alt.Axis(labelFontSize=TEXT, titleFontSize=TEXT, tickCount=5),
    )
    base = alt.Chart(frame).encode(x=x, color=run_colour(colours, columns=1))
    tooltip = ["run:N", "layer:N", *(alt.Tooltip(f"{figure}{end}:Q", format=".2f") for end in ("", "_low", "_high"))]
    lines = base.mark_line(strokeWidth=3, point=alt.OverlayMarkDef(size=90, filled=True)).encode(y=y, tooltip=tooltip)
    bars = base.mark_rule(strokeWidth=2).encode(y=alt.Y(f"{figure}_low:Q", scale=domain), y2=f"{figure}_high:Q")
    step = width / len(order)
    gone = (
        alt.Chart(pd.DataFrame({"words": ["thrown away"]}))
        .mark_rect(color=_GREY, opacity=0.16)
        .encode(x=alt.value(step * (len(order) - len(after))), x2=alt.value(width), y=alt.value(0), y2=alt.value(240))
    )
    words = (
        alt.Chart(pd.DataFrame({"words": ["thrown away"]}))
        .mark_text(fontSize=TEXT, color=_GREY, baseline="bottom")
        .encode(x=alt.value(width - step * len(after) / 2), y=alt.value(-5), text="words:N")
    )
    guess = alt.Chart(pd.DataFrame({"chance": [chance]})).mark_rule(strokeDash=[4, 4], color=_GREY).encode(y="chance:Q")
    return layered(gone, words, guess, bars, lines).properties(width=width, height=240)
