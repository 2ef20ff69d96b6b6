"""Digit or colour?: which of them the nearest pictures share, and what training without labels changes about it."""

import pandas as pd
import streamlit as st

import ui
from ui.data_set_choice import FIRST
from vicreg import charts

SHOWN = 8
WORDS = {  # the run's short name -> how its row begins
    "vicreg": "After training with VICReg",
    "untrained": "The same network, untrained",
    "no-invariance": "Trained without the invariance term",
    "no-variance": "Trained without the variance term",
    "no-covariance": "Trained without the covariance term",
    "neighbour-views": "Trained with neighbours instead of views",
    "pixels": "The pixels themselves",
}

ui.page(
    "Does the network see the digit or the colour?",
    "A picture, and the eight pictures that each network finds most similar. **What do they share with it?**",
    dataset=False,  # both are known only for coloured digits
    explains=("VICReg", "representation", "linear probe"),
)
width = ui.width()
full = ui.preset_run("vicreg", dataset=FIRST)
runs = {title: run for title, run in ui.measured_runs(full).items() if "attributes" in ui.metrics(run)}
short = {title: ui.label(run).removeprefix(f"{FIRST}/") for title, run in runs.items()}
names = {title: f"{short[title]}, {ui.budget(run)}" for title, run in runs.items()}
pictures = ui.pictures(full)
if pictures is None:
    st.stop()
ui.within("digit", len(pictures) - 1)
left, right = st.columns([1, 4], gap="large")
with left:
    number = st.number_input("Picture", 0, len(pictures) - 1, 5, key="digit", bind="query-params")


def known(pictures: ui.Pictures, index: int) -> dict[str, str]:
    """The digit of a picture, and the colours of its ink and paper."""
    row = pictures.order[index]
    return {
        "digit": pictures.classes[pictures.labels[index]],
        **{what: str(names[row]) for what, names in pictures.known.items()},
    }


query = known(pictures, number)
with left:
    ui.tiles(
        pictures[[number]],
        key="query",
        label="The picture",
        captions=[[query["digit"], f"{query['ink']} on {query['paper']}"]],
        alts=[f"the digit {query['digit']}, {query['ink']} on {query['paper']}"],
        scale=4,
    )


def show(pictures: ui.Pictures, title: str) -> None:
    """The nearest pictures under a run, and how many share the digit and the colours."""
    run = runs[title]
    found = ui.search(run, pictures, number, gallery="test", metric="cosine", k=SHOWN).nearest
    things = [known(pictures, i) for i in found]
    shared = {what: sum(thing[what] == query[what] for thing in things) for what in query}
    st.markdown(
        f"**{WORDS.get(short[title], short[title])}**: the digit in {shared['digit']} of {SHOWN}, the paper's colour in "
        f"{shared['paper']}, the ink's in {shared['ink']}"
    )
    ui.tiles(
        pictures[found],
        key=f"nearest_{short[title]}",
        label=f"Nearest pictures under {title}",
        alts=[f"the digit {thing['digit']}, {thing['ink']} on {thing['paper']}" for thing in things],
        scale=3 if width > 900 else 2,
    )


with right:
    answers, choice = st.container(), st.container()
    compared = [title for title in runs if runs[title].folder != full.folder]
    beside = choice.pills(
        "Compare with",
        compared,
        selection_mode="multi",
        default=[title for title in compared if short[title] == "untrained"],
        format_func=lambda title: short[title],
        key="networks",
        bind="query-params",
    )
    with answers:
        for title in (ui.title(full), *beside):
            show(pictures, title)

st.subheader("How often, across all test pictures?", anchor=False)
rows = []
for title in runs:
    figures, name = ui.metrics(runs[title]), names[title]
    shares = {"digit": figures["retrieval"]["nearest_5_same_class"]} | {
        what: found["nearest_5_same"] for what, found in figures["attributes"].items()
    }
    intervals = {"digit": figures["retrieval"]["interval"]} | {
        what: found["nearest_5_interval"] for what, found in figures["attributes"].items()
    }
    rows += [
        {"what": f"same {what}", "run": name, "accuracy": share, "low": intervals[what][0], "high": intervals[what][1]}
        for what, share in shares.items()
    ]
chances = {"same digit": ui.spec(full).chance} | {
    f"same {what}": found["chance"] for what, found in ui.metrics(full)["attributes"].items()
}
colours = {names[title]: ui.colour(run) for title, run in runs.items()}
ui.chart(
    ui.drawn(
        charts.attribute_bars,
        pd.DataFrame(rows),
        colours,
        chances,
        width=max(140, min(width - 300, 1000)),
        axis="share of the five nearest, %",
        seeds=ui.seeds_frame(
            {names[title]: run for title, run in runs.items()},
            {what: f"nearest_5_{what.replace(' ', '_').replace('digit', 'class')}" for what in chances},
        ),
    ),
    alt="Share of the five nearest pictures that have the picture's digit, its paper's and its ink's colour: "
    + "; ".join(f"{row['run']}, {row['what']} {row['accuracy']:.2f} %" for row in rows),
    key="shares",
)
st.caption(
    "Share of the five nearest pictures (cosine). Dashed: guessing. Line at a bar's end: 95 % interval over test "
    "pictures. Ticks: other seeds."
)

mine = ui.metrics(full)["attributes"]


def left_in_z() -> str:
    """What the same probe reads from z, on which the loss acts; empty where it was not measured."""
    layers = {layer["name"]: layer.get("attributes") for layer in ui.metrics(full).get("layers", {}).get("layers", [])}
    if not layers.get("z"):
        return ""
    said = " and ".join(f"the {what}'s colour in {read['accuracy']:.2f} %" for what, read in layers["z"].items())
    return (
        f" From the embeddings $z$, on which the loss acts, it names {said}: [the expander](ablations) removes colour."
    )


st.markdown(
    "**Why.** Two views of a picture differ in hue, and training makes the network describe both alike. Hue cannot help "
    "with that, so the network relies on it less. The loss never mentions the digit, but the digit is what both views share."
)
st.markdown(
    f"**What it does not prove.** The colour is not gone. From the representations of **{ui.title(full)}**, a linear probe "
    f"still names the paper's colour in {mine['paper']['accuracy']:.2f} % of the test pictures and the ink's colour in "
    f"{mine['ink']['accuracy']:.2f} % (guessing: {mine['ink']['chance']:.2f} %). Colour only moved to directions that hardly "
    f"change the distance.{left_in_z()}"
)
seen = pd.DataFrame(
    {
        "what": what,
        "run": names[title],
        "accuracy": found["accuracy"],
        "low": found["interval"][0],
        "high": found["interval"][1],
    }
    for title, run in runs.items()
    for what, found in {"digit": ui.metrics(run)["probe"], **ui.metrics(run)["attributes"]}.items()
)
ui.chart(
    ui.drawn(
        charts.attribute_bars,
        seen,
        colours,
        {what.removeprefix("same "): chance for what, chance in chances.items()},
        width=max(140, min(width - 300, 1000)),
    ),
    alt="Linear probes of every run for the digit and for both colours: "
    + "; ".join(f"{row.run}, {row.what} {row.accuracy:.2f} %" for row in seen.itertuples()),
    key="probes",
)
ui.measured(
    f"Neighbours: exact search in the representations $y$ among the {len(pictures):,} test pictures, without the picture "
    f"itself. Each drawing appears twice, in different colours and at a different angle. "
    f"{mine['ink']['protocol'][:1].upper()}{mine['ink']['protocol'][1:]}. "
    f"Pictures: {ui.metrics(full)['sources']['test']['source']}",
    command=ui.evaluate_command(full),
)
ui.show_source("vicreg.data.coloured_digits:coloured_digits", "vicreg.evaluation.neighbours:nearest_and_farthest")
