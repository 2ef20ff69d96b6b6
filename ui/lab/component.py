"""The lab component: a small network that is trained live in the visitor's browser.

The JavaScript is in separate files in this folder, as ES modules without a build step. Streamlit needs a single string, so
the modules are joined here: once for the page, and the training modules again for a Web Worker.
"""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from ui.components import scripts
from vicreg import charts
from vicreg.data.coloured_digits import drawings_of_digits

FOLDER = Path(__file__).parent
ENGINE = ("random.js", "pictures.js", "matrix.js", "network.js", "loss.js", "measures.js", "trainer.js")
EXHIBIT = (
    *("address.js", "places.js", "points.js", "scene.js", "panels.js", "sentence.js", "challenges.js"),
    *("controls.js", "buttons.js", "pulls.js", "readout.js", "challenge_flow.js", "pointer.js"),
    *("start_page.js", "style.js", "scene_contents.js", "frames.js", "worker_link.js", "watch_page.js", "lab.js"),
)

# Where a CIFAR-10 run shows the effect of each challenge.
LINKS = {
    "variance": "./?data=cifar10&run=cifar10/vicreg&second=cifar10/no-variance",
    "covariance": "ablations?data=cifar10&setting=no+covariance",
    "invariance": "retrieval?data=cifar10&run=cifar10/vicreg&second=cifar10/no-invariance",
    "everything": "retrieval?data=cifar10&run=cifar10/vicreg&second=cifar10/untrained",
    "lab": "lab",
}


def script(name: str) -> str:
    """The text of a file in this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def joined(*names: str) -> str:
    """Join ES modules of this folder, in the given order, without their import and export statements."""
    return scripts.joined(*(FOLDER / name for name in names))


def source() -> str:
    """The JavaScript of the component. It contains the worker's script as a string, because a worker needs a URL."""
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
    """scikit-learn's 1,797 drawings as text, one letter per pixel from "A" (no ink) to "Q" (16), and their digits."""
    drawn, digits = drawings_of_digits()
    letters = (drawn.ravel().astype("uint8") + ord("A")).tobytes().decode("ascii")
    return letters, "".join(map(str, digits))


def lab(*, key: str, mini: bool = False) -> None:
    """Show the lab. mini: a small version without controls that plays once by itself.

    The data never change, so they are sent once. The state is kept in the browser and in the page's URL.
    """
    strokes, labels = drawings()
    _LAB(
        key=key,
        data=[  # a list, since Streamlit loads pandas to look for tables in a dict
            {
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
            }
        ],
    )
