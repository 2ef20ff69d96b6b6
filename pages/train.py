"""Train: start a training on this machine and watch the terms, the accuracy and the map."""

import dataclasses

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ui
from ui import data_set_choice, picture_arrival
from ui.live_training import next_training, training_charts, training_limits, training_time, training_view
from vicreg import jobs
from vicreg.config import DATASETS, ENCODERS, Config, Settings
from vicreg.data import loading
from vicreg.data.catalogue import CATALOGUE
from vicreg.loss_terms import IN_LOSS
from vicreg.method.encoder_shapes import ENCODER_SHAPES
from vicreg.presets import QUICK_EPOCHS, QUICK_IMAGES, presets

OWN = "custom weights"
NAME = "train_name"
COMMAND = f"python -m vicreg train --dataset {data_set_choice.FIRST}"
NOTHING = f"{COMMAND} --epochs 1 {' '.join(f'--{term.option} 0' for term in IN_LOSS)} --name nothing"
SWITCHES = {"crop": "crop", "flip": "flip", "jitter": "colour jitter", "greyscale": "greyscale", "blur": "blur"}

ui.page(
    "What happens while it learns?",
    "Watch the three terms, step by step. The optimiser only lowers their weighted sum, so "
    f"{ui.coloured_terms()} move differently.",
    dataset=False,
    explains=("VICReg", "preset", "representation", "kNN", "effective rank", "linear probe", "t-SNE", "BatchNorm"),
)
width = ui.width()


def form() -> None:
    """Show what a training looks like; choose what to train, with the estimated time and the start button."""
    exhibit = st.container()
    controls = st.columns(4)
    dataset = controls[0].selectbox(
        "Data set",
        sorted(DATASETS, key=lambda name: CATALOGUE[name].made_here == training_limits.has_cuda()),
        key="train_data",
        persist_state="session",
        bind="query-params",
        help=f"Generated here and trained in minutes on a CPU: {data_set_choice.titles(made_here=True)}. "
        f"From the Hub, better with a GPU: {data_set_choice.titles(made_here=False)}.",
    )
    preset = controls[1].selectbox(
        "Preset",
        [*presets(dataset), OWN],
        key=f"train_preset_{dataset}",
        persist_state="session",
        help="Every preset except vicreg changes one part of the method.",
    )
    config = presets(dataset)["vicreg" if preset == OWN else preset]
    quick = CATALOGUE[dataset].made_here and (
        controls[2].segmented_control(
            "Length",
            ["Quick", "Full"],
            default="Full",
            required=True,
            key="train_length",
            persist_state="session",
            help=f"Quick, for a lesson: {QUICK_EPOCHS} epochs on {QUICK_IMAGES:,} pictures, then a short evaluation.",
        )
        == "Quick"
    )
    most = training_limits.limits().epochs or 200
    usual = QUICK_EPOCHS if quick else config.epochs
    epochs = controls[3].number_input(
        f"Epochs (at most {most})",
        1,
        most,
        min(usual, most),
        key=f"train_epochs_{dataset}{'_quick' * quick}",
        persist_state="session",
        help="Passes over the training pictures.",
    )
    if preset == OWN:
        config = own_weights(config)
    with st.expander("More settings", icon=":material/tune:", key="train_more"):
        config, name = more_settings(config, key=f"{dataset}_{preset}")
        then = after(dataset, preset)
    config = dataclasses.replace(config, epochs=int(epochs))
    with exhibit:
        words = training_view.expected(config, width=width)
    if not loading.available(dataset, "train"):
        picture_arrival.show_arrival(dataset, "train")
    else:
        start(config, name, quick=quick, then=then)
    training_view.kept(mine)
    if words:
        st.markdown(f"**What to expect.** {words}")


def more_settings(config: Config, *, key: str) -> tuple[Config, str]:
    """The config with the chosen batch size, seed and views, and the name of the run."""
    encoder = pick_encoder(config)
    columns = st.columns(4)
    batch = columns[0].select_slider(
        "Batch size", [64, 128, 256, 512], value=config.batch_size, key="train_batch", persist_state="session"
    )
    seed = columns[1].number_input("Seed", 0, 9_999, 0, key="train_seed", persist_state="session")
    name = jobs.free_name(
        f"{config.dataset}-{config.preset}-{training_limits.VISITOR if training_limits.hosted() else 'mine'}"
    )
    if not training_limits.hosted():  # on a public server, everybody would see what one visitor writes
        typed = columns[3].text_input("Name of the run", placeholder=name, key=NAME, persist_state="session")
        name = (typed or "").strip() or name
    if config.positives == "views":
        config = own_views(config, columns[2], key=key)
    else:
        st.caption("Positives: neighbours. They are not augmented, so there are no views to choose.")
    return dataclasses.replace(config, encoder=encoder, batch_size=int(batch), seed=int(seed)), name


def pick_encoder(config: Config) -> str:
    """Select the encoder; the first one is that of the preset."""
    # Timing a resnet18 on a CPU would slow a shared server for minutes.
    offered = [
        name for name in ENCODERS if name != "resnet18" or training_limits.has_cuda() or not training_limits.hosted()
    ]
    return st.selectbox(
        "Encoder",
        [config.encoder, *(name for name in offered if name != config.encoder)],
        key=f"train_encoder_{config.dataset}",
        persist_state="session",
        help=", ".join(f"{name}: {shape.parameters} M parameters" for name, shape in ENCODER_SHAPES.items()),
    )


def after(dataset: str, preset: str) -> str:
    """Select the preset of a second training, which starts when the first one is finished; "" for none."""
    return st.selectbox(
        "Then train",
        ["", *(name for name in presets(dataset) if name != preset)],
        format_func=lambda name: name or "nothing",
        key=f"train_then_{dataset}",
        persist_state="session",
        help="Starts by itself when the first run is finished, with the same epochs, even if you close this "
        "page. Its curves are drawn over those of the first one.",
    )


def own_weights(config: Config) -> Config:
    """The config with the chosen weights of the three terms."""
    columns = st.columns(len(IN_LOSS))
    weights = {
        term.weight: column.number_input(
            f"{term.letter}, weight of {ui.coloured(term.name, term.name)}",
            0.0,
            1_000.0,
            getattr(config, term.weight),
            key=f"train_{term.name}",
            persist_state="session",
            help="From 0 to 1,000.",
        )
        for column, term in zip(columns, IN_LOSS, strict=True)
    }
    if not any(weights.values()):
        st.warning(
            "All weights are 0, so the loss is always 0: the network will learn nothing.",
            icon=":material/info:",
        )
    return dataclasses.replace(config, preset="own", **weights)


def own_views(config: Config, place: DeltaGenerator, *, key: str) -> Config:
    """The config with the chosen views: size and transforms."""
    size = place.select_slider(
        "Size of a view (pixels)",
        [16, 20, 24, 28, 32],
        value=config.views.size,
        key=f"train_view_{key}",
        persist_state="session",
    )
    kept = st.pills(
        "Transforms of a view",
        list(SWITCHES),
        default=[name for name in SWITCHES if getattr(config.views, name)],
        format_func=SWITCHES.__getitem__,
        selection_mode="multi",
        key=f"train_switches_{key}",
        persist_state="session",
        help="Two views of a picture must get similar embeddings. So the network learns to ignore what the transforms change.",
    )
    views: Settings = {"size": size, **{name: name in kept for name in SWITCHES}}
    return dataclasses.replace(config, views=dataclasses.replace(config.views, **views))


def start(config: Config, name: str, *, quick: bool, then: str) -> None:
    """Show the estimated time and the start button. then: the preset to train next, or ""."""
    if (other := jobs.busy()) is not None:
        words, button = st.columns([4, 1], vertical_alignment="center")
        words.info(
            "Another training run is in progress on this server. Try again later."
            if training_limits.hosted()
            else f"`{other.name}` is training on this machine (process {other.pid}). Two training runs would slow "
            "each other down. Wait for it, or stop it with Ctrl-C in its terminal.",
            icon=":material/hourglass:",
        )
        button.button("Refresh", icon=":material/refresh:", width="stretch")
        return
    try:
        images = training_limits.images_of(config, quick=quick) or CATALOGUE[config.dataset].train_images
        found = training_time.estimated(config, images)
    except (ValueError, RuntimeError, MemoryError) as error:  # torch's errors for too little memory
        said = str(error).partition("\n")[0][:200] or "There was not enough memory"
        st.warning(f"A training step failed: {said}. Choose a smaller batch or encoder.", icon=":material/error:")
        return
    words, button = st.columns([4, 1], vertical_alignment="center")
    words.markdown(training_time.time_told(config, found, quick=quick))
    bound = training_limits.limits().seconds
    words.caption(
        f"{found.steps:,} steps of {training_time.short_time(found.seconds_a_step)} each, as timed just now on this "
        "machine." + (f" On this server, training stops after {training_time.minutes(bound)}." if bound else "")
    )
    too_long = training_limits.too_long(found)
    if too_long:
        st.warning(
            "This takes longer than this server allows: choose fewer epochs or a smaller encoder.",
            icon=":material/timer:",
        )
    if button.button("Start training", icon=":material/play_arrow:", width="stretch", disabled=too_long):
        try:
            job = training_limits.begin(config, name, quick=quick, token=training_limits.token())
        except (ValueError, OSError) as error:
            training_view.refused(error)
        else:
            st.session_state.pop(NAME, None)  # the name is taken now
            if then:
                next_training.plan(job, then, quick=quick, token=job.token)
            st.rerun()


reason = training_limits.forbidden()
found = [] if reason else jobs.find()
active = next((one for one in found if one.active), None)
mine = [one for one in found if training_view.may_command(one)]
shown = [one for one in mine if one.state == "finished" or (one.name, one.created) not in training_view.put_aside()]
if reason:
    st.info(reason, icon=":material/lock:")
    st.markdown(training_view.expected(presets(data_set_choice.FIRST)["vicreg"], width=width))
    st.markdown("On your own machine, one command starts it:")
    st.code(COMMAND, language="bash")
elif active is not None:
    training_view.watch(active, width=width)
elif shown:
    training_view.over(shown[0])
    training_view.follow(shown[0])
    behind = training_view.pick_behind(shown[0], st.container())
    training_charts.curves(shown[0], width=width, behind=behind)
else:
    training_view.watched(found)
    form()
if not reason:
    training_view.ask_for_key()

st.markdown(
    "**What to look for.** The total falls, but look at its parts. If the variance term stays near 1, the network has "
    "collapsed, whatever the total does. The kNN accuracy uses labels that training never sees."
)
st.markdown(
    "**What it does not prove.** A few epochs show a trend, not the final result; the number of epochs of the bundled runs "
    "is next to their names. Not all of the first jump is learning: BatchNorm has no running averages before the first step."
)
ui.measured(
    "Terms: unweighted, on the training batch of each step. kNN: k = 20, weighted cosine; the first 10,000 training "
    "pictures vote on the test pictures of the map. Estimated time: the median of three timed steps times the number "
    f"of steps, plus some time for snapshots. The range is 0.35 to 2 times that. BatchNorm: with all "
    "weights at 0, kNN accuracy on digits rises from 53.0 to 60.9 % in one epoch, and the effective rank from 119 to 273, "
    "because its running averages change and nothing else. "
    f"`{NOTHING}` prints these numbers (n = 1,000 test pictures).",
    command=COMMAND,
)
ui.show_source("vicreg.method.loss:vicreg_loss", "vicreg.training.estimate:seconds_a_step")
