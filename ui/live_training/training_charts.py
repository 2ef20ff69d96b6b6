"""Charts of a training for the page `train`: terms by step, figures by epoch, the latest map.

Many visitors may watch one training, so each chart is made once, and sent only when it changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

import ui
from ui import picture_arrival
from ui.finished_charts import FinishedChart
from ui.picture_map import Colouring, Panel, atlas_of_set, picture_map
from ui.pictures import image_set
from ui.shared_cache import kept
from vicreg import charts, jobs
from vicreg.data.catalogue import CATALOGUE, class_names
from vicreg.jobs.event_log import Moment
from vicreg.jobs.status import Job
from vicreg.loss_terms import NAMES
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run, open_run
from vicreg.storage import paths
from vicreg.storage.json_values import JsonObject
from vicreg.training.estimate import steps_of

POINTS = 300  # points of a live curve, about the width of a panel in pixels


def curves(job: Job, *, width: int, behind: str = "") -> None:
    """The terms by step; kNN accuracy and effective rank by epoch beside the latest map; a warning about bad events.

    behind: the folder of a run whose curves are drawn dashed (see `ghost`); the first thing to see, before the first step.
    """
    if job.fault:
        st.warning(f"This view may be out of date: {as_text(job.fault)}.", icon=":material/broken_image:")
    steps, other = jobs.steps_seen(job), ghost(behind)
    if steps or other is not None:
        now = (
            ", ".join(f"{term} {steps[-1][term]:.3g}" for term in ("total", *NAMES)) + " at the last step"
            if steps
            else "no step yet"
        )
        ui.chart(
            _terms(job.name, job.created, job.step, width, steps, total_steps(job), job.epochs, *_behind(other)),
            alt=f"Total and the three terms over {job.step:,} steps of {job.name}: {now}."
            + (f" Dashed: {other.title}." if other else ""),
            key="live_terms",
        )
    if other is not None:
        st.caption(
            f"Dashed: `{other.title}`, the mean of each epoch"
            + (f" ({other.epochs} epochs instead of {job.epochs})." if other.epochs != job.epochs else ".")
        )
    moments, labels = jobs.snapshots(job), jobs.labels(job)
    if not moments:
        return
    last = moments[-1]
    left, right = st.columns([1, 1], gap="large") if width >= 700 else (st.container(), st.container())
    with left:
        since = "Before the first step" if last.epoch == 0 else f"After epoch {last.epoch}"
        st.markdown(
            f"**{since}**: kNN accuracy {100 * last.knn_accuracy:.2f} %, effective rank {last.effective_rank:.2f}."
            + (" The next map follows in a few epochs." if job.active and last.epoch < job.epochs else "")
        )
        half = width // 2 - 20 if width >= 700 else width
        ui.chart(
            _figures(job.name, job.created, last.epoch, max(260, min(699, half)), job.epochs, moments, *_behind(other)),
            alt="kNN accuracy and effective rank, by epoch: "
            + "; ".join(f"{m.epoch}: {100 * m.knn_accuracy:.1f} %, {m.effective_rank:.1f}" for m in moments),
            key="live_figures",
        )
    if labels is not None and len(labels) == len(last.tsne):
        with right:
            _show_map(job, moments, labels)


def as_text(words: str) -> str:
    """Escape text for Markdown."""
    return re.sub(r"([\\`*_~$\[\]{}<>#|:])", r"\\\1", words)


@st.cache_resource(max_entries=16, show_spinner=False)
def bundled(dataset: str, preset: str, width: int) -> tuple[str, FinishedChart]:
    """Title and curves of a preset's bundled run. Cached, because it does not change."""
    run = open_run(paths.BUNDLED / f"{dataset}-{preset}")
    train = run.history[run.history["split"] == "train"].rename(columns={"epoch": "step"})
    return ui.title(run), ui.finished(charts.live_terms(train, steps=run.config.epochs, width=width, unit="epoch"))


@dataclass(frozen=True)
class Ghost:
    """A finished run that is drawn behind a live one. terms: by epoch, as in history.csv. snapshots: may be None.

    content: the run's, which a later run of the same folder does not have.
    """

    content: str
    title: str
    colour: str
    epochs: int
    terms: pd.DataFrame
    snapshots: pd.DataFrame | None


def ghost(folder: str) -> Ghost | None:
    """The curves of a finished run in this folder; None for "" or if there is no such run here."""
    try:
        run = open_run(folder) if folder else None
        return None if run is None else _ghost(run, ui.colour(run))
    except RunError:
        return None


@kept(most=16)
def _ghost(run: Run, colour: str) -> Ghost:
    shots = run.results("snapshots") if run.has("snapshots") else None
    train = run.history[run.history["split"] == "train"]
    return Ghost(run.content, ui.title(run), colour, run.config.epochs, train, shots)


def _behind(other: Ghost | None) -> tuple[str, Ghost | None]:
    """What decides the dashed curves, as a key, and the curves."""
    return (f"{other.content} {other.title} {other.colour}", other) if other else ("", None)


def total_steps(job: Job) -> int:
    """The number of steps of a job, also before its pictures are read."""
    return job.steps or steps_of(job.config, job.images or CATALOGUE[job.config.dataset].train_images)


@st.cache_resource(max_entries=16, show_spinner=False)
def _terms(
    name: str,
    created: float,
    step: int,
    width: int,
    _points: list[JsonObject],
    steps: int,
    epochs: int,
    behind: str,
    _other: Ghost | None,
) -> FinishedChart:
    few, other = _points[:: 1 + len(_points) // POINTS], _other
    frame = pd.DataFrame(few if not few or few[-1] is _points[-1] else [*few, _points[-1]])
    if not few:
        frame = pd.DataFrame(columns=["step", "total", *NAMES], dtype=float)
    if other is None:
        return ui.finished(charts.live_terms(frame, steps=steps, width=width))
    shown = other.terms[other.terms["epoch"] <= epochs]
    dashed = shown.assign(step=(shown["epoch"] - 0.5) * steps / epochs)  # the mean of an epoch belongs to its middle
    return ui.finished(charts.live_terms(frame, steps=steps, width=width, behind=dashed))


@st.cache_resource(max_entries=16, show_spinner=False)
def _figures(
    name: str,
    created: float,
    epoch: int,
    width: int,
    epochs: int,
    _moments: list[Moment],
    behind: str,
    _other: Ghost | None,
) -> FinishedChart:
    frame = pd.DataFrame(
        {"epoch": m.epoch, "knn_accuracy": m.knn_accuracy, "effective_rank": m.effective_rank} for m in _moments
    )
    frames, colours, other = {name: frame}, {name: charts.OWN_COLOURS[0]}, _other
    if other is not None and other.snapshots is not None:
        frames[other.title] = other.snapshots[other.snapshots["epoch"] <= epochs]
        colours[other.title] = other.colour if other.colour != charts.OWN_COLOURS[0] else charts.OWN_COLOURS[1]
    dashed = other.title if other is not None else ""
    return ui.finished(charts.snapshots(frames, colours, width=width, epochs=epochs, dashed=dashed))


def _show_map(job: Job, moments: list[Moment], labels: np.ndarray) -> None:
    """The newest map of the fixed test pictures; points glide to it from the one before, on the axes of all."""
    dataset, last, count = job.config.dataset, moments[-1], len(labels)
    classes, reach = class_names(dataset), 1.03 * float(max(np.abs(m.tsne).max() for m in moments) or 1)
    here = picture_arrival.arrival(dataset) == picture_arrival.HERE
    picture_map(
        [
            Panel(
                f"t-SNE of {count:,} test pictures, "
                + (f"epoch {last.epoch}" if last.epoch else "before the first step"),
                last.tsne,
                within=(-reach, -reach, reach, reach),
            )
        ],
        key="live_map",
        numbers=np.arange(count),
        colourings=[Colouring("Class", classes, charts.CLASS_COLOURS[: len(classes)], labels)],
        atlas=atlas_of_set(image_set(dataset, "test"), count) if here else None,
        alt=f"t-SNE of {count:,} test pictures, epoch {last.epoch} of {job.name}, coloured by class.",
    )
