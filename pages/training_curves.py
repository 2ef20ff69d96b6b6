"""Training curves: a training as a film, the maps and figures of its snapshots in step, and below it the loss."""

import streamlit as st

import ui
from ui import film
from vicreg import charts
from vicreg.loss_terms import IN_LOSS, NAMES, TERMS

ui.page(
    "Spread or collapse: what does training do?",
    "Two training runs side by side: **which one spreads its pictures out, and which keeps them all in one spot?**",
    explains=("representation", "embedding", "kNN", "effective rank", "BatchNorm", "t-SNE", "PCA"),
)

width = ui.width()
controls = st.columns([3, 3, 4], vertical_alignment="bottom")
run, second = ui.pick_pair(controls, needs="history", beside=("no-variance", "vicreg"))
runs = {ui.title(one): one for one in (run, second) if one is not None}
kinds = film.offered(runs)
kind = controls[2].segmented_control(
    "Map",
    kinds,
    default=kinds[0],
    required=True,
    key="film",
    bind="query-params",
    help="z: embedding. y: representation.",
)

shown = film.filmed(runs, kind or kinds[0])
film.player(shown, key="player")
left, right = st.columns([2, 1], gap="small")
with left:
    film.maps(shown, runs, ui.pictures_if_here(run), key="film_maps")
with right:
    film.figures(shown, runs, key="film_figures")

first, last = (ui.results(run, "snapshots").iloc[place] for place in (0, -1))
st.markdown(
    "**What to look for.** The loss says nothing about classes. So every few epochs, we tested the network with labels "
    f"that training never saw: under `{ui.title(run)}`, kNN accuracy goes from {100 * first['knn_accuracy']:.2f} % "
    f"untrained to {100 * last['knn_accuracy']:.2f} %, and the effective rank of $y$ from {first['effective_rank']:.0f} to "
    f"{last['effective_rank']:.0f} directions. (Part of the first jump is not learning: BatchNorm has no running averages "
    "before the first step.) Click a picture to see its nearest neighbours change from snapshot to snapshot."
)

st.subheader("What does the loss do?", anchor=False)
words, switch = st.columns([3, 1], vertical_alignment="center")
words.markdown(
    "The **total** is a weighted sum of three terms that work against each other: the variance term spreads the embeddings, "
    "and the more they spread, the harder it is for two views to agree. Solid: train. Dashed: test."
)
log = switch.toggle("Logarithmic scale", key="log", bind="query-params", persist_state="session")
history = ui.results(run, "history")
if second is None:
    drawn = ui.drawn(charts.training_curves, history, log=log, width=width)
else:
    histories = {title: ui.results(one, "history") for title, one in runs.items()}
    colours = {title: ui.colour(one) for title, one in runs.items()}
    drawn = ui.drawn(charts.compared_curves, histories, colours, log=log, width=width)
ui.chart(
    drawn,
    alt=f"{1 + len(TERMS)} curves over epochs, for train and test: total loss, and the terms {', '.join(NAMES)}, of "
    f"{' and of '.join(runs)}.",
    key="curves",
)
config, end = run.config, history[history["split"] == "test"].iloc[-1]
st.markdown(
    f"**The loss at the end** of `{ui.title(run)}`, on test pictures: {ui.short(end['total'])} = "
    + " + ".join(
        f"{getattr(config, term.weight):g} · {end[term.name]:.3g} ({ui.coloured(term.name, term.name)})"
        for term in IN_LOSS
    )
    + "."
)
for column, term in zip(st.columns(len(TERMS)), TERMS, strict=True):
    column.markdown(f"**{ui.coloured(term.name, term.name)}** {term.reading}")
st.markdown(
    "**What this does not prove.** You cannot compare the totals of runs with different weights. A lower total does "
    "not guarantee better representations: check the [probe](probe). Between snapshots nothing was measured; points move "
    "along straight lines."
)

tested, trained = run.record["data"]["test"]["images"] // config.batch_size, run.record["data"]["train"]["images"]
ui.measured(
    f"Run `{run.title}`: {config.epochs} epochs of {trained:,} pictures, batch "
    f"{config.batch_size}, seed {config.seed}, {run.record['seconds'] / 60:.0f} minutes by the clock on "
    f"{run.record['device']} (longer if the machine did other work). "
    "Train: mean over the steps of an epoch, in train mode. Test: after the epoch, in eval mode, always on the same "
    f"positive pairs of {min(10, tested) * config.batch_size:,} test pictures. Terms are normalised as in the authors' "
    "code: variance is averaged over the two views, covariance is summed, both are divided by D. The spread of z is gamma "
    "minus the variance term on test pictures: the mean standard deviation of its dimensions, each capped at gamma. "
    f"kNN accuracy and effective rank: of y; k = 20, the first {min(10_000, trained):,} training pictures vote on the test "
    "pictures of the map.",
    command=ui.train_command(run),
)
ui.show_source(*(f"vicreg.method.loss:{name}" for name in (*NAMES, "vicreg_loss")))
