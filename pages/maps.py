"""Maps: every test picture as a point, PCA beside t-SNE beside Laplacian Eigenmaps; or two runs beside each other."""

import numpy as np
import streamlit as st

import ui
from vicreg import charts
from vicreg.runs.model_card import described

ui.page(
    "Do the classes separate, though no label was used?",
    "Each point is a test picture; its place comes from the representation alone, its colour from the label that "
    "training never saw. **Drag a box** on one map: the same pictures light up on the others.",
)

width = ui.width()
controls = st.columns([3, 3, 2, 3])
run, second = ui.pick_pair(controls)
eigenmap = next(
    (
        one
        for one in ui.measured_runs(run).values()
        if one.baseline == "laplacian" and one.numbering == run.numbering  # rows of the same pictures
    ),
    None,
)
kinds = [kind for kind in charts.MAP_TITLES if kind != "laplacian" or eigenmap is not None]
if second is not None:
    kind = ui.pick_map(controls[2], key="map")
count = ui.pick_amount(controls[3], len(ui.results(run, "projections")), key="count")
places = ui.results(run, "projections").head(count)
classes = ui.class_names(run)
pictures = ui.pictures(run)

frame = places.assign(**{"class": np.array(classes)[places["label"]]})
known = {} if pictures is None else pictures.known
field = "class"
if known:
    field = st.segmented_control(
        "Coloured by", ["class", *known], default="class", required=True, key="coloured_by", bind="query-params"
    )
    frame = frame.assign(**{what: names[pictures.order[places["index"]]] for what, names in known.items()})
hues = None if field == "class" else [charts.HUE_COLOURS[name] for name in ui.spec(run).attributes[field]]
names = classes if field == "class" else list(ui.spec(run).attributes[field])
if second is not None:
    other = ui.results(second, "projections").head(count)
    for axis in "xy":
        frame[f"second_{kind}_{axis}"] = other[f"{kind}_{axis}"]
    named = charts.MAP_TITLES[kind]
    panels = [
        charts.panel(kind, names, title=f"{named}, {ui.title(run)}", field=field, colours=hues),
        charts.panel(kind, names, prefix="second_", title=f"{named}, {ui.title(second)}", field=field, colours=hues),
    ]
else:
    if eigenmap is not None:
        for axis in "xy":
            frame[f"laplacian_{axis}"] = ui.results(eigenmap, "projections")[f"laplacian_{axis}"].head(count)
    panels = [charts.panel(kind, names, field=field, colours=hues) for kind in kinds]
if pictures is not None:
    frame["image"] = ui.thumbnails(run, pictures, len(frame))

event = ui.chart(
    charts.maps(frame, panels, width=width),
    alt="Maps of the same test pictures, coloured by "
    + field
    + ": "
    + "; ".join(panel.title for panel in panels)
    + ".",
    key="maps",
    on_select="rerun",
    selection_mode="brush",
)
chosen = ui.brushed(frame, event["selection"].get("brush", {}))

if chosen is None:
    st.caption("Nothing is chosen. Drag a box on a map, or click a class in the legend to see it alone.")
else:
    counts = chosen[field].value_counts()
    listed = ", ".join(f"{name} ({n})" for name, n in counts.head(4).items())
    st.markdown(f"**{len(chosen):,} pictures chosen**, most often: {listed or 'none'}")
    if pictures is not None and len(chosen):
        shown = chosen.head(60)
        ui.tiles(
            pictures[shown["index"].to_numpy()],
            key="chosen",
            label="Pictures in the box",
            captions=[[name] for name in shown[field]],
            alts=[f"{name}, picture {index}" for name, index in zip(shown[field], shown["index"], strict=True)],
            colours=[
                ui.class_colour(label) if hues is None else charts.HUE_COLOURS[name]
                for label, name in zip(shown["label"], shown[field], strict=True)
            ],
        )
        if len(chosen) > len(shown):
            st.caption(f"The first {len(shown)} of them.")

figures = ui.metrics(run).get("projection")
others = ui.metrics(second).get("projection") if second is not None else None
if second is not None and not others:
    st.caption(f"`{ui.title(second)}` has no figures of its map yet: `python -m vicreg evaluate {second.name}`.")
if figures and others:
    st.markdown(
        f"**How much separates.** Among the 10 nearest points on {charts.MAP_TITLES[kind]}, the majority has the "
        f"picture's class for {figures[kind]['knn_accuracy']:.2f} % of the pictures of `{ui.title(run)}` and "
        f"{others[kind]['knn_accuracy']:.2f} % of `{ui.title(second)}`; in all dimensions it is "
        f"{figures['full']['knn_accuracy']:.2f} % and {others['full']['knn_accuracy']:.2f} %. "
        f"Guessing gives {ui.guessing(run)}."
    )
elif figures:
    pca, tsne = figures["pca"], figures["tsne"]
    st.markdown(
        f"**How much separates.** Among the 10 nearest points on the map, the majority has the picture's class for "
        f"{pca['knn_accuracy']:.2f} % of the pictures under PCA and {tsne['knn_accuracy']:.2f} % under t-SNE; in all "
        f"dimensions it is {figures['full']['knn_accuracy']:.2f} %. Guessing gives {ui.guessing(run)}."
    )
    st.markdown(
        f"**Why they differ.** PCA is a linear view: the two directions of largest variance, which hold "
        f"{100 * sum(pca['explained_variance']):.2f} % of it. t-SNE is not: it keeps near pictures near, and gives up "
        f"distances between islands. Of a picture's 10 nearest neighbours, PCA keeps {pca['neighbours_kept']:.2f} % and "
        f"t-SNE {tsne['neighbours_kept']:.2f} %."
    )
if {"ink", "paper"} <= set(ui.spec(run).attributes):
    st.markdown(
        "**Look for pairs of islands.** Every digit comes light on dark and dark on light. Where it lies in two places, the "
        "network tells these apart too."
    )
if figures:
    st.markdown(
        "**What a map does not prove.** The size of an island, and how far it lies from the next, mean nothing on "
        "t-SNE; another starting point draws another picture. Whether classes can be told apart is what the "
        "[linear probe](probe) measures."
    )

if eigenmap is not None:
    own = ui.metrics(eigenmap)
    st.subheader("What if there were no network at all?", anchor=False)
    left, right = st.columns([3, 2], gap="large")
    with left:
        trained = ui.metrics(run).get("probe")
        plane = own["projection"]["laplacian"]
        (low, high), dimensions = own["probe"]["interval"], own["spectrum"]["dimensions"]
        st.markdown(
            "**Laplacian Eigenmaps** (Belkin and Niyogi 2003) place every picture by itself: near pictures *in pixel "
            "space* are joined in a graph, and the smoothest functions on the graph become coordinates. Here the graph holds "
            f"{eigenmap.record['baseline']['images']:,} train pictures; test pictures are placed by Nyström's rule. A linear "
            f"probe on {dimensions} coordinates reaches {own['probe']['accuracy']:.2f} % (95 % interval {low:.2f} to "
            f"{high:.2f}, n = {own['probe']['n']:,})"
            + (f", against {trained['accuracy']:.2f} % on `{ui.title(run)}`." if trained else ".")
        )
        st.markdown(
            f"On its plane {plane['knn_accuracy']:.2f} % of the pictures have the class of their 10 nearest points' majority, "
            f"and {plane['neighbours_kept']:.2f} % of the neighbours in all its dimensions are kept."
        )
        st.markdown(
            "**What a network amortises.** The encoder is a function: a new picture costs one pass. The eigenmap knows its "
            "own pictures only; a new one is placed by a rule that averages its neighbours (Nyström), or everything is fitted "
            "again."
        )
        ui.amortisation(eigenmap)
        placed = ui.results(eigenmap, "placements")
        labels = ui.results(eigenmap, "projections")["label"].to_numpy()
        placed = placed.assign(**{"class": np.array(classes)[labels[placed["index"]]]})
        everything = ui.results(eigenmap, "projections").head(2_000)
        ui.chart(
            charts.placements(
                everything.rename(columns={"laplacian_x": "x", "laplacian_y": "y"})[["x", "y"]],
                placed,
                classes,
                side=max(220, min(380, width // 2 - 40)),
            ),
            alt="Ten new pictures on the eigenmap: where Nyström's rule puts each, and where it comes to lie if all is fitted "
            "again with it.",
            key="placements",
        )
        st.caption(f"Ten new pictures, one of each class. Grey: {len(everything):,} more, placed by the rule.")
    with right:
        near = ui.results(eigenmap, "pixel_neighbours")
        if pictures is not None:
            st.markdown("**What pixel space calls neighbours**, nearest first")
            for query in near["query"].unique()[:4]:
                rows = near[near["query"] == query]
                indices = [query, *rows["nearest"]]
                ui.tiles(
                    pictures[indices],
                    key=f"pixels_{query}",
                    label=f"Picture {query} and its nearest in pixel space",
                    captions=[[pictures.classes[pictures.labels[i]]] for i in indices],
                    alts=[f"{pictures.classes[pictures.labels[i]]}, test picture {i}" for i in indices],
                    colours=[ui.class_colour(pictures.labels[i]) for i in indices],
                    framed=[0],
                )

if figures:
    ui.measured(
        f"{figures['protocol']} Run `{ui.title(run)}`; pictures: {ui.metrics(run)['sources']['test']['source']}"
        + (
            f" Eigenmap: {described(eigenmap.record['baseline'])}, k = {eigenmap.record['baseline']['neighbours']}."
            if eigenmap is not None
            else ""
        ),
        command=f"python -m vicreg evaluate {run.name}",
    )
ui.show_source(
    "vicreg.evaluation.projection:pca",
    "vicreg.evaluation.projection:tsne",
    "vicreg.evaluation.laplacian:fit",
    "vicreg.evaluation.laplacian:place",
)
