"""Everything that pages share: page table, run picker, cached loading, pictures and common widgets.

Pages import `ui` and `vicreg` and read like lessons: pick, compute (one call), draw, explain.
"""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
import shlex
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from ui import anomaly_figures, shown
from ui.ablation_panels import (
    collapse,
    covariance_maps,
    layer_panels,
    layers_frame,
    probes_panel,
    short,
    space_figures,
    spread_panels,
)
from ui.chart_widgets import chart, clicked_cell, pick_amount, pick_map, prepared
from ui.components.page_width import width
from ui.components.picture_tiles import tiles
from ui.components.svg_drawing import drawing
from ui.data import chosen as chosen_data
from ui.page_table import PAGES, foot, navigation, page
from ui.pictures import (
    Pictures,
    anomalies,
    data_uri,
    more_pictures,
    pictures,
    pictures_if_here,
    sample_picture,
    thumbnails,
)
from ui.representations import (
    clusters_by_chance,
    embed,
    representations,
    roc,
    search,
    search_picture,
    two_views,
)
from ui.runs import (
    budget,
    colour,
    has,
    measured_runs,
    metrics,
    networks,
    pick_compared,
    pick_pair,
    preset_run,
    results,
    study,
    title,
)
from ui.seed_words import seeds_frame, seeds_sentence
from ui.uploads import drop_own_picture, own_picture
from vicreg import charts
from vicreg.config import DEFAULT_DATASET, Settings, presets
from vicreg.data.catalogue import CATALOGUE, Spec
from vicreg.runs.folder import Run
from vicreg.storage.paths import CONFIG_FILE
from vicreg.study import STUDY_DATASET
from vicreg.terms import IN_LOSS, NAMES

__all__ = [
    "PAGES",
    "Pictures",
    "amortisation",
    "anomalies",
    "anomalous",
    "anomaly_figures",
    "budget",
    "chart",
    "chosen_data",
    "class_colour",
    "class_names",
    "clicked_cell",
    "clusters_by_chance",
    "collapse",
    "colour",
    "coloured",
    "coloured_terms",
    "covariance_maps",
    "data_uri",
    "drawing",
    "drop_own_picture",
    "embed",
    "foot",
    "guessing",
    "has",
    "layer_panels",
    "layers_frame",
    "measured",
    "measured_runs",
    "metrics",
    "more_pictures",
    "navigation",
    "networks",
    "own_picture",
    "page",
    "pick_amount",
    "pick_compared",
    "pick_map",
    "pick_pair",
    "pictures",
    "pictures_if_here",
    "prepared",
    "preset_run",
    "probes_panel",
    "representations",
    "results",
    "roc",
    "sample_picture",
    "search",
    "search_picture",
    "seeds_frame",
    "seeds_sentence",
    "short",
    "show_source",
    "space_figures",
    "spec",
    "spread_panels",
    "studied",
    "study",
    "thumbnails",
    "tiles",
    "title",
    "train_command",
    "two_views",
    "width",
    "within",
]


def measured(text: str, *, command: str | None = None) -> None:
    """An expander that says how the figures were measured, with the command that reproduces them."""
    shown.note_protocol(text)
    with st.expander("How this was measured", icon=":material/straighten:"):
        st.markdown(text)
        if command:
            st.code(command, language="bash")


def show_source(*names: str) -> None:
    """An expander with the source of functions such as `vicreg.method.loss:variance`. Loaded when opened."""
    shown = st.expander("Show the code", icon=":material/code:", on_change="rerun", key="_source")
    if shown.open:
        with shown:
            for name in names:
                st.code(inspect.getsource(pkgutil.resolve_name(name)), language="python")


def class_colour(label: int) -> str:
    """The colour of a class label."""
    return charts.CLASS_COLOURS[int(label) % len(charts.CLASS_COLOURS)]


def spec(run: Run) -> Spec:
    """The catalogue entry of a run's data set."""
    return CATALOGUE[run.config.dataset]


def anomalous(run: Run) -> Spec:
    """The catalogue entry of the data set that provides the run's anomalies."""
    return CATALOGUE[spec(run).strangers[0]]


def guessing(run: Run) -> str:
    """The accuracy of guessing the class in the run's data set, such as `10 %`."""
    return f"{spec(run).chance:.3g} %"


def studied(run: Run) -> bool:
    """Whether the study used this run's data set."""
    return run.config.dataset == STUDY_DATASET


def within(key: str, last: int) -> None:
    """Reset a widget's number if it is too large, because it was chosen for a larger data set."""
    if not isinstance(st.session_state.get(key, 0), int) or not 0 <= st.session_state.get(key, 0) <= last:
        del st.session_state[key]


def class_names(run: Run) -> list[str]:
    """The class names of the run's data set, by label."""
    return list(spec(run).classes)


def coloured(text: str, term: str) -> str:
    """A word in the colour of a term, for st.markdown."""
    return rf"$\textcolor{{{charts.TERM_COLOURS[term]}}}{{\textsf{{{text}}}}}$"


def coloured_terms(names: Sequence[str] = NAMES) -> str:
    """The names of the terms in their colours: `variance, invariance and covariance`."""
    words = [coloured(name, name) for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def amortisation(eigenmap: Run) -> None:
    """The cost of one new picture: with an encoder, with Nyström's formula, and by fitting the eigenmap again."""
    timing = eigenmap.record.get("timing")
    if not timing:
        return
    encoder = timing.get("encoder")
    rows = [
        ("Encoder, one forward pass", encoder),
        ("Nyström's rule", timing["rule"]),
        ("Fitting everything again", timing["fit"]),
    ]
    st.dataframe(
        pd.DataFrame(
            {
                "One new picture": label,
                "time": f"{1000 * seconds:.1f} ms" if seconds < 1 else f"{seconds:,.0f} s",
                "over the encoder's": f"{seconds / encoder:,.0f}" if encoder else "",
            }
            for label, seconds in rows
            if seconds
        ),
        hide_index=True,
    )
    encoded = f"; encoder of `{timing['encoder_run']}`" if encoder else ""
    st.caption(
        f"Medians over 20 single test pictures, measured when the eigenmap was fitted ({eigenmap.record['device']}){encoded}."
    )


def train_command(run: Run) -> str:
    """The command that trains the run again: its preset and options, or its config.json."""
    known = presets(run.config.dataset)
    preset = known.get(run.config.preset, known["vicreg"])
    words = ["python -m vicreg train", f"--preset {preset.preset}"]
    if run.config.dataset != DEFAULT_DATASET:
        words.append(f"--dataset {run.config.dataset}")
    same: Settings = {
        "preset": run.config.preset,
        "views": dataclasses.replace(preset.views, size=run.config.views.size),
    }
    for name in (
        *("encoder", "optimiser", "epochs", "batch_size", "learning_rate", "weight_decay", "warmup_steps"),
        *("seed", *(term.weight for term in IN_LOSS)),
    ):
        same[name] = value = getattr(run.config, name)
        if value != getattr(preset, name):
            words.append(f"--{name.replace('_', '-')} {value}")
    if run.config.views.size != preset.views.size:
        words.append(f"--view-size {run.config.views.size}")
    if dataclasses.replace(preset, **same) != run.config:  # settings without an option
        words, own = ["python -m vicreg train", f"--config {shlex.quote(str(run.folder / CONFIG_FILE))}"], run.config
    else:
        own = preset
    if run.name != own.run_name:
        words.append(f"--name {shlex.quote(run.name)}")
    return " ".join(words)
