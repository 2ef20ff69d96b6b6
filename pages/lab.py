"""Lab: a small network trained live in the visitor's browser, so that a term can be switched off and its loss be seen."""

import streamlit as st

import ui
from ui.lab import lab, script
from vicreg import charts

ui.page(
    "What happens if you switch a term off?",
    "A network learns in your browser, now. Every picture lies where its **embedding** is. Switch one term off and watch.",
    dataset=False,
)
lab(key="lab")

colour = charts.TERM_COLOURS
st.latex(
    rf"\ell(Z, Z') = \lambda\,\textcolor{{{colour['invariance']}}}{{s(Z, Z')}}"
    rf" + \mu\,\textcolor{{{colour['variance']}}}{{[v(Z) + v(Z')]}}"
    rf" + \nu\,\textcolor{{{colour['covariance']}}}{{[c(Z) + c(Z')]}}"
)
st.markdown(
    "**What is trained.** A network of three layers, from random numbers, with the loss above and no label. A view keeps the "
    "drawing, moves it by up to one pixel and changes both colours. So the invariance term lets the network forget the "
    "colours, and only the digit is left to tell pictures apart. With two dimensions the picture shows the whole embedding."
)
st.markdown(
    "**What it does not prove.** These are 8 x 8 drawings, and two to sixteen numbers for each. Which of the effects appear "
    "in a large network on photographs is what [the ablations](ablations) show."
)
ui.measured(
    "Pictures: scikit-learn's 1,797 handwritten digits, each in one of six inks on one of six papers. 400 of them are shown "
    "and never train. Each step takes 128 others, two views of each. *Std* and *covariance*: of the 400 embeddings, divisor "
    "$n - 1$. *The 10 nearest*: of each of the 400, among 1,796 pictures, by Euclidean distance in all $D$ dimensions; "
    "guessing gives 1.0 for the digit and 1.7 for each colour. The mean embedding is taken away before drawing, since the "
    "loss does not depend on it. With more than two dimensions the plane of the two principal directions is drawn. "
    "The variance term is averaged over the two views, as in the authors' code. Switching a term on or off starts "
    "Adam's averages again. One seed gives one course on every visit in the same browser.",
    command="python -m benchmarks.lab",
)
code = st.expander("Show the code", icon=":material/code:", on_change="rerun", key="_source")
if code.open:
    code.code(script("loss.js"), language="javascript")
