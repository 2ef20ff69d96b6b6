"""Images and maps of them that a step of a lesson can show. Each takes the step, its runs, and the width of its place."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ui import map_data
from ui.ablation_panels import collapse
from ui.components.picture_tiles import tiles
from ui.eigenmap_placements import placements_map
from ui.lab import lab as small_lab
from ui.picture_map import Panel, atlas, picture_map
from ui.pictures import pictures
from ui.representations import search
from ui.run_picker import metrics, results, title
from vicreg import charts
from vicreg.data.catalogue import CATALOGUE
from vicreg.lessons import Step
from vicreg.runs.folder import Run

POINTS = 1_000  # on a map of a step
LEAST, MOST = 210, 420  # px, of a map's height: a step must fit the screen of a laptop


def _height(wanted: int) -> int:
    return max(LEAST, min(MOST, wanted))


def lab(step: Step, runs: list[Run], width: int) -> None:
    """The small Lab."""
    small_lab(key="lesson_lab", mini=True)


def embeddings(step: Step, runs: list[Run], width: int) -> None:
    """Embeddings from before training to its end, with the verdict."""
    collapse({title(run): run for run in runs}, key="lesson_points", height=_height(width // 2))


def map(step: Step, runs: list[Run], width: int) -> None:
    """Maps side by side."""
    run, kind = runs[0], step.picture.options.get("map", "t-SNE")
    count = min(POINTS, len(results(run, "map_choices" if kind == "two seeds" else "projections")))
    if kind == "two seeds":
        drawn = [(run, name) for name in list(map_data.SETTINGS) if "perplexity 30" in name]
    else:
        drawn = [(one, kind) for one in runs]
    panels = [
        Panel(
            name if len(runs) == 1 else f"{name}, {title(one)}",
            map_data.places(one, name, count),
            map_data.honesty(one, name, count).sentence,
        )
        for one, name in drawn
    ]
    shown = pictures(run)
    picture_map(
        panels,
        key="lesson_map",
        numbers=np.arange(count),
        colourings=map_data.colourings(run, shown, results(run, "projections")["label"].head(count).to_numpy()),
        atlas=atlas(run, shown, count),
        alt=f"Maps of {count:,} test images of {title(run)}, coloured by class.",
        height=_height(width // 4),
        words="",
    )


def placements(step: Step, runs: list[Run], width: int) -> None:
    """New images on an eigenmap."""
    (run,) = runs
    placements_map(run, pictures(run), key="lesson_placements", height=_height(width // 4))


def farthest(step: Step, runs: list[Run], width: int) -> None:
    """The images that are farthest most often."""
    (run,) = runs
    metric = step.picture.options.get("metric", "euclidean")
    found, labels = metrics(run)["retrieval"], results(run, "fingerprints")["label"]
    hubs, classes = found["hubness"][metric]["hubs"], CATALOGUE[run.config.dataset].classes
    rows = [hub["index"] for hub in hubs]
    names = [classes[labels[row]] for row in rows]
    st.markdown(f"**The ten images that are farthest most often**, in {found['n']:,} lists (`{title(run)}`, {metric})")
    shown = pictures(run)
    if shown is None:
        st.markdown(", ".join(f"{name} {hub['lists']:,}" for name, hub in zip(names, hubs, strict=True)) + " lists")
        return
    tiles(
        shown[rows],
        key="lesson_hubs",
        label="Images that are farthest most often",
        captions=[[name, f"{hub['lists']:,} lists"] for name, hub in zip(names, hubs, strict=True)],
        alts=[f"{name}, farthest for {hub['lists']} queries" for name, hub in zip(names, hubs, strict=True)],
        colours=[charts.CLASS_COLOURS[int(labels[row]) % len(charts.CLASS_COLOURS)] for row in rows],
        scale=2,
    )


def neighbours(step: Step, runs: list[Run], width: int) -> None:
    """The nearest images of one query."""
    shown = pictures(runs[0])
    if shown is None:
        return
    query = 5
    for place, run in enumerate(runs):
        found = search(run, shown, query, gallery="test", metric="cosine", k=8).nearest
        indices = [query, *(int(i) for i in found)]
        st.markdown(f"**A query and its nearest**, `{title(run)}`")
        tiles(
            shown[indices],
            key=f"lesson_nearest_{place}",
            label=f"A query and its nearest images under {title(run)}",
            captions=[[shown.classes[shown.labels[i]]] for i in indices],
            alts=[f"{shown.classes[shown.labels[i]]}, test picture {i}" for i in indices],
            framed=[0],
            ids=range(len(indices)),
            scale=2 if width > 500 else 1,
        )
