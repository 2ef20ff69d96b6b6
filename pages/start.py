"""Start: what VICReg is, drawn with real views of a real picture and what a trained run makes of them."""

import numpy as np
import streamlit as st

import ui
from vicreg import charts
from vicreg.charts.method_diagram import diagram
from vicreg.study import STUDY_PROBES

ui.page(
    "How can a network learn from pictures without labels?",
    "Both views come from one picture. VICReg trains the network to describe them **alike**, while every number of the "
    "description must **vary** from picture to picture and no two may say **the same**.",
)

controls = st.columns([3, 3, 2, 2], vertical_alignment="bottom")
run, second = ui.pick_pair(controls, needs="network")
pictures = ui.pictures(run)
if pictures is not None:
    ui.within("picture", len(pictures) - 1)
    number = controls[2].number_input(
        "Picture", 0, len(pictures) - 1, min(30, len(pictures) - 1), key="picture", bind="query-params"
    )
    image, name = pictures[number], pictures.classes[pictures.labels[number]]
else:
    image, name = ui.sample_picture(), "a flower from scikit-learn's sample photographs"
draws = st.session_state.setdefault("draws", 0)
if controls[3].button("Draw new views", icon=":material/refresh:", width="stretch"):
    draws = st.session_state["draws"] = draws + 1

pair = ui.two_views(image, run.config.views, draws)  # (2, size, size, 3) uint8


def show(run, key: str) -> None:
    """The diagram with what a run computes for the two views."""
    y, z = ui.embed(run, pair)
    ui.drawing(
        diagram(
            ui.data_uri(image),
            (ui.data_uri(pair[0]), ui.data_uri(pair[1])),
            representations=(y[0], y[1]),
            embeddings=(z[0], z[1]),
        ),
        key=key,
    )
    likeness = float(np.dot(y[0], y[1]) / max(np.linalg.norm(y[0]) * np.linalg.norm(y[1]), 1e-12))
    st.caption(
        f"Picture: {name}. The bars are the first 24 numbers that the run `{ui.title(run)}` computes for these two views, "
        f"each box to its own scale: the largest embedding of these is {ui.short(float(np.abs(z).max()))}. The two "
        f"representations point the same way to a cosine of {likeness:.2f}."
    )


show(run, "diagram")
if run.config.positives == "neighbours":
    st.caption(
        "This run was not trained on such views: its positive pairs were a picture and one of its nearest others, as they are."
    )
if second is not None:
    show(second, "diagram_second")

st.subheader("Three terms, one loss", anchor=False)
weights = run.config
colour = charts.TERM_COLOURS
st.latex(
    rf"\ell(Z, Z') = \lambda\,\textcolor{{{colour['invariance']}}}{{s(Z, Z')}}"
    rf" + \mu\,\textcolor{{{colour['variance']}}}{{[v(Z) + v(Z')]}}"
    rf" + \nu\,\textcolor{{{colour['covariance']}}}{{[c(Z) + c(Z')]}}"
)
last = None if run.baseline else ui.results(run, "history").query("split == 'test'").iloc[-1]
explained = (
    (
        "invariance",
        r"s(Z, Z') = \tfrac{1}{nD} \sum_i \lVert z_i - z'_i \rVert^2",
        "The two embeddings of a picture should **agree**. Alone, this is solved by giving every picture the same "
        "embedding: a complete collapse.",
    ),
    (
        "variance",
        r"v(Z) = \tfrac{1}{D} \sum_j \max(0,\, \gamma - S(z^j))",
        "Every number of the embedding should **vary** over the batch, with a standard deviation $S$ of at least "
        r"$\gamma = 1$. That forbids the complete collapse, but all numbers may still say the same.",
    ),
    (
        "covariance",
        r"c(Z) = \tfrac{1}{D} \sum_{i \neq j} [C(Z)]_{ij}^2",
        "Different numbers should **not be correlated**, so that the embedding uses many directions instead of "
        "repeating a few: no dimensional collapse.",
    ),
)
for column, (term, formula, words) in zip(st.columns(3), explained, strict=True):
    with column:
        end = "" if last is None else f", {ui.short(last[term])} at the end of this run"
        st.markdown(f"**{ui.coloured(term, term)}**{end}")
        st.latex(rf"\textcolor{{{charts.TERM_COLOURS[term]}}}{{{formula}}}")
        st.markdown(words)

probe = ui.metrics(run).get("probe")
if probe:
    low, high = probe["interval"]
    st.markdown(
        f"**Does it work?** A linear classifier on the {ui.metrics(run)['spectrum']['dimensions']} numbers of $y$, "
        f"{'before any training' if run.baseline else 'which were learned without labels'}, names the class of "
        f"**{probe['accuracy']:.2f} %** of the test pictures (95 % interval {low:.2f} to {high:.2f}). "
        + (
            f"The study that this app grew out of reports {STUDY_PROBES['vicreg']} %; guessing gives 10 %."
            if run.config.dataset == "cifar10"
            else "Guessing gives 10 %."
        )
    )
st.markdown(
    "Go on: how the loss [falls](training_curves), which classes [separate](maps), what it finds [alike](retrieval), and "
    "[what breaks](ablations) when a term is switched off."
)
if probe:
    ui.measured(
        f"Linear probe: {probe['protocol']}; n = {probe['n']:,} test images, run `{ui.title(run)}`. "
        rf"Weights: $\lambda$ = {weights.invariance_weight:g}, $\mu$ = {weights.variance_weight / 2:g} for each view and "
        rf"$\nu$ = {weights.covariance_weight:g} (Bardes et al. 2022, eq. 6, with the invariance term averaged over the $D$ "
        "dimensions as in the authors' code).",
        command=f"python -m vicreg evaluate {run.name}",
    )
ui.show_source("vicreg.method.views:augmented_views", "vicreg.method.loss:vicreg_loss")
