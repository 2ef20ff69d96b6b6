"""Maps: every test picture as a point, PCA beside t-SNE."""

import numpy as np
import streamlit as st

import ui
from vicreg import charts

ui.page(
    "Do the classes separate, though no label was used?",
    "Each point is a test picture; its place comes from the representation alone, its colour from the label that "
    "training never saw. **Drag a box** on either map: the same pictures light up on the other.",
)

width = ui.width()
controls = st.columns([2, 2])
with controls[0]:
    run = ui.pick_run()
count = controls[1].select_slider(
    "Pictures on the maps",
    [500, 1_000, 2_000, 5_000, 10_000],
    value=2_000,
    format_func=lambda n: f"{n:,}",
    key="count",
    bind="query-params",
    persist_state="session",
    help="All 10,000 were mapped; this many of them are drawn. More pictures take longer to send.",
)
places = ui.results(run, "projections").head(count)
classes = ui.class_names(run)
pictures = ui.pictures(run)

frame = places.assign(**{"class": np.array(classes)[places["label"]]})
if pictures is not None:
    frame["image"] = ui.thumbnails(run, pictures, len(frame))

figures = ui.metrics(run).get("projection")
event = ui.chart(
    charts.maps(frame, classes, width=width),
    alt="Two maps of the same test pictures, PCA and t-SNE, coloured by class. On t-SNE most classes gather in "
    "regions, the vehicles apart from the animals; on PCA they overlap.",
    key="maps",
    on_select="rerun",
    selection_mode="brush",
)
chosen = ui.brushed(frame, event["selection"].get("brush", {}))

if chosen is None:
    st.caption("Nothing is chosen. Drag a box on a map, or click a class in the legend to see it alone.")
else:
    counts = chosen["class"].value_counts()
    listed = ", ".join(f"{name} {n}" for name, n in counts.head(4).items())
    st.markdown(f"**{len(chosen):,} pictures chosen**, most often: {listed or 'none'}")
    if pictures is not None and len(chosen):
        shown = chosen.head(60)
        ui.tiles(
            pictures[shown["index"].to_numpy()],
            key="chosen",
            label="Pictures in the box",
            captions=[[name] for name in shown["class"]],
            alts=[f"{name}, picture {index}" for name, index in zip(shown["class"], shown["index"], strict=True)],
            colours=[ui.class_colour(label) for label in shown["label"]],
        )
        if len(chosen) > len(shown):
            st.caption(f"The first {len(shown)} of them.")

if figures:
    pca, tsne = figures["pca"], figures["tsne"]
    st.markdown(
        f"**How much separates.** Among the 10 nearest points on the map, the majority has the picture's class for "
        f"{pca['knn_accuracy']:.2f} % of the pictures under PCA and {tsne['knn_accuracy']:.2f} % under t-SNE; in all 512 "
        f"dimensions it is {figures['full']['knn_accuracy']:.2f} %. Guessing gives 10 %."
    )
    st.markdown(
        f"**Why they differ.** PCA is a linear view: the two directions of largest variance, which hold "
        f"{100 * sum(pca['explained_variance']):.2f} % of it. t-SNE is not: it keeps near pictures near, and gives up "
        f"distances between islands. Of a picture's 10 nearest neighbours, PCA keeps {pca['neighbours_kept']:.2f} % and "
        f"t-SNE {tsne['neighbours_kept']:.2f} %."
    )
    st.markdown(
        "**What a map does not prove.** The size of an island, and how far it lies from the next, mean nothing on "
        "t-SNE; another starting point draws another picture. Whether classes can be told apart is what the "
        "linear probe measures."
    )
    ui.measured(
        f"{figures['protocol']} Run `{run.title}`; pictures: {ui.metrics(run)['sources']['test']['source']}",
        command=f"python -m vicreg evaluate {run.name}",
    )
ui.show_source("vicreg.evaluation.projection:pca", "vicreg.evaluation.projection:tsne", "vicreg.charts:maps")
