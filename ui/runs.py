"""Runs, their tables and networks: picked once, read once for all visitors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ui import checkpoints, data
from vicreg import charts
from vicreg.config import BASELINES, PRESETS
from vicreg.runs.discovery import find_runs
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run
from vicreg.storage import paths
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import HISTORY_FILE
from vicreg.study import study_probe

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from vicreg.method.networks import Encoder, Expander

NOBODY = "none"


def pick_run(*, needs: str = "") -> Run:
    """The run picker, kept in the URL and across pages. Ends the page with a sentence where there is no run at all.

    needs: `network` or `history`, for a page that not every baseline can serve.
    """
    kept = _available(lambda run: _serves(run, needs))
    return kept[_pick("Run", list(kept), key="run", text="Runs come with the app, or from `python -m vicreg train`.")]


def found() -> tuple[dict[str, Run], list[str]]:
    """Every run that this session can choose: bundled ones, one's own, and those of its repository in the Hub's cache.

    And a sentence for each that is broken.
    """
    here, broken = find_runs()
    fetched, more = checkpoints.runs_here()
    return here | {f"{name}@{checkpoints.repository()}": run for name, run in fetched.items()}, broken + more


def preset_run(preset: str, *, dataset: str | None = None) -> Run:
    """The bundled run of a preset, or else the first of all. Ends the page with a sentence where there is no run."""
    kept = _available(lambda run: not run.baseline and bool(metrics(run)), dataset=dataset)
    return next((run for run in kept.values() if run.config.preset == preset), next(iter(kept.values())))


def pick_second(first: Run, *, needs: str = "") -> Run | None:
    """A second run to compare with, or None: only runs that were measured on the same copy of the same pictures."""
    others = _labelled(
        [
            run
            for run in found()[0].values()
            if run.config.dataset == first.config.dataset and _serves(run, needs) and run.folder != first.folder
        ]
    )
    same = {label: run for label, run in others.items() if run.numbering == first.numbering}
    text = "Side by side, on the same pictures."
    if len(same) < len(others):
        text += (
            f" {len(others) - len(same)} more were measured on another copy of the pictures: "
            "`python -m vicreg evaluate` measures them on yours."
        )
    return same.get(_pick("Compare with", [NOBODY, *same], key="second", text=text))


def pick_pair(columns: Sequence[DeltaGenerator], *, needs: str = "") -> tuple[Run, Run | None]:
    """The run picker in the first column and the second run's in the second."""
    with columns[0]:
        first = pick_run(needs=needs)
    with columns[1]:
        return first, pick_second(first, needs=needs)


def has(run: Run, section: str) -> bool:
    """Whether the run was measured for a section of its figures; a sentence says what to do where it was not."""
    if section in metrics(run):
        return True
    st.info(
        f"`{run.title}` has no figures of this kind yet: `python -m vicreg evaluate {run.name}`.",
        icon=":material/info:",
    )
    return False


def measured_runs(first: Run) -> dict[str, Run]:
    """Every run of the data set that was measured, by title, presets first; for figures, which need no same pictures."""
    same = _labelled([run for run in found()[0].values() if run.config.dataset == first.config.dataset])
    return {title(run): run for run in same.values() if metrics(run)}


def title(run: Run) -> str:
    """How a run is called beside its figures: its label, and its budget, since runs compare only on equal ones."""
    return f"{_label(run)}, {budget(run)}"


def budget(run: Run) -> str:
    """How long it was trained: `8 epochs`, or `not trained` for a baseline."""
    return "not trained" if run.baseline else f"{run.record['epochs']} epochs"


def colour(run: Run) -> str:
    """The colour of a bundled run's preset or baseline, the same everywhere; one for all runs of one's own."""
    if run.folder.parent != paths.BUNDLED:
        return charts.OTHER_COLOUR
    return charts.PRESET_COLOURS.get(run.name.removeprefix(f"{run.config.dataset}-"), charts.OTHER_COLOUR)


def study(run: Run) -> float | None:
    """The study's linear probe for the run's setting, in percent; None where it has none."""
    return None if run.baseline else study_probe(run.config)


def _available(keep: Callable[[Run], bool], *, dataset: str | None = None) -> dict[str, Run]:
    """The runs to choose from, by label: those of the data set, else of the one that this session looks at.

    A line for each that is broken, and the page's end where there is none.
    """
    here, broken = found()
    for sentence in broken:
        st.warning(sentence, icon=":material/broken_image:")
    dataset = dataset or data.chosen()
    kept = _labelled([run for run in here.values() if run.config.dataset == dataset and keep(run)])
    if not kept:
        st.info(
            f"There is no run on {dataset} on this machine. `python -m vicreg train --dataset {dataset}` makes one.",
            icon=":material/info:",
        )
        st.stop()
    return kept


def _pick(title: str, labels: list[str], *, key: str, text: str) -> str:
    if st.session_state.get(key) not in (None, *labels):  # kept from a page that could serve it
        del st.session_state[key]
    # No format_func: the URL would hold what it returns, and labels alone make links that last.
    # Who has chosen a run has chosen its data set, also one that the page had fallen back to.
    return st.selectbox(
        title,
        labels,
        key=key,
        bind="query-params",
        persist_state="session",
        on_change=data.keep_choice,
        help=text,
    )


def _label(run: Run) -> str:
    if run.folder.parent == paths.BUNDLED:
        return run.title
    return (
        f"{run.title} (own)" if run.folder.parent == paths.runs_folder() else f"{run.title}@{checkpoints.repository()}"
    )


def _serves(run: Run, needs: str) -> bool:
    return {"": True, "network": run.has_network, "history": HISTORY_FILE in run.record["files"]}[needs]


def _labelled(found: list[Run]) -> dict[str, Run]:
    """Runs by label: presets first, in their order, then other trained runs, then baselines."""
    order = [*PRESETS, "", *BASELINES]

    def place(run: Run) -> tuple[int, str]:
        short = run.name.removeprefix(f"{run.config.dataset}-")
        return order.index(short if short in order else ""), _label(run)

    return {_label(run): run for run in sorted(found, key=place)}


def key_of(run: Run) -> str:
    """What a cached value of a run is kept under: its folder and the hashes of its files."""
    return f"{run.folder}:{sorted((name, entry['sha256']) for name, entry in run.record['files'].items())}"


@st.cache_data(max_entries=64, show_spinner=False)
def _results(key: str, name: str, _run: Run) -> pd.DataFrame:
    return _run.history if name == "history" else _run.results(name)


def results(run: Run, name: str) -> pd.DataFrame:
    """A run's table, read once for all visitors. Ends the page with a sentence where the run lacks it."""
    try:
        return _results(key_of(run), name, run)
    except RunError as error:
        st.warning(str(error), icon=":material/broken_image:")
        st.stop()


def metrics(run: Run) -> JsonObject:
    """A run's figures; empty where it was not evaluated yet or the file is damaged, which a sentence then says."""
    try:
        return run.metrics
    except (RunError, ValueError) as error:
        st.warning(str(error), icon=":material/broken_image:")
        return {}


@st.cache_resource(max_entries=3, show_spinner="Loading the network")
def _networks(key: str, _run: Run) -> tuple[Encoder, Expander]:
    return _run.encoder, _run.expander


def networks(run: Run) -> tuple[Encoder, Expander]:
    """The run's encoder and expander, loaded once for all visitors; ends the page where their file is damaged."""
    try:
        return _networks(key_of(run), run)
    except RunError as error:
        st.warning(str(error), icon=":material/broken_image:")
        st.stop()
