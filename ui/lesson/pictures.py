"""The pictures that a step of a lesson can show, by the names of `vicreg.lessons.PICTURES`: the exhibits of the pages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from ui import map_data
from ui.ablation_panels import collapse, layers_frame
from ui.anomaly_figures import anomaly_runs, score_pairs
from ui.chart_widgets import chart
from ui.components.picture_tiles import tiles
from ui.components.svg_drawing import drawing
from ui.lab import lab
from ui.lesson.texts import number, values
from ui.picture_map import Panel, atlas, picture_map
from ui.pictures import pictures
from ui.representations import roc, search
from ui.runs import bundled_runs, colour, metrics, results, title
from vicreg import charts
from vicreg.charts.figures_on_an_axis import figures_on_an_axis
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.anomaly_score import KNOWN
from vicreg.lessons import Step
from vicreg.runs.folder import Run

POINTS = 1_000  # on a map of a step
MAP_HEIGHT = 210  # px, so that a step fits the screen of a laptop
Draw = Callable[[Step, list[Run], int], None]


def draw(step: Step, *, width: int) -> None:
    """Draw the step's picture. width: of its place, in pixels."""
    by_title = {run.title: run for run in bundled_runs().values()}
    missing = [name for name in step.picture.runs if name not in by_title]
    if missing:
        st.info(f"There is no run `{missing[0]}` on this machine any more.", icon=":material/info:")
        return
    DRAWN[step.picture.name](step, [by_title[name] for name in step.picture.runs], width)


def _lab(step: Step, runs: list[Run], width: int) -> None:
    lab(key="lesson_lab", mini=True)


def _figures(step: Step, runs: list[Run], width: int) -> None:
    shown = values(step)
    rows = [
        (
            one.label,
            charts.PRESET_COLOURS.get(one.run.rpartition("/")[2], ""),
            shown[one.name],
            None,
            number(step, one),
        )
        for one in step.figures
        if one.label
    ]
    drawing(
        figures_on_an_axis(rows, axis=", ".join(dict.fromkeys(one.run for one in step.figures if one.label))),
        key="lesson_figures",
    )


def _embeddings(step: Step, runs: list[Run], width: int) -> None:
    untrained = bundled_runs().get(f"{runs[0].config.dataset}-untrained")
    before = metrics(untrained).get("spaces") if untrained else None
    collapse({title(run): run for run in runs}, untrained=before, key="lesson_points", height=MAP_HEIGHT)


def _covariances(step: Step, runs: list[Run], width: int) -> None:
    panels, said = [], []
    side = max(110, min(210, width // len(runs) - 30))
    for run in runs:
        table = results(run, "covariances").query("space == 'z'")
        rest = table.loc[table["row"] != table["column"], "covariance"].abs().mean()
        panels.append(charts.covariances(table, title=run.title, scale=run.config.gamma**2, side=side))
        said.append(f"{run.title}: {rest:.2f} on average off the diagonal, disregarding signs")
    chart(
        charts.alt.hconcat(*panels, spacing=16),
        alt=f"Covariances of 48 numbers of z. {'; '.join(said)}.",
        key="lesson_covariances",
    )
    st.caption("48 numbers of *z*. Blank: 0. Full colour: 1 or more. On the diagonal: variances.")


def _singular_values(step: Step, runs: list[Run], width: int) -> None:
    said = (f"{title(run)}: effective rank {metrics(run)['spaces']['z']['effective_rank']:.1f}" for run in runs)
    chart(
        charts.spectra(
            {title(run): results(run, "embedding_spectrum") for run in runs},
            {title(run): colour(run) for run in runs},
            width=width - 90,
            height=200,
        ),
        alt=f"Singular values of the embeddings z. {'; '.join(said)}.",
        key="lesson_spectra",
    )


def _curves(step: Step, runs: list[Run], width: int) -> None:
    (run,) = runs
    test = results(run, "history").query("split == 'test'")
    epochs = int(test["epoch"].max())
    last = test.iloc[-1]
    chart(
        charts.live_terms(test.rename(columns={"epoch": "step"}), steps=epochs, width=width - 40, unit="epoch"),
        alt=f"The loss of {title(run)} on test images, epoch by epoch. At the end: "
        + ", ".join(f"{name} {last[name]:.3g}" for name in ("total", *charts.TERMS)),
        key="lesson_curves",
    )


def _layers(step: Step, runs: list[Run], width: int) -> None:
    frame = layers_frame({title(run): run for run in runs})
    chance = CATALOGUE[runs[0].config.dataset].chance
    said = (f"{row.run}, {row.layer}: {row.probe:.1f} %" for row in frame.itertuples())
    chart(
        charts.layer_curves(
            frame,
            {title(run): colour(run) for run in runs},
            figure="probe",
            title="linear probe",
            chance=chance,
            width=width - 70,
        ),
        alt=f"Linear probe of every layer. {'; '.join(said)}.",
        key="lesson_layers",
    )


def _probes(step: Step, runs: list[Run], width: int) -> None:
    found = {title(run): metrics(run)["probe"] for run in runs}
    frame = pd.DataFrame(
        {"run": name, "accuracy": p["accuracy"], "low": p["interval"][0], "high": p["interval"][1], "study": np.nan}
        for name, p in found.items()
    )
    chart(
        charts.accuracy_bars(
            frame,
            {title(run): colour(run) for run in runs},
            chance=CATALOGUE[runs[0].config.dataset].chance,
            width=max(140, width - 270),
        ),
        alt="Linear probes: " + "; ".join(f"{name} {p['accuracy']:.1f} %" for name, p in found.items()) + ".",
        key="lesson_probes",
    )


def _map(step: Step, runs: list[Run], width: int) -> None:
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
        height=MAP_HEIGHT,
        words="",
    )


def _farthest(step: Step, runs: list[Run], width: int) -> None:
    (run,) = runs
    metric = step.picture.options.get("metric", "euclidean")
    found, labels = metrics(run)["retrieval"], results(run, "fingerprints")["label"]
    hubs, classes = found["hubness"][metric]["hubs"], CATALOGUE[run.config.dataset].classes
    rows = [hub["index"] for hub in hubs]
    names = [classes[labels[row]] for row in rows]
    st.markdown(f"**The ten that are farthest most often**, of {found['n']:,} lists (`{title(run)}`, {metric})")
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


def _neighbours(step: Step, runs: list[Run], width: int) -> None:
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


def _anomalies(step: Step, runs: list[Run], width: int) -> None:
    known = {name: run for name, run in anomaly_runs(runs[0]).items() if run.folder in [one.folder for one in runs]}
    pairs = score_pairs(known)
    first, second = KNOWN
    chart(
        charts.score_pairs(
            pairs, {name: colour(run) for name, run in known.items()}, (first, second), width=max(160, width - 200)
        ),
        alt="AUROC under two scores: "
        + "; ".join(f"{row.short} {row.score} {row.auroc:.3f}" for row in pairs.itertuples()),
        key="lesson_anomalies",
    )


def _roc(step: Step, runs: list[Run], width: int) -> None:
    curves = {title(run): roc(run, next(iter(KNOWN.values()))) for run in runs}
    found = {name: curve for name, curve in curves.items() if curve is not None}
    chart(
        charts.roc(
            pd.concat([curve.points.assign(run=name) for name, curve in found.items()], ignore_index=True),
            {title(run): colour(run) for run in runs},
            side=max(200, min(280, width - 100)),
        ),
        alt="ROC: " + "; ".join(f"{name} AUROC {curve.auroc:.3f}" for name, curve in found.items()),
        key="lesson_roc",
    )


def _clusters(step: Step, runs: list[Run], width: int) -> None:
    scores = pd.DataFrame(
        {"run": title(run), **{score: metrics(run)["clusters"][score] for score in ("silhouette", "nmi")}}
        for run in runs
    )
    chart(
        charts.tight_and_telling(scores, {title(run): colour(run) for run in runs}, width=max(140, width - 240)),
        alt="Silhouette and NMI: "
        + "; ".join(f"{row.run} {row.silhouette:.2f} and {row.nmi:.2f}" for row in scores.itertuples()),
        key="lesson_clusters",
    )


def _placements(step: Step, runs: list[Run], width: int) -> None:
    (run,) = runs
    classes = list(CATALOGUE[run.config.dataset].classes)
    everything = results(run, "projections")
    placed = results(run, "placements")
    placed = placed.assign(**{"class": np.array(classes)[everything["label"].to_numpy()[placed["index"]]]})
    many = everything.head(POINTS).rename(columns={"laplacian_x": "x", "laplacian_y": "y"})[["x", "y"]]
    chart(
        charts.placements(many, placed, classes, side=max(200, min(230, width - 100))),
        alt="Ten new images on the eigenmap: where Nyström's rule puts each, and where it lies after fitting again with it.",
        key="lesson_placements",
    )


DRAWN: dict[str, Draw] = {
    "lab": _lab,
    "figures": _figures,
    "embeddings": _embeddings,
    "covariances": _covariances,
    "singular-values": _singular_values,
    "curves": _curves,
    "layers": _layers,
    "probes": _probes,
    "map": _map,
    "farthest": _farthest,
    "neighbours": _neighbours,
    "anomalies": _anomalies,
    "roc": _roc,
    "clusters": _clusters,
    "placements": _placements,
}
