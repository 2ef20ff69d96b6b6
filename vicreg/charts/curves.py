"""Curves over epochs, and spectra: one run in the colours of the terms, or several runs in their own colours."""

from __future__ import annotations

import altair as alt
import pandas as pd

from vicreg import loss_terms
from vicreg.charts.colours import TERM_COLOURS, TERMS
from vicreg.charts.legends import run_colour
from vicreg.charts.overlay import layered


def training_curves(
    history: pd.DataFrame, *, log: bool = False, width: int = 800
) -> alt.HConcatChart | alt.VConcatChart:
    """One panel for the total and one per term, over epochs. Solid: train. Dashed: test (say so next to the chart).

    history: epoch, split, the terms, total. Hovering shows all values of an epoch. Axes start at 0. log: logarithmic
    scale, which the titles say.
    width: of the whole chart, in pixels; below 700 the panels are stacked.
    """
    columns = 1 if width < 700 else 2
    panel = max(180, (width - 65 * columns) // columns)
    long = history.melt(id_vars=["epoch", "split"], value_vars=["total", *TERMS], var_name="term", value_name="value")
    panels = [_curve(long[long.term == term], term, log=log, width=panel) for term in ("total", *TERMS)]
    rows = [alt.hconcat(*panels[i : i + columns]) for i in range(0, len(panels), columns)]
    return alt.vconcat(*rows)


def _curve(frame: pd.DataFrame, term: str, *, log: bool, width: int) -> alt.LayerChart:
    colour = TERM_COLOURS[term]
    hover = alt.selection_point(
        name=f"at_{term}", fields=["epoch"], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    shown = frame[frame.value > 0] if log else frame
    scale, title = _scale_and_title(term, log=log)
    base = alt.Chart(shown).encode(
        x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, grid=False)),
        y=alt.Y("value:Q", title=None, scale=scale),
        strokeDash=alt.StrokeDash(
            "split:N",
            sort=["train", "test"],
            scale=alt.Scale(domain=["train", "test"], range=[[1, 0], [5, 4]]),
            legend=None,
        ),
    )
    lines = base.mark_line(color=colour, strokeWidth=2.5)
    # An invisible rule catches the pointer anywhere in the column and carries the values of both splits.
    wide = shown.pivot_table(index="epoch", columns="split", values="value").reset_index()
    splits = [split for split in ("train", "test") if split in wide]
    rule = (
        alt.Chart(wide)
        .mark_rule(color="#888")
        .encode(
            x="epoch:Q",
            opacity=alt.condition(hover, alt.value(0.6), alt.value(0)),
            tooltip=[alt.Tooltip("epoch:Q"), *(alt.Tooltip(f"{split}:Q", format=".3f") for split in splits)],
        )
        .add_params(hover)
    )
    dots = base.mark_circle(color=colour, size=60).transform_filter(hover)
    return layered(lines, rule, dots).properties(width=width, height=170, title=title)


def _scale_and_title(term: str, *, log: bool) -> tuple[alt.Scale, str]:
    """The scale of a term's axis, from 0 unless it is logarithmic, and the title of its panel, which then says so."""
    words = "weighted sum" if term == "total" else "unweighted"
    if log:
        return alt.Scale(type="log", nice=False), f"{term} ({words}, logarithmic axis)"
    return alt.Scale(zero=True, nice=True), f"{term} ({words})"


def compared_curves(
    histories: dict[str, pd.DataFrame], colours: dict[str, str], *, log: bool = False, width: int = 800
) -> alt.VConcatChart:
    """The panels of `training_curves` with several runs in each, on one scale. Solid: train. Dashed: test.

    histories: title -> history. colours: title -> colour, in the same order.
    """
    columns = 1 if width < 700 else 2
    panel = max(180, (width - 65 * columns) // columns)
    long = pd.concat(
        [
            history.melt(id_vars=["epoch", "split"], value_vars=["total", *TERMS], var_name="term").assign(run=title)
            for title, history in histories.items()
        ],
        ignore_index=True,
    )

    def one(term: str) -> alt.Chart:
        shown = long[(long.term == term) & ((long.value > 0) if log else True)]
        scale, title = _scale_and_title(term, log=log)
        return (
            alt.Chart(shown)
            .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=25, filled=True))
            .encode(
                x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, grid=False)),
                y=alt.Y("value:Q", title=None, scale=scale),
                color=run_colour(colours, columns=columns),
                strokeDash=alt.StrokeDash(
                    "split:N",
                    sort=["train", "test"],
                    scale=alt.Scale(domain=["train", "test"], range=[[1, 0], [5, 4]]),
                    legend=None,
                ),
                tooltip=["run:N", "split:N", "epoch:Q", alt.Tooltip("value:Q", format=".4g")],
            )
            .properties(width=panel, height=170, title=title)
        )

    panels = [one(term) for term in ("total", *TERMS)]
    return alt.vconcat(*(alt.hconcat(*panels[i : i + columns]) for i in range(0, len(panels), columns)))


def live_terms(
    frame: pd.DataFrame, *, steps: int, width: int = 800, unit: str = "step", behind: pd.DataFrame | None = None
) -> alt.VConcatChart:
    """One panel for the total and one per unweighted term, over the steps of a running training.

    frame: step, total, the terms. steps: total number, so that the curves grow into their panels. unit: the axis title.
    behind: another training with the same columns, drawn dashed. frame may then be empty.
    All axes start at 0. The axis of the variance term ends at 1, its value at collapse, so that noise does not look large.
    """
    columns = 2 if width < 700 else 1 + len(TERMS)
    panel = max(130, (width - 60 * columns) // columns)
    collapsed = {term.name: term.collapsed for term in loss_terms.TERMS if term.collapsed is not None}
    few = len(frame) < 10  # a line through a few points shows little, through one point nothing
    every = frame if behind is None else pd.concat([frame, behind])

    def line(points: pd.DataFrame, term: str, *, ghost: bool = False) -> alt.Chart:
        look = (
            {"strokeWidth": 1.5, "strokeDash": [5, 3], "opacity": 0.7}
            if ghost
            else {
                "strokeWidth": 2,
                "point": alt.OverlayMarkDef(size=30, filled=True, color=TERM_COLOURS[term]) if few else False,
            }
        )
        return (
            alt.Chart(points[["step", term]])
            .mark_line(color=TERM_COLOURS[term], **look)
            .encode(
                x=alt.X(
                    "step:Q",
                    title=unit,
                    axis=alt.Axis(grid=False, tickCount=4),
                    scale=alt.Scale(domain=[0, max(1, steps)], nice=False),
                ),
                y=alt.Y(
                    f"{term}:Q",
                    title=None,
                    scale=alt.Scale(zero=True, domain=[0, max(collapsed[term], every[term].max())])
                    if term in collapsed
                    else alt.Scale(zero=True),
                    axis=alt.Axis(format=".4~r", tickCount=4, minExtent=38, maxExtent=38),
                ),
                tooltip=["step:Q", alt.Tooltip(f"{term}:Q", format=".4g")],
            )
        )

    def one(term: str) -> alt.Chart | alt.LayerChart | alt.FacetChart:
        title = "total (weighted sum)" if term == "total" else f"{term} (unweighted)"
        lines = [line(frame, term)] if behind is None else [line(behind, term, ghost=True), line(frame, term)]
        drawn = lines[0] if len(lines) == 1 else alt.layer(*lines)
        return drawn.properties(width=panel, height=140, title=alt.Title(title, anchor="start"))

    panels = [one(term) for term in ("total", *TERMS)]
    return alt.vconcat(*(alt.hconcat(*panels[i : i + columns]) for i in range(0, len(panels), columns)))


def snapshots(
    figures: dict[str, pd.DataFrame],
    colours: dict[str, str],
    *,
    width: int = 800,
    epochs: int | None = None,
    dashed: str = "",
) -> alt.HConcatChart | alt.VConcatChart:
    """Two panels over epochs: kNN accuracy in percent, and the effective rank of the representations.

    figures: title -> epoch, knn_accuracy (0 to 1), effective_rank. colours: title -> colour, in the same order.
    epochs: total number, for a running training, so that the curves grow into their panels. Both axes start at 0.
    dashed: the title of a run to draw dashed.
    """
    span = alt.Undefined if epochs is None else alt.Scale(domain=[0, epochs], nice=False)
    frame = pd.concat([f.assign(run=title, knn=100 * f.knn_accuracy) for title, f in figures.items()])
    narrow = width < 700
    panel = width - 75 if narrow else (width - 150) // 2

    def line(field: str, title: str) -> alt.Chart:
        return (
            alt.Chart(frame)
            .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=50, filled=True))
            .encode(
                x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, grid=False), scale=span),
                y=alt.Y(f"{field}:Q", title=None, scale=alt.Scale(zero=True), axis=alt.Axis(format="~r", tickCount=5)),
                color=run_colour(colours, legend=len(colours) > 1, columns=1 if narrow else 2),
                strokeDash=alt.when(alt.datum.run == dashed).then(alt.value([5, 3])).otherwise(alt.value([1, 0])),
                tooltip=["run:N", "epoch:Q", alt.Tooltip(f"{field}:Q", title=title, format=".2f")],
            )
            .properties(width=panel, height=170, title=title)
        )

    panels = [line("knn", "kNN accuracy, %"), line("effective_rank", "effective rank")]
    return alt.vconcat(*panels) if narrow else alt.hconcat(*panels)


def spectra(
    frames: dict[str, pd.DataFrame], colours: dict[str, str], *, width: int = 500, height: int = 260
) -> alt.Chart:
    """The singular values of several runs on a logarithmic scale, each divided by the run's largest.

    frames: title -> dimension, singular_value. Unused directions are left out.
    """
    frame = pd.concat(
        [
            f.assign(run=title, share=f.singular_value / max(f.singular_value.max(), 1e-30))
            for title, f in frames.items()
        ],
        ignore_index=True,
    )
    return (
        alt.Chart(frame[frame.share > 1e-6])
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("dimension:Q", title="direction, from most to least used", axis=alt.Axis(grid=False)),
            y=alt.Y("share:Q", title="singular value (largest = 1)", scale=alt.Scale(type="log", nice=False)),
            color=run_colour(colours, columns=1),
            tooltip=["run:N", "dimension:Q", alt.Tooltip("share:Q", format=".2e")],
        )
        .properties(width=width, height=height)
    )
