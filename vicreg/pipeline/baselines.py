"""Baselines without training, measured like trained runs. They show what training adds.

    untrained   the encoder before its first step: random weights, same architecture
    pixels      raw pixels without a network: their first 512 principal components, fitted on the train split
    laplacian   Laplacian Eigenmaps (Belkin and Niyogi 2003) of pixels. The study calls this "no amortisation": there is no
                network; each image gets its own coordinates, and new images are placed with Nystroem's formula

A baseline is a run folder without weights. Its representations are computed from the images when needed, and kept in the
disk cache like all others.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vicreg.config import BASELINES
from vicreg.data.image_set import ImageSet
from vicreg.pipeline.run_record import run_record
from vicreg.presets import presets
from vicreg.runs.folder import Run, write_run
from vicreg.storage.json_values import JsonObject

if TYPE_CHECKING:
    import pandas as pd

    from vicreg.evaluation.laplacian import Eigenmap

DIMENSIONS = 512  # similar to the width of an encoder's representations
LAPLACIAN_IMAGES = 20_000  # train images in the eigenmap's graph
LAPLACIAN_NEIGHBOURS = 10
SHOWN_NEIGHBOURS = 5


def write_baseline(name: str, root: Path, *, dataset: str, data: JsonObject, versions: dict[str, str]) -> Run:
    """Write the folder `<dataset>-<name>` in root: a run that is not evaluated yet.

    data, versions: as in config.json. Raises ValueError for an unknown baseline.
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
    record = run_record(config, data, baseline={"name": name, **settings}, versions=versions)
    return write_run(root / config.run_name, {}, record)


def flat(images: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, 3) -> float32 (N, H * W * 3) in [0, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def pixel_components(run: Run, train: ImageSet, images: np.ndarray) -> np.ndarray:
    """The first principal components of images, fitted on the train split: float32 (N, dimensions)."""
    mean, components = _pca(_Key(train), run.record["baseline"]["dimensions"])
    return (flat(images) - mean) @ components.T


def eigenmap_coordinates(run: Run, train: ImageSet, images: np.ndarray | None) -> np.ndarray:
    """Coordinates of the eigenmap's own images (images=None), or of new images by Nystroem's formula: float32 (N, d)."""
    from vicreg.evaluation.laplacian import place

    settings = run.record["baseline"]
    fitted = _eigenmap(_Key(train), settings["images"], settings["dimensions"], settings["neighbours"])
    if images is None:
        return fitted.coordinates
    return place(fitted, flat(train.images[: settings["images"]]), flat(images))


def eigenmap_tables(
    run: Run, train: ImageSet, test: ImageSet, fitted: np.ndarray, placed: np.ndarray
) -> dict[str, pd.DataFrame]:
    """Tables about the eigenmap: name -> table.

    pixel_neighbours: the five nearest images in pixel space of one test image per class (query, rank, nearest).
    placements: the same images placed with Nystroem's formula and by fitting again with them (index, rule_x, rule_y,
        fitted_x, fitted_y).
    fitted, placed: coordinates of the eigenmap's own images and of all test images.
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
    # More dimensions than the two on the map, because another fit may change their order and signs.
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
    """Seconds on this machine to fit the eigenmap, and to place one new image with Nystroem's formula or an encoder.

    The last two are medians over 20 single test images. encoder_run: the run of the encoder, or None.
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
    """An image set as a key for `functools.cache`. Two are equal if they come from the same file."""

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
