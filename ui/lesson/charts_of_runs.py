"""Charts that a step of a lesson can show. Each takes the step, its runs, and the width of its place in pixels."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import streamlit as st

from ui.ablation_panels import layers_frame
from ui.anomaly_tables import anomaly_runs, score_pairs
from ui.chart_widgets import chart
from ui.components.svg_drawing import drawing
from ui.finished_charts import drawn
from ui.lesson.numbers_in_texts import number, values
from ui.representations import roc as roc_of
from ui.run_picker import colour, metrics, results, title
from vicreg import charts
from vicreg.charts.figures_on_an_axis import figures_on_an_axis
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.anomaly_score import KNOWN
from vicreg.lessons import Step
from vicreg.runs.folder import Run


def figures(step: Step, runs: list[Run], width: int) -> None:
    """The step's own figures on one axis, and which of them this machine no longer has."""
    shown = values(step)
    labelled = [one for one in step.figures if one.label]
    here = [one for one in labelled if math.isfinite(shown[one.name])]
    rows = [
        (
            one.label,
            charts.PRESET_COLOURS.get(one.run.rpartition("/")[2], ""),
            shown[one.name],
            None,
            number(step, one),
        )
        for one in here
    ]
    if rows:
        axis = ", ".join(dict.fromkeys(one.run for one in here))
        drawing(figures_on_an_axis(rows, axis=axis), key="lesson_figures")
    if gone := [f"{one.label} of `{one.run}`" for one in labelled if one not in here]:
        st.info(f"No longer on this machine: {'; '.join(gone)}.", icon=":material/info:")


def covariances(step: Step, runs: list[Run], width: int) -> None:
    """Covariances of 48 dimensions of z, a square a run."""
    squares, said = [], []
    side = max(110, min(210, width // len(runs) - 30))
    for run in runs:
        table = results(run, "covariances").query("space == 'z'")
        rest = table.loc[table["row"] != table["column"], "covariance"].abs().mean()
        squares.append((run.title, table, run.config.gamma**2))
        said.append(f"{run.title}: {rest:.2f} on average off the diagonal, disregarding signs")
    chart(
        drawn(charts.covariances_beside, squares, side=side),
        alt=f"Covariances of 48 dimensions of z. {'; '.join(said)}.",
        key="lesson_covariances",
    )
    st.caption("Covariances of 48 dimensions of *z*. Blank: 0. Full colour: 1 or more. On the diagonal: variances.")


def singular_values(step: Step, runs: list[Run], width: int) -> None:
    """The singular values of z."""
    said = (f"{title(run)}: effective rank {metrics(run)['spaces']['z']['effective_rank']:.1f}" for run in runs)
    chart(
        drawn(
            charts.spectra,
            {title(run): results(run, "embedding_spectrum") for run in runs},
            {title(run): colour(run) for run in runs},
            width=width - 90,
            height=200,
        ),
        alt=f"Singular values of the embeddings z. {'; '.join(said)}.",
        key="lesson_spectra",
    )


def curves(step: Step, runs: list[Run], width: int) -> None:
    """The total and the terms on test images."""
    (run,) = runs
    test = results(run, "history").query("split == 'test'")
    epochs = int(test["epoch"].max())
    last = test.iloc[-1]
    chart(
        drawn(charts.live_terms, test.rename(columns={"epoch": "step"}), steps=epochs, width=width - 40, unit="epoch"),
        alt=f"The loss of {title(run)} on test images, epoch by epoch. At the end: "
        + ", ".join(f"{name} {last[name]:.3g}" for name in ("total", *charts.TERMS)),
        key="lesson_curves",
    )


def layers(step: Step, runs: list[Run], width: int) -> None:
    """A probe of every layer: of all that is known of the pictures if there is one run, else of the class."""
    told, spec = metrics(runs[0]).get("layers", {}).get("layers", []), CATALOGUE[runs[0].config.dataset]
    if len(runs) == 1 and all("attributes" in layer for layer in told) and told:
        contents = pd.DataFrame(
            {"what": what, "layer": layer["name"], "accuracy": read["accuracy"]}
            | dict(zip(("low", "high"), read["interval"], strict=True))
            for layer in told
            for what, read in ({spec.kind: layer["probe"]} | layer["attributes"]).items()
        )
        says = (f"{row.what}, {row.layer}: {row.accuracy:.1f} %" for row in contents.itertuples())
        chart(
            drawn(charts.layer_contents, contents, colour(runs[0]), chances=spec.chances, width=width - 170),
            alt=f"What a linear probe reads at every layer of {title(runs[0])}. {'; '.join(says)}.",
            key="lesson_layers",
        )
        return
    frame = layers_frame({title(run): run for run in runs})
    chance = CATALOGUE[runs[0].config.dataset].chance
    said = (f"{row.run}, {row.layer}: {row.probe:.1f} %" for row in frame.itertuples())
    chart(
        drawn(
            charts.layer_curves,
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


def probes(step: Step, runs: list[Run], width: int) -> None:
    """Linear probes, a bar a run."""
    found = {title(run): metrics(run)["probe"] for run in runs}
    frame = pd.DataFrame(
        {"run": name, "accuracy": p["accuracy"], "low": p["interval"][0], "high": p["interval"][1], "study": np.nan}
        for name, p in found.items()
    )
    chart(
        drawn(
            charts.accuracy_bars,
            frame,
            {title(run): colour(run) for run in runs},
            chance=CATALOGUE[runs[0].config.dataset].chance,
            width=max(140, width - 270),
        ),
        alt="Linear probes: " + "; ".join(f"{name} {p['accuracy']:.1f} %" for name, p in found.items()) + ".",
        key="lesson_probes",
    )


def anomalies(step: Step, runs: list[Run], width: int) -> None:
    """AUROC under two scores, a row a run."""
    known = {name: run for name, run in anomaly_runs(runs[0]).items() if run.folder in [one.folder for one in runs]}
    pairs = score_pairs(known)
    first, second = KNOWN
    chart(
        drawn(
            charts.score_pairs,
            pairs.table,
            {name: colour(run) for name, run in known.items()},
            (first, second),
            width=max(160, width - 200),
        ),
        alt="AUROC under two scores: "
        + "; ".join(f"{row.short} {row.score} {row.auroc:.3f}" for row in pairs.table.itertuples()),
        key="lesson_anomalies",
    )


def roc(step: Step, runs: list[Run], width: int) -> None:
    """ROC curves."""
    curves = {title(run): roc_of(run, next(iter(KNOWN.values()))) for run in runs}
    found = {name: curve for name, curve in curves.items() if curve is not None}
    chart(
        drawn(
            charts.roc,
            pd.concat([curve.points.assign(run=name) for name, curve in found.items()], ignore_index=True),
            {title(run): colour(run) for run in runs},
            side=max(200, min(280, width - 100)),
        ),
        alt="ROC: " + "; ".join(f"{name} AUROC {curve.auroc:.3f}" for name, curve in found.items()),
        key="lesson_roc",
    )


def clusters(step: Step, runs: list[Run], width: int) -> None:
    """Silhouette beside NMI, a bar a run."""
    scores = pd.DataFrame(
        {"run": title(run), **{score: metrics(run)["clusters"][score] for score in ("silhouette", "nmi")}}
        for run in runs
    )
    chart(
        drawn(charts.tight_and_telling, scores, {title(run): colour(run) for run in runs}, width=max(140, width - 240)),
        alt="Silhouette and NMI: "
        + "; ".join(f"{row.run} {row.silhouette:.2f} and {row.nmi:.2f}" for row in scores.itertuples()),
        key="lesson_clusters",
    )
