"""Maps of pictures: any number of maps of the same points side by side, with one choice, one lasso and one legend.

    from ui.picture_map import Colouring, Panel, atlas, picture_map

    picture_map(
        [Panel("t-SNE", xy), Panel("PCA", other_xy)],           # (N, 2) each, or (F, N, 2) for a film
        key="maps",
        numbers=np.arange(2_000),                               # (N,) which test picture each point is
        colourings=[Colouring("Class", names, colours, labels)],
        atlas=atlas(run, pictures, 2_000),                      # None: dots, and a sentence that says why
        alt="Maps of 2,000 test pictures.",
    )

Points become thumbnails when near. What a visitor does (zoom, lasso, choosing, a class alone) needs no rerun; after a
rerun with the same points it stays as it was, and points glide to where another map puts them.

A film: give xy as (F, N, 2), one map a moment, and `frame`, a number from 0 to F - 1; between two moments points move
along straight lines. A `frame` from Python is reached in half a second. From JavaScript, with link="some name":

    document.dispatchEvent(new CustomEvent("vicreg-map", { detail: { link: "some name", frame: 2.5 } }))

shows a moment at once, as often as 60 times a second. `{ link, chosen: 123 }` (a picture's number, or null) chooses a
picture; the component sends the same event when a visitor chooses one, so that maps and other components with one
link move together.

The JavaScript stands in files of its own beside this one; `source` joins them, as ui/lab does.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from ui import page_figures
from ui.components.scripts import joined
from ui.picture_map.atlas import Atlas
from vicreg.storage.json_values import JsonObject

FOLDER = Path(__file__).parent
MODULES = (
    *(
        "unpack.js",
        "address.js",
        "atlas.js",
        "raster.js",
        "camera.js",
        "geometry.js",
        "names.js",
        "overlay.js",
        "pointer.js",
        "map_drawing.js",
    ),
    *("legend.js", "picture_lists.js", "picture_map.js"),
)
STEPS = 65_535  # of a coordinate
WITHOUT_PICTURES = "The pictures are not on this machine, so this shows dots."


@dataclass(frozen=True)
class Colouring:
    """What points can be coloured by. values: (N,) whole numbers into names; None where each panel has its own.

    ordered: the names are steps of a scale, so they are not written on the map. The first colouring names the pictures.
    """

    title: str
    names: Sequence[str]
    colours: Sequence[str]
    values: np.ndarray | None = None
    ordered: bool = False


class Ring(NamedTuple):
    """A dashed circle on a map. radius: in the units of the map's coordinates. colour: `#rrggbb`."""

    radius: float
    colour: str


@dataclass(frozen=True)
class Panel:
    """One map. xy: (N, 2), or (F, N, 2) for a film.

    note: a line below the title. neighbours: (N, k) the true neighbours of each point as rows of xy, nearest first, or
    (F, N, k) of each moment of a film; a click draws lines to them. nearest: what they are, in words, where they are other
    than the nearest in representation space; the map is then not judged by them. values: by a colouring's title, this map's
    own (N,) values of it. colouring: the title of the only one that this map is drawn in, whatever is chosen. within:
    (left, bottom, right, top) that the map shows at first, so that maps compare; else all its points. ring: a dashed
    circle around the middle of `within`. joined: pairs of points, as rows of xy, that a line joins, with a ring around the
    second. accent: a colour that stands for this map elsewhere on
    the page, shown before its title.
    """

    title: str
    xy: np.ndarray
    note: str = ""
    neighbours: np.ndarray | None = None
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    colouring: str | None = None
    within: tuple[float, float, float, float] | None = None
    ring: Ring | None = None
    joined: Sequence[tuple[int, int]] = ()
    accent: str = ""
    nearest: str = ""


class Marked(NamedTuple):
    """Numbers of pictures: the chosen one, or None, and those that were marked."""

    chosen: int | None
    marked: list[int]


def script(name: str) -> str:
    """The text of one of this folder's files."""
    return (FOLDER / name).read_text(encoding="utf-8")


def source() -> str:
    """All JavaScript of the component as one script: each module after those it imports."""
    return joined(*(FOLDER / name for name in MODULES))


_MAP = st.components.v2.component(
    "vicreg_picture_map", html=script("picture_map.html"), css=script("picture_map.css"), js=source()
)


def picture_map(
    panels: Sequence[Panel],
    *,
    key: str,
    numbers: np.ndarray,
    colourings: Sequence[Colouring],
    atlas: Atlas | None,
    alt: str,
    colouring: str | None = None,
    frame: float = 0,
    moments: Sequence[str] = (),
    link: str = "",
    height: int | None = None,
    words: str | None = None,
    report: bool = False,
    compact: bool = False,
) -> Marked:
    """Draw maps of the same N points side by side.

    numbers: (N,) which picture of the atlas each point is. colourings: to choose from; `colouring` the title of the first
    shown. atlas: from `atlas`; None draws dots. alt: what the maps show, in a sentence. frame, moments, link: of a
    film, see above; moments: (F,) a caption for each. height: of a map in pixels, else as the window allows. words: a
    sentence below, instead of the one that says why there are no pictures. report: rerun the page whenever another picture
    is chosen or others are marked; without it the answer is always empty. compact: the tools stand below, and maps stay side
    by side down to 320 pixels instead of 700.
    Raises ValueError for arrays that do not fit.
    """
    count = len(numbers)
    titles = [one.title for one in colourings]
    lists: list[np.ndarray] = []
    for panel in panels:
        if panel.xy.shape[-2:] != (count, 2):
            raise ValueError(f"{panel.title}: xy must be ({count}, 2) or (F, {count}, 2), got {panel.xy.shape}")
        if panel.neighbours is not None and not any(np.array_equal(one, panel.neighbours) for one in lists):
            if panel.neighbours.shape[-2] != count or panel.neighbours.max() >= count:
                raise ValueError(f"{panel.title}: neighbours must be {count} rows of numbers below {count}")
            lists.append(panel.neighbours)
    data = {
        "key": key,
        "count": count,
        "numbers": packed(numbers, "<u4"),
        "colourings": [
            {
                "title": one.title,
                "names": list(one.names),
                "colours": list(one.colours),
                "values": None if one.values is None else packed(one.values, "<u1"),
                "ordered": one.ordered,
            }
            for one in colourings
        ],
        "colouring": titles.index(colouring) if colouring else 0,
        "neighbours": [packed(one, "<u2") for one in lists],
        "panels": [_panel(panel, titles, lists) for panel in panels],
        "atlas": asdict(atlas) if atlas else None,
        "alt": alt,
        "words": words if words is not None or atlas else WITHOUT_PICTURES,
        "frame": frame,
        "moments": list(moments),
        "link": link,
        "height": height,
        "report": report,
        "compact": compact,
    }
    page_figures.note_figure(
        key, alt, lambda: points_table(panels, numbers=numbers, colourings=colourings, moments=moments)
    )
    found = _MAP(key=key, data=data, on_chosen_change=lambda: None, on_marked_change=lambda: None)
    return Marked(found.chosen, found.marked or [])


def _panel(panel: Panel, titles: list[str], lists: list[np.ndarray]) -> JsonObject:
    which = None
    if panel.neighbours is not None:
        which = next(i for i, one in enumerate(lists) if np.array_equal(one, panel.neighbours))
    return {
        "title": panel.title,
        "note": panel.note,
        "xy": packed(on_the_unit_square(panel.xy, panel.within) * STEPS, "<u2"),
        "fixed": panel.within is not None,
        "neighbours": which,
        "k": 0 if panel.neighbours is None else panel.neighbours.shape[-1],
        "nearest": panel.nearest,
        "accent": panel.accent,
        "ring": _ring(panel),
        "joined": [list(pair) for pair in panel.joined],
        "values": {title: packed(values, "<u1") for title, values in panel.values.items()},
        "colouring": titles.index(panel.colouring) if panel.colouring else None,
    }


def _ring(panel: Panel) -> JsonObject | None:
    """The circle in shares of the map's side."""
    if panel.ring is None or panel.within is None:
        return None
    left, bottom, right, top = panel.within
    return {"radius": panel.ring.radius / max(right - left, top - bottom), "colour": panel.ring.colour}


def points_table(
    panels: Sequence[Panel], *, numbers: np.ndarray, colourings: Sequence[Colouring], moments: Sequence[str]
) -> pd.DataFrame:
    """A row for each point of each map, and of each moment of a film: `map`, `moment`, `picture`, `x`, `y`, colourings."""
    parts = []
    for panel in panels:
        frames = panel.xy if panel.xy.ndim == 3 else panel.xy[None]
        known = {one.title: panel.values.get(one.title, one.values) for one in colourings}
        groups = {one.title: np.array(one.names)[v] for one in colourings if (v := known[one.title]) is not None}
        for i, xy in enumerate(frames):
            moment = {"moment": moments[i] if i < len(moments) else i} if len(frames) > 1 else {}
            place = {"picture": numbers, "x": xy[:, 0], "y": xy[:, 1]}
            parts.append(pd.DataFrame({"map": panel.title, **moment, **place, **groups}))
    return pd.concat(parts, ignore_index=True)


def on_the_unit_square(xy: np.ndarray, within: tuple[float, float, float, float] | None = None) -> np.ndarray:
    """Coordinates (..., 2) between 0 and 1, one scale for both axes, centred; what lies outside `within` at its edge."""
    xy = np.asarray(xy, dtype=np.float64)
    if within is None:
        low, high = xy.reshape(-1, 2).min(axis=0), xy.reshape(-1, 2).max(axis=0)
    else:
        low, high = np.array(within[:2]), np.array(within[2:])
    size = max(float((high - low).max()), 1e-12)
    return np.clip((xy - (low + high) / 2) / size + 0.5, 0, 1)


def packed(values: np.ndarray, kind: str) -> str:
    """Whole numbers as base64. kind: numpy's name of their type."""
    return base64.b64encode(np.round(np.asarray(values)).astype(kind).tobytes()).decode("ascii")
