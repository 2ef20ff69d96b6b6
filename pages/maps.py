"""Maps: every test picture at its place on PCA, t-SNE and Laplacian Eigenmaps, two side by side, and how honest each is."""

import numpy as np
import streamlit as st

import ui
from ui import map_data
from ui.eigenmap_placements import placements_map
from ui.picture_map import Panel, atlas, picture_map
from vicreg import charts
from vicreg.runs.folder import Run
from vicreg.runs.run_card import described

ui.page(
    "Do the classes separate without any labels?",
    "Each point is a test picture. Its position comes from its representation; its colour shows its label, which "
    "training never saw. **Zoom in** until the dots become pictures; **click** one for its true neighbours.",
    explains=("representation", "t-SNE", "PCA", "trustworthiness", "continuity", "kNN", "linear probe"),
)

width = ui.width()
controls = st.container(key="controls").columns(4)
run, second = ui.pick_pair(controls)
if not run.has("projections") and not ui.has(run, "projection"):
    st.stop()
if second is not None and not second.has("projections") and not ui.has(second, "projection"):
    second = None
eigenmap = next(
    (
        one
        for one in ui.measured_runs(run).values()
        if one.baseline == "laplacian" and one.numbering == run.numbering  # rows of the same pictures
    ),
    None,
)
names = map_data.offered(run, second, eigenmap)
left = map_data.pick(controls[2], "Map", names, key="map", default="t-SNE")
beside = None if second else map_data.pick(controls[3], "Second map", ["none", *names], key="beside", default="PCA")
mapped = len(ui.results(run, "projections"))
exhibit = st.container()
few, setting = min(map_data.FEW, mapped), map_data.is_setting(left, beside)
everything = mapped > few and st.toggle(
    f"All {mapped:,} test pictures",
    key="everything",
    bind="query-params",
    disabled=setting,
    help=f"When off, only the first {few:,} are drawn. t-SNE with other settings was computed from these alone.",
)
count = few if setting or not everything else mapped
pictures = ui.pictures(run)
classes = ui.class_names(run)
projections = ui.results(run, "projections")


def panel(of: Run, name: str, title: str) -> tuple[Panel, map_data.Honesty]:
    """One map of a run, and how honest it is."""
    source = eigenmap if eigenmap is not None and name == charts.MAP_TITLES["laplacian"] else of
    found = map_data.honesty(source, name, count)
    values = {} if found.steps is None else {map_data.KEPT: found.steps}
    return Panel(title, map_data.places(source, name, count), found.sentence, found.neighbours, values=values), found


if second:
    drawn = [panel(one, left, f"{left}, {ui.title(one)}") for one in (run, second)]
else:
    drawn = [panel(run, name, name) for name in (left, beside) if name and name != "none"]
panels, honest = [one for one, _ in drawn], [found for _, found in drawn]
asked = {one.k for one in honest}
kept = asked.pop() if len(asked) == 1 else 0  # the scale of kept neighbours needs one number of them
with exhibit:
    picture_map(
        panels,
        key="maps",
        numbers=np.arange(count),
        colourings=map_data.colourings(run, pictures, projections["label"].head(count).to_numpy(), kept),
        atlas=atlas(run, pictures, count),
        alt=f"Maps of {count:,} test pictures, coloured by class: {', '.join(one.title for one in panels)}"
        + (f" of {ui.title(run)}." if second is None else "."),
        words="",
    )
if why := map_data.why_several(run, left, beside):
    st.caption(why)

figures = ui.metrics(run).get("projection")
others = ui.metrics(second).get("projection") if second is not None else None
kind = map_data.kind_of(left)
if second is not None and not others:
    st.caption(f"`{ui.title(second)}` was not measured on maps yet. {ui.how_to_measure(second)}")
if second is not None and figures and others and kind in figures and kind in others:
    st.markdown(
        f"**How well the classes separate.** Let the 10 nearest points vote on a picture's class. On {left}, the vote "
        f"is right for {figures[kind]['knn_accuracy']:.2f} % of the pictures of `{ui.title(run)}` and for "
        f"{others[kind]['knn_accuracy']:.2f} % of those of `{ui.title(second)}`; in all dimensions, for "
        f"{figures['full']['knn_accuracy']:.2f} % and {others['full']['knn_accuracy']:.2f} %. "
        f"Guessing gives {ui.guessing(run)}."
    )
elif figures:
    pca, tsne = figures["pca"], figures["tsne"]
    st.markdown(
        f"**How well the classes separate.** Let a picture's 10 nearest points vote on its class. Under `{ui.title(run)}`, "
        f"the vote is right for {pca['knn_accuracy']:.2f} % of the pictures on PCA, for {tsne['knn_accuracy']:.2f} % on "
        f"t-SNE, and for {figures['full']['knn_accuracy']:.2f} % in all dimensions. Guessing gives {ui.guessing(run)}."
    )
    st.markdown(
        f"**Why they differ.** PCA is a linear view: the two directions of largest variance, which explain "
        f"{100 * sum(pca['explained_variance']):.2f} % of it. t-SNE is nonlinear: it keeps near pictures near, but not "
        f"the distances between islands. Among all {figures['n']:,} test pictures, of a picture's 10 nearest, PCA keeps "
        f"{pca['neighbours_kept']:.2f} % and t-SNE {tsne['neighbours_kept']:.2f} %."
    )
if {"ink", "paper"} <= set(ui.spec(run).attributes):
    st.markdown(
        "**Look for pairs of islands.** Every digit comes light on dark and dark on light. Where a digit forms two "
        "islands, the network may tell the two kinds apart: click a picture and see where its true neighbours are."
    )
choices = ui.metrics(run).get("map_choices")
if faithful := map_data.faithful_words(honest):
    st.markdown(faithful)
if figures and not choices:
    st.markdown(
        f"Lines to true neighbours, and more maps, were not measured. {ui.how_to_measure(run, only='map_choices')}"
    )
if figures:
    st.markdown(
        "**What a map does not prove.** On t-SNE, do not rely on an island's size or on its distance from the "
        "others; another start gives another map. Choose two seeds side by side, or click a picture at the edge "
        "of an island and see where its true neighbours lie. Whether classes can be told apart is what the "
        "[linear probe](probe) measures."
    )

if eigenmap is not None:
    own = ui.metrics(eigenmap)
    st.subheader("What if there were no network at all?", anchor=False)
    told, seen = st.columns(2, gap="large")
    with told:
        compared = run if run.folder != eigenmap.folder else ui.preset_run("vicreg")
        trained = ui.metrics(compared).get("probe")
        plane = own["projection"]["laplacian"]
        (low, high), dimensions = own["probe"]["interval"], own["spectrum"]["dimensions"]
        st.markdown(
            "**Laplacian Eigenmaps** (Belkin and Niyogi 2003) place pictures without a network: pictures near *in "
            "pixel space* are joined in a graph, and the smoothest functions on the graph become coordinates. Here "
            f"the graph holds {eigenmap.record['baseline']['images']:,} training pictures; test pictures are placed "
            f"by the Nyström extension. A linear probe on {dimensions} coordinates reaches {own['probe']['accuracy']:.2f} % "
            f"(95 % interval over test pictures: {low:.2f} to {high:.2f}, n = {own['probe']['n']:,})"
            + (f", against {trained['accuracy']:.2f} % on `{ui.title(compared)}`." if trained else ".")
        )
        st.markdown(
            f"On its map, the 10 nearest points vote for the right class for {plane['knn_accuracy']:.2f} % of the "
            f"pictures, and the map keeps {plane['neighbours_kept']:.2f} % of the neighbours in all its dimensions."
        )
        st.markdown(
            "**What training buys.** The encoder is a function: a new picture costs one pass. The eigenmap covers only its "
            "own pictures: a new one is placed approximately (Nyström), or everything is fitted again."
        )
        ui.amortisation(eigenmap)
        placements_map(eigenmap, pictures, key="placements")
    with seen:
        near = ui.results(eigenmap, "pixel_neighbours")
        if pictures is not None:
            st.markdown("**Nearest neighbours in pixel space**, nearest first")
            for query in near["query"].unique()[:4]:
                rows = near[near["query"] == query]
                indices = [query, *rows["nearest"].head(4)]
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
        f"{figures['protocol']} {choices['protocol'] if choices else ''} "
        f"Run `{ui.title(run)}`; pictures: {ui.metrics(run)['sources']['test']['source']}"
        + (
            f" Eigenmap: {described(eigenmap.record['baseline'])}, k = {eigenmap.record['baseline']['neighbours']}."
            if eigenmap is not None
            else ""
        ),
        command=ui.evaluate_command(run),
    )
ui.show_source(
    "vicreg.evaluation.projection:pca",
    "vicreg.evaluation.projection:tsne",
    "vicreg.evaluation.laplacian:fit",
    "vicreg.evaluation.laplacian:place",
)
