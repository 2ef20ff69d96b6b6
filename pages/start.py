"""Start: what VICReg is, shown with two views of a picture and what a trained run computes from them."""

import numpy as np
import streamlit as st

import ui
from ui.lab import lab
from vicreg.charts.embedding_bars import NUMBERS, embedding_bars, embedding_scale
from vicreg.charts.method_diagram import diagram
from vicreg.config import DATASETS
from vicreg.data.catalogue import CATALOGUE
from vicreg.loss_terms import IN_LOSS
from vicreg.runs.folder import Run

ui.page(
    "How can a network learn without labels?",
    "It turns each picture into numbers. Two views of a picture should get **similar** numbers, every number must "
    "**vary** between pictures, and no two numbers may carry **the same** information. [Switch one of the three rules "
    "off](lab) and see why all are needed.",
    explains=("VICReg", "view", "encoder", "representation", "expander", "embedding", "linear probe"),
)
lab(key="lab_small", mini=True)

controls = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
run, second = ui.pick_pair(controls, needs="network")
pictures = ui.pictures(run)
if pictures is not None:
    ui.within("picture", len(pictures) - 1)
    number = controls[2].number_input(
        "Picture", 0, len(pictures) - 1, min(30, len(pictures) - 1), key="picture", bind="query-params"
    )
    image, name = (
        pictures[number],
        f"{'the digit ' if ui.spec(run).attributes else ''}{pictures.classes[pictures.labels[number]]}",
    )
else:
    image, name = ui.sample_picture(), "a flower from scikit-learn's sample photographs"
linked = st.query_params.get("draws", "0")  # which views: in the URL, so that a link shows the same
draws = int(linked) if linked.isdecimal() and len(linked) < 5 else 0
if controls[3].button("Draw new views", icon=":material/refresh:", width="stretch"):
    draws += 1
    st.query_params["draws"] = str(draws)

pair = ui.two_views(image, run.config.views, draws)  # (2, size, size, 3) uint8
more = [ui.two_views(other, run.config.views, draws) for other in ui.more_pictures(pictures, image, count=7)]
views = np.concatenate([pair, *more])  # (16, size, size, 3): two views of each picture
shown = [run] if second is None else [run, second]
computed = {ui.title(one): ui.embed(one, views) for one in shown}  # representations and embeddings
scale = embedding_scale(*(z for _, z in computed.values()))


def first_numbers(dimensions: int) -> str:
    """How many of the numbers of a representation or embedding are drawn as bars."""
    return f"the first {NUMBERS}" if dimensions > NUMBERS else f"all {dimensions}"


def show(run: Run, key: str) -> None:
    """The diagram with the numbers that a run computes for the two views."""
    y, z = computed[ui.title(run)]
    bars = " and ".join(dict.fromkeys(first_numbers(numbers.shape[1]) for numbers in (y, z)))
    ui.drawing(
        diagram(
            ui.data_uri(image),
            (ui.data_uri(pair[0]), ui.data_uri(pair[1])),
            representations=(y[0], y[1]),
            embeddings=(z[0], z[1]),
            scale=scale,
        ),
        key=key,
    )
    likeness = float(np.dot(y[0], y[1]) / max(np.linalg.norm(y[0]) * np.linalg.norm(y[1]), 1e-12))
    st.caption(
        f"Picture: {name}. Bars: {bars} numbers that **{ui.title(run)}** computes for each view. All "
        f"embeddings share one scale, up to {ui.short(scale)}. The two representations $y$ have cosine similarity "
        f"{likeness:.2f}."
    )


show(run, "diagram")
if run.config.positives == "neighbours":
    st.caption(
        "This run was not trained on such views. Its positive pairs were a picture and one of its nearest pictures, without "
        "augmentation."
    )
if second is not None:
    show(second, "diagram_second")

st.subheader("Does it tell pictures apart?", anchor=False)
least = " or ".join(dict.fromkeys(str(min(NUMBERS, z.shape[1])) for _, z in computed.values()))
uris = [ui.data_uri(view) for view in views]
ui.drawing(
    embedding_bars(
        list(zip(uris[::2], uris[1::2], strict=True)),
        [
            (
                ui.label(one).removeprefix(f"{one.config.dataset}/"),
                ui.colour(one),
                computed[ui.title(one)][1].reshape(len(views) // 2, 2, -1),
            )
            for one in shown
        ],
        scale=scale,
    ),
    key="embeddings",
)
st.caption(
    f"Embeddings of eight pictures, {least} numbers each: bars for the first view, dots for the second; one scale, up to "
    f"{ui.short(scale)}. Runs: {', '.join(f'**{ui.title(one)}**' for one in shown)}. "
    "If all eight pictures have the same bars, the run has collapsed."
)

st.subheader("Three terms, one loss", anchor=False)
of_terms = (rf"{term.symbol}\,\textcolor{{{term.colour}}}{{{term.summand}}}" for term in IN_LOSS)
rows = r" \\ &+ ".join(of_terms)  # a row for each term, so that it fits on a phone
st.latex(rf"\begin{{aligned}}\ell(Z, Z') ={{}}& {rows}\end{{aligned}}")
last = None if run.baseline else ui.last_losses(run)
widths = [12 if r"\max" in term.formula else 10 for term in IN_LOSS]  # the longest formula has the widest column
for column, term in zip(st.columns(widths), IN_LOSS, strict=True):
    with column:
        st.markdown(
            f"**{ui.coloured(term.name, term.name)}**, weight ${term.symbol} = {getattr(run.config, term.weight):g}$"
        )
        st.latex(rf"\textcolor{{{term.colour}}}{{{term.formula}}}")
        st.markdown(term.aim)
st.caption(
    "$n$: pictures in the batch. $D$: dimensions of $z$. $z^j$: dimension $j$ over the batch. $S$: standard deviation. $C$: "
    "covariance matrix."
)
if last is not None:
    st.markdown(
        f"**At the end of {ui.title(run)}**, on test pictures: "
        + " + ".join(
            f"{getattr(run.config, term.weight):g} · {last[term.name]:.3g} ({ui.coloured(term.name, term.name)})"
            for term in IN_LOSS
        )
        + f" = **{ui.short(last['total'])}**, the final total in the [training curves](training_curves)."
    )

probe, study = ui.metrics(run).get("probe"), ui.study(run)
if probe:
    low, high = probe["interval"]
    st.markdown(
        f"**Does it work?** From the {ui.metrics(run)['spectrum']['dimensions']} numbers of $y$, "
        f"{'before any training' if run.baseline else 'learned without labels'}, a linear classifier predicts the class of "
        f"**{probe['accuracy']:.2f} %** of the test pictures correctly (95 % interval over them: {low:.2f} to {high:.2f}). "
        + (f"The study on which this app is based reports {study} % for this setting. " if study else "")
        + f"Guessing gives {ui.guessing(run)}."
    )
others = ", ".join(
    f"[{spec.title}](./?data={key})" for key, spec in CATALOGUE.items() if key in DATASETS and spec != ui.spec(run)
)
st.markdown(
    "Next: does it see the [digit or the colour](digit_or_colour), how does the loss [fall](training_curves), which classes "
    "[separate](maps), which pictures are [similar](retrieval), and [what breaks](ablations) without one of the terms? The "
    f"same with other pictures: {others}."
)
if probe:
    ui.measured(
        f"Linear probe: {probe['protocol']}; n = {probe['n']:,} test images, run `{ui.title(run)}`. Loss: "
        f"{', '.join(term.normalised for term in IN_LOSS)}, as in the authors' code. The paper (Bardes et al. 2022, "
        f"eq. 6) adds the variance terms of the two views, and we average them: our {run.config.variance_weight:g} "
        f"corresponds to {run.config.variance_weight / 2:g} there.",
        command=ui.evaluate_command(run),
    )
ui.show_source("vicreg.method.views:augmented_views", "vicreg.method.loss:vicreg_loss")
