"""Runs, their tables and networks: the pickers, and loading that is cached for all visitors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ui import checkpoints, data_set_choice, page_figures
from ui.shared_cache import kept
from vicreg import charts
from vicreg.config import BASELINES
from vicreg.data.catalogue import CATALOGUE
from vicreg.presets import PRESETS
from vicreg.runs.discovery import find_runs
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run
from vicreg.storage import paths
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import HISTORY_FILE
from vicreg.study_results import study_probe

if TYPE_CHECKING:
    import pandas as pd
    from streamlit.delta_generator import DeltaGenerator

    from vicreg.method.networks import Encoder, Expander

NONE = "none"


def pick_run(*, needs: str = "") -> Run:
    """Select a run. Kept in the URL and across pages. Stops the page with a message if there is no run.

    needs: `network` or `history`, if the page does not work for all baselines.
    """
    runs = _available(lambda run: _serves(run, needs))
    text = "Some runs come with the app. Add more on the page Train or with `python -m vicreg train`."
    return noted(runs[_pick("Run", list(runs), key="run", text=text)])


def found() -> tuple[dict[str, Run], list[str]]:
    """All runs that this session can choose (bundled, own, and downloaded from its repository).

    Also returns a message for each broken run. Looks at the folders once while a page is drawn.
    """
    return page_figures.once("runs", _found)


def _found() -> tuple[dict[str, Run], list[str]]:
    here, broken = find_runs()
    fetched, more = checkpoints.runs_here()
    return here | {f"{name}@{checkpoints.repository()}": run for name, run in fetched.items()}, broken + more


def bundled_runs() -> dict[str, Run]:
    """The runs that come with the app, measured or not, by name."""
    return {run.name: run for run in found()[0].values() if run.folder.parent == paths.BUNDLED}


def preset_run(preset: str, *, dataset: str | None = None) -> Run:
    """The bundled run of a preset, or the first run. Stops the page with a message if there is none."""
    runs = _available(lambda run: not run.baseline and bool(metrics(run)), dataset=dataset)
    return noted(next((run for run in runs.values() if run.config.preset == preset), next(iter(runs.values()))))


def pick_second(first: Run, *, needs: str = "", beside: Sequence[str] = ()) -> Run | None:
    """Select a second run, or None. Offers only runs that were measured on the same pictures.

    beside: bundled presets; the first that is there, and is not the first run, is compared unless the visitor chooses
    otherwise; such a choice is for this page alone (`with` in the URL, or a link's `second`).
    """
    others = _labelled(
        [
            run
            for run in found()[0].values()
            if run.config.dataset == first.config.dataset and _serves(run, needs) and run.folder != first.folder
        ]
    )
    same = {label: run for label, run in others.items() if run.numbering == first.numbering}
    text = "Shown side by side, on the same pictures."
    if len(same) < len(others):
        text += (
            f" {len(others) - len(same)} more were measured on another copy of the pictures. "
            "`python -m vicreg evaluate` measures them on yours."
        )
    labels, key, told = [NONE, *same], "second", NONE
    if beside:
        key, linked = "with", st.query_params.get("second")
        bundled = {run.config.preset: label for label, run in same.items() if run.folder.parent == paths.BUNDLED}
        told = linked if linked in same else next((bundled[name] for name in beside if name in bundled), NONE)
    second = same.get(_pick("Compare with", labels, key=key, text=text, default=told))
    return None if second is None else noted(second)


def pick_compared(first: Run) -> Run:
    """Any measured run of the data set with a network, to hold a first one against; the preset `vicreg` unless chosen."""
    others = _labelled([run for run in found()[0].values() if run.config.dataset == first.config.dataset])
    kept = {label: run for label, run in others.items() if run.has_network and metrics(run)}
    text = "Any run, including your own, even if it was measured on another copy of the pictures."
    linked = st.query_params.get("beside")  # its earlier name, in links that were shared
    told = linked if linked in kept else None
    return noted(kept[_pick("Compare with", list(kept), key="compared", text=text, default=told)])


def pick_pair(
    columns: Sequence[DeltaGenerator], *, needs: str = "", beside: Sequence[str] = ()
) -> tuple[Run, Run | None]:
    """Select a run in the first column and a second run in the second column. needs, beside: as `pick_run`, `pick_second`."""
    with columns[0]:
        first = pick_run(needs=needs)
    with columns[1]:
        return first, pick_second(first, needs=needs, beside=beside)


def measured_runs(first: Run) -> dict[str, Run]:
    """All evaluated runs of a data set, by title, presets first. They may be measured on different copies of the pictures."""
    dataset = first.config.dataset

    def measured() -> dict[str, Run]:
        same = _labelled([run for run in found()[0].values() if run.config.dataset == dataset])
        return {title(run): run for run in same.values() if metrics(run)}

    return dict(page_figures.once(("measured", dataset), measured))


def title(run: Run) -> str:
    """The name of a run next to its figures: label and budget, because only equal budgets compare."""
    return f"{label(run)}, {budget(run)}"


def budget(run: Run) -> str:
    """The training budget: `8 epochs`, `6 epochs of 2560 pictures` if not of all, or `not trained` for a baseline."""
    if run.baseline:
        return "not trained"
    images = run.record["data"]["train"]["images"]
    few = f" of {images} pictures" if images < CATALOGUE[run.config.dataset].train_images else ""
    return f"{run.record['epochs']} epochs{few}"


def colour(run: Run) -> str:
    """The colour of a run: that of its preset or baseline if bundled; the others of a data set take turns."""
    if run.folder.parent == paths.BUNDLED:
        return charts.PRESET_COLOURS.get(run.name.removeprefix(f"{run.config.dataset}-"), charts.OWN_COLOURS[0])

    def own() -> list[Path]:
        same = [one for one in found()[0].values() if one.config.dataset == run.config.dataset]
        return sorted(one.folder for one in same if one.folder.parent != paths.BUNDLED)

    folders = page_figures.once(("own", run.config.dataset), own)
    place = folders.index(run.folder) if run.folder in folders else 0
    return charts.OWN_COLOURS[place % len(charts.OWN_COLOURS)]


def study(run: Run) -> float | None:
    """The study's linear probe for the run's settings, in percent; None if there is none."""
    return None if run.baseline else study_probe(run.config)


def _available(keep: Callable[[Run], bool], *, dataset: str | None = None) -> dict[str, Run]:
    """The runs to choose from, by label: of this data set, or of the session's data set.

    Shows a message for each broken run, and stops the page if there is no run.
    """
    here, broken = found()
    for sentence in broken:
        st.warning(sentence, icon=":material/broken_image:")
    dataset = dataset or data_set_choice.chosen()
    kept = _labelled([run for run in here.values() if run.config.dataset == dataset and keep(run)])
    if not kept:
        st.info(
            f"There is no run for {dataset} on this machine. Train one with `python -m vicreg train --dataset {dataset}`.",
            icon=":material/info:",
        )
        st.stop()
    return kept


def _pick(title: str, labels: list[str], *, key: str, text: str, default: str | None = None) -> str:
    if st.session_state.get(key) not in (None, *labels):  # kept from a page where it was available
        del st.session_state[key]
    # No format_func, because its result would become part of the URL; plain labels make stable links.
    return st.selectbox(
        title,
        labels,
        index=labels.index(default) if default else 0,
        key=key,
        bind="query-params",
        persist_state="session",
        help=text,
    )


def noted(run: Run) -> Run:
    """A run that the page shows: for the captions of what visitors take away."""
    page_figures.note_run(title(run), CATALOGUE[run.config.dataset].title)
    return run


def label(run: Run) -> str:
    """The name of a run in a choice and in the URL: its title, and where it is from unless it is bundled."""
    if run.folder.parent == paths.BUNDLED:
        return run.title
    return f"{run.title}@{checkpoints.repository()}" if from_hub(run) else f"{run.title} (own)"


def from_hub(run: Run) -> bool:
    """Whether the run was downloaded from the session's repository."""
    return run.folder.parent not in (paths.BUNDLED, paths.runs_folder())


def _serves(run: Run, needs: str) -> bool:
    return {"": True, "network": run.has_network, "history": HISTORY_FILE in run.record["files"]}[needs]


def _labelled(found: list[Run]) -> dict[str, Run]:
    """Runs by label: presets first, then other trained runs, then baselines."""
    order = [*PRESETS, "", *BASELINES]

    def place(run: Run) -> tuple[int, str]:
        short = run.name.removeprefix(f"{run.config.dataset}-")
        return order.index(short if short in order else ""), label(run)

    return {label(run): run for run in sorted(found, key=place)}


def key_of(run: Run) -> str:
    """The cache key of a run: its folder and the hashes of its files."""
    return run.content


@kept(most=64)
def _results(run: Run, name: str) -> pd.DataFrame:
    return run.history if name == "history" else run.results(name)


def results(run: Run, name: str) -> pd.DataFrame:
    """A table of a run, cached for all visitors. Stops the page with a message if it is missing.

    pandas copies a column when the page changes it, so no other visitor sees the change.
    """
    try:
        return _results(run, name).copy(deep=False)
    except RunError as error:
        st.warning(str(error), icon=":material/broken_image:")
        st.stop()


@st.cache_resource(max_entries=64, show_spinner=False)
def _last_losses(key: str, _run: Run) -> dict[str, float]:
    return _run.last_losses


def last_losses(run: Run) -> dict[str, float]:
    """The unweighted terms and the total on test images at the end of a run, cached. Stops the page if they are missing."""
    try:
        return dict(_last_losses(key_of(run), run))
    except RunError as error:
        st.warning(str(error), icon=":material/broken_image:")
        st.stop()


def metrics(run: Run) -> JsonObject:
    """The metrics of a run; empty if not evaluated, or if the file is damaged (then with a message)."""
    try:
        return run.metrics
    except (RunError, ValueError) as error:
        st.warning(str(error), icon=":material/broken_image:")
        return {}


@st.cache_resource(max_entries=3, show_spinner=False)
def _networks(key: str, _run: Run) -> tuple[Encoder, Expander]:
    return _run.encoder, _run.expander


def load_networks(run: Run) -> tuple[Encoder, Expander]:
    """The encoder and expander of a run, cached for all visitors. Needs no page. Raises RunError if the file is damaged."""
    return _networks(key_of(run), run)


def networks(run: Run) -> tuple[Encoder, Expander]:
    """The encoder and expander of a run, cached for all visitors. Stops the page if the file is damaged."""
    try:
        with st.spinner("Loading the network"):
            return load_networks(run)
    except RunError as error:
        st.warning(str(error), icon=":material/broken_image:")
        st.stop()
