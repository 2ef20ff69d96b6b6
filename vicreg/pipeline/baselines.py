"""Baselines that cost nothing and teach much, measured like every run: what does training add?

    untrained   the encoder as it was before its first step: random weights, the same architecture
    pixels      raw pixels, without any network: their first 512 principal components over the train split
    laplacian   Laplacian Eigenmaps (Belkin and Niyogi 2003) of pixel space: the study's "no amortisation", in which no
                network is trained but every image is placed by itself; new ones by Nystroem's rule

A baseline is a run's folder without weights. Its representations are made from the pictures when asked for, and then
kept in the disk cache like any other.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vicreg.config import BASELINES, presets
from vicreg.data.image_set import ImageSet
from vicreg.runs.folder import Run, write_run
from vicreg.storage.json_values import JsonObject

if TYPE_CHECKING:
    import pandas as pd

    from vicreg.evaluation.laplacian import Eigenmap

DIMENSIONS = 512  # about as many as an encoder's representations have
LAPLACIAN_IMAGES = 20_000  # train images on the eigenmap's graph
LAPLACIAN_NEIGHBOURS = 10
SHOWN_NEIGHBOURS = 5


def write_baseline(name: str, root: Path, *, dataset: str, data: JsonObject, versions: dict[str, str]) -> Run:
    """Write the folder `<dataset>-<name>` below root: a run that is not measured yet.

    data, versions: as config.json holds them. Raises ValueError for a name that is not a baseline's.
    """
    if name not in BASELINES:
        raise ValueError(f"baseline must be one of {', '.join(BASELINES)}, got {name!r}")
    config = dataclasses.replace(presets(dataset)["vicreg"], preset=name)
    images = min(LAPLACIAN_IMAGES, data["train"]["images"])
    settings = {
        "untrained": {},
        "pixels": {"dimensions": DIMENSIONS},
        "laplacian": {
            "dimensions": min(DIMENSIONS, images - 2),
            "images": images,
            "neighbours": LAPLACIAN_NEIGHBOURS,
        },
    }[name]
    record = {
        "config": config.to_dict(),
        "baseline": {"name": name, **settings},
        "data": data,
        "device": "",
        "epochs": 0,
        "seconds": 0.0,
        "seed": config.seed,
        "versions": versions,
    }
    return write_run(root / config.run_name, {}, record)


def flat(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) -> float32 (N, H * W * 3) in [0, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def pixel_components(run: Run, train: ImageSet, images: np.ndarray) -> np.ndarray:
    """The images' first principal components over the train split, float32 (N, dimensions)."""
    mean, components = _pca(_Key(train), run.record["baseline"]["dimensions"])
    return (flat(images) - mean) @ components.T


def eigenmap_coordinates(run: Run, train: ImageSet, images: np.ndarray | None) -> np.ndarray:
    """Where the eigenmap has its own images (images=None), or where Nystroem's rule places new ones: float32 (N, d)."""
    from vicreg.evaluation.laplacian import place

    settings = run.record["baseline"]
    fitted = _eigenmap(_Key(train), settings["images"], settings["dimensions"], settings["neighbours"])
    if images is None:
        return fitted.coordinates
    return place(fitted, flat(train.images[: settings["images"]]), flat(images))


def eigenmap_tables(
    run: Run, train: ImageSet, test: ImageSet, fitted: np.ndarray, placed: np.ndarray
) -> dict[str, pd.DataFrame]:
    """What there is to show of the eigenmap: name -> frame.

    pixel_neighbours: for one test image of each class, its five nearest others in pixel space (query, rank, nearest).
    placements: for the same images, where Nystroem's rule puts them and where they come to lie if they are fitted with
    the rest (index, rule_x, rule_y, fitted_x, fitted_y). fitted, placed: the coordinates of the eigenmap's own images and
    of all test images.
    """
    import pandas as pd

    from vicreg.evaluation.laplacian import fit
    from vicreg.evaluation.neighbours import nearest
    from vicreg.evaluation.retrieval import one_of_each_class

    settings = run.record["baseline"]
    queries = one_of_each_class(test.labels)
    pixels, own = flat(test.images), flat(train.images[: settings["images"]])
    near = nearest(pixels[queries], pixels, k=SHOWN_NEIGHBOURS, metric="euclidean", exclude=queries)
    neighbours = pd.DataFrame(
        {
            "query": np.repeat(queries, SHOWN_NEIGHBOURS).astype(np.int32),
            "rank": np.tile(np.arange(1, SHOWN_NEIGHBOURS + 1, dtype=np.int8), len(queries)),
            "nearest": near.indices.reshape(-1).astype(np.int32),
        }
    )
    # A few dimensions more than the two on the map, since another fit may change their order and their signs.
    again = fit(np.concatenate([own, pixels[queries]]), dimensions=8, k=settings["neighbours"]).coordinates
    likeness = np.corrcoef(fitted[:, :2].T, again[: len(own)].T)[:2, 2:]  # (2, 8)
    which = np.abs(likeness).argmax(axis=1)
    joined = again[len(own) :, which] * np.sign(likeness[[0, 1], which])
    placements = pd.DataFrame(
        {
            "index": queries.astype(np.int32),
            "rule_x": placed[queries, 0],
            "rule_y": placed[queries, 1],
            "fitted_x": joined[:, 0].astype(np.float32),
            "fitted_y": joined[:, 1].astype(np.float32),
        }
    )
    return {"pixel_neighbours": neighbours, "placements": placements}


def eigenmap_timing(run: Run, train: ImageSet, test: ImageSet, encoder_run: Run | None) -> JsonObject:
    """Seconds on this machine: to fit the eigenmap, and to place one new image by its rule and by a run's encoder.

    The last two are medians over 20 test images, each alone. encoder_run: whose encoder; None where there is none.
    """
    import statistics
    import time

    from vicreg.evaluation.encode import encode
    from vicreg.evaluation.laplacian import place

    settings = run.record["baseline"]
    own, new = flat(train.images[: settings["images"]]), test.images[:20]
    began = time.perf_counter()
    eigenmap = _eigenmap(_Key(train), settings["images"], settings["dimensions"], settings["neighbours"])
    timing: JsonObject = {"fit": round(time.perf_counter() - began, 1)}

    def median(way: Callable[[np.ndarray], object]) -> float:
        way(new[:1])
        times = []
        for i in range(len(new)):
            began = time.perf_counter()
            way(new[i : i + 1])
            times.append(time.perf_counter() - began)
        return round(statistics.median(times), 4)

    timing["rule"] = median(lambda images: place(eigenmap, own, flat(images)))
    if encoder_run is not None:
        timing |= {
            "encoder": median(lambda images: encode(encoder_run.encoder, images)),
            "encoder_run": encoder_run.name,
        }
    return timing


class _Key:
    """An image set as a key for `functools.cache`: two are the same if they come from the same file."""

    def __init__(self, image_set: ImageSet) -> None:
        self.image_set = image_set

    def __hash__(self) -> int:
        return hash(self.image_set.source.sha256)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.image_set.source.sha256 == self.image_set.source.sha256


@functools.lru_cache(maxsize=1)
def _pca(train: _Key, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    from vicreg.evaluation.projection import pca

    fitted = pca(flat(train.image_set.images), dimensions=dimensions)
    return fitted.mean.astype(np.float32), fitted.components.astype(np.float32)


@functools.lru_cache(maxsize=1)
def _eigenmap(train: _Key, images: int, dimensions: int, neighbours: int) -> Eigenmap:
    from vicreg.evaluation.laplacian import fit

    return fit(flat(train.image_set.images[:images]), dimensions=dimensions, k=neighbours)
