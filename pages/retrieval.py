"""Retrieval: the nearest and the farthest pictures of one that you pick."""

import numpy as np
import streamlit as st

import ui

SHOWN, GALLERY = 8, 40

ui.page(
    "Which pictures does the network find alike?",
    "Click any picture: it becomes the query. **Its nearest share shapes and scenes**, and often the class, which the "
    "network was never told; the farthest look like nothing in it.",
)

controls = st.columns([3, 2, 2, 2])
with controls[0]:
    run = ui.pick_run()
metric = controls[1].segmented_control(
    "Distance", ["cosine", "euclidean"], default="cosine", required=True, key="metric", bind="query-params"
)
split = controls[2].segmented_control(
    "Gallery: pictures searched", ["test", "train"], default="test", required=True, key="gallery", bind="query-params"
)
pictures = ui.pictures(run)
if pictures is None:
    found = ui.metrics(run).get("retrieval")
    if found:
        st.markdown(
            f"Without the pictures there is one figure to show: of a test picture's five nearest, "
            f"**{found['nearest_5_same_class']:.2f} %** have its class (run `{run.title}`; chance is 10 %)."
        )
    st.stop()
number = controls[3].number_input(
    "Query: test picture", 0, len(pictures) - 1, 19, key="query", bind="query-params", persist_state="session"
)
gallery = pictures if split == "test" else ui.pictures(run, "train")
if gallery is None:
    st.stop()


def pick(index: int) -> None:
    """Make a test picture the query, before the page runs again."""
    st.session_state["query"] = index


found = ui.search(run, pictures, number, gallery=split, metric=metric, k=SHOWN)
name = pictures.classes[pictures.labels[number]]
scale = 3 if ui.width() > 1100 else 2

left, right = st.columns([1, 4])
with left:
    st.markdown("**Query**")
    ui.tiles(
        pictures[[number]],
        key="query_picture",
        label="The query",
        alts=[f"query: {name}, test picture {number}"],
        captions=[[name, f"test {number}"]],
        colours=[ui.class_colour(pictures.labels[number])],
        framed=[0],
        scale=5,
    )
with right:
    for side, indices, distances in (
        ("Nearest", found.nearest, found.nearest_distances),
        ("Farthest", found.farthest, found.farthest_distances),
    ):
        labels = gallery.labels[indices]
        agree = int((labels == pictures.labels[number]).sum())
        st.markdown(
            f"**{side}** among {len(gallery):,} {split} pictures: {agree} of {len(indices)} are of the class {name}"
        )
        names = [gallery.classes[label] for label in labels]
        ui.tiles(
            gallery[indices],
            key=side,
            label=f"{side} pictures",
            alts=[
                f"{n}, {split} picture {i}, distance {d:.2f}" for n, i, d in zip(names, indices, distances, strict=True)
            ],
            captions=[[n, f"{d:.2f}"] for n, d in zip(names, distances, strict=True)],
            colours=[ui.class_colour(label) for label in labels],
            ids=indices,
            scale=scale,
            on_pick=pick if split == "test" else None,
        )

heading, more = st.columns([3, 1], vertical_alignment="bottom")
heading.markdown("**Pick another query** from the test pictures")
start = st.session_state.setdefault("gallery_start", 0)
if more.button("Other pictures", icon=":material/shuffle:", width="stretch"):
    start = st.session_state["gallery_start"] = (start + GALLERY) % len(pictures)
offered = np.arange(start, start + GALLERY) % len(pictures)
ui.tiles(
    pictures[offered],
    key="offered",
    label="Pictures to pick a query from",
    alts=[f"{pictures.classes[pictures.labels[i]]}, test picture {i}" for i in offered],
    ids=offered,
    framed=[number],
    on_pick=pick,
)

figures = ui.metrics(run).get("retrieval")
if figures:
    st.markdown(
        f"**How often it is right.** Of a test picture's five nearest, {figures['nearest_5_same_class']:.2f} % have its "
        f"class (cosine, all {figures['n']:,} test pictures; chance is 10 %). What the rest share is worth a look: "
        "background, colour, the pose of the object."
    )
st.markdown(
    "**What is compared.** The 512 numbers of the representation $y$, before the expander. The cosine distance is "
    r"$1 - \cos(y, y')$, from 0 to 2: only the direction counts. The Euclidean distance $\lVert y - y' \rVert$ also sees the "
    "length."
)
st.markdown(
    "**What it does not prove.** One query is an anecdote, and a near picture of the right class can be near for "
    "the wrong reason. The probe and the maps look at all pictures at once."
)
ui.measured(
    f"Exact search over the whole gallery, the query itself left out. Run `{run.title}`, gallery: CIFAR-10 {split} split; "
    f"distances as the run was measured ({ui.metrics(run).get('sources', {}).get('test', {}).get('source', 'unknown.')})",
    command=f"python -m vicreg evaluate {run.name}",
)
ui.show_source("vicreg.evaluation.neighbours:nearest_and_farthest")
