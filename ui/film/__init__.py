"""Runs as a film: the maps, spectra and figures of their snapshots on one clock, played in the browser.

    shown = film.filmed(runs, "embedding z")       # the moments of all runs on one clock
    film.player(shown, key="player")               # play, pause, scrub; space and arrow keys
    film.maps(shown, runs, pictures, key="film")    # a map a run, in ui/picture_map
    film.figures(shown, runs, key="figures")       # what was measured at the snapshots

The player tells the others the moment through events of the page's document, up to 60 times a second; no rerun is needed.
"""

from ui.film.component import figures, maps, player
from ui.film.moments import MAPS, Film, before_and_after, filmed, offered

__all__ = ["MAPS", "Film", "before_and_after", "figures", "filmed", "maps", "offered", "player"]
