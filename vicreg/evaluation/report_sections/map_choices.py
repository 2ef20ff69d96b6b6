"""The section `map_choices`: how faithful a map is, and how much depends on t-SNE's settings.

    kept              of an image's k nearest in representation space, how many are among its k nearest on the map
    trustworthiness   1 minus a penalty for images that are near only on the map, by their rank among the true
                      neighbours (Venna and Kaski 2001); 1 is best, a shuffled map has about 0.5
    continuity        the same with the roles swapped: a penalty for true neighbours that are far on the map

t-SNE has the setting perplexity, roughly the number of neighbours that count for each image. If it starts from random
positions, it also has a seed: with another seed, clusters lie elsewhere and contain the same images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from vicreg.evaluation.array_checks import checked
from vicreg.evaluation.map_settings import MAP_CHOICES, NEIGHBOURS, PERPLEXITIES
from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.projection import tsne
from vicreg.evaluation.report_sections.section import Section

LEAST = 3 * max(PERPLEXITIES) + 1  # images: enough for the largest perplexity
MOST = 2_000  # images: as many as in the snapshots of a training
REACH = 32_000  # the largest coordinate in the table; units have no meaning


def map_choices(
    representations: np.ndarray, labels: np.ndarray, *, drawn: Mapping[str, np.ndarray] | None = None
) -> Section:
    """t-SNE of the first 2,000 images with every perplexity and seed, and how faithful each map is.

    representations: (N, D). labels: (N,). drawn: name -> (N, 2) coordinates of existing maps, which are judged, too. The table
    has a row per image: index, label, its nearest in representation space (Euclidean) as n0 to n14 (rows of the table),
    <name>_x and <name>_y of each new map, and <name>_kept, 0 to 15, of every map. Empty if all representations are one point,
    and for fewer than 301 images, which are too few for perplexity 100.
    """
    n = min(MOST, len(representations))
    shown, k = checked(representations)[:n], NEIGHBOURS
    if n < LEAST or not (shown != shown[0]).any():
        return Section({}, {})
    true = nearest(shown, shown, k=k, metric="euclidean", exclude_self=True).indices
    own = {
        name: tsne(shown, initial=random_places(n, choice["seed"]), perplexity=choice["perplexity"])
        for name, choice in MAP_CHOICES.items()
    }
    places = {name: np.asarray(xy)[:n] for name, xy in (drawn or {}).items()} | own
    kept = {name: kept_of(true, xy) for name, xy in places.items()}
    metrics = {
        "maps": {name: {**honesty(shown, xy, k=k), "kept": float(kept[name].mean())} for name, xy in places.items()},
        "n": n,
        "neighbours": k,
        "protocol": (
            f"The first {n:,} test images and no others; an image's true neighbours are the {k} nearest of them in "
            f"representation space (Euclidean). Kept: how many of the {k} are among the {k} nearest on the map, mean over "
            f"images. Trustworthiness and continuity (Venna and Kaski 2001) with k = {k}. Each t-SNE by perplexity and seed "
            "is of these images alone and starts from random places."
        ),
    }
    rows = np.int16 if n <= np.iinfo(np.int16).max else np.int32
    table = pd.DataFrame(
        {
            "index": np.arange(n, dtype=rows),
            "label": np.asarray(labels)[:n].astype(np.int8),
            **{f"n{i}": true[:, i].astype(rows) for i in range(k)},
            **{f"{name}_{axis}": _small(xy)[:, i] for name, xy in own.items() for i, axis in enumerate("xy")},
            **{f"{name}_kept": count.astype(np.int8) for name, count in kept.items()},
        }
    )
    return Section({"map_choices": metrics}, {"map_choices": table})


def coordinates(projections: pd.DataFrame | None) -> dict[str, np.ndarray]:
    """The maps in a table with columns <name>_x and <name>_y: name -> (N, 2)."""
    if projections is None:
        return {}
    names = [name.removesuffix("_x") for name in map(str, projections) if name.endswith("_x")]
    return {name: projections[[f"{name}_x", f"{name}_y"]].to_numpy(np.float32) for name in names}


def random_places(n: int, seed: int) -> np.ndarray:
    """(n, 2) normally distributed starting positions, the same for every perplexity."""
    return np.random.default_rng(seed).standard_normal((n, 2))


def kept_of(true: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N,) how many of each image's true neighbours (N, k) are among its k nearest on the map (N, 2)."""
    k = true.shape[1]
    near = nearest(places, places, k=k, metric="euclidean", exclude_self=True).indices
    both = np.sort(np.concatenate([true, near], axis=1), axis=1)
    return (both[:, 1:] == both[:, :-1]).sum(axis=1)


def honesty(space: np.ndarray, plane: np.ndarray, *, k: int) -> dict[str, float]:
    """Trustworthiness and continuity, 0 to 1, of a map (N, 2) of representations (N, D), by k neighbours."""
    from sklearn.manifold import trustworthiness

    return {
        "trustworthiness": float(trustworthiness(space, plane, n_neighbors=k)),
        "continuity": float(trustworthiness(plane, space, n_neighbors=k)),
    }


def _small(xy: np.ndarray) -> np.ndarray:
    """Coordinates as int16, with one scale for both axes and the middle at 0."""
    xy = xy - (xy.min(axis=0) + xy.max(axis=0)) / 2
    return np.round(xy * (REACH / max(float(np.abs(xy).max()), 1e-12))).astype(np.int16)
