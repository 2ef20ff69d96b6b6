"""Training curves: the loss and its three terms, and what the representations were worth meanwhile."""

import numpy as np
import streamlit as st

import ui
from vicreg import charts
from vicreg.runs.folder import Run
from vicreg.terms import NAMES, TERMS

ui.page(
    "What does the loss do while the network learns?",
    "The **total** is a weighted sum of three terms that pull against each other: the embeddings must spread, and "
    "spread-out embeddings find it harder to agree.",
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
    alt=f"{1 + len(TERMS)} curves over the epochs, for train and test: total loss, and the terms {', '.join(NAMES)}"
    + (f", of {' and of '.join(shown)}." if second is not None else "."),
    key="curves",
)
tested = run.record["data"]["test"]["images"] // run.config.batch_size
config, last = run.config, history[history["split"] == "test"].iloc[-1]
st.markdown(
    f"**The sum at the end**, on test pictures: {ui.short(last['total'])} = "
    + " + ".join(
        f"{getattr(config, term.weight):g} · {ui.short(last[term.name])} ({ui.coloured(term.name, term.name)})"
        for term in TERMS
    )
    + "."
)

shots = ui.results(run, "snapshots")
first, final = shots.iloc[0], shots.iloc[-1]
st.subheader("What is it worth meanwhile?", anchor=False)
st.markdown(
    "The loss says nothing about classes. With labels that training never saw, the same network was asked after "
    f"some of the epochs: kNN accuracy goes from {100 * first['knn_accuracy']:.2f} % untrained to "
    f"{100 * final['knn_accuracy']:.2f} %, and the effective rank goes from {first['effective_rank']:.2f} to "
    f"{final['effective_rank']:.2f} directions."
)
ui.chart(
    charts.snapshots({title: ui.results(one, "snapshots") for title, one in shown.items()}, colours, width=width),
    alt="Two curves over the epochs: kNN accuracy in percent and the effective rank of the representations.",
    key="snapshots",
)

timeline = ui.results(run, "timeline")
classes = ui.class_names(run)
epochs = timeline["epoch"].unique().tolist()
st.subheader("How does the map take shape?", anchor=False)
film, words = st.columns([1, 1], gap="large")


def show_film(run: Run, epoch: int, kind: str, key: str) -> None:
    """The run's map after an epoch, or after its last one before that."""
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
        st.markdown(f"**The same under** `{ui.title(second)}`")
        show_film(second, epoch, kind, "film_second")
    for term in TERMS:
        st.markdown(f"**{ui.coloured(term.name, term.name)}** {term.reading}")
    st.markdown(
        "**What the curves do not prove.** Totals of runs with other weights are not comparable, and a lower total need "
        "not mean a better representation: look at the probe. Each map started from the one before it, so a class "
        "stays where it was."
    )
ui.measured(
    f"Run `{run.title}`: {config.epochs} epochs of {run.record['data']['train']['images']:,} images, batch "
    f"{config.batch_size}, seed {config.seed}, {run.record['seconds'] / 60:.0f} minutes on {run.record['device']}. "
    "Train: the mean over an epoch's steps, in train mode. Test: after the epoch, in eval mode, the same positive pairs of "
    f"the same {min(10, tested) * config.batch_size:,} test images each time. Terms as the authors' code normalises them: "
    "variance averaged over the two views, covariance summed, both over D. kNN: the first test images on the map, the first "
    "10,000 train images vote, k = 20.",
    command=ui.train_command(run),
)
ui.show_source(*(f"vicreg.method.loss:{name}" for name in (*NAMES, "vicreg_loss")))
