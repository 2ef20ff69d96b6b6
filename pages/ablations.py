"""Ablations: switch a term or the generated neighbours off, and see what breaks, beside the full method."""

import dataclasses

import numpy as np
import pandas as pd
import streamlit as st

import ui
from vicreg import charts
from vicreg.config import DEFAULT_DATASET
from vicreg.terms import TERMS

SWITCHES = (
    *((term.name, f"{term.name.capitalize()} term, ${term.symbol}$", term.rule) for term in TERMS),
    (
        "views",
        "Generated neighbours",
        "On: a picture's positive is another augmented view of it. Off: one of the 3 pictures nearest to it under an "
        "earlier network, both as they are.",
    ),
)

ui.page(
    "What breaks when a part of the method goes?",
    "Switch **one** part off: every setting shown here was trained, with the same encoder, epochs, batch and seed. Look at "
    "the probe first, then at how many directions are left.",
)
width = ui.width()
full = ui.preset_run("vicreg")
runs = ui.measured_runs(full)


def setting(config) -> tuple[bool, ...]:
    """Which of the parts a config has, in the order of SWITCHES."""
    return (*(getattr(config, term.weight) > 0 for term in TERMS), config.positives == "views")


def same_but_for_the_parts(run) -> bool:
    """Whether a run differs from `vicreg` in nothing but the parts."""
    names = ("preset", "positives", *(term.weight for term in TERMS))
    alike = dataclasses.replace(run.config, **{name: getattr(full.config, name) for name in names})
    images = run.record["data"]["train"]["images"] == full.record["data"]["train"]["images"]
    return not run.baseline and alike == full.config and images and run.numbering == full.numbering


trained = {setting(run.config): run for run in reversed(runs.values()) if same_but_for_the_parts(run)}
controls = st.columns(len(SWITCHES))
on = tuple(
    column.toggle(label, value=name != "variance", key=f"on_{name}", bind="query-params", help=text)
    for column, (name, label, text) in zip(controls, SWITCHES, strict=True)
)
for position, column in enumerate(controls):
    flipped = tuple(not value if i == position else value for i, value in enumerate(on))
    there = trained.get(flipped)
    word = "off" if on[position] else "on"
    column.caption(f":material/lightbulb: {word}: `{there.title}`" if there else f"{word}: not trained")

off = tuple(name for (name, *_), value in zip(SWITCHES, on, strict=True) if not value)
chosen = trained.get(on)
if chosen is None:
    words = [
        "python -m vicreg train",
        f"--preset {'vicreg' if on[-1] else 'neighbour-views'}",
        *([f"--dataset {full.config.dataset}"] if full.config.dataset != DEFAULT_DATASET else []),
        *(f"--{term.option} 0" for term, value in zip(TERMS, on[:-1], strict=True) if not value),
        f"--name {full.config.dataset}-" + "-".join(["without", *off]),
    ]
    st.info(
        f"No run was trained with this setting. It would need about as long as `{full.title}`, which took "
        f"{full.record['seconds'] / 60:.0f} minutes ({full.record['device']}): `{' '.join(words)}`. Trained settings: "
        + ", ".join(f"`{run.title}`" for run in trained.values())
        + ". Shown below: everything on.",
        icon=":material/lightbulb:",
    )
    chosen = full
whole = chosen.folder == full.folder

figures = {title: ui.metrics(run) for title, run in runs.items()}
mine, base = ui.metrics(chosen), ui.metrics(full)
pair = {ui.title(run): run for run in (full, chosen)}
colours = {title: ui.colour(run) for title, run in pair.items()}

cards = st.columns(4)
for card, (label, value, reference, text) in zip(
    cards,
    (
        ("Linear probe", mine["probe"]["accuracy"], base["probe"]["accuracy"], "{:.2f} %"),
        ("kNN", mine["knn"]["accuracy"], base["knn"]["accuracy"], "{:.2f} %"),
        (
            f"Effective rank, of {mine['spectrum']['dimensions']}",
            mine["spectrum"]["effective_rank"],
            base["spectrum"]["effective_rank"],
            "{:.2f}",
        ),
        (
            "Nearest five of the class",
            mine["retrieval"]["nearest_5_same_class"],
            base["retrieval"]["nearest_5_same_class"],
            "{:.2f} %",
        ),
    ),
    strict=True,
):
    card.metric(
        label,
        text.format(value),
        None if whole else f"{value - reference:+.2f}",
        delta_color="off",
        border=True,
        help=f"`{ui.title(chosen)}`; below it the difference to `{ui.title(full)}`.",
    )
study = ui.study(chosen)
low, high = mine["probe"]["interval"]
st.caption(
    f"`{ui.title(chosen)}`: probe interval {low:.2f} to {high:.2f} (95 %, n = {mine['probe']['n']:,}); "
    f"guessing gives {ui.guessing(full)}. "
    + (
        ""
        if not ui.studied(full)
        else f"The study reports {study} % for this setting."
        if study
        else "The study did not try this setting."
    )
    + "".join(
        f" It reads the {what}'s colour of {found['accuracy']:.2f} % (guessing: {found['chance']:.2f} %), and "
        f"{found['nearest_5_same']:.2f} % of the nearest five share it."
        for what, found in mine.get("attributes", {}).items()
    )
)

classes = ui.class_names(full)
places = ui.results(full, "projections").head(2_000)
frame = places.assign(**{"class": np.array(classes)[places["label"]]})
panels = [charts.panel("tsne", classes, title=f"t-SNE, {ui.title(full)}")]
if not whole:
    other = ui.results(chosen, "projections").head(2_000)
    frame = frame.assign(second_tsne_x=other["tsne_x"], second_tsne_y=other["tsne_y"])
    panels.append(charts.panel("tsne", classes, prefix="second_", title=f"t-SNE, {ui.title(chosen)}"))
ui.chart(
    charts.maps(frame, panels, width=width),
    alt=f"t-SNE of the same {len(frame):,} test pictures, coloured by class: " + " and ".join(pair) + ".",
    key="ablation_maps",
)

if whole:
    explained = "Everything is on: the three terms hold each other in balance. Switch one off."
else:
    explained = {
        **{(term.name,): f"**Without {term.name}** {term.without}" for term in TERMS},
        ("views",): "**Without generated neighbours** a picture's partner is another picture that an earlier network "
        "found near, so it begins with what that network learned. Nothing says that colour or crop must not matter.",
    }.get(off, "**Several parts are off at once**: compare with the runs that lack one of them.")
left, right = st.columns([1, 1], gap="large", vertical_alignment="center")
with left:
    st.subheader("How many directions are left?", anchor=False)
    ui.chart(
        charts.spectra(
            {title: ui.results(run, "spectrum") for title, run in pair.items()},
            colours,
            width=max(220, width // 2 - 110),
        ),
        alt="Singular values of the representations: "
        + "; ".join(f"{title} effective rank {figures[title]['spectrum']['effective_rank']:.2f}" for title in pair),
        key="spectra",
    )
untrained = next((figures[title] for title, run in runs.items() if run.baseline == "untrained"), None)
if untrained and mine["probe"]["interval"][1] < untrained["probe"]["interval"][0]:
    explained += (
        f" **It is worse than no training**: the untrained encoder gives {untrained['probe']['accuracy']:.2f} %, so "
        "the training threw away what random filters keep."
    )
right.markdown(explained)
right.markdown(
    "**The spectrum** shows how far the pictures spread along each direction of the representation, from the most to the "
    "least used. A line that falls steeply says that few directions carry everything: a dimensional collapse."
)

st.subheader("The loss while it learned", anchor=False)
histories = {title: ui.results(run, "history") for title, run in pair.items()}
ui.chart(
    charts.compared_curves(histories, colours, width=width),
    alt="Total and the unweighted terms over the epochs: " + " and ".join(pair) + ".",
    key="ablation_curves",
)
st.caption(
    "Solid: train. Dashed: test. A term of weight 0 is shown, not trained on. Totals of different weights do not compare."
)

studied = ui.studied(full)
st.subheader("All runs, and the study's figures" if studied else "All runs", anchor=False)
rows = []
for title, run in runs.items():
    values, anomaly = figures[title], figures[title].get("anomaly", {}).get("study", {})
    rows.append(
        {
            "Run": title.rsplit(",", 1)[0],
            "Budget": ui.budget(run),
            "Probe, %": values["probe"]["accuracy"],
            "95 % interval": "{:.2f} to {:.2f}".format(*values["probe"]["interval"]),
            **({"The study's, %": ui.study(run)} if studied else {}),
            **{f"{what.capitalize()}, %": found["accuracy"] for what, found in values.get("attributes", {}).items()},
            "kNN, %": values["knn"]["accuracy"],
            "Effective rank": values["spectrum"]["effective_rank"],
            "Same class, %": values["retrieval"]["nearest_5_same_class"],
            f"AUROC, {ui.anomalous(full).title}": anomaly.get("auroc"),
            "Clusters, NMI": values.get("clusters", {}).get("nmi"),
        }
    )
st.dataframe(
    pd.DataFrame(rows),
    hide_index=True,
    column_config={
        name: st.column_config.NumberColumn(format="%.3f" if name.startswith("AUROC") else "%.2f")
        for name in rows[0]
        if name not in ("Run", "Budget", "95 % interval")
    },
)
st.markdown(
    "**What it does not prove.** One seed each, one encoder, a few epochs: the order of runs that lie close may change."
    + (
        " The study trained another network for 30 epochs, so compare the *pattern*, not the figures."
        if studied
        else ""
    )
)
ui.measured(
    f"All presets: `{full.config.encoder}` encoder, {full.record['epochs']} epochs of "
    f"{full.record['data']['train']['images']:,} train images, batch {full.config.batch_size}, seed {full.config.seed}; "
    + ("`vicreg-long` is the same preset with a longer budget and no part of the comparison. " if studied else "")
    + "Neighbours: one of the 3 nearest "
    f"in the representation space of `{full.title}`, both pictures as they are, at 32 x 32. {mine['probe']['protocol']}.",
    command=ui.train_command(chosen),
)
ui.show_source("vicreg.method.loss:vicreg_loss", "vicreg.method.views:neighbour_views")
