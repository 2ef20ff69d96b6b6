"""Pictures of noise: every channel of every pixel is an independent uniform number. No encoder was trained on them."""

from __future__ import annotations

import numpy as np

from vicreg.data.image_set import SIDE

SEED = 2022
COUNT = 1_000


def noise(count: int = COUNT, *, seed: int = SEED) -> np.ndarray:
    """(count, 32, 32, 3) uint8, 0 to 255, the same for the same seed."""
    return np.random.default_rng(seed).integers(256, size=(count, SIDE, SIDE, 3), dtype=np.uint8)
