"""Training curves: the loss, its three terms, and the quality of the representations over epochs."""

import numpy as np
import streamlit as st

import ui
from vicreg import charts
from vicreg.runs.folder import Run
from vicreg.terms import NAMES, TERMS

ui.page(
    "What does the loss do while the network learns?",
    "The **total** is a weighted sum of three terms that work against each other: the embeddings must spread out, but the "
    "more they spread, the harder it is for two views to agree.",
)

width = ui.width()
controls = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
run, second = ui.pick_pair(controls, needs="history")
log = controls[2].toggle("Logarithmic scale", key="log", bind="query-params", persist_state="session")
controls[3].caption("Solid: train. Dashed: test.")

history = ui.results(run, "history")
shown_runs = [one for one in (run, second) if one is not None]
shown = {ui.title(one): one for one in shown_runs}
colours = {title: ui.colour(one) for title, one in shown.items()}
if second is None:
    drawn = charts.training_curves(history, log=log, width=width)
else:
    histories = {title: ui.results(one, "history") for title, one in shown.items()}
    drawn = charts.compared_curves(histories, colours, log=log, width=width)
ui.chart(
    drawn,
    alt=f"{1 + len(TERMS)} curves over epochs, for train and test: total loss, and the terms {', '.join(NAMES)}"
    + (f", of {' and of '.join(shown)}." if second is not None else "."),
    key="curves",
)
tested = run.record["data"]["test"]["images"] // run.config.batch_size
config, last = run.config, history[history["split"] == "test"].iloc[-1]
st.markdown(
    f"**The loss at the end**, on test pictures: {ui.short(last['total'])} = "
    + " + ".join(
        f"{getattr(config, term.weight):g} · {ui.short(last[term.name])} ({ui.coloured(term.name, term.name)})"
        for term in TERMS
    )
    + "."
)

shots = ui.results(run, "snapshots")
first, final = shots.iloc[0], shots.iloc[-1]
st.subheader("How good are the representations?", anchor=False)
st.markdown(
    "The loss says nothing about classes. So after some epochs, we measured the network with labels that training never "
    f"saw. kNN accuracy goes from {100 * first['knn_accuracy']:.2f} % untrained to "
    f"{100 * final['knn_accuracy']:.2f} %, and the effective rank from {first['effective_rank']:.2f} to "
    f"{final['effective_rank']:.2f} directions."
)
ui.chart(
    charts.snapshots({title: ui.results(one, "snapshots") for title, one in shown.items()}, colours, width=width),
    alt="Two curves over epochs: kNN accuracy in percent and the effective rank of the representations.",
    key="snapshots",
)

timeline = ui.results(run, "timeline")
classes = ui.class_names(run)
epochs = timeline["epoch"].unique().tolist()
st.subheader("How does the map form?", anchor=False)
film, words = st.columns([1, 1], gap="large")


def show_film(run: Run, epoch: int, kind: str, key: str) -> None:
    """Show the run's map after an epoch, or the last one before it."""
    timeline = ui.results(run, "timeline")
    epoch = max(e for e in timeline["epoch"].unique() if e <= epoch)
    moment = timeline[timeline["epoch"] == epoch]
    moment = moment.assign(**{"class": np.array(classes)[moment["label"]]})
    tables = [ui.results(one, "timeline") for one in shown_runs]
    reach = 1.03 * max(float(table[[f"{kind}_x", f"{kind}_y"]].abs().to_numpy().max()) for table in tables)
    ui.chart(
        charts.film(moment, classes, kind=kind, limits=(-reach, reach), side=min(480, width // 2 - 40)),
        alt=f"{charts.MAP_TITLES[kind]} of {len(moment):,} test pictures after epoch {epoch} of {ui.title(run)}, "
        "coloured by class.",
        key=key,
    )


with film:
    options = st.columns([2, 1], vertical_alignment="bottom")
    epoch = options[0].select_slider("After epoch", epochs, value=epochs[-1], key="epoch", bind="query-params")
    kind = ui.pick_map(options[1], key="film")
    show_film(run, epoch, kind, "film_chart")
with words:
    if second is not None:
        st.markdown(f"**The same for** `{ui.title(second)}`")
        show_film(second, epoch, kind, "film_second")
    for term in TERMS:
        st.markdown(f"**{ui.coloured(term.name, term.name)}** {term.reading}")
    st.markdown(
        "**What the curves do not prove.** You cannot compare the totals of runs with different weights. A lower total does "
        "not guarantee better representations: check the [probe](probe). Each map starts from the one before, so "
        "classes keep their places."
    )
ui.measured(
    f"Run `{run.title}`: {config.epochs} epochs of {run.record['data']['train']['images']:,} images, batch "
    f"{config.batch_size}, seed {config.seed}, {run.record['seconds'] / 60:.0f} minutes on {run.record['device']}. "
    "Train: mean over the steps of an epoch, in train mode. Test: after the epoch, in eval mode, always on the same "
    f"positive pairs of {min(10, tested) * config.batch_size:,} test images. Terms are normalised as in the authors' "
    "code: variance is averaged over the two views, covariance is summed, both are divided by D. kNN: k = 20; the "
    "first 10,000 train images vote on the test images of the map.",
    command=ui.train_command(run),
)
ui.show_source(*(f"vicreg.method.loss:{name}" for name in (*NAMES, "vicreg_loss")))
