"""Where the pictures of several runs lie at each moment of a film, on one clock and on the same axes.

A run keeps its maps at a few snapshots. The clock has the snapshots of all runs; between its own, a run's points move
along straight lines, and after its last they stay. A baseline has only the two ends of z: an untrained network's, and its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from ui.map_data import columns
from ui.run_picker import key_of, results
from ui.shared_cache import kept as keeping
from ui.untrained_runs import untrained
from vicreg.runs.folder import Run

MAPS = {"embedding z": "embedding", "t-SNE of y": "tsne", "PCA of y": "pca"}
NEAREST = "Nearest in representation space at this snapshot"
SEEN = 0.995  # share of all coordinates that lie within the axes
ENDS_REACH = 3.0  # of the axes of two numbers of z, in standard deviations that the variance term asks for


@dataclass(frozen=True)
class Track:
    """One run in a film. xy: (F, N, 2). neighbours: (F, N, k) rows of xy, nearest first, or None; nearest: which ones."""

    xy: np.ndarray
    neighbours: np.ndarray | None = None
    nearest: str = ""


@dataclass(frozen=True)
class Film:
    """What a film shows.

    clock: (F,) rising, in epochs. labels: (F,) of its moments. between: of other moments, with `{}` for the epoch.
    tracks: by title of the run. reach: both axes of every map go from -reach to reach, at all moments. ring: a radius to
    hold the points against, or None. words: what the axes are and what is not measured, in sentences.
    """

    clock: tuple[float, ...]
    labels: tuple[str, ...]
    between: str
    tracks: Mapping[str, Track]
    reach: float
    ring: float | None
    words: str


def offered(runs: Mapping[str, Run]) -> list[str]:
    """The names of MAPS that can be filmed of all these runs. runs: by title."""
    z = all("embedding_x" in results(run, "timeline") for run in runs.values())
    return [name for name in MAPS if z or name != "embedding z"]


def labels_of(run: Run, count: int) -> np.ndarray:
    """(count,) the labels of a run's first test pictures, also of a run that was only trained or measured in part."""
    if run.has("timeline"):
        table = results(run, "timeline")
        first = table["label"][table["epoch"] == 0]
        if len(first) >= count:  # a quick training keeps fewer places than a measurement
            return first.head(count).to_numpy()
    return results(run, "fingerprints")["label"].head(count).to_numpy()


def filmed(runs: Mapping[str, Run], name: str) -> Film:
    """The film of one of the MAPS. runs: by title, each with a timeline and of the same pictures."""
    kind = MAPS[name]
    tables = {title: results(run, "timeline") for title, run in runs.items()}
    clock = np.array(sorted({int(epoch) for table in tables.values() for epoch in table["epoch"].unique()}), float)
    count = min(int((table["epoch"] == 0).sum()) for table in tables.values())
    film = _with_axes({title: _kept(table, kind) for title, table in tables.items()}, clock, name)
    near = {title: _neighbours(run, clock, count) for title, run in runs.items()}
    tracks = {title: Track(track.xy[:, :count], near[title], NEAREST) for title, track in film.tracks.items()}
    labels = tuple(f"epoch {epoch:g}" if epoch else "before the first step" for epoch in clock)
    return Film(tuple(clock), labels, "epoch {}", tracks, film.reach, film.ring, film.words)


def before_and_after(runs: Mapping[str, Run]) -> Film | None:
    """The film of z from before training to its end, for runs of any length; without those that kept nothing of their z.

    runs: by title, of one numbering. None where no run kept anything.
    """
    kept = {title: run for title, run in runs.items() if run.has("timeline")}
    kept = {title: run for title, run in kept.items() if "embedding_x" in results(run, "timeline")}
    ends = {title: run for title, run in runs.items() if run.has("embedding_points")}
    if len(kept) == len(runs) or (kept and len(kept) > len(ends)):
        film = _of_snapshots(kept)
        clock = np.array(film.clock)
    elif ends:
        clock = np.array([0.0, 1.0])
        film = _ends(ends, clock)
    else:
        return None
    labels = ("before training", *(f"{share:.0%} of the training" for share in clock[1:-1]), "after training")
    return Film(tuple(clock), labels, "during training", film.tracks, film.reach, film.ring, film.words)


@keeping(most=32)
def _of_snapshots(runs: Mapping[str, Run]) -> Film:
    """The film of the z that runs kept at snapshots, as shares of their training. runs: by title."""
    places, moments = {}, 2
    for title, run in runs.items():
        epochs, xy = _kept(results(run, "timeline"), "embedding")
        places[title] = (epochs / max(epochs[-1], 1), xy)
        moments = max(moments, len(epochs))
    return _with_axes(places, np.linspace(0, 1, moments), "embedding z")


def _kept(table: pd.DataFrame, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The epochs of a timeline, (E,), and where its pictures lay at each on one of its maps, (E, N, 2)."""
    epochs = table["epoch"].unique().astype(float)
    return epochs, columns(table, [f"{kind}_x", f"{kind}_y"]).astype(float).reshape(len(epochs), -1, 2)


def on_the_clock(clock: np.ndarray, epochs: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Places (E, N, 2) at some epochs (E,) -> (F, N, 2) at the moments of a clock (F,): straight lines between."""
    at = np.interp(clock, epochs, np.arange(len(epochs)))
    low = np.minimum(at.astype(int), len(epochs) - 1)
    high = np.minimum(low + 1, len(epochs) - 1)
    share = (at - low)[:, None, None]
    return (1 - share) * places[low] + share * places[high]


def _with_axes(places: Mapping[str, tuple[np.ndarray, np.ndarray]], clock: np.ndarray, name: str) -> Film:
    """A film of what snapshots kept, on axes that hold nearly all points of all runs at all moments."""
    distances = np.concatenate([np.abs(xy).max(axis=2).ravel() for _, xy in places.values()])
    reach = _rounded_up(float(distances.max() if name == "t-SNE of y" else np.quantile(distances, SEEN)))
    beyond = float((distances > reach).mean())
    words = {
        "embedding z": "The first two principal components of z, recomputed at each snapshot.",
        "PCA of y": "The first two principal components of y, recomputed at each snapshot.",
        "t-SNE of y": "Each t-SNE starts from the one before. t-SNE rescales distances, so its size does not show a "
        "collapse.",
    }[name] + (f" {100 * beyond:.1f} % of the points lie beyond the axes and are drawn at the edge." if beyond else "")
    tracks = {title: Track(on_the_clock(clock, *kept)) for title, kept in places.items()}
    return Film(tuple(clock), (), "", tracks, reach, None, words)


def _rounded_up(value: float) -> float:
    """A round number of two digits, just above."""
    unit = 10 ** np.floor(np.log10(max(value, 1e-6)) - 1)
    return float(np.ceil(value / unit) * unit)


def _ends(runs: Mapping[str, Run], clock: np.ndarray) -> Film:
    """A film of two numbers of z: those of an untrained network of the same kind at first, and a run's own at last."""
    ends = {title: _two_numbers(run) for title, run in runs.items()}
    blanks = {title: blank for title, run in runs.items() if not run.baseline and (blank := _before(run)) is not None}
    starts = ends | {title: _two_numbers(blank) for title, blank in blanks.items()}
    count = min(map(len, [*ends.values(), *starts.values()]))
    span = np.array([clock[0], clock[-1]])
    tracks = {
        title: Track(on_the_clock(clock, span, np.stack([starts[title][:count], after[:count]])))
        for title, after in ends.items()
    }
    gamma = next(iter(runs.values())).config.gamma
    how = "Two dimensions of z; dashed: the standard deviation that the variance term requires."
    if blanks:
        how += (
            " Of these runs, only the start (an untrained network of the same kind) and the end were kept: points "
            "move along straight lines between them."
        )
    still = [f"`{title}`" for title, run in runs.items() if not run.baseline and title not in blanks]
    if still:
        how += f" Of {' and '.join(still)}, only the end was kept."
    return Film(tuple(clock), (), "", tracks, ENDS_REACH * gamma, gamma, how)


def _two_numbers(run: Run) -> np.ndarray:
    """(N, 2) of the embeddings of a run."""
    return columns(results(run, "embedding_points"), ["z_1", "z_2"]).astype(float)


def _before(run: Run) -> Run | None:
    """The untrained network of the same kind, on the same pictures; None if its embeddings were not kept."""
    return untrained(
        run,
        usable=lambda one: (
            one.config.expander == run.config.expander
            and one.has("embedding_points")
            and one.numbering == run.numbering
        ),
    )


def _neighbours(run: Run, clock: np.ndarray, count: int) -> np.ndarray | None:
    """(F, count, k) the pictures nearest to each one at the last snapshot before each moment.

    None if the run did not keep them, or if some of them are not shown.
    """
    if not run.has("snapshot_neighbours"):
        return None
    kept = _nearest(key_of(run), run)[:, :count]
    epochs = results(run, "timeline")["epoch"].unique()
    return kept[np.searchsorted(epochs, clock, side="right") - 1] if kept.max() < count else None


@st.cache_data(max_entries=32, show_spinner=False)
def _nearest(key: str, _run: Run) -> np.ndarray:
    """(E, N, k) for each snapshot, in representation space."""
    table = results(_run, "snapshot_neighbours")
    return table["nearest"].to_numpy().reshape(table["epoch"].nunique(), table["index"].nunique(), -1)
