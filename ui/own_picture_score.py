"""The anomaly score of a visitor's own picture, and its place among the run's pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from ui.commands import how_to_measure
from ui.run_picker import key_of, load_networks, metrics, networks, title
from vicreg.evaluation.anomaly_bank import Bank, bank_from_tables
from vicreg.evaluation.anomaly_score import Scoring
from vicreg.runs.folder import Run

BANK = ("bank", "bank_basis", "bank_scale")  # tables


@st.cache_resource(max_entries=4, show_spinner=False)
def _bank(key: str, _run: Run) -> Bank:
    figures = _run.metrics["anomaly_sets"]["bank"]
    tables = (_run.results(name) for name in BANK)
    return bank_from_tables(*tables, step=figures["step"], of=figures["of"])


def load_ahead(run: Run) -> None:
    """Load the network and the bank of a run, which `score_picture` needs. Needs no page. Raises errors of a run without."""
    load_networks(run)
    _bank(key_of(run), run)


def score_picture(run: Run, picture: np.ndarray, scoring: Scoring) -> float | None:
    """The anomaly score of a visitor's picture (32, 32, 3) uint8, from the run's bank.

    None, with a message on the page, if the run has no bank.
    """
    from vicreg.evaluation.encode import encode

    if "bank" not in metrics(run).get("anomaly_sets", {}) or not all(run.has(name) for name in BANK):
        st.info(
            f"`{run.title}` cannot score your picture yet. {how_to_measure(run, only='anomaly_sets')}",
            icon=":material/info:",
        )
        return None
    try:
        bank = _bank(key_of(run), run)
        return float(bank.scores(encode(networks(run)[0], picture[None]), scoring)[0])
    except ValueError as error:
        st.warning(f"`{run.title}` cannot score your picture: {error}", icon=":material/broken_image:")
        return None


def place_of(run: Run, score: float, table: pd.DataFrame, named: str, things: str) -> str:
    """A sentence with the score of a visitor's picture, its rank among the run's pictures, and the error of the bank.

    table: `anomaly` (bool), `score`. named: the name of the score; the error is known for the scores in KNOWN.
    """
    normal, strange = (table[table["anomaly"] == group]["score"] for group in (False, True))
    words = (
        f"**Your picture has the score {score:.4g}** under `{title(run)}`: higher than **{_under(normal, score)} %** of the "
        "test pictures"
    )
    if len(strange):
        words += f" and than {_under(strange, score)} % of the {things}"
    error = metrics(run)["anomaly_sets"]["bank"].get(named)
    if error is None:
        return f"{words}."
    return (
        f"{words}. The training representations are stored compressed, so these percentages are off: by "
        f"{error['place']:.0f} points for the median picture, and by at most {error['place_95']:.0f} points for 95 % "
        "of pictures."
    )


def _under(scores: pd.Series, score: float) -> str:
    return f"{100 * float((scores < score).mean()):.1f}"
