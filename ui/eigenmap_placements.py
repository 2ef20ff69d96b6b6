"""New pictures on an eigenmap: where a rule puts each, and where it comes to lie if everything is fitted again with it."""

from __future__ import annotations

import numpy as np

from ui.picture_map import Colouring, Panel, atlas_of_some, picture_map
from ui.pictures import Pictures
from ui.run_picker import results
from vicreg import charts
from vicreg.data.catalogue import CATALOGUE
from vicreg.runs.folder import Run

AROUND = 1_000  # pictures that show where the others are
OUTLIERS = 0.002  # share of them at each end of an axis that the map does not make room for
OTHERS, OTHER_COLOUR = "others, placed by the Nyström extension", "#9a9a9a"


def placements_map(run: Run, pictures: Pictures | None, *, key: str, height: int | None = None) -> None:
    """Draw the new pictures of an eigenmap twice, by the rule and fitted again, among others of its plane.

    pictures: the run's test pictures; None draws dots.
    """
    placed, everything = results(run, "placements"), results(run, "projections")
    new = placed["index"].to_numpy()
    others = np.setdiff1d(np.arange(min(AROUND, len(everything))), new)
    numbers = np.concatenate([others, new, new])  # the new ones last, drawn over the others
    labels = everything["label"].to_numpy()[numbers]
    plane = everything[["laplacian_x", "laplacian_y"]].to_numpy(float)[others]
    rule, fitted = (placed[[f"{name}_x", f"{name}_y"]].to_numpy(float) for name in ("rule", "fitted"))
    frame = _frame(plane, np.concatenate([rule, fitted]))
    moved = 100 * np.linalg.norm(fitted - rule, axis=1) / max(frame[2] - frame[0], frame[3] - frame[1])
    classes = CATALOGUE[run.config.dataset].classes
    colours = charts.CLASS_COLOURS[: len(classes)]
    first, second = len(others), len(others) + len(new)
    is_new = np.arange(len(numbers)) >= first
    picture_map(
        [
            Panel(
                "The Nyström extension, and a line to where a new fit puts the picture",
                np.concatenate([plane, rule, fitted]),
                f"Distance: {np.median(moved):.1f} % of the map's side (median), {moved.max():.1f} % at most",
                within=frame,
                joined=list(zip(range(first, second), range(second, len(numbers)), strict=True)),
            )
        ],
        key=key,
        numbers=numbers,
        colourings=[
            Colouring("Class", classes, colours, labels),
            Colouring(
                "New pictures",
                [*(f"new {name}" for name in classes), OTHERS],
                [*colours, OTHER_COLOUR],
                np.where(is_new, labels, len(classes)),
                ordered=True,  # names would lie on the points
            ),
        ],
        colouring="New pictures",
        atlas=atlas_of_some(run, pictures, np.unique(numbers)),
        alt=f"{len(new)} new pictures on the eigenmap, one of each class: where the Nyström extension puts each, and where "
        f"it lies if everything is fitted again with it, among {len(others):,} others.",
        height=height,
        words="",
    )


def _frame(plane: np.ndarray, places: np.ndarray) -> tuple[float, float, float, float]:
    """(left, bottom, right, top) of the places (M, 2) and of nearly all points of the plane (N, 2)."""
    low, high = np.quantile(plane, [OUTLIERS, 1 - OUTLIERS], axis=0)
    low, high = np.minimum(low, places.min(axis=0)), np.maximum(high, places.max(axis=0))
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
