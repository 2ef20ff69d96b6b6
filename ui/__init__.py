"""The one Streamlit adapter: the page table, the run picker, cached loads, pictures, and the parts every page repeats.

Pages import `ui` and `vicreg`, and stay lessons: pick, compute (one call), draw, explain.
"""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from ui import checkpoints, data
from ui.compute import clusters_by_chance, embed, representations, roc, score_picture, search, search_picture, two_views
from ui.parts import drawing, tiles, width
from ui.pictures import Pictures, anomalies, data_uri, more_pictures, pictures, sample_picture, thumbnails
from ui.runs import (
    budget,
    colour,
    has,
    measured_runs,
    metrics,
    networks,
    pick_pair,
    preset_run,
    results,
    study,
    title,
)
from ui.uploads import drop_own_picture, own_picture
from vicreg import charts, datasets
from vicreg.config import presets
from vicreg.runs import Run

__all__ = [
    "PAGES",
    "Pictures",
    "amortisation",
    "anomalies",
    "anomalous",
    "brushed",
    "budget",
    "chart",
    "class_colour",
    "class_names",
    "clusters_by_chance",
    "colour",
    "coloured",
    "data_uri",
    "drawing",
    "drop_own_picture",
    "embed",
    "has",
    "measured",
    "measured_runs",
    "metrics",
    "more_pictures",
    "navigation",
    "networks",
    "own_picture",
    "page",
    "pick_amount",
    "pick_map",
    "pick_pair",
    "pictures",
    "prepared",
    "preset_run",
    "representations",
    "results",
    "roc",
    "sample_picture",
    "score_picture",
    "search",
    "search_picture",
    "short",
    "show_source",
    "spec",
    "study",
    "thumbnails",
    "tiles",
    "title",
    "train_command",
    "two_views",
    "width",
    "within",
]

ROOT = Path(__file__).parent.parent
MARKER = "_navigation_is_set"
AMOUNTS = (250, 500, 1_000, 2_000, 5_000, 10_000)  # of pictures on a map

# group -> (file, title in the navigation, icon, what the page shows)
PAGES = {
    "Learn": [
        ("start", "Start", ":material/school:", "What VICReg is, drawn with real views of a real picture."),
        ("lab", "Lab", ":material/experiment:", "A network that learns in your browser: switch a term off and watch."),
    ],
    "Explore": [
        (
            "training_curves",
            "Training curves",
            ":material/show_chart:",
            "The loss and its three terms, epoch by epoch.",
        ),
        ("maps", "Maps", ":material/scatter_plot:", "All test pictures as points: PCA, t-SNE, Laplacian Eigenmaps."),
        ("retrieval", "Retrieval", ":material/image_search:", "The nearest and the farthest pictures of one you pick."),
        ("probe", "Probe", ":material/straighten:", "What a linear classifier reads off the representations."),
        (
            "anomalies",
            "Anomalies",
            ":material/warning:",
            "Which pictures are unlike the rest: scores, ranking and ROC.",
        ),
        ("clusters", "Clusters", ":material/workspaces:", "Groups found without labels, beside the classes."),
    ],
    "Compare": [
        ("ablations", "Ablations", ":material/tune:", "Switch the terms off, and see what breaks."),
        ("claims", "Claims", ":material/fact_check:", "What the study found, held against these runs."),
    ],
    "Do": [
        ("train", "Train", ":material/model_training:", "Train a run of your own, and watch it learn."),
    ],
}


def navigation() -> st.Page:
    """The navigation, as a page to run. Called by app.py, and by a page that was opened without it."""
    st.session_state[MARKER] = True
    return st.navigation(
        {
            group: [
                st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, help=text, default=name == "start")
                for name, title, icon, text in entries
            ]
            for group, entries in PAGES.items()
        }
    )


def page(question: str, notice: str, *, dataset: bool = True) -> None:
    """Open a page: its title is a question, under it the one thing to notice; the sidebar's choices beside it.

    dataset: whether the page can show more than one data set.

    A server that was just started runs a deep link's page file without app.py, since there is a folder called pages/:
    the navigation is then set here and the page run again, with its path and query kept.
    """
    if MARKER not in st.session_state:
        navigation()
        st.rerun()
    data.begin()
    st.title(question, anchor=False)
    st.markdown(notice)
    if dataset:
        data.pick_data()
    checkpoints.panel()
    if dataset:
        data.explain_fallback()


def measured(text: str, *, command: str | None = None) -> None:
    """Folded away: how the figures on this page were measured, and the command that makes them again."""
    with st.expander("How this was measured", icon=":material/straighten:"):
        st.markdown(text)
        if command:
            st.code(command, language="bash")


def show_source(*names: str) -> None:
    """Folded away, for the lecturer: the code of functions, by names like `vicreg.loss:variance`, loaded when opened."""
    shown = st.expander("Show the code", icon=":material/code:", on_change="rerun", key="_source")
    if shown.open:
        with shown:
            for name in names:
                st.code(inspect.getsource(pkgutil.resolve_name(name)), language="python")


def short(value: float) -> str:
    """A number with two decimals, or two digits where that would show nothing but zeros."""
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.1e}"


def class_colour(label: int) -> str:
    """The colour of a class, by its label."""
    return charts.CLASS_COLOURS[int(label) % len(charts.CLASS_COLOURS)]


def spec(run: Run) -> datasets.Spec:
    """The data set of a run, as the catalogue describes it."""
    return datasets.CATALOGUE[run.config.dataset]


def anomalous(run: Run) -> datasets.Spec:
    """The data set whose pictures are anomalies to the run's."""
    return datasets.CATALOGUE[spec(run).anomalies[0]]


def within(key: str, last: int) -> None:
    """Forget a widget's number that is larger than it may be, since it was chosen for a larger data set."""
    if not isinstance(st.session_state.get(key, 0), int) or not 0 <= st.session_state.get(key, 0) <= last:
        del st.session_state[key]


def class_names(run: Run) -> list[str]:
    """The names of the classes of the run's data set, by label."""
    return list(datasets.class_names(run.config.dataset))


def coloured(text: str, term: str) -> str:
    """A word in the colour of a term, for st.markdown."""
    return rf"$\textcolor{{{charts.TERM_COLOURS[term]}}}{{\textsf{{{text}}}}}$"


def chart(drawing: charts.alt.TopLevelMixin | dict, *, alt: str, key: str, **options):
    """An Altair chart as every page shows it: its own size, a text for those who cannot see it.

    drawing: the chart, or what `prepared` made of it.
    """
    st.html("<style>#vg-tooltip-element img { width: 96px; image-rendering: pixelated; }</style>")  # pictures on hover
    if isinstance(drawing, dict):
        return st.vega_lite_chart(drawing, alt=alt, key=key, width="content", **options)
    return st.altair_chart(_sized(drawing), alt=alt, key=key, width="content", **options)


def prepared(drawing: charts.alt.TopLevelMixin) -> dict:
    """A chart as `chart` sends it. Making it takes 10 to 20 ms; one that many visitors see is made once."""
    return _sized(drawing).to_dict()


def _sized(drawing: charts.alt.TopLevelMixin) -> charts.alt.TopLevelMixin:
    """Sizes are those of the plot itself; Streamlit would squeeze axes and legend into them."""
    if hasattr(drawing, "hconcat") or hasattr(drawing, "vconcat"):
        return drawing
    return drawing.properties(autosize=charts.alt.AutoSizeParams(type="pad"))


def pick_map(place: object, *, key: str) -> str:
    """Which map to show, `tsne` or `pca`; its name is in the URL."""
    titles = {charts.MAP_TITLES[kind]: kind for kind in ("tsne", "pca")}
    chosen = place.segmented_control("Map", list(titles), default="t-SNE", required=True, key=key, bind="query-params")
    return titles[chosen]


def pick_amount(place: object, mapped: int, *, key: str) -> int:
    """How many of the mapped pictures are drawn, in the URL; 2,000 unless chosen, or all where there are fewer."""
    amounts = [n for n in AMOUNTS if n <= mapped] or [mapped]
    if st.session_state.get(key, amounts[0]) not in amounts:  # chosen for a larger data set
        del st.session_state[key]
    return place.select_slider(
        "Pictures on the maps",
        amounts,
        value=2_000 if 2_000 in amounts else amounts[-1],
        format_func=lambda n: f"{n:,}",
        key=key,
        bind="query-params",
        persist_state="session",
        help=f"All {mapped:,} were mapped; this many of them are drawn. More pictures take longer to send.",
    )


def brushed(frame: pd.DataFrame, box: dict[str, list[float]]) -> pd.DataFrame | None:
    """The rows inside a brushed box {column: [low, high]}; None where nothing is brushed."""
    if not box or not set(box) <= set(frame):  # a box that was drawn on maps that are gone
        return None
    inside = np.ones(len(frame), dtype=bool)
    for column, (low, high) in box.items():
        inside &= frame[column].between(low, high).to_numpy()
    return frame[inside]


def amortisation(eigenmap: Run) -> None:
    """What a new picture costs: by an encoder, by the eigenmap's rule, by fitting again; and where the last two put it."""
    timing = eigenmap.record.get("timing")
    if not timing:
        return
    encoder = timing.get("encoder")
    rows = [("The encoder, one pass", encoder), ("Nyström's rule", timing["rule"]), ("All fitted again", timing["fit"])]
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
        f"Medians of 20 single test pictures, measured when the eigenmap was fitted ({eigenmap.record['device']}){encoded}."
    )


def train_command(run: Run) -> str:
    """The command that trains the run again: its preset, and what was set otherwise; else from its config.json."""
    known = presets(run.config.dataset)
    preset = known.get(run.config.preset, known["vicreg"])
    words = ["python -m vicreg train", f"--preset {preset.preset}"]
    if run.config.dataset != "cifar10":
        words.append(f"--dataset {run.config.dataset}")
    same = {"preset": run.config.preset, "views": dataclasses.replace(preset.views, size=run.config.views.size)}
    for name in (
        *("encoder", "optimiser", "epochs", "batch_size", "learning_rate", "weight_decay", "warmup_steps"),
        *("seed", "invariance_weight", "variance_weight", "covariance_weight"),
    ):
        same[name] = value = getattr(run.config, name)
        if value != getattr(preset, name):
            words.append(f"--{name.replace('_', '-')} {value}")
    if run.config.views.size != preset.views.size:
        words.append(f"--view-size {run.config.views.size}")
    if dataclasses.replace(preset, **same) != run.config:  # what no option can set
        words, own = ["python -m vicreg train", f"--config {shlex.quote(str(run.folder / 'config.json'))}"], run.config
    else:
        own = preset
    if run.name != own.run_name:
        words.append(f"--name {shlex.quote(run.name)}")
    return " ".join(words)
