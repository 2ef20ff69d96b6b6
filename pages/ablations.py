"""Ablations: leave one part of the method out, and see what becomes of the embeddings, beside any second run."""

import dataclasses

import numpy as np
import pandas as pd
import streamlit as st

import ui
from vicreg import charts
from vicreg.config import DEFAULT_DATASET
from vicreg.evaluation.verdict import LEAST_RANK, LEAST_SPREAD, verdict
from vicreg.presets import ABLATIONS
from vicreg.runs.folder import Run
from vicreg.terms import TERMS

WORDS = {"neighbour-views": "nearest images as positives"}
SETTINGS = {WORDS.get(name, name.replace("-", " ")): name for name in ABLATIONS}
WITHOUT = {f"no-{term.name}": f"**Without {term.name}** {term.without}" for term in TERMS} | {
    "vicreg": "**Nothing is left out**: the three terms hold each other in balance.",
    "neighbour-views": "**Nearest images as positives**: the partner of a picture is no view of it, but one of the 3 "
    "pictures that an earlier network found nearest, both as they are. Nothing says that colour or crop must not matter.",
}

ui.page(
    "What breaks when a part of the method goes?",
    "Choose what to leave out, and look at the embedding $z$, on which the loss acts. **One dot is one image.**",
)
width = ui.width()
narrow = width < 700
half = width if narrow else width // 2 - 16
full = ui.preset_run("vicreg")
runs = ui.measured_runs(full)
figures = {title: ui.metrics(run) for title, run in runs.items()}


def trained(preset: str) -> Run | None:
    """The run that differs from `vicreg` in nothing but a preset's part."""
    wanted = dataclasses.replace(full.config, preset=preset, **ABLATIONS[preset])

    def same(run: Run) -> bool:
        alike = dataclasses.replace(run.config, preset=preset) == wanted and run.numbering == full.numbering
        images = run.record["data"]["train"]["images"] == full.record["data"]["train"]["images"]
        return alike and images and not run.baseline

    return next((run for run in runs.values() if same(run)), None)


left, right = st.columns([3, 1], vertical_alignment="bottom")
label = left.pills(
    "Setting",
    list(SETTINGS),
    default="no variance",
    required=True,
    wrap=True,
    key="setting",
    bind="query-params",
    help="Each was trained with the same encoder, epochs, batch and seed.",
)
preset = SETTINGS[label]
chosen = trained(preset)
if chosen is None:
    data = "" if full.config.dataset == DEFAULT_DATASET else f" --dataset {full.config.dataset}"
    st.info(
        f"There is no run with the setting “{label}” here: `python -m vicreg train --preset {preset}{data}`. "
        f"Shown below: `{full.title}`.",
        icon=":material/lightbulb:",
    )
    chosen, preset = full, "vicreg"
with right:
    second = ui.pick_compared(chosen)
pair = {ui.title(run): run for run in (chosen, second) if ui.has(run, "spaces")}
if ui.title(chosen) not in pair:
    st.stop()
colours = {title: ui.colour(run) for title, run in pair.items()}
spaces = {title: figures[title]["spaces"] for title in pair}
blank = next((run for run in runs.values() if run.baseline == "untrained" and "spaces" in ui.metrics(run)), None)
untrained = ui.metrics(blank)["spaces"] if blank else None
gamma = chosen.config.gamma

for number, (column, run) in enumerate(zip(st.columns(len(pair), gap="medium"), pair.values(), strict=True)):
    with column:
        room = half if len(pair) == 2 else width
        ui.embeddings_panel(run, untrained=untrained, width=max(220, room - 70), key=f"points_{number}")
st.caption(
    f"The same axes for every run. Dashed: a standard deviation of {gamma:g}, which the variance term asks for. **The "
    f"rule.** Complete collapse: no number of z reaches a standard deviation of {LEAST_SPREAD * gamma:g}. Dimensional "
    f"collapse: the effective rank of z is below {100 * LEAST_RANK:g} % of its dimensions. Nothing learned: a probe of y "
    "reads less than one of the untrained encoder, the 95 % intervals apart. Healthy: none of these."
)

mine = spaces[ui.title(chosen)]
y, z = mine["y"], mine["z"]
gone = verdict(mine, gamma=gamma) == "complete collapse"
read = f"{y['probe']['accuracy']:.0f} %"
st.subheader(
    f"Every image is one point in z: why does a probe still read {read}?" if gone else "What does a probe still read?",
    anchor=False,
)
reading = (
    f"{WITHOUT[preset]}\n\n**The loss acts on $z$, and we keep $y$,** which comes before the expander: a probe reads "
    f"{z['probe']['accuracy']:.1f} % from $z$ (guessing: {ui.guessing(full)}) and {y['probe']['accuracy']:.1f} % from $y$. "
    "Our probe divides every number by its standard deviation first, so that what little spread is left counts in full. **The "
    "study's own probe** does not (a linear layer on $y$ as it is, Adam 3e-4, batch 32, 10 epochs) and reads "
    f"{y['study_probe']['accuracy']:.1f} %.\n\n"
)
if untrained:
    before, now = untrained["y"]["probe"]["interval"], y["probe"]["interval"]
    reading += (
        f"**Before training** the two probes of $y$ read {untrained['y']['probe']['accuracy']:.1f} % and "
        f"{untrained['y']['study_probe']['accuracy']:.1f} %: random filters alone tell classes apart. "
    ) + (
        "This training lost some of that."
        if now[1] < before[0]
        else "This training added to it."
        if now[0] > before[1]
        else "This training added nothing that our probe can measure."
    )
if ui.studied(full):
    study = ui.study(chosen)
    reading += f" The study reports {study} % for this setting." if study else " The study did not try this setting."
for what, found in figures[ui.title(chosen)].get("attributes", {}).items():
    reading += (
        f" The {what}'s colour it reads in {found['accuracy']:.1f} % of the images (guessing: {found['chance']:.1f} %)."
    )
st.markdown(reading)
ui.probes_panel(pair | ({ui.title(blank): blank} if blank else {}), chance=ui.spec(full).chance, width=width)

layers = ui.layers_frame(pair)
if len(layers):
    st.subheader("Which layer? Why the expander is thrown away", anchor=False)
    measured = [title for title in pair if title in set(layers["run"])]
    healthy = [title for title in measured if verdict(spaces[title], gamma=gamma, untrained=untrained) == "healthy"]
    told = (healthy or measured)[0]
    at = layers[layers["run"] == told].set_index("layer")
    lost, nearer = at.loc["y", "probe"] - at.loc["z", "probe"], at.loc["z", "same_class"] - at.loc["y", "same_class"]
    st.markdown(
        "The loss asks $z$ to forget what two views do not share, such as colour and place. The expander stands between and "
        f"takes most of that, so $y$ keeps more. `{told}`: the probe reads **{at.loc['y', 'probe']:.1f} %** from $y$ and "
        f"**{at.loc['z', 'probe']:.1f} %** from $z$; "
        + ("that is why the expander is thrown away after training. " if lost > 0 else "this run is an exception. ")
        + f"Of the five nearest images {at.loc['y', 'same_class']:.1f} % have the query's class in $y$ and "
        f"{at.loc['z', 'same_class']:.1f} % in $z$"
        + (": for a search without a probe $z$ does as well." if nearer > 0 else ".")
    )
    ui.layer_panels(layers, colours, chance=ui.spec(full).chance, width=half)
    n_train = next(figures[title]["layers"]["n_train"] for title in pair if "layers" in figures[title])
    st.caption(
        f"Probes here are trained on {n_train:,} images, so their figures differ a little from those elsewhere. Stages are "
        "those of the encoder, averaged over positions. Lines at the dots: 95 % intervals over test images."
    )

st.subheader("Representation y and embedding z, side by side", anchor=False)
ui.spread_panels(pair, width=half)
for number, (column, run) in enumerate(zip(st.columns(len(pair), gap="medium"), pair.values(), strict=True)):
    with column:
        ui.space_figures(run, studied=ui.studied(full))
        ui.covariance_maps(run, width=min(half, 460), key=f"covariances_{number}")
st.markdown(
    "**The squares** are covariances of 48 numbers of $y$ and of $z$: blank is 0, full colour 1 or more. "
    f"{ui.coloured('On the diagonal', 'variance')} are the variances, which the variance term keeps up; "
    f"{ui.coloured('the rest', 'covariance')} the covariance term makes small. Nothing asks $y$ for a scale, so its values "
    "are divided by their mean variance. **Effective rank** counts the directions in use: the exponential of the entropy of "
    "the singular values' shares, after the mean is subtracted (Roy and Vetterli 2007). RankMe (Garrido et al. 2023) does not "
    "subtract it and adds $10^{-7}$ to each share: a mean far from 0 then counts as one strong direction, so it reads less."
)

st.subheader("A map of y does not show it", anchor=False)
st.markdown(
    "t-SNE keeps who is near whom and rescales the rest, so a collapse can look like any other map. Look at $z$, or at a "
    "figure, before you trust one."
)
classes = ui.class_names(full)
same = {title: run for title, run in pair.items() if run.numbering == chosen.numbering}
places = [ui.results(run, "projections").head(2_000) for run in same.values()]
frame = places[0].assign(**{"class": np.array(classes)[places[0]["label"]]})
panels = []
for number, (title, found) in enumerate(zip(same, places, strict=True)):
    frame = frame.assign(**{f"m{number}_tsne_{axis}": found[f"tsne_{axis}"] for axis in "xy"})
    panels.append(charts.panel("tsne", classes, prefix=f"m{number}_", title=title))
ui.chart(
    charts.maps(frame, panels, width=width),
    alt=f"t-SNE of y of the same {len(frame):,} test pictures, coloured by class: " + " and ".join(same) + ".",
    key="ablation_maps",
)

names = [run.title for run in pair.values() if not run.baseline]
address = "&".join(f"{key}={name}" for key, name in zip(("run", "second"), names, strict=False))
st.markdown(f"[The loss of these runs while they learned](training_curves?data={full.config.dataset}&{address})")

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
    f"in the representation space of `{full.title}`, both pictures as they are, at 32 x 32. "
    f"{figures[ui.title(chosen)]['probe']['protocol']}.",
    command=ui.train_command(chosen),
)
ui.show_source(
    "vicreg.evaluation.verdict:verdict", "vicreg.method.loss:vicreg_loss", "vicreg.method.views:neighbour_views"
)
