"""The pictures that a step of a lesson can show, by the names of `vicreg.lessons.PICTURES`: the exhibits of the pages."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.lesson import charts_of_runs, images_of_runs
from vicreg.lessons import Step, runs_by_title
from vicreg.runs.folder import Run

Draw = Callable[[Step, list[Run], int], None]


def draw(step: Step, *, width: int) -> None:
    """Draw the step's picture. width: of its place, in pixels."""
    by_title = runs_by_title()
    missing = [name for name in step.picture.runs if name not in by_title]
    if missing:
        st.info(f"There is no run `{missing[0]}` on this machine any more.", icon=":material/info:")
        return
    DRAWN[step.picture.name](step, [by_title[name] for name in step.picture.runs], width)


DRAWN: dict[str, Draw] = {
    "lab": images_of_runs.lab,
    "figures": charts_of_runs.figures,
    "embeddings": images_of_runs.embeddings,
    "covariances": charts_of_runs.covariances,
    "singular-values": charts_of_runs.singular_values,
    "curves": charts_of_runs.curves,
    "layers": charts_of_runs.layers,
    "probes": charts_of_runs.probes,
    "map": images_of_runs.map,
    "farthest": images_of_runs.farthest,
    "neighbours": images_of_runs.neighbours,
    "anomalies": charts_of_runs.anomalies,
    "roc": charts_of_runs.roc,
    "clusters": charts_of_runs.clusters,
    "placements": images_of_runs.placements,
}
