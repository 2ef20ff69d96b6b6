"""Clusters: k-means on the representations, beside the classes that it was not told."""

import numpy as np
import pandas as pd
import streamlit as st

import ui
from ui import map_data
from ui.picture_map import Colouring, Panel, atlas, picture_map
from vicreg import charts
from vicreg.runs.folder import Run

SHOWN = 40

ui.page(
    "Do groups found without labels match the classes?",
    "The same map twice: coloured by **k-means cluster**, and by **class**. A cluster has the colour of the class that it "
    "is matched with, so where both maps agree the grouping found the class by itself.",
)

width = ui.width()
controls = st.columns([3, 3, 2, 2])
run, second = ui.pick_pair(controls)
count = ui.pick_amount(controls[2], len(ui.results(run, "projections")), key="cluster_count")
kind = charts.MAP_TITLES[ui.pick_map(controls[3], key="cluster_map")]
classes = ui.class_names(run)
pictures = ui.pictures(run)


def names_of(run: Run) -> list[str]:
    """What its clusters are called: a number, and the class matched with it."""
    matching = ui.metrics(run)["clusters"]["matching"]
    return [f"{i}: {classes[label] if label >= 0 else 'no class'}" for i, label in enumerate(matching)]


def show_maps(run: Run, key: str) -> None:
    """The map by cluster and by class."""
    table, names, figures = ui.results(run, "clusters"), names_of(run), ui.metrics(run)["clusters"]
    labels = table["label"].head(count).to_numpy()
    places = map_data.places(run, kind, count)
    of_clusters = [ui.class_colour(label) if label >= 0 else charts.NO_CLASS_COLOUR for label in figures["matching"]]
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
    st.markdown(
        f"`{ui.title(run)}`: **{figures['accuracy']:.2f} %** of the pictures lie in their class's cluster (95 % interval "
        f"{low:.2f} to {high:.2f}; "
        f"{ui.clusters_by_chance(figures['n'], len(classes)):.1f} % for clusters drawn by lot), NMI "
        f"{figures['nmi']:.2f}, ARI {figures['ari']:.2f}, "
        f"silhouette {figures['silhouette']:.2f}."
    )


if not ui.has(run, "clusters"):
    st.stop()
if second is not None and not ui.has(second, "clusters"):
    second = None
show_maps(run, "cluster_maps")
if second is not None:
    show_maps(second, "cluster_maps_second")

st.subheader("What is in a cluster?", anchor=False)


def counted(run: Run) -> pd.DataFrame:
    """cluster, class, count: every pair, also the empty ones."""
    table, names = ui.results(run, "clusters"), names_of(run)
    pairs = pd.crosstab(table["cluster"], table["label"])
    pairs = pairs.reindex(index=range(len(names)), columns=range(len(classes)), fill_value=0)
    return pd.DataFrame(
        [
            {"cluster": names[i], "class": classes[j], "count": int(pairs.loc[i, j])}
            for i in range(len(names))
            for j in range(len(classes))
        ]
    )


def show_table(run: Run, key: str, **options) -> object:
    """The cluster x class table."""
    frame = counted(run)
    return ui.chart(
        charts.table_of_counts(
            frame,
            row="cluster",
            column="class",
            rows=names_of(run),
            columns=classes,
            side=min(460, (width if width < 700 else width // 2) - 130),
            title=ui.title(run),
        ),
        alt="How many pictures of each class lie in each cluster. Largest: "
        + "; ".join(f"{r['cluster']}, {r['class']} {r['count']}" for _, r in frame.nlargest(10, "count").iterrows()),
        key=key,
        **options,
    )


left, right = st.columns([1, 1], gap="large")
with left:
    event = show_table(run, "cluster_table", on_select="rerun", selection_mode="cell")
    st.caption("Rows are clusters, shades are shares of a row. Click a cell to see its pictures.")
with right:
    if second is not None:
        show_table(second, "cluster_table_second")
    place = st.container()

names = names_of(run)
cells = event["selection"].get("cell", [])
clicked = cells[0] if cells and cells[0]["cluster"] in names else None  # not one of another run's clusters
with place:
    number = st.selectbox(
        "Cluster",
        range(len(names)),
        index=names.index(clicked["cluster"]) if clicked else 0,
        format_func=lambda i: f"Cluster {names[i]}",
        key=f"cluster_{clicked['cluster'] if clicked else ''}",
    )
    table = ui.results(run, "clusters")
    members = table[table["cluster"] == number].sort_values("distance", kind="stable")
    share = members["label"].value_counts(normalize=True)
    st.markdown(
        f"**{len(members):,} pictures**: "
        + ", ".join(f"{classes[c]} {100 * s:.0f} %" for c, s in share.head(4).items())
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
    f"**How to read it.** k-means puts {len(classes)} centres so that pictures lie near one of them; nobody told it a class. "
    "The matching then gives each cluster at most one class, so that as many pictures as possible agree. NMI and ARI need no "
    "matching: both are 1 for the classes themselves, and ARI is 0 for chance."
)
st.markdown(
    "**What it does not prove.** Clusters may follow colour or background and still be good clusters. The silhouette "
    "judges their shape alone: a collapsed network can have a high one."
)
figures = ui.metrics(run)["clusters"]
ui.measured(
    f"{figures['protocol']} n = {figures['n']:,}. Pictures: {ui.metrics(run)['sources']['test']['source']}",
    command=f"python -m vicreg evaluate {run.name}",
)
ui.show_source("vicreg.evaluation.clustering:cluster")
