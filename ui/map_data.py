"""What the maps of a run show: places, colours, true neighbours, and how honest each map is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from ui.picture_map import Colouring
from ui.pictures import Pictures
from ui.run_picker import metrics, results
from ui.shared_cache import kept
from vicreg import charts
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.map_settings import MAP_CHOICES, PERPLEXITY
from vicreg.runs.folder import Run

if TYPE_CHECKING:
    import pandas as pd
    from streamlit.delta_generator import DeltaGenerator

FEW = 2_000  # points on a map unless all are asked for: those of the table of choices, and of a run's film
KEPT = "Neighbours kept"
NONE = "none"
SETTINGS = {f"t-SNE, perplexity {c['perplexity']}, seed {c['seed']}": name for name, c in MAP_CHOICES.items()}
STEPS = (0, 0.2, 0.4, 0.6, 0.8)  # of the share of true neighbours that a map keeps


@dataclass(frozen=True)
class Honesty:
    """sentence: its figures. neighbours: (N, k) rows, nearest first, and steps: (N,) 0 to 4; None where not measured.

    k: true neighbours of each picture. among: the number of pictures that they were looked for among.
    """

    sentence: str = ""
    k: int = 0
    among: int = 0
    neighbours: np.ndarray | None = None
    steps: np.ndarray | None = None


def offered(run: Run, second: Run | None, eigenmap: Run | None) -> list[str]:
    """The maps to choose from, by what a page calls them."""
    kinds = [title for kind, title in charts.MAP_TITLES.items() if kind != "laplacian"]
    kinds.sort(key=lambda title: title != "t-SNE")
    if eigenmap is not None and second is None:
        kinds.append(charts.MAP_TITLES["laplacian"])
    both = [one for one in (run, second) if one is not None]
    return kinds + (list(SETTINGS) if all(one.has("map_choices") for one in both) else [])


def pick(place: DeltaGenerator, label: str, names: list[str], *, key: str, default: str) -> str:
    """One of the maps, in the URL."""
    if st.session_state.get(key) not in (None, *names):  # chosen for a run that has more
        del st.session_state[key]
    return place.selectbox(label, names, index=names.index(default), key=key, bind="query-params")


def kind_of(name: str) -> str:
    """The columns of a map: `tsne`, or `p30_s1`."""
    return SETTINGS.get(name) or next(kind for kind, title in charts.MAP_TITLES.items() if title == name)


def is_setting(*names: str | None) -> bool:
    """Whether one of the maps is t-SNE under another setting, which there is of the first pictures only."""
    return any(name in SETTINGS for name in names)


@kept(most=64)
def places(run: Run, name: str, count: int) -> np.ndarray:
    """(count, 2) coordinates, read-only."""
    table, kind = results(run, "map_choices" if name in SETTINGS else "projections"), kind_of(name)
    found = columns(table, [f"{kind}_x", f"{kind}_y"])[:count].astype(float)
    found.flags.writeable = False
    return found


@kept(most=64)
def honesty(run: Run, name: str, count: int) -> Honesty:
    """How far a map of the first `count` pictures can be believed.

    Of the table of choices where that holds just these pictures, else the shares that were measured among all pictures.
    """
    kind = kind_of(name)
    if run.has("map_choices") and "map_choices" in metrics(run):
        figures, table = metrics(run)["map_choices"], results(run, "map_choices")
        if count == len(table) and kind in figures["maps"] and f"{kind}_kept" in table:
            k, own = figures["neighbours"], figures["maps"][kind]
            return Honesty(
                f"Keeps {own['kept']:.1f} of {k} neighbours. Trustworthiness {own['trustworthiness']:.3f}, continuity "
                f"{own['continuity']:.3f}",
                k,
                len(table),
                columns(table, [f"n{i}" for i in range(k)]),
                stepped(table[f"{kind}_kept"].to_numpy() / k),
            )
    table = results(run, "projections")
    if f"{kind}_kept" not in table:
        return Honesty()
    share = table[f"{kind}_kept"].to_numpy(float)
    return Honesty(f"Keeps {10 * share.mean():.1f} of 10 neighbours", 10, len(table), steps=stepped(share[:count]))


def faithful_words(maps: Sequence[Honesty]) -> str:
    """What the figures under the maps mean, and where the maps lose neighbours; empty where none was measured."""
    if not any(one.k for one in maps):
        return ""
    words = "**How faithful is a map?** Two dimensions cannot keep all neighbours. "
    if any("rustworthiness" in one.sentence for one in maps):
        words += (
            "*Trustworthiness* falls when pictures are neighbours on the map but not in representation space, *continuity* "
            "when the map tears true neighbours apart; 1 is best for both. "
        )
    kinds = list(dict.fromkeys((one.k, one.among) for one in maps if one.k))
    nearest = " or ".join(f"{k} nearest in representation space among {among:,} pictures" for k, among in kinds)
    words += f"True neighbours are a picture's {nearest}."
    return words + (f" Choose **{KEPT}** to see where the map loses them." if len({one.k for one in maps}) == 1 else "")


def columns(table: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Columns of numbers as one array, (N, len(names)): pandas takes milliseconds for it."""
    return np.stack([table[name].to_numpy() for name in names], axis=1)


def stepped(share: np.ndarray) -> np.ndarray:
    """(N,) steps of the scale, 0 to 4, of shares from 0 to 1."""
    return np.searchsorted(STEPS, share + 1e-3, side="right") - 1


def kept_scale(k: int) -> Colouring:
    """The scale of how many of k true neighbours a map keeps: its steps by their counts, `0 to 2` to `12 to 15`."""
    firsts = [int(np.ceil(step * k - 1e-9)) for step in STEPS]
    lasts = [*(first - 1 for first in firsts[1:]), k]
    names = [f"{first} to {last} of {k}" for first, last in zip(firsts, lasts, strict=True)]
    return Colouring(KEPT, names, charts.KEPT_COLOURS, ordered=True)


def colourings(run: Run, pictures: Pictures | None, labels: np.ndarray, k: int = 0) -> list[Colouring]:
    """By class, by what else is known of the pictures, and by kept ones of k true neighbours.

    labels: (N,) of the first pictures. k: 0 where not every map was measured.
    """
    spec = CATALOGUE[run.config.dataset]
    found = [Colouring("Class", spec.classes, charts.CLASS_COLOURS[: len(spec.classes)], labels)]
    for what, names in spec.attributes.items():
        if pictures is not None and what in pictures.known:
            known = pictures.known[what][pictures.order[: len(labels)]]
            values = np.searchsorted(np.sort(names), known)
            found.append(
                Colouring(
                    what.capitalize(),
                    list(names),
                    [charts.HUE_COLOURS[name] for name in names],
                    np.argsort(names)[values],
                )
            )
    return [*found, kept_scale(k)] if k else found


def why_several(run: Run, *names: str | None) -> str:
    """Why there is more than one t-SNE of a run, where a page shows another than the app's own."""
    if is_setting(*names):
        return (
            f"t-SNE has settings. The app's own map uses all pictures and perplexity {PERPLEXITY}, and starts from PCA. Maps "
            f"with a seed use only the first {len(results(run, 'map_choices')):,} pictures and start from random positions, "
            "so clusters lie elsewhere in each: look for what stays the same."
        )
    return ""
