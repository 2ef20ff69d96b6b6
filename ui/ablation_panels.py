"""What the Ablations page shows of one run: the verdict over its embeddings, its figures of y and z, and of every layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from ui import film
from ui.chart_widgets import chart
from ui.commands import how_to_measure
from ui.finished_charts import FinishedChart, finished
from ui.pictures import pictures_if_here
from ui.run_picker import colour, metrics, noted, results, study, title
from ui.seed_words import seeds_frame
from ui.shared_cache import kept
from ui.short_numbers import short
from ui.untrained_runs import spaces_before
from vicreg import charts
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.collapse_verdict import verdict
from vicreg.runs.folder import Run
from vicreg.runs.seeds import SECTION
from vicreg.storage.json_values import JsonObject

VERDICT = Path(__file__).with_name("verdict.css")
PROBES = {"y, our probe": ("y", "probe"), "y, the study's": ("y", "study_probe"), "z, our probe": ("z", "probe")}
SPACES = {
    "y": ("representation", "spectrum"),
    "z": ("embedding", "embedding_spectrum"),
}  # and the table of its directions


def judged(run: Run, *, untrained: JsonObject | None) -> tuple[str, str]:
    """The verdict on a run in a few words, and what it means in a sentence. untrained: as `verdict` takes it."""
    spaces = metrics(run)["spaces"]
    z, probe = spaces["z"], spaces["y"]["probe"]["accuracy"]
    rank = z["effective_rank"]
    uses = f"$z$ uses {rank:.{0 if rank > 10 else 1}f} of its {z['dimensions']} directions"
    if run.baseline:
        return "Not trained", "This network was not trained, so the rule does not apply."
    name = verdict(spaces, gamma=run.config.gamma, untrained=untrained)
    if name == "complete collapse":
        most = z["std"]["most"]
        return (
            "Complete collapse",
            f"All pictures are the same point in $z${f', to within {short(most)}' if most else ''}.",
        )
    if name == "dimensional collapse":
        return "Dimensional collapse", f"The dimensions of $z$ repeat one another: {uses}."
    if name == "worse than untrained":
        before = untrained["y"]["probe"]["accuracy"] if untrained else 0
        return (
            "Spread, but worse than untrained",
            f"A probe of $y$ reaches {probe:.0f} %; before training it reached {before:.0f} %.",
        )
    return "Healthy", f"The pictures are spread out: {uses}."


def collapse(runs: Mapping[str, Run], *, key: str, height: int | None = None) -> None:
    """The verdict on each run, large, and below it their embeddings as a film from before training to its end.

    All maps have the same axes, so that a collapse looks like one. runs: by title. height: of a map in pixels, else as the
    window allows.
    """
    st.html(VERDICT)
    for number, (column, (name, run)) in enumerate(zip(st.columns(len(runs)), runs.items(), strict=True)):
        words, sentence = judged(noted(run), untrained=spaces_before(run))
        with column:
            with st.container(key=f"verdict_{key}_{number}"):
                st.header(words, anchor=False)
            st.markdown(f"`{name}`: {sentence}")
    first = next(iter(runs.values()))
    shown = film.before_and_after({name: run for name, run in runs.items() if run.numbering == first.numbering})
    drawn = {name: run for name, run in runs.items() if shown and name in shown.tracks}
    if shown:
        film.player(shown, key=f"{key}_player")
        film.maps(shown, drawn, pictures_if_here(first), key=key, height=height)
    for name, run in runs.items():
        if name not in drawn:
            st.caption(
                f"The embeddings of `{name}` on these pictures were not kept. {how_to_measure(run, only='spaces')}"
            )


def space_figures(run: Run, *, studied: bool) -> None:
    """A small table of a run's figures of y and of z."""
    st.markdown(f"`{title(run)}`\n\n{_table_of_spaces(run, study(run) if studied else None)}")
    robust = "Typical spread: interquartile range / 1.349, median over dimensions. "
    st.caption(
        f"{robust * ('typical_std' in metrics(run)['spaces']['z'])}±: half of a 95 % interval over test pictures."
    )


def colours_of(runs: Mapping[str, Run]) -> dict[str, str]:
    """The colours of runs by title. That of an own run depends on the others, so what is kept takes it as an argument."""
    return {name: colour(run) for name, run in runs.items()}


@kept(most=64)
def _table_of_spaces(run: Run, reported: float | None) -> str:
    """The table of `space_figures` in Markdown. reported: by the study, in percent."""
    spaces, layers = metrics(run)["spaces"], metrics(run).get("layers", {}).get("layers", [])
    rankme = {layer["name"]: layer["rankme"] for layer in layers}

    def share(space: str, name: str) -> str:
        low, high = spaces[space][name]["interval"]
        return f"{spaces[space][name]['accuracy']:.1f} ± {(high - low) / 2:.1f} %".replace(" ", "\N{NO-BREAK SPACE}")

    rows = [
        ("Typical spread of a dimension", lambda s: short(typical(spaces[s]))),
        ("Effective rank", lambda s: f"{spaces[s]['effective_rank']:.1f} of {spaces[s]['dimensions']}"),
        ("RankMe", lambda s: f"{rankme[s]:.1f}" if s in rankme else "not measured"),
        ("Linear probe", lambda s: share(s, "probe")),
        ("kNN", lambda s: share(s, "knn")),
        ("The study's own probe", lambda s: share(s, "study_probe")),
    ]
    lines = ["| | y | z |", "| :-- | --: | --: |"]
    lines += [f"| {name} | {of('y')} | {of('z')} |" for name, of in rows]
    if reported:
        lines.append(f"| Reported by the study | {reported} % | |")
    return "\n".join(lines)


def covariance_maps(run: Run, *, width: int, key: str) -> None:
    """The covariances of 48 dimensions of y and of z, as two squares beside each other."""
    if not run.has("covariances"):
        return
    drawing, words = _covariances(run, max(110, (width - 40) // 2))
    chart(drawing, alt=f"Covariances of 48 dimensions of y and of z of {title(run)}: {words}.", key=key)


@kept(most=64)
def _covariances(run: Run, side: int) -> tuple[FinishedChart, str]:
    """Both squares, and what that of z shows."""
    table = results(run, "covariances")
    squares = []
    for space in ("y", "z"):
        part = table[table["space"] == space]
        mean = float(part.loc[part["row"] == part["column"], "covariance"].mean())
        scale = mean or 1.0 if space == "y" else run.config.gamma**2
        squares.append((f"{space}, mean variance {short(mean)}", part, scale))
    words = _seen(table[table["space"] == "z"])
    return finished(charts.covariances_beside(squares, side=side)), words


def _seen(z: pd.DataFrame) -> str:
    """What the square of z shows, in words."""
    diagonal = z["row"] == z["column"]
    on, off = (z.loc[rows, "covariance"].abs().mean() for rows in (diagonal, ~diagonal))
    return f"in z the mean is {short(on)} on the diagonal and {short(off)} off it, disregarding signs"


def probes_panel(runs: Mapping[str, Run], *, chance: float, width: int) -> None:
    """What probes read of y and of z, a bar a run. runs: by title. chance: what guessing gives, in percent."""
    drawing, alt = _probes(runs, colours_of(runs), chance, width)
    chart(drawing, alt=alt, key="ablation_probes")
    images = {metrics(run)["spaces"]["n"] for run in runs.values()}
    ticks = " Ticks: other seeds." if any(SECTION in metrics(run) for run in runs.values()) else ""
    st.caption(f"Dashed: guessing. Lines: 95 % intervals over {max(images):,} test pictures, not over seeds.{ticks}")


@kept(most=64)
def _probes(runs: Mapping[str, Run], colours: dict[str, str], chance: float, width: int) -> tuple[FinishedChart, str]:
    """The bars of `probes_panel`, and what they say."""
    rows = [
        {
            "what": what,
            "run": name,
            "accuracy": found["accuracy"],
            "low": found["interval"][0],
            "high": found["interval"][1],
        }
        for name, run in runs.items()
        for what, (space, probe) in PROBES.items()
        if (found := metrics(run)["spaces"].get(space, {}).get(probe))
    ]
    drawing = charts.attribute_bars(
        pd.DataFrame(rows),
        colours,
        dict.fromkeys(PROBES, chance),
        width=max(110, width - 300),
        seeds=seeds_frame(runs, {"y, our probe": "probe"}),
    )
    says = "; ".join(f"{row['run']}, {row['what']}: {row['accuracy']:.1f} %" for row in rows)
    return finished(drawing), f"{says}."


def spread_panels(runs: Mapping[str, Run], *, width: int) -> None:
    """The spread of every dimension of y and of z, and the singular values, runs in one chart. runs: by title."""
    inner = max(220, width - 70)
    for column, space in zip(st.columns(2), SPACES, strict=True):
        with column:
            for kind, (drawing, alt) in _spread(runs, colours_of(runs), space, inner).items():
                chart(drawing, alt=alt, key=f"{kind}_{space}")


@kept(most=64)
def _spread(
    runs: Mapping[str, Run], colours: dict[str, str], space: str, width: int
) -> dict[str, tuple[FinishedChart, str]]:
    """The charts of `spread_panels` for y or z, and what they say: `deviations` where they were measured, and `spectra`.

    z: standard deviations, on which the loss acts. y: where they were measured, the deviations of typical pictures, which a
    few far pictures cannot set.
    """
    word, table = SPACES[space]
    tables = {name: results(run, table) for name, run in runs.items()}
    spaces = {name: metrics(run)["spaces"] for name, run in runs.items()}
    gamma = next(iter(runs.values())).config.gamma
    found, kind, values = {}, *_deviations(runs, space)
    if values:
        every = [values, _deviations(runs, "z" if space == "y" else "y")[1]]
        drawing = charts.deviations(
            values,
            colours,
            title=f"{word} {space}: the spread of each of its dimensions",
            axis=kind,
            top=1.1 * max(gamma, *(of.max() for one in every for of in one.values())),
            gamma=gamma if space == "z" else None,
            width=width,
        )
        says = (f"{name}: median {short(np.median(of))}" for name, of in values.items())
        found["deviations"] = finished(drawing), f"The {kind} of the dimensions of {space}. {'; '.join(says)}."
    says = (f"{name}: effective rank {of[space]['effective_rank']:.2f}" for name, of in spaces.items())
    alt = f"Singular values of {space}. {'; '.join(says)}."
    return found | {"spectra": (finished(charts.spectra(tables, colours, width=width, height=180)), alt)}


def _deviations(runs: Mapping[str, Run], space: str) -> tuple[str, dict[str, np.ndarray]]:
    """How far the pictures spread in every dimension of y or z, by run: what is measured, and the values.

    Of z, the standard deviation, on which the loss acts. Of y, that of typical pictures where it was measured: without the
    variance term, a few far pictures set the standard deviation. Nothing where a run has neither.
    """
    tables = {name: results(run, SPACES[space][1]) for name, run in runs.items()}
    kinds = {"typical_deviation": "robust standard deviation", "standard_deviation": "standard deviation"}
    for column, kind in list(kinds.items())[space == "z" :]:
        if all(column in frame for frame in tables.values()):
            return kind, {name: frame[column].to_numpy() for name, frame in tables.items()}
    return "", {}


def typical(space: JsonObject) -> float:
    """How far typical pictures spread; for runs measured by earlier versions, the median standard deviation."""
    return space.get("typical_std", space["std"]["median"])


def layer_panels(runs: Mapping[str, Run], dataset: str, *, width: int) -> None:
    """The probes and the retrieval of every layer, two beside each other. runs: by title, with some measured layer."""
    drawings = _layers(runs, colours_of(runs), dataset, max(240, width - 60))
    for number, (figure, (drawing, alt)) in enumerate(drawings.items()):
        if number % 2 == 0:
            columns = st.columns(2)
        with columns[number % 2]:
            chart(drawing, alt=alt, key=f"layers_{figure}")


@kept(most=64)
def _layers(
    runs: Mapping[str, Run], colours: dict[str, str], dataset: str, width: int
) -> dict[str, tuple[FinishedChart, str]]:
    """The charts of `layer_panels` by their figure, and what they say."""
    spec, frame = CATALOGUE[dataset], layers_frame(runs)
    others = {what: f"linear probe of the {what}" for what in spec.attributes if what in frame}
    panels = {"probe": f"linear probe of the {spec.kind}"} | others
    panels["same_class"] = f"five nearest with the same {spec.kind}"
    found = {}
    for figure, words in panels.items():
        chance = spec.chances.get(figure, spec.chance)
        drawing = charts.layer_curves(frame, colours, figure=figure, title=words, chance=chance, width=width)
        told = zip(frame["run"], frame["layer"], frame[figure], strict=True)
        says = (f"{run}, {layer}: {value:.1f} %" for run, layer, value in told)
        found[figure] = finished(drawing), f"{words} at every layer. {'; '.join(says)}."
    return found


@kept(most=64)
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
            for what, found in layer.get("attributes", {}).items():
                (low, high), accuracy = found["interval"], found["accuracy"]
                row |= {what: accuracy, f"{what}_low": low, f"{what}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)
