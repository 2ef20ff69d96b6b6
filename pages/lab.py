"""Lab: a small network that trains live in the browser. Switch a term off and see what happens."""

import streamlit as st

import ui
from ui.lab import lab, script
from vicreg.loss_terms import IN_LOSS

ui.page(
    "What happens if you switch a term off?",
    "A network is learning in your browser right now. Each picture is drawn at its **embedding**. Switch a term off "
    "and watch.",
    dataset=False,
    explains=("VICReg", "embedding", "collapse"),
)
lab(key="lab")

# a row for each term, so that it fits on a phone
rows = r" \\ &+ ".join(rf"{term.symbol}\,\textcolor{{{term.colour}}}{{{term.summand}}}" for term in IN_LOSS)
st.latex(rf"\begin{{aligned}}\ell(Z, Z') ={{}}& {rows}\end{{aligned}}")
st.caption(
    "$s$, $v$, $c$: the invariance, variance and covariance terms. There is no expander here: $z$ is the network's output."
)
st.markdown(
    "**What is trained.** A network of three layers, from random weights, with the loss above and without labels. A "
    "view shows the same drawing, shifted by up to one pixel, in two different colours. So the invariance term makes the "
    "network ignore the colours, and only the digit is left to tell pictures apart. With two dimensions, you see the "
    "whole embedding."
)
st.markdown(
    "**What it does not prove.** These are 8 x 8 drawings with embeddings of 2 to 16 dimensions. The "
    "[ablations](ablations?data=cifar10) show which effects also appear in a larger network on photographs."
)
ui.measured(
    "Pictures: scikit-learn's 1,797 handwritten digits, each in one of six inks on one of six papers. 400 of them are "
    "shown and never used for training. Each step uses two views of 128 others. *Standard deviations* and *covariance*: of "
    "the 400 embeddings, with divisor $n - 1$. *The 10 nearest*: for each of the 400, among 1,796 pictures, by Euclidean "
    "distance in all $D$ dimensions; guessing gives 1.0 for the digit and 1.7 for each colour. We subtract the mean "
    "embedding before drawing, because the loss does not depend on it. With more than two dimensions, we draw the "
    "first two principal components. The variance term is averaged over the two views, as in the authors' code. "
    "Switching a term on or off resets Adam's averages. The same seed gives the same training in the same browser.",
    command="python -m benchmarks.lab",
)
code = st.expander("Show the code", icon=":material/code:", on_change="rerun", key="_source")
if code.open:
    code.code(script("loss.js"), language="javascript")
