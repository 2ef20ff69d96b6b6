"""What the page Start computes with torch for its very first visitor, stored: two views of eight pictures, and their numbers.

Loading torch takes seconds, so a new server shows these. `first_look.npz` is a cache: each entry has the hash of what it was
computed from (pixels, settings, weights), and whatever has another hash is computed. After a change of the run that Start
shows first, or of the views, write it again:

    python -m docs.first_look
"""

from __future__ import annotations

import functools
import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vicreg.config import ViewConfig
from vicreg.runs.folder import Run

FILE = Path(__file__).with_suffix(".npz")


def stored_views(image: np.ndarray, config: ViewConfig, draw: int) -> np.ndarray | None:
    """Two views of an image (H, W, 3) uint8: (2, size, size, 3) uint8, or None if they are not stored."""
    return _stored().get(views_key(image, config, draw))


def stored_numbers(run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Representations (n, width) and embeddings (n, D) of images (n, S, S, 3) uint8, or None if they are not stored."""
    key = numbers_key(run, images)
    y, z = (_stored().get(f"{key} {name}") for name in "yz")
    return None if y is None or z is None else (y, z)


def views_key(image: np.ndarray, config: ViewConfig, draw: int) -> str:
    """The hash of everything that decides the views."""
    settings = json.dumps([asdict(config), draw, image.shape], sort_keys=True).encode()
    return hashlib.sha256(settings + image.tobytes()).hexdigest()


def numbers_key(run: Run, images: np.ndarray) -> str:
    """The hash of everything that decides the representations and embeddings."""
    return hashlib.sha256(f"{run.weights_sha256} {images.shape} ".encode() + images.tobytes()).hexdigest()


def write(arrays: Mapping[str, np.ndarray], file: Path = FILE) -> None:
    """Store arrays by key: views (2, size, size, 3) uint8 under `views_key`, numbers under `numbers_key` and a letter."""
    keys = sorted(arrays)
    np.savez_compressed(file, np.array(keys), *(arrays[key] for key in keys))


@functools.cache
def _stored() -> dict[str, np.ndarray]:
    """All arrays; empty if the file is missing or damaged, and then everything is computed."""
    try:
        with np.load(FILE, allow_pickle=False) as found:
            return {str(key): found[f"arr_{i}"] for i, key in enumerate(found["arr_0"], start=1)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
