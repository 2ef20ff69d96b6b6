"""Clusters: how tight the clusters of the representations are, and why that says little about classes."""

import numpy as np
import pandas as pd
import streamlit as st

import ui
from ui import map_data
from ui.picture_map import Colouring, Panel, atlas, picture_map
from vicreg import charts
from vicreg.evaluation.clustering import majorities
from vicreg.runs.folder import Run

SHOWN = 40
FEW = 100  # pictures; the name of a smaller cluster says how many it has

ui.page(
    "Do tight clusters mean classes?",
    "Left: how tight and far apart the clusters of k-means are. Right: how much a cluster tells about the class. **Is the run "
    "with the longest bar on the left the one with the longest on the right?**",
    explains=("representation", "silhouette", "NMI", "kNN", "t-SNE", "PCA"),
)

width = ui.width()
controls = st.columns([3, 3, 2, 2])
run, second = ui.pick_pair(controls)
count = ui.pick_amount(controls[2], len(ui.results(run, "projections")), key="cluster_count")
kind = charts.MAP_TITLES[ui.pick_map(controls[3], key="cluster_map")]
classes = ui.class_names(run)
noun = "digit " if ui.spec(run).attributes else ""
if not ui.has(run, "clusters"):
    st.stop()
if second is not None and not ui.has(second, "clusters"):
    second = None
pictures = ui.pictures(run)

runs = {title: one for title, one in ui.measured_runs(run).items() if "clusters" in ui.metrics(one)}
scores = pd.DataFrame(
    {"run": title, **{score: ui.metrics(one)["clusters"][score] for score in ("silhouette", "nmi")}}
    for title, one in runs.items()
).sort_values("silhouette", ascending=False)
ui.chart(
    ui.drawn(
        charts.tight_and_telling,
        scores,
        {title: ui.colour(runs[title]) for title in scores["run"]},
        width=max(110, min(width - 300, 900)),
    ),
    alt="Silhouette and NMI of every run's clusters: "
    + "; ".join(f"{row.run} {row.silhouette:.2f} and {row.nmi:.2f}" for row in scores.itertuples()),
    key="scores",
)
tightest = runs[scores["run"].iloc[0]]
if second is None and tightest.folder != run.folder and tightest.numbering == run.numbering:
    second = tightest
    st.caption(
        f"Below: **{ui.title(run)}**, and **{ui.title(second)}** with the tightest clusters, unless you choose another."
    )


def earned(run: Run) -> list[tuple[str, str]]:
    """The name and colour of each cluster: its number, and its class if more than half of its pictures share one.

    A share of few pictures says of how many.
    """
    return ui.once(("earned", run.content), lambda: named(run))


def named(run: Run) -> list[tuple[str, str]]:
    """`earned`, computed."""
    table = table_of(run)
    labels, shares = majorities(table)
    of = [f" of {size}" if size < FEW else "" for size in table.sum(axis=1)]
    return [
        (f"#{i}: {noun}{classes[label]}, {100 * share:.0f} %{of[i]}", ui.class_colour(label))
        if share > 0.5
        else (f"#{i}", charts.UNNAMED_COLOURS[i % len(charts.UNNAMED_COLOURS)])
        for i, (label, share) in enumerate(zip(labels, shares, strict=True))
    ]


def table_of(run: Run) -> np.ndarray:
    """The number of pictures per cluster (row) and class (column)."""
    table, shape = ui.results(run, "clusters"), (len(ui.metrics(run)["clusters"]["matching"]), len(classes))
    return np.bincount(table["cluster"] * shape[1] + table["label"], minlength=shape[0] * shape[1]).reshape(shape)


def names_of(run: Run) -> list[str]:
    """The names of the run's clusters."""
    return [name for name, _ in earned(run)]


def show_maps(run: Run, key: str) -> None:
    """The map by cluster and by class."""
    table, names, figures = ui.results(run, "clusters"), names_of(run), ui.metrics(run)["clusters"]
    labels = table["label"].head(count).to_numpy()
    places = map_data.places(run, kind, count)
    of_clusters = [colour for _, colour in earned(run)]
    picture_map(
        [
            Panel(f"By cluster, {ui.title(run)}", places, colouring="Cluster"),
            Panel(f"By class, {ui.title(run)}", places, colouring="Class"),
        ],
        key=key,
        numbers=np.arange(count),
        colourings=[
            *map_data.colourings(run, None, labels),
            Colouring("Cluster", names, of_clusters, table["cluster"].head(count).to_numpy()),
        ],
        atlas=atlas(run, pictures, count),
        alt=f"{kind} of {count:,} test pictures under {ui.title(run)}, by cluster and by class.",
        words="",
    )
    low, high = figures["interval"]
    named = sum(":" in name for name in names)
    st.markdown(
        f"**{ui.title(run)}**: silhouette **{figures['silhouette']:.2f}**, NMI **{figures['nmi']:.2f}**, ARI "
        f"{figures['ari']:z.2f}. {named or 'None'} of {len(names)} clusters "
        f"{'has' if named == 1 else 'have'} a class that more than half of {'its' if named == 1 else 'their'} pictures share. "
        f"Give each cluster one class, no class twice, so that most pictures fit: then {figures['accuracy']:.2f} % do (95 % "
        f"interval over test pictures: {low:.2f} to {high:.2f}; randomly assigned clusters reach "
        f"{ui.clusters_by_chance(figures['n'], len(classes)):.1f} %)."
    )


show_maps(run, "cluster_maps")
if second is not None:
    show_maps(second, "cluster_maps_second")

st.subheader("What is in a cluster?", anchor=False)


def counted(run: Run) -> pd.DataFrame:
    """cluster, class, count: every pair, including empty ones."""
    counts, names = table_of(run), names_of(run)
    pairs = {"cluster": np.repeat(names, len(classes)), "class": np.tile(classes, len(names)), "count": counts.ravel()}
    return pd.DataFrame(pairs)


def show_table(run: Run, key: str, *, clickable: bool) -> dict[str, str]:
    """The table of clusters and classes. Returns the clicked cell, empty if there is none."""
    frame = counted(run)
    largest = frame.nlargest(10, "count")
    event = ui.chart(
        ui.drawn(
            charts.table_of_counts,
            frame,
            row="cluster",
            column="class",
            rows=names_of(run),
            columns=classes,
            side=min(460, (width if width < 700 else width // 2) - 130),
            title=ui.title(run),
        ),
        alt="Number of pictures of each class in each cluster. Largest: "
        + "; ".join(f"{cluster}, {name} {n}" for cluster, name, n in zip(*map(largest.get, largest), strict=True)),
        key=key,
        on_select="rerun" if clickable else "ignore",
        selection_mode="cell" if clickable else None,
    )
    return ui.clicked_cell(event, {"cluster": names_of(run), "class": classes}) if clickable else {}


left, right = st.columns([1, 1], gap="large")
with left:
    clicked = show_table(run, "cluster_table", clickable=True)
    st.caption("Rows are clusters. Darker cells are a larger share of their row. Click a cell to see its pictures.")
with right:
    if second is not None:
        show_table(second, "cluster_table_second", clickable=False)
    place = st.container()

names = names_of(run)
asked = st.query_params.get("cluster", "0")
linked = int(asked) if asked.isdecimal() and len(asked) < 4 and int(asked) < len(names) else 0
with place:
    number = st.selectbox(
        "Cluster",
        range(len(names)),
        index=names.index(clicked["cluster"]) if clicked else linked,
        format_func=lambda i: f"Cluster {names[i]}",
        key=f"cluster_{clicked['cluster'] if clicked else ''}",
    )
    if clicked or not number:
        st.query_params.pop("cluster", None)
    else:
        st.query_params["cluster"] = str(number)
    table = ui.results(run, "clusters")
    members = table[table["cluster"] == number].sort_values("distance", kind="stable")
    share = members["label"].value_counts(normalize=True).head(4)
    st.markdown(
        f"**{len(members):,} picture{'s' * (len(members) != 1)}**: "
        + ", ".join(
            f"{100 * part:.0f} % {noun}{classes[label]}" for label, part in zip(share.index, share, strict=True)
        )
    )
if clicked and names.index(clicked["cluster"]) == number:
    members = members[members["label"] == classes.index(clicked["class"])]
if pictures is not None:
    shown = members.head(SHOWN)
    st.markdown(
        f"**Nearest to the centre of cluster {names[number]}**"
        + (f", class {clicked['class']} only" if clicked and names.index(clicked["cluster"]) == number else "")
    )
    ui.tiles(
        pictures[shown["index"].to_numpy()],
        key="members",
        label=f"Pictures of cluster {names[number]}",
        captions=[[classes[label]] for label in shown["label"]],
        alts=[f"{classes[label]}, test picture {i}" for label, i in zip(shown["label"], shown["index"], strict=True)],
        colours=[ui.class_colour(label) for label in shown["label"]],
    )

st.markdown(
    f"**How to read it.** k-means places {len(classes)} centres so that every picture is near one of them. It does not know "
    "the classes. A cluster has a number, and the name of a class if more than half of its pictures have that class. NMI and "
    "ARI are 1 if the clusters are the classes. For random clusters, ARI is 0 on average and NMI slightly above 0."
)
st.markdown(
    "**Why the silhouette misleads.** It compares distances inside a cluster with distances to the next cluster. After a "
    "collapse, most of what is left to differ in may be one thing, such as brightness. Cutting these into pieces gives tight "
    "clusters that contain every class."
)
st.markdown(
    "**What it does not prove.** A low NMI does not mean that the classes cannot be recognised: k-means follows what varies "
    "most, which may be colour or background. See the [probe](probe)."
)
figures = ui.metrics(run)["clusters"]
ui.measured(
    f"{figures['protocol']} n = {figures['n']:,}. Pictures: {ui.metrics(run)['sources']['test']['source']}",
    command=f"python -m vicreg evaluate {run.name}",
)
ui.show_source("vicreg.evaluation.clustering:cluster", "vicreg.evaluation.clustering:majorities")
