"""Clusters: how tight the clusters of the representations are, and why that says little about classes."""

import numpy as np
import streamlit as st

import ui
from ui import cluster_tables, map_data
from ui.picture_map import Colouring, Panel, atlas, picture_map
from vicreg import charts
from vicreg.runs.folder import Run

SHOWN = 40

ui.page(
    "Do tight clusters match the classes?",
    "Silhouette: how tight and well separated the k-means clusters are. NMI: how well clusters and classes agree, from 0 "
    "(not at all) to 1 (they are the same groups). **Is the run with the longest silhouette bar the one with the longest NMI "
    "bar?**",
    explains=("representation", "silhouette", "NMI", "ARI", "kNN", "t-SNE", "PCA"),
)

width = ui.width()
controls = st.columns([3, 3, 2, 2])
run, second = ui.pick_pair(controls)
if not ui.has(run, "clusters"):
    st.stop()
if second is not None and not ui.has(second, "clusters"):
    second = None
count = ui.pick_amount(controls[2], len(ui.results(run, "projections")), key="cluster_count")
kind = charts.MAP_TITLES[ui.pick_map(controls[3], key="cluster_map")]
classes = ui.class_names(run)
pictures = ui.pictures(run)

runs = {title: one for title, one in ui.measured_runs(run).items() if "clusters" in ui.metrics(one)}
scores = cluster_tables.scores_of(tuple(runs.items()))
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
        f"Below: **{ui.title(run)}**, and **{ui.title(second)}**, the run with the tightest clusters. Choose another under "
        "*Compare with*."
    )


def show_maps(run: Run, key: str) -> None:
    """The map by cluster and by class."""
    table, found, figures = ui.results(run, "clusters"), cluster_tables.clusters_of(run), ui.metrics(run)["clusters"]
    labels = table["label"].head(count).to_numpy()
    places = map_data.places(run, kind, count)
    picture_map(
        [
            Panel(f"By cluster, {ui.title(run)}", places, colouring="Cluster"),
            Panel(f"By class, {ui.title(run)}", places, colouring="Class"),
        ],
        key=key,
        numbers=np.arange(count),
        colourings=[
            *map_data.colourings(run, None, labels),
            Colouring("Cluster", found.names, found.colours, table["cluster"].head(count).to_numpy()),
        ],
        atlas=atlas(run, pictures, count),
        alt=f"{kind} of {count:,} test pictures under {ui.title(run)}, by cluster and by class.",
        words="",
    )
    low, high = figures["interval"]
    named = found.named
    st.markdown(
        f"**{ui.title(run)}**: silhouette **{figures['silhouette']:.2f}**, NMI **{figures['nmi']:.2f}**, ARI "
        f"{figures['ari']:z.2f}. In {named or 'none'} of {len(found.names)} clusters, more than half of the pictures have the "
        "same class. "
        f"With the best one-to-one matching of clusters to classes, {figures['accuracy']:.2f} % of pictures fit (95 % "
        f"interval over test pictures: {low:.2f} to {high:.2f}; randomly assigned clusters reach "
        f"{ui.clusters_by_chance(figures['n'], len(classes)):.1f} %)."
    )


show_maps(run, "cluster_maps")
if second is not None:
    show_maps(second, "cluster_maps_second")

st.subheader("What is in a cluster?", anchor=False)


def show_table(run: Run, key: str, *, clickable: bool) -> dict[str, str]:
    """The table of clusters and classes. Returns the clicked cell, empty if there is none."""
    found = cluster_tables.clusters_of(run)
    event = ui.chart(
        ui.drawn(
            charts.table_of_counts,
            found.table,
            row="cluster",
            column="class",
            rows=found.names,
            columns=classes,
            side=min(460, (width if width < 700 else width // 2) - 130),
            title=ui.title(run),
        ),
        alt=f"Number of pictures of each class in each cluster. Largest: {found.words}",
        key=key,
        on_select="rerun" if clickable else "ignore",
        selection_mode="cell" if clickable else None,
    )
    return ui.clicked_cell(event, {"cluster": found.names, "class": classes}) if clickable else {}


left, right = st.columns([1, 1], gap="large")
with left:
    clicked = show_table(run, "cluster_table", clickable=True)
    st.caption("Rows are clusters. Darker cells are a larger share of their row. Click a cell to see its pictures.")
with right:
    if second is not None:
        show_table(second, "cluster_table_second", clickable=False)
    place = st.container()

names = cluster_tables.clusters_of(run).names
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
    members = cluster_tables.members_of(run, number)
    st.markdown(f"**{len(members):,} picture{'s' * (len(members) != 1)}**: {cluster_tables.shares_of(run, number)}")
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
    "ARI (adjusted Rand index) are 1 if the clusters are the classes. For random clusters, ARI is 0 on average and NMI "
    "slightly above 0."
)
st.markdown(
    "**Why the silhouette misleads.** It compares distances inside a cluster with distances to the next cluster. After a "
    "collapse, most of the remaining variation may be one thing, such as brightness. Cutting it into pieces gives "
    "tight clusters that contain every class."
)
st.markdown(
    "**What it does not prove.** A low NMI does not mean that the classes cannot be recognised: k-means follows what varies "
    "most, which may be colour or background. See the [probe](probe)."
)
figures = ui.metrics(run)["clusters"]
ui.measured(
    f"{figures['protocol']} n = {figures['n']:,}. Pictures: {ui.metrics(run)['sources']['test']['source']}",
    command=ui.evaluate_command(run),
)
ui.show_source("vicreg.evaluation.clustering:cluster", "vicreg.evaluation.clustering:majorities")
