"""The lab: a small network that is really trained in the visitor's browser, as a component.

The JavaScript stands in files of its own beside this one, as ES modules without a build step. Streamlit takes one
string, so the modules are joined here: the exhibit's for the page, and the training's, once more, for a Web Worker.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import streamlit as st

from vicreg import charts

FOLDER = Path(__file__).parent
ENGINE = ("random.js", "pictures.js", "matrix.js", "network.js", "loss.js", "measures.js", "trainer.js")
EXHIBIT = (
    *("address.js", "places.js", "points.js", "scene.js", "panels.js", "sentence.js", "challenges.js", "controls.js"),
    *("buttons.js", "pulls.js", "readout.js", "game.js", "hand.js", "small.js", "style.js", "world.js", "frames.js"),
    *("worker_link.js", "lab.js"),
)

# Where a trained run on CIFAR-10 shows what a challenge showed.
LINKS = {
    "variance": "./?data=cifar10&run=cifar10/vicreg&second=cifar10/no-variance",
    "covariance": "ablations?data=cifar10&on_variance=true&on_covariance=false",
    "invariance": "retrieval?data=cifar10&run=cifar10/vicreg&second=cifar10/no-invariance",
    "everything": "retrieval?data=cifar10&run=cifar10/vicreg&second=cifar10/untrained",
    "lab": "lab",
}


def script(name: str) -> str:
    """The text of one of this folder's files."""
    return (FOLDER / name).read_text(encoding="utf-8")


def joined(*names: str) -> str:
    """ES modules of this folder as one script: each after those it imports, without their imports and exports."""
    return "\n".join(
        re.sub(r"^import .*\n|^export (?!default)", "", script(name), flags=re.MULTILINE) for name in names
    )


def source() -> str:
    """All JavaScript of the component. The worker's part is a string in it, since a worker needs an address."""
    worker = joined(*ENGINE, "worker.js")
    return f"const WORKER_SOURCE = {json.dumps(worker)};\n{joined(*ENGINE, *EXHIBIT)}"


_LAB = st.components.v2.component(
    "vicreg_lab",
    html=script("lab.html"),
    css=script("lab.css"),
    js=source(),
)


@st.cache_data(show_spinner=False)
def drawings() -> tuple[str, str]:
    """scikit-learn's 1,797 drawings, one letter a pixel, "A" (no ink) to "Q" (16), and the digit of each."""
    from sklearn.datasets import load_digits

    found = load_digits()
    letters = (found.images.ravel().astype("uint8") + ord("A")).tobytes().decode("ascii")
    return letters, "".join(map(str, found.target))


def lab(*, key: str, mini: bool = False) -> None:
    """The exhibit with all its controls; mini: small, without controls, and playing by itself once.

    What is sent never changes, so it is sent once; the state is in the browser and in the page's address.
    """
    strokes, labels = drawings()
    _LAB(
        key=key,
        data={
            "drawings": strokes,
            "labels": labels,
            "colours": {
                "terms": {term: charts.TERM_COLOURS[term] for term in charts.TERMS},
                "classes": list(charts.CLASS_COLOURS),
                "hues": list(charts.HUE_COLOURS.values()),
            },
            "hues": list(charts.HUE_COLOURS),
            "links": LINKS,
            "mini": mini,
        },
    )
