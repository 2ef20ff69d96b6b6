"""Retrieval: the nearest and farthest pictures of a query, for one run or two."""

import numpy as np
import pandas as pd
import streamlit as st

import ui
from vicreg import charts
from vicreg.claims.differences import less
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject

SHOWN, GALLERY = 8, 40
SHARE = "The share with the query's class is"
MUCH_LESS = 1.5  # times less: a share of hubs that has found its reason

ui.page(
    "Which pictures look similar to the network?",
    "Click any picture to make it the query. **What do its nearest pictures share with it?** The network never saw a label.",
    explains=("representation", "query", "gallery", "cosine", "hub"),
)

controls = st.columns([4, 4, 3, 3])
run, second = ui.pick_pair(controls)
metric = controls[2].segmented_control(
    "Distance", ["cosine", "euclidean"], default="cosine", required=True, key="metric", bind="query-params"
)
split = controls[3].segmented_control(
    "Gallery (pictures to search)", ["test", "train"], default="test", required=True, key="gallery", bind="query-params"
)
runs = [one for one in (run, second) if one is not None]
pictures = ui.pictures(run)
figures = ui.metrics(run).get("retrieval")
if split == "train" and not all(one.has_network for one in runs):
    st.info(
        "This baseline has no network to encode new pictures, so only the test gallery is available.",
        icon=":material/info:",
    )
    split = "test"
gallery = pictures if split == "test" or pictures is None else ui.pictures(run, "train")
width = ui.width()
scale = 3 if width > 1100 and second is None else 2
classes = ui.class_names(run)


def pick(index: int) -> None:
    """Make a test picture the query before the page reruns."""
    st.session_state["query"] = index
    ui.drop_own_picture("own_query")


def known(of: ui.Pictures, index: int) -> list[str]:
    """Captions with other known properties of a picture: the ink colour, and `on` the paper colour."""
    row = of.order[index]
    return [f"{'on ' * (what == 'paper')}{names[row]}" for what, names in of.known.items()]


def show_row(
    side: str, found: np.ndarray, distances: np.ndarray, run: Run, *, gallery: ui.Pictures, label: int | None, key: str
) -> None:
    """Show the nearest or farthest pictures for a run. label: the query's class; None for an uploaded picture."""
    labels = gallery.labels[found]
    under = f", `{ui.title(run)}`" if second is not None else ""
    if label is None:
        listed = pd.Series([classes[one] for one in labels]).value_counts()
        agreement = "mostly " + ", ".join(f"{name} ({n})" for name, n in listed.head(3).items())
    else:
        agreement = f"{int((labels == label).sum())} of {len(found)} have the class {classes[label]}"
    kind = "training" if split == "train" else "test"
    st.markdown(f"**{side}** among {len(gallery):,} {kind} pictures{under}: {agreement}")
    names = [gallery.classes[one] for one in labels]
    ui.tiles(
        gallery[found],
        key=key,
        label=f"{side} pictures" + (f" under {ui.title(run)}" if key != side else ""),
        alts=[f"{n}, {kind} picture {i}, distance {d:.2f}" for n, i, d in zip(names, found, distances, strict=True)],
        captions=[[n, *known(gallery, i), f"{d:.2f}"] for n, i, d in zip(names, found, distances, strict=True)],
        colours=[ui.class_colour(one) for one in labels],
        ids=found,
        scale=scale,
        on_pick=pick if split == "test" else None,
    )


def choose_query(pictures: ui.Pictures) -> tuple[int, np.ndarray | None]:
    """Choose the query: the number of a test picture, and an uploaded picture that replaces it, or None."""
    number = st.number_input(
        "Query: test picture",
        0,
        len(pictures) - 1,
        min(130, len(pictures) - 1),
        key="query",
        bind="query-params",
        persist_state="session",
    )
    own = None
    if all(one.has_network for one in runs):
        own = ui.own_picture(st, key="own_query", ahead=lambda: ui.load_networks(run))
    name = "your picture" if own is not None else pictures.classes[pictures.labels[number]]
    ui.tiles(
        pictures[[number]] if own is None else own[None],
        key="query_picture",
        label="The query",
        alts=[f"query: {name}, test picture {number}" if own is None else "query: your picture, 32 x 32"],
        captions=[
            [name, *known(pictures, number), f"test {number}"] if own is None else [name, "as the network sees it"]
        ],
        colours=[ui.class_colour(pictures.labels[number]) if own is None else None],
        framed=[0],
        scale=5,
        stored=own is None,
    )
    if own is not None:
        st.button("Remove picture", icon=":material/close:", on_click=ui.drop_own_picture, args=("own_query",))
    return number, own


def show_answers(pictures: ui.Pictures, gallery: ui.Pictures, number: int, own: np.ndarray | None) -> None:
    """Show the nearest and farthest pictures of the query, for each run."""
    if own is None:
        found = [ui.search(one, pictures, number, gallery=split, metric=metric, k=SHOWN) for one in runs]
    else:
        found = [ui.search_picture(one, own, gallery, split=split, metric=metric, k=SHOWN) for one in runs]
    label = int(pictures.labels[number]) if own is None else None
    nearest = [(lists.nearest, lists.nearest_distances) for lists in found]
    farthest = [(lists.farthest, lists.farthest_distances) for lists in found]
    for side, answers in (("Nearest", nearest), ("Farthest", farthest)):
        for one, (numbers, distances) in zip(runs, answers, strict=True):
            key = side if one is run else f"{side}_second"
            show_row(side, numbers, distances, one, gallery=gallery, label=label, key=key)


def offer_queries(pictures: ui.Pictures, framed: list[int]) -> None:
    """Show other pictures to pick. framed: the query, if it is one of them."""
    heading, more = st.columns([3, 1], vertical_alignment="bottom")
    heading.markdown("**Pick another query.** First row: how many of a picture's five nearest (cosine) have its class")
    start = st.session_state.setdefault("gallery_start", 0)
    if more.button("Other pictures", icon=":material/shuffle:", width="stretch"):
        start = st.session_state["gallery_start"] = (start + GALLERY) % len(pictures)
    if figures and (sample := figures.get("sample")):
        numbers = sample["queries"]
        ui.tiles(
            pictures[numbers],
            key="sample",
            label="One picture of each class",
            captions=[
                [pictures.classes[pictures.labels[i]], f"{same} of 5 agree"]
                for i, same in zip(numbers, sample["same_class"], strict=True)
            ],
            alts=[f"{pictures.classes[pictures.labels[i]]}, sample, test picture {i}" for i in numbers],
            colours=[ui.class_colour(pictures.labels[i]) for i in numbers],
            ids=numbers,
            framed=framed,
            on_pick=pick,
        )
    offered = np.arange(start, start + GALLERY) % len(pictures)
    ui.tiles(
        pictures[offered],
        key="offered",
        label="Pictures to pick a query from",
        alts=[f"{pictures.classes[pictures.labels[i]]}, test picture {i}" for i in offered],
        ids=offered,
        framed=framed,
        on_pick=pick,
    )


if pictures is not None and gallery is not None:
    ui.within("query", len(pictures) - 1)
    left, right = st.columns([1, 4])
    with left:
        number, own = choose_query(pictures)
    with right:
        show_answers(pictures, gallery, number, own)
    offer_queries(pictures, [number] if own is None else [])


def why_they_repeat(hubness: JsonObject) -> str:
    """Why the same pictures are farthest so often, by the metric chosen; empty where the figures do not show it."""
    by_direction = hubness["cosine"]["farthest"]
    if metric == "euclidean":
        far_out = by_direction < hubness["euclidean"]["farthest"] / MUCH_LESS
        return f" They lie far out: by direction alone (cosine), the share is {by_direction:.2f} %." if far_out else ""
    if hubness.get("centred_cosine", by_direction) >= by_direction / MUCH_LESS:
        return ""
    return (
        " They point away from the mean of all representations: with the mean subtracted, the share is "
        f"{hubness['centred_cosine']:.2f} %."
    )


one_of = {ui.title(one): one for one in runs}
measured = {
    ui.title(one): ui.metrics(one)["retrieval"] for one in runs if "hubness" in ui.metrics(one).get("retrieval", {})
}
if measured:
    st.subheader("How often, across all test pictures?", anchor=False)
    left, right = st.columns([1, 1], gap="large")
    with left:
        by_class = pd.DataFrame(
            [
                {"class": name, "run": title, "accuracy": value}
                for title, values in measured.items()
                for name, value in values["per_class"].items()
            ]
        )
        ui.chart(
            ui.drawn(
                charts.per_class,
                by_class,
                {ui.title(one): ui.colour(one) for one in runs if ui.title(one) in measured},
                classes,
                width=max(220, width // 2 - 170),
                title="five nearest with the query's class, %",
            ),
            alt=f"Share of the five nearest that have the query's class. {ui.class_words(by_class)}",
            key="by_class",
        )
    with right:
        for title, values in measured.items():
            low, high = values["interval"]
            colour, hubness = values.get("colour"), values["hubness"]
            st.markdown(
                f"`{title}`: **{values['nearest_5_same_class']:.2f} %** of the five nearest (cosine) have the query's class "
                f"(95 % interval over test pictures: {low:.2f} to {high:.2f}; guessing gives {ui.guessing(run)})."
            )
            if colour:
                st.markdown(
                    f"**Colour.** Neighbours' mean colours differ {less(colour['distance_ratio'])} than those of random pairs "
                    f"(ratio {colour['distance_ratio']:.3f}; 0 %: colour plays no role). A linear model predicts a picture's "
                    f"mean colour from its representation with $R^2$ = {colour['r2']:.2f} (1: exactly; 0: not at all)."
                )
            if seen := ui.metrics(one_of[title]).get("attributes"):
                st.markdown(
                    "**What else the five nearest share with the query.** "
                    + ", ".join(f"{found['nearest_5_same']:.2f} % the {what}" for what, found in seen.items())
                    + f"; guessing gives {next(iter(seen.values()))['chance']:.2f} %."
                )
            below = ", shown below" if title == ui.title(run) and pictures is not None else ""
            st.markdown(
                f"**The same pictures are farthest again and again.** Ten of them (hubs{below}) fill "
                f"{hubness[metric]['farthest']:.2f} % of all places in the lists of the five farthest ({metric}). An even "
                f"share would be {hubness['by_chance']:.2f} %." + why_they_repeat(hubness)
            )
        if len(measured) > 1 and (told := ui.seeds_sentence(run, second, "nearest_5_same_class", says=SHARE)):
            st.markdown(told)
    hubs = measured[ui.title(run)]["hubness"][metric]["hubs"] if ui.title(run) in measured else []
    if hubs and pictures is not None:
        rows = [hub["index"] for hub in hubs]
        if second is not None:
            st.markdown(f"**Hubs** of `{ui.title(run)}`")
        ui.tiles(
            pictures[rows],
            key="hubs",
            label="Pictures that are farthest most often",
            captions=[
                [
                    pictures.classes[pictures.labels[hub["index"]]],
                    f"{hub['lists']:,} lists",
                    f"{hub['classes']} classes",
                ]
                for hub in hubs
            ],
            alts=[f"test picture {hub['index']}, farthest for {hub['lists']} queries" for hub in hubs],
            colours=[ui.class_colour(pictures.labels[row]) for row in rows],
            ids=rows,
            on_pick=pick,
        )
st.markdown(
    "**What is compared.** The representations $y$, before the expander. The cosine distance $1 - \\cos(y, y')$ is between 0 "
    r"and 2 and depends only on their directions. The Euclidean distance $\lVert y - y' \rVert$ also depends on their lengths."
)
st.markdown(
    "**What it does not prove.** One query proves little. A neighbour of the right class may be near for the wrong reason: "
    "background, colour or pose. The [probe](probe) and the [maps](maps) use all pictures."
)
ui.measured(
    f"Exact search over the whole gallery, without the query itself. Run `{ui.title(run)}`, gallery: {split} split of "
    f"{ui.spec(run).title}; measured on: "
    f"{ui.metrics(run).get('sources', {}).get('test', {}).get('source', 'unknown.')} "
    + (figures or {}).get("protocol", ""),
    command=ui.evaluate_command(run),
)
ui.show_source(
    "vicreg.evaluation.neighbours:nearest_and_farthest",
    "vicreg.evaluation.retrieval:hubness",
    "vicreg.evaluation.mean_colour:neighbour_colour_ratio",
)
