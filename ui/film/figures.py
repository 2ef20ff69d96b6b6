"""What was measured of runs while they learned, as the film's curves draw it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from ui.run_picker import colour, key_of, results
from vicreg.data.catalogue import CATALOGUE
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject

DIRECTIONS = 60  # of a spectrum that are drawn, closer together where it falls
LEAST = 1e-4  # of the largest singular value: where the axis of the spectrum ends


def lines(runs: Mapping[str, Run]) -> list[JsonObject]:
    """Two figures over epochs: how far z spreads, and kNN accuracy. Both axes start at zero. runs: by title."""
    return _lines([(title, key_of(run), colour(run)) for title, run in runs.items()], runs)


@st.cache_data(max_entries=32, show_spinner=False)
def _lines(keys: list[tuple[str, str, str]], _runs: Mapping[str, Run]) -> list[JsonObject]:
    runs = _runs
    gamma = max(run.config.gamma for run in runs.values())
    chance = CATALOGUE[next(iter(runs.values())).config.dataset].chance
    spread, knn = [], []
    for title, run in runs.items():
        history, shots = results(run, "history"), results(run, "snapshots")
        tested = history[history["split"] == "test"]
        named = {"run": title, "colour": colour(run)}
        spread.append({**named, "x": tested["epoch"].tolist(), "y": (run.config.gamma - tested["variance"]).tolist()})
        knn.append({**named, "x": shots["epoch"].tolist(), "y": (100 * shots["knn_accuracy"]).tolist()})
    highest = max(max(one["y"]) for one in knn)
    return [
        {
            "title": "Spread of z",
            "about": f"mean standard deviation, each capped at {gamma:g}; dashed: target",
            "top": 1.1 * gamma,
            "tick": gamma,
            "rule": gamma,
            "digits": 2,
            "unit": "",
            "lines": spread,
        },
        {
            "title": "kNN accuracy",
            "about": "of y; dashed: guessing",
            "top": float(np.ceil(max(highest, chance) / 10) * 10),
            "tick": float(np.ceil(max(highest, chance) / 10) * 10),
            "rule": chance,
            "digits": 1,
            "unit": " %",
            "lines": knn,
        },
    ]


def curves(drawn: list[JsonObject]) -> pd.DataFrame:
    """What `lines` gives as a table: `figure`, `run`, `epoch`, `value`."""
    parts = [
        pd.DataFrame({"figure": one["title"], "run": line["run"], "epoch": line["x"], "value": line["y"]})
        for one in drawn
        for line in one["lines"]
    ]
    return pd.concat(parts, ignore_index=True)


def spectra(runs: Mapping[str, Run]) -> JsonObject:
    """The spectrum of y at each snapshot, in powers of ten below its largest singular value, and the effective rank."""
    found = [{"run": title, "colour": colour(run), **_spectrum(key_of(run), run)} for title, run in runs.items()]
    return {
        "title": "Directions of y",
        "about": "effective rank; singular values, logarithmic axes",
        "least": float(np.log10(LEAST)),
        "last": max(one["directions"][-1] for one in found),
        "runs": found,
    }


@st.cache_data(max_entries=64, show_spinner=False)
def _spectrum(key: str, _run: Run) -> JsonObject:
    """What `spectra` shows of one run, without its name and colour."""
    shots = results(_run, "snapshots")
    table = results(_run, "snapshot_spectra").pivot_table("singular_value", index="epoch", columns="dimension")
    values = table.fillna(0).to_numpy(float)  # (E, D), falling
    share = np.log10(np.maximum(values / np.maximum(values[:, :1], 1e-30), LEAST))
    picked = np.unique(np.geomspace(1, values.shape[1], DIRECTIONS).round().astype(int)) - 1
    return {
        "x": table.index.tolist(),
        "directions": (picked + 1).tolist(),
        "values": share[:, picked].round(3).tolist(),
        "rank": {"x": shots["epoch"].tolist(), "y": shots["effective_rank"].tolist()},
    }
