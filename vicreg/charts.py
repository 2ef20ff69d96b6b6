"""Charts: a frame in, an Altair chart out. Pure functions; colours and words are the same on every page."""

from __future__ import annotations

import altair as alt
import pandas as pd

# One colour a term, everywhere (formula, curve, bar): blue, vermilion and green after Okabe and Ito, for light and dark.
TERM_COLOURS = {"variance": "#2087c8", "invariance": "#d55e00", "covariance": "#009e73", "total": "#7f7f7f"}
# One colour a preset, everywhere; `vicreg` the strongest.
PRESET_COLOURS = {
    "vicreg": "#832db6",
    "no-variance": "#3f90da",
    "no-covariance": "#a96b59",
    "no-invariance": "#e76300",
    "neighbour-views": "#b9ac70",
}
# petroff10 (Petroff 2021), bound to the ten classes by their order.
CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
TERMS = ("variance", "invariance", "covariance")
MAP_TITLES = {"pca": "PCA", "tsne": "t-SNE"}


def training_curves(
    history: pd.DataFrame, *, log: bool = False, width: int = 800
) -> alt.HConcatChart | alt.VConcatChart:
    """Four panels over the epochs: total, variance, invariance, covariance; train solid, test dashed (say so beside it).

    history: epoch, split, the three terms, total. Hovering shows every value of an epoch. log: logarithmic values.
    width: of the whole, in pixels; below 700 the panels stand one above the other.
    """
    columns = 1 if width < 700 else 2
    panel = max(180, (width - 65 * columns) // columns)
    long = history.melt(id_vars=["epoch", "split"], value_vars=["total", *TERMS], var_name="term", value_name="value")
    panels = [_curve(long[long.term == term], term, log=log, width=panel) for term in ("total", *TERMS)]
    rows = [alt.hconcat(*panels[i : i + columns]) for i in range(0, 4, columns)]
    return alt.vconcat(*rows)


def _curve(frame: pd.DataFrame, term: str, *, log: bool, width: int) -> alt.LayerChart:
    colour = TERM_COLOURS[term]
    hover = alt.selection_point(
        name=f"at_{term}", fields=["epoch"], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False, nice=True)
    shown = frame[frame.value > 0] if log else frame
    title = "total (weighted sum)" if term == "total" else f"{term} (unweighted)"
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
    # The invisible rule catches the pointer for the whole column and carries both splits' values.
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
    return alt.layer(lines, rule, dots).properties(width=width, height=170, title=alt.Title(title, color=colour))


def snapshots(figures: pd.DataFrame, *, width: int = 800) -> alt.HConcatChart | alt.VConcatChart:
    """Two panels over the epochs: kNN accuracy in percent, and the effective rank of the representations.

    figures: epoch, knn_accuracy (0 to 1), effective_rank.
    """
    frame = figures.assign(knn=100 * figures.knn_accuracy)
    narrow = width < 700
    panel = width - 75 if narrow else (width - 150) // 2

    def line(field: str, title: str) -> alt.Chart:
        return (
            alt.Chart(frame)
            .mark_line(color=PRESET_COLOURS["vicreg"], strokeWidth=2.5, point=alt.OverlayMarkDef(size=50, filled=True))
            .encode(
                x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, grid=False)),
                y=alt.Y(f"{field}:Q", title=None, scale=alt.Scale(zero=False)),
                tooltip=["epoch:Q", alt.Tooltip(f"{field}:Q", title=title, format=".2f")],
            )
            .properties(width=panel, height=170, title=title)
        )

    panels = [line("knn", "kNN accuracy, %"), line("effective_rank", "effective rank, of 512")]
    return alt.vconcat(*panels) if narrow else alt.hconcat(*panels)


def maps(frame: pd.DataFrame, classes: list[str], *, width: int = 800) -> alt.HConcatChart | alt.VConcatChart:
    """PCA and t-SNE side by side, one point an image, coloured by class.

    frame: index, class, pca_x, pca_y, tsne_x, tsne_y, and `image` (a data URI for the hover) where pictures are here.
    classes: the names in the order of the labels. Dragging a box on either map marks the same images on both
    (parameter `brush`); a click on a class in the legend shows that class alone.
    """
    narrow = width < 700
    side = max(240, width - 20 if narrow else (width - 60) // 2)
    brush = alt.selection_interval(name="brush", resolve="global")
    only = alt.selection_point(name="only", fields=["class"], bind="legend")
    tooltip = (["image:N"] if "image" in frame else []) + ["class:N", "index:Q"]
    colour = alt.Color(
        "class:N",
        sort=classes,
        scale=alt.Scale(domain=classes, range=list(CLASS_COLOURS[: len(classes)])),
        legend=alt.Legend(
            title=None,
            orient="bottom",
            columns=5 if narrow else 10,
            symbolSize=120,
            symbolOpacity=1,
            symbolStrokeWidth=0.5,
        ),
    )

    def one(kind: str) -> alt.Chart:
        axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
        return (
            alt.Chart(frame)
            .mark_circle(size=32 if side < 500 else 45, stroke="#333", strokeWidth=0.25)
            .encode(
                x=alt.X(f"{kind}_x:Q", axis=axis, scale=alt.Scale(zero=False, nice=False, padding=8)),
                y=alt.Y(f"{kind}_y:Q", axis=axis, scale=alt.Scale(zero=False, nice=False, padding=8)),
                color=colour,
                opacity=alt.condition(brush & only, alt.value(0.85), alt.value(0.06)),
                tooltip=tooltip,
            )
            .properties(width=side, height=min(side, 340 if width < 900 else 560), title=MAP_TITLES[kind])
        )

    panels = [one("pca").add_params(brush, only), one("tsne").add_params(brush)]
    joined = alt.vconcat(*panels) if narrow else alt.hconcat(*panels)
    return joined.resolve_scale(color="shared")


def film(
    frame: pd.DataFrame, classes: list[str], *, kind: str, limits: tuple[float, float], side: int = 420
) -> alt.Chart:
    """One moment of a run's map: the fixed images at one epoch.

    frame: class, <kind>_x, <kind>_y. limits: of both axes, the same for every epoch, so that moments compare.
    """
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False, title=None)
    scale = alt.Scale(domain=list(limits), nice=False)
    return (
        alt.Chart(frame)
        .mark_circle(size=30, opacity=0.8, stroke="#333", strokeWidth=0.25)
        .encode(
            x=alt.X(f"{kind}_x:Q", axis=axis, scale=scale),
            y=alt.Y(f"{kind}_y:Q", axis=axis, scale=scale),
            color=alt.Color(
                "class:N",
                sort=classes,
                scale=alt.Scale(domain=classes, range=list(CLASS_COLOURS[: len(classes)])),
                legend=alt.Legend(
                    title=None, orient="bottom", columns=5, symbolSize=120, symbolOpacity=1, symbolStrokeWidth=0.5
                ),
            ),
            tooltip=["class:N"],
        )
        .properties(width=side, height=side)
    )
