"""What the Ablations page shows of one run: the verdict over its embeddings, its figures of y and z, and of every layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from ui.chart_widgets import chart
from ui.runs import colour, metrics, results, study, title
from vicreg import charts
from vicreg.evaluation.verdict import verdict
from vicreg.runs.folder import Run


def short(value: float) -> str:
    """A number with two decimals, or two digits where that would show nothing but zeros."""
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"


def judged(run: Run, *, untrained: Mapping[str, Any] | None) -> tuple[str, str]:
    """The verdict on a run in a few words, and what it means in a sentence. untrained: as `verdict` takes it."""
    spaces = metrics(run)["spaces"]
    z, probe = spaces["z"], spaces["y"]["probe"]["accuracy"]
    rank = z["effective_rank"]
    uses = f"$z$ uses {rank:.{0 if rank > 10 else 1}f} of its {z['dimensions']} directions"
    if run.baseline:
        return "Not trained", "No loss has asked this $z$ for a spread, so the rule does not judge it."
    name = verdict(spaces, gamma=run.config.gamma, untrained=untrained)
    if name == "complete collapse":
        return "Complete collapse", f"Every image is the same point in $z$, to within {short(z['std']['most'])}."
    if name == "dimensional collapse":
        return "Dimensional collapse", f"All numbers of $z$ say nearly the same: {uses}."
    if name == "nothing learned":
        before = untrained["y"]["probe"]["accuracy"] if untrained else 0
        return (
            "Spread, but nothing learned",
            f"A probe reads {probe:.0f} % from $y$; before training it read {before:.0f} %.",
        )
    return "Healthy", f"The images are spread out: {uses}."


def embeddings_panel(run: Run, *, untrained: Mapping[str, Any] | None, width: int, key: str) -> None:
    """The verdict on a run, large, and under it the picture of it: every image by two numbers of z, on fixed axes."""
    words, sentence = judged(run, untrained=untrained)
    st.header(words, anchor=False)
    st.markdown(f"`{title(run)}`: {sentence}")
    if not run.has("embedding_points"):
        st.info(f"Its embeddings were not kept: `python -m vicreg evaluate {run.name}`.", icon=":material/info:")
        return
    points = results(run, "embedding_points")
    gamma = run.config.gamma
    chart(
        charts.embedding_points(points, colour=colour(run), gamma=gamma, width=width, height=280),
        alt=f"{words}. {len(points):,} test images of {title(run)} by two numbers of their embeddings, on axes from "
        f"{-3 * gamma:g} to {3 * gamma:g}.",
        key=key,
    )


def space_figures(run: Run, *, studied: bool) -> None:
    """A small table of a run's figures of y and of z."""
    spaces, layers = metrics(run)["spaces"], metrics(run).get("layers", {}).get("layers", [])
    rankme = {layer["name"]: layer["rankme"] for layer in layers}

    def share(space: str, name: str) -> str:
        found = spaces[space][name]
        low, high = found["interval"]
        return f"{found['accuracy']:.1f} % ({low:.1f} to {high:.1f})"

    def spread(space: str) -> str:
        std = spaces[space]["std"]
        return f"{short(std['median'])} ({short(std['least'])} to {short(std['most'])})"

    rows = [
        ("Median std (least to most)", spread),
        ("Effective rank", lambda s: f"{spaces[s]['effective_rank']:.1f} of {spaces[s]['dimensions']}"),
        ("RankMe", lambda s: f"{rankme[s]:.1f}" if s in rankme else "not measured"),
        ("Linear probe", lambda s: share(s, "probe")),
        ("kNN", lambda s: share(s, "knn")),
        ("The study's own probe", lambda s: share(s, "study_probe")),
    ]
    lines = [f"| `{title(run)}` | y | z |", "| :-- | :-- | :-- |"]
    lines += [f"| {name} | {of('y')} | {of('z')} |" for name, of in rows]
    if studied and study(run):
        lines.append(f"| Reported by the study | {study(run)} % | |")
    st.markdown("\n".join(lines))


def covariance_maps(run: Run, *, width: int, key: str) -> None:
    """The covariances of 48 numbers of y and of z, as two squares beside each other."""
    if not run.has("covariances"):
        return
    table = results(run, "covariances")
    y = table[table["space"] == "y"]
    mean = float(y.loc[y["row"] == y["column"], "covariance"].mean()) or 1.0
    panels = [
        charts.covariances(table[table["space"] == space], title=name, scale=scale, side=max(110, (width - 40) // 2))
        for space, name, scale in (("y", f"y, / {short(mean)}", mean), ("z", "z", run.config.gamma**2))
    ]
    chart(
        charts.alt.hconcat(*panels, spacing=16),
        alt=f"Covariances of 48 numbers of y and of z of {title(run)}: {_seen(table[table['space'] == 'z'])}.",
        key=key,
    )


def _seen(z: pd.DataFrame) -> str:
    """What the square of z shows, in words."""
    diagonal = z["row"] == z["column"]
    on, off = (z.loc[rows, "covariance"].abs().mean() for rows in (diagonal, ~diagonal))
    return f"in z the mean is {short(on)} on the diagonal and {short(off)} off it, disregarding signs"


def layers_frame(pair: Mapping[str, Run]) -> pd.DataFrame:
    """What `charts.layer_curves` draws of runs: a row a run and layer; empty where none was measured."""
    rows = []
    for name, run in pair.items():
        for layer in metrics(run).get("layers", {}).get("layers", []):
            row = {"run": name, "layer": layer["name"]}
            figures = (("probe", layer["probe"], "accuracy"), ("same_class", layer["nearest_5_same_class"], "share"))
            for figure, found, value in figures:
                row |= {
                    figure: found[value],
                    f"{figure}_low": found["interval"][0],
                    f"{figure}_high": found["interval"][1],
                }
            rows.append(row)
    return pd.DataFrame(rows)
