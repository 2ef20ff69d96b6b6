"""The parts of a film on a page: the player, the maps, and the figures of the snapshots.

The JavaScript is in separate files in this folder, joined here as in ui/picture_map.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from ui import page_figures
from ui.components.scripts import joined
from ui.film.figures import curves, lines, spectra
from ui.film.moments import Film, labels_of
from ui.map_data import colourings
from ui.picture_map import Panel, Ring, atlas, picture_map
from ui.pictures import Pictures
from ui.run_picker import colour
from vicreg import charts
from vicreg.runs.folder import Run

FOLDER = Path(__file__).parent
LINK = "film"  # the name by which the parts of a page hear each other
EACH = 1.1  # seconds from one snapshot to the next
LEAST = 3.5  # seconds that a film lasts


_PLAYER = st.components.v2.component(
    "vicreg_film_player",
    html=(FOLDER / "player.html").read_text("utf-8"),
    css=(FOLDER / "player.css").read_text("utf-8"),
    js=joined(FOLDER / "messages.js", FOLDER / "player.js"),
)
_FIGURES = st.components.v2.component(
    "vicreg_film_figures",
    html="<div class='film-figures'></div>",
    css=(FOLDER / "figures.css").read_text("utf-8"),
    js=joined(*(FOLDER / name for name in ("messages.js", "curve.js", "figures.js"))),
)


def player(film: Film, *, key: str) -> None:
    """Play, pause and scrub. A film starts at its beginning and plays once by itself, unless the visitor wants no motion.

    Space plays and pauses, the arrow keys go from snapshot to snapshot, Home and End to the first and the last.
    """
    _PLAYER(
        key=key,
        data={
            "link": LINK,
            "name": f"{list(film.tracks)} {film.clock}",
            "clock": list(film.clock),
            "labels": list(film.labels),
            "between": film.between,
            "seconds": max(LEAST, EACH * (len(film.clock) - 1)),
        },
    )


def maps(
    film: Film, runs: Mapping[str, Run], pictures: Pictures | None, *, key: str, height: int | None = None
) -> None:
    """A map a run, side by side, on the same axes at all moments; below, what they are. runs: by title, of one numbering."""
    run = next(iter(runs.values()))
    box = (-film.reach, -film.reach, film.reach, film.reach)
    ring = Ring(film.ring, charts.TERM_COLOURS["variance"]) if film.ring else None
    count = min(track.xy.shape[1] for track in film.tracks.values())
    labels = labels_of(run, count)
    picture_map(
        [
            Panel(
                title,
                track.xy[:, :count],
                neighbours=track.neighbours,
                nearest=track.nearest,
                within=box,
                ring=ring,
                accent=colour(runs[title]),
            )
            for title, track in film.tracks.items()
        ],
        key=key,
        numbers=np.arange(count),
        colourings=colourings(run, pictures, labels),
        atlas=atlas(run, pictures, count),
        alt=f"Maps of {count:,} test pictures under {' and '.join(film.tracks)}. {film.words}",
        link=LINK,
        height=height,
        compact=True,
    )
    axes = f"All axes go from {-film.reach:g} to {film.reach:g}, at every moment.".replace("-", "\N{MINUS SIGN}")
    st.caption(f"{film.words} {axes}")


def figures(film: Film, runs: Mapping[str, Run], *, key: str) -> None:
    """What was measured at the snapshots, with a line for the moment: spread of z, kNN accuracy, spectrum of y."""
    drawn = lines(runs)
    page_figures.note_figure(
        key, f"{' and '.join(one['title'] for one in drawn)} of {', '.join(runs)} over epochs.", lambda: curves(drawn)
    )
    _FIGURES(
        key=key,
        data={"link": LINK, "clock": list(film.clock), "lines": drawn, "spectrum": spectra(runs)},
    )
