"""Train: start a training on this machine, and watch the terms, the accuracy and the map while it learns."""

import dataclasses

import numpy as np
import pandas as pd
import streamlit as st

import ui
from ui import data, training
from vicreg import charts, datasets, jobs
from vicreg.config import DATASETS, ENCODERS, presets

OWN = "own weights"
COMMAND = "python -m vicreg train --dataset coloured-digits"
TRAIN_IMAGES = {"cifar10": 50_000, "coloured-digits": 10_376}

ui.page(
    "What happens while it learns?",
    "Start a training and watch: first the **variance** term falls, since the embeddings must spread, then **invariance** "
    "can. The training is a process of its own: close this page, and it goes on.",
    dataset=False,
)
width = ui.width()


def begin(config, name: str) -> None:
    """Start a job, or say why it cannot be."""
    try:
        jobs.start(config, name=name, token=training.token(), limits=training.limits())
    except (ValueError, OSError) as error:
        st.warning(str(error), icon=":material/error:")
    else:
        st.session_state["_watched"] = name
        st.rerun()


def form() -> None:
    """What is trained, how long it will take, and the button."""
    controls = st.columns(4)
    dataset = controls[0].selectbox(
        "Data set",
        sorted(DATASETS, key=lambda name: (name == "coloured-digits") == training.has_cuda()),
        key="train_data",
        bind="query-params",
        help="Coloured digits are made here and train in minutes on a CPU; CIFAR-10 wants a GPU, or patience.",
    )
    preset = controls[1].selectbox(
        "Preset", [*presets(dataset), OWN], key=f"train_preset_{dataset}", help="An ablation switches one part off."
    )
    config = presets(dataset)["vicreg" if preset == OWN else preset]
    encoder = controls[2].selectbox(
        "Encoder",
        [config.encoder, *(name for name in ENCODERS if name != config.encoder)],
        key=f"train_encoder_{dataset}",
        help="tiny: 0.2 M parameters, compact: 4.9 M, resnet18: 11.2 M.",
    )
    most = training.limits().epochs or 200
    epochs = controls[3].number_input(
        "Epochs",
        1,
        most,
        min(config.epochs, most),
        key=f"train_epochs_{dataset}",
        help="Passes over the train pictures.",
    )
    with st.expander("More settings", icon=":material/tune:"):
        more = st.columns(4)
        name = more[3].text_input(
            "Name of the run",
            f"{dataset}-{'own' if preset == OWN else preset}-mine",
            key=f"train_name_{dataset}_{preset}",
        )
        batch = more[0].select_slider("Batch", [64, 128, 256, 512], value=config.batch_size, key="train_batch")
        seed = more[1].number_input("Seed", 0, 9_999, 0, key="train_seed")
        size = more[2].select_slider(
            "Side of a view, pixels", [16, 20, 24, 28, 32], value=config.views.size, key=f"train_view_{dataset}"
        )
        if preset == OWN:
            weights = st.columns(3)
            lambda_, mu, nu = (
                column.number_input(label, 0.0, 1_000.0, value, key=f"train_{key}")
                for column, label, value, key in zip(
                    weights,
                    ("Invariance, $\\lambda$", "Variance, $\\mu$ (both views)", "Covariance, $\\nu$"),
                    (config.invariance_weight, config.variance_weight, config.covariance_weight),
                    ("lambda", "mu", "nu"),
                    strict=True,
                )
            )
            config = dataclasses.replace(
                config, preset="own", invariance_weight=lambda_, variance_weight=mu, covariance_weight=nu
            )
    config = dataclasses.replace(
        config,
        encoder=encoder,
        epochs=int(epochs),
        batch_size=int(batch),
        seed=int(seed),
        views=dataclasses.replace(config.views, size=int(size)),
    )
    if not datasets.available(dataset, "train"):
        data.show_arrival(dataset, "train")
        return
    device, means = training.device_told()
    found = training.estimated(config, TRAIN_IMAGES[dataset])
    bound = training.limits().seconds
    words, button = st.columns([4, 1], vertical_alignment="center")
    words.markdown(
        f"**About {training.minutes(found.seconds)}** for {found.steps:,} steps of {1000 * found.seconds_a_step:.0f} ms, "
        f"timed just now on this machine; reading, snapshots and measuring come on top. Device: {device}. {means}"
        + (f" On this instance a training stops after {training.minutes(bound)}." if bound else "")
    )
    if button.button("Start", icon=":material/play_arrow:", width="stretch"):
        begin(config, name.strip())


def watch(job: jobs.Job) -> None:
    """A job that is at work, drawn anew by itself until it is over."""

    @st.fragment(run_every=2.0)
    def live() -> None:
        now = jobs.get(job.name)
        if now is None or not now.active:
            st.rerun()
        share = now.step / now.steps if now.steps else 0.0
        label, done, total = now.stage or ("", 0, 0)
        told = {
            "starting": f"Starting {label}".strip(),
            "running": f"Step {now.step:,} of {now.steps:,}, epoch {now.epoch} of {now.epochs}",
            "measuring": f"Trained. Measuring: {label}, {done} of {total}",
            "stopping": "Stopping: the state is saved after the step in progress",
        }[now.state]
        if now.state == "running" and now.seconds_left is not None:
            told += f", {training.minutes(now.seconds_left)} left, {now.images_per_second:,.0f} pictures a second"
        st.progress(min(1.0, share), text=f"`{now.name}`: {told}" + (f" ({now.device})" if now.device else ""))
        curves(now)

    if not training.may_command(job, operator_key()):
        st.caption("Only who started it, or the operator of this instance, can stop it.")
    elif st.button("Stop and save", icon=":material/stop:"):
        command(jobs.stop, job)
    live()


def curves(job: jobs.Job) -> None:
    """The terms by step, the figures by epoch, and the latest map."""
    steps = jobs.steps_seen(job)
    if steps:
        ui.chart(
            charts.live_terms(pd.DataFrame(steps), width=width),
            alt=f"Total and the three terms over {job.step:,} steps of {job.name}.",
            key="live_terms",
        )
    moments, labels = jobs.snapshots(job), jobs.labels(job)
    classes = list(datasets.class_names(job.config.dataset))
    if not moments:
        return
    figures = pd.DataFrame(
        {"epoch": m.epoch, "knn_accuracy": m.knn_accuracy, "effective_rank": m.effective_rank} for m in moments
    )
    left, right = st.columns([1, 1], gap="large")
    with left:
        last = moments[-1]
        st.markdown(
            f"**After epoch {last.epoch}**: kNN accuracy {100 * last.knn_accuracy:.2f} %, effective rank "
            f"{last.effective_rank:.2f} of 512."
        )
        ui.chart(
            charts.snapshots(
                {job.name: figures}, {job.name: charts.OTHER_COLOUR}, width=max(300, min(699, width // 2 - 20))
            ),
            alt="kNN accuracy and effective rank, by epoch: "
            + "; ".join(f"{m.epoch}: {100 * m.knn_accuracy:.1f} %, {m.effective_rank:.1f}" for m in moments),
            key="live_figures",
        )
    if labels is not None and len(labels) == len(last.tsne):
        with right:
            frame = pd.DataFrame(
                {"tsne_x": last.tsne[:, 0], "tsne_y": last.tsne[:, 1], "class": np.array(classes)[labels]}
            )
            reach = 1.03 * float(max(np.abs(m.tsne).max() for m in moments) or 1)
            ui.chart(
                charts.film(
                    frame, classes, kind="tsne", limits=(-reach, reach), side=max(240, min(440, width // 2 - 60))
                ),
                alt=f"t-SNE of {len(frame):,} test pictures after epoch {last.epoch} of {job.name}, coloured by class.",
                key="live_map",
            )


def over(job: jobs.Job) -> None:
    """A job that is not at work: what became of it, and what can be done."""
    if job.state == "finished":
        st.success(
            f"`{job.name}` is trained and measured"
            + (f": linear probe {job.probe[0]:.2f} % ({job.probe[1]:.2f} to {job.probe[2]:.2f})" if job.probe else "")
            + ". It stands beside the bundled runs on every page, marked (own).",
            icon=":material/check_circle:",
        )
        title = f"{job.config.dataset}/{job.name.removeprefix(job.config.dataset + '-')} (own)".replace(" ", "%20")
        query = f"?data={job.config.dataset}&run={title}"
        st.markdown(f"See its [neighbours](retrieval{query}), its [map](maps{query}) or its [probe](probe{query}).")
    else:
        told = {"stopped": "was stopped, and saved", "interrupted": "was interrupted", "failed": "failed"}[job.state]
        st.warning(
            f"`{job.name}` {told} at step {job.step:,} of {job.steps:,}. {job.sentence}", icon=":material/pause_circle:"
        )
        if job.log_tail:
            with st.expander("The last lines of its log", icon=":material/description:"):
                st.code("\n".join(job.log_tail), language=None)
    if training.may_command(job, operator_key()):
        row = st.columns([1, 1, 4])
        if job.resumable and row[0].button("Resume", icon=":material/play_arrow:", width="stretch"):
            command(jobs.resume, job)
        label = "Start another" if job.state == "finished" else "Discard"
        if row[1].button(label, icon=":material/delete:", width="stretch"):
            command(jobs.discard, job)
    curves(job)


def command(act, job: jobs.Job) -> None:
    """Do something with a job, or say why it cannot be."""
    try:
        act(job)
    except (ValueError, OSError) as error:
        st.warning(str(error), icon=":material/error:")
    else:
        st.rerun()


def operator_key() -> str:
    """What this visitor gave as the operator's key."""
    return str(st.session_state.get("_operator_key") or "")


reason = training.forbidden()
found = [] if reason else jobs.find()
job = next((one for one in found if one.active), found[0] if found else None)
if reason:
    st.info(reason, icon=":material/lock:")
    st.markdown("On a machine of your own the same is one command:")
    st.code(COMMAND, language="bash")
elif job is None:
    form()
elif job.active:
    watch(job)
else:
    over(job)
    if job.state != "finished" and len(found) > 1:
        st.caption(f"{len(found) - 1} more lie beside it: discard this one to see the next.")
if not reason and (training.hosted() or not training.may_command(job, operator_key()) if job else training.hosted()):
    with st.expander("For the operator", icon=":material/key:"):
        st.text_input("Operator's key", type="password", key="_operator_key", help="VICREG_OPERATOR of this instance.")

st.markdown(
    "**What to look for.** The optimiser lowers the total; look at its parts. A variance term that stays near 1 is a collapse "
    "on its way, whatever the total says. kNN accuracy uses labels that the training never sees."
)
st.markdown(
    "**What it does not prove.** A few epochs tell which way it goes, not where it ends; the bundled runs had the budget that "
    "stands beside their names."
)
ui.measured(
    "Terms: unweighted, of the training batch at each step. kNN: k = 20, weighted cosine, the first 10,000 train pictures "
    "vote on the first test pictures on the map. The estimate is the median of three timed steps times the number of steps.",
    command=COMMAND,
)
ui.show_source("vicreg.loss:vicreg_loss", "vicreg.timing:estimate")
