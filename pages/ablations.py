"""Ablations: leave one part of the method out, and see what becomes of the embeddings, beside any second run."""

from urllib.parse import urlencode

import numpy as np
import streamlit as st

import ui
from ui import ablation_words, map_data
from ui.picture_map import Panel, atlas, picture_map
from vicreg.config import DEFAULT_DATASET
from vicreg.evaluation.collapse_verdict import LEAST_RANK, LEAST_SPREAD, verdict
from vicreg.presets import ABLATIONS

WORDS = {"neighbour-views": "neighbours instead of views"}
SETTINGS = {WORDS.get(name, name.replace("-", " ")): name for name in ABLATIONS}
SHOWN = 2_000  # pictures on the t-SNE maps

ui.page(
    "What breaks when part of the method is removed?",
    "Choose what to leave out, and look at the embedding $z$, on which the loss acts. **One dot is one picture.**",
    explains=(
        *("representation", "embedding", "expander", "collapse", "effective rank", "linear probe", "kNN"),
        *("t-SNE", "PCA", "trustworthiness", "the study"),
    ),
)
width = ui.width()
half = width if width < 700 else width // 2 - 16
full = ui.preset_run("vicreg")
runs = ui.measured_runs(full)

left, right = st.columns([3, 1], vertical_alignment="bottom")
label = left.pills(
    "Setting",
    list(SETTINGS),
    default="no variance",
    required=True,
    wrap=True,
    key="setting",
    bind="query-params",
    help="Each was trained with the same encoder, epochs, batch size and seed.",
)
preset = SETTINGS[label or "vicreg"]
chosen = ablation_words.ablated(full, preset, runs)
if chosen is None:
    data = "" if full.config.dataset == DEFAULT_DATASET else f" --dataset {full.config.dataset}"
    st.info(
        f"There is no run with the setting “{label}” here. To train one: `python -m vicreg train "
        f"--preset {preset}{data}`. Shown below: `{full.title}`.",
        icon=":material/lightbulb:",
    )
    chosen, preset = full, "vicreg"
with right:
    second = ui.pick_compared(chosen)
pair = {ui.title(run): run for run in (chosen, second) if ui.has(run, "spaces")}
if ui.title(chosen) not in pair:
    st.stop()
colours = {title: ui.colour(run) for title, run in pair.items()}
blank = ui.untrained(chosen, usable=lambda one: "spaces" in ui.metrics(one))
untrained = {title: ui.spaces_before(run) for title, run in pair.items()}
gamma = chosen.config.gamma

ui.collapse(pair, key="embeddings")
st.caption(ablation_words.rule_in_words(gamma, LEAST_SPREAD, LEAST_RANK))

found = ui.metrics(chosen)["spaces"]
gone, read = verdict(found, gamma=gamma) == "complete collapse", f"{found['y']['probe']['accuracy']:.0f} %"
st.subheader(
    f"All pictures are the same point in z: why does a probe of y still reach {read}?"
    if gone
    else "What can a probe still read?",
    anchor=False,
)
st.markdown(ablation_words.probes_in_words(chosen, preset, untrained=untrained[ui.title(chosen)]))
ui.probes_panel(pair | ({ui.title(blank): blank} if blank else {}), chance=ui.spec(full).chance, width=width)
other = next((run for title, run in pair.items() if title != ui.title(chosen)), None)
if told := ui.seeds_sentence(chosen, other, "probe", says="The probe of $y$ reaches"):
    st.markdown(told)

layers = ui.layers_frame(pair)
if len(layers):
    st.subheader("Layer by layer: why the expander is thrown away", anchor=False)
    st.markdown(ablation_words.layers_in_words(pair, untrained=untrained))
    ui.layer_panels(pair, full.config.dataset, width=half)
    n_train = next(ui.metrics(run)["layers"]["n_train"] for run in pair.values() if "layers" in ui.metrics(run))
    st.caption(
        f"Probes here are trained on {n_train:,} pictures, so their numbers differ a little from those elsewhere. Stages are "
        "those of the encoder, averaged over positions. Lines at the dots: 95 % intervals over test pictures, not over seeds."
    )

st.subheader("Representation y and embedding z, side by side", anchor=False)
ui.spread_panels(pair, width=half)
for number, (column, run) in enumerate(zip(st.columns(len(pair), gap="medium"), pair.values(), strict=True)):
    with column:
        ui.space_figures(run, studied=ui.studied(full))
        ui.covariance_maps(run, width=min(half, 460), key=f"covariances_{number}")
st.markdown(
    "**The squares** are covariances of 48 dimensions of $y$ and of $z$: blank is 0, full colour 1 or more. "
    f"{ui.coloured('On the diagonal', 'variance')} are the variances, which the variance term keeps up; "
    f"the covariance term makes {ui.coloured('the rest', 'covariance')} small. The loss does not fix the scale of $y$, "
    "so its covariances are divided by its mean variance. **Effective rank** counts the directions in use. It "
    "ignores size: if $z$ has collapsed to a point, it counts the directions of tiny differences."
)

st.subheader("A map of y does not show a collapse", anchor=False)
st.markdown(
    "t-SNE keeps who is near whom and rescales the rest, so a collapsed run can look like any other. Look at $z$, or "
    "at the numbers above, before you trust a map."
)
same = {title: run for title, run in pair.items() if run.numbering == chosen.numbering}
pictures = ui.pictures_if_here(chosen)
labels = ui.results(chosen, "projections")["label"].head(SHOWN).to_numpy()
panels = []
for title, run in same.items():
    honest = map_data.honesty(run, "t-SNE", len(labels))
    places = map_data.places(run, "t-SNE", len(labels))
    panels.append(Panel(title, places, honest.sentence, honest.neighbours, accent=colours[title]))
picture_map(
    panels,
    key="ablation_maps",
    numbers=np.arange(len(labels)),
    colourings=map_data.colourings(chosen, pictures, labels),
    atlas=atlas(chosen, pictures, len(labels)),
    alt=f"t-SNE of y of the same {len(labels):,} test pictures, coloured by class: {' and '.join(same)}.",
)

names = [ui.label(run) for run in pair.values() if not run.baseline]
address = urlencode({"data": full.config.dataset, **dict(zip(("run", "with"), names, strict=False))}, safe="/")
st.markdown(f"[Watch these runs learn, as a film](training_curves?{address})")

studied = ui.studied(full)
st.subheader("All runs, and the study's numbers" if studied else "All runs", anchor=False)
table = ablation_words.table_of_runs(runs, anomalies=ui.anomalous(full).title)
st.dataframe(
    table,
    hide_index=True,
    column_config={
        name: st.column_config.NumberColumn(format="%.3f" if name.startswith("AUROC") else "%.2f")
        for name in table.column_names
        if name not in ("Run", "Budget", "95 % over test pictures", "Over seeds")
    },
)
st.markdown(
    "**What it does not prove.** One encoder, few epochs, and few seeds: the order of runs with similar figures may "
    "change. A difference within the range over seeds is not a finding."
    + (
        " The study trained a different network for 30 epochs, so compare the *pattern*, not the numbers."
        if studied
        else ""
    )
)
ui.measured(
    f"All presets: `{full.config.encoder}` encoder, {full.record['epochs']} epochs of "
    f"{full.record['data']['train']['images']:,} training pictures, batch {full.config.batch_size}, seed {full.config.seed}. "
    + ("`vicreg-long` is the preset `vicreg` with a longer budget and not part of the comparison. " if studied else "")
    + "Neighbours instead of views: a positive pair is a picture and one of its 3 nearest "
    f"in the representation space of `{full.title}`, without augmentation, at 32 x 32. "
    f"Linear probe: {ui.metrics(chosen)['probe']['protocol']}. "
    "Effective rank: the exponential of the entropy of the singular values' shares, after the mean is subtracted (Roy and "
    "Vetterli 2007). RankMe (Garrido et al. 2023) keeps the mean, which counts as one strong direction and makes it lower; "
    "it also adds $10^{-7}$ to each share.",
    command=ui.train_command(chosen),
)
ui.show_source(
    "vicreg.evaluation.collapse_verdict:verdict",
    "vicreg.method.loss:vicreg_loss",
    "vicreg.method.views:neighbour_views",
)
