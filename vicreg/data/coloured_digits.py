"""The data set `coloured-digits`: handwritten digits in random ink on random paper, generated from scikit-learn's digits.

    image = (1 - a) paper + a ink + noise,   where a is the stroke intensity, from 0 to 1

It needs no network, and the content of each image is known exactly: digit, ink colour and paper colour. So we can measure
whether a network sees the digit or the colour. Each drawing is in one split only and is coloured several times.

The drawings are the 1,797 8 x 8 digits bundled with scikit-learn (Alpaydin and Kaynak, "Optical Recognition of Handwritten
Digits", UCI, 1998). The anomalies are crops of scikit-learn's two sample photographs.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vicreg.data.catalogue import HUES
from vicreg.data.image_set import SIDE

SEED = 1998
TEST_DRAWINGS = 500  # the other 1,297 drawings are for training
COLOURINGS = {"train": 8, "test": 2}  # per drawing

HUE_SPREAD = 0.02  # plus or minus, in turns; neighbouring colours are 1/6 apart
# A light and a dark tone, (saturation, value). Ink and paper get one each, so that every digit is legible.
LIGHT, DARK = (0.55, 1.0), (1.0, 0.5)
ROTATION = 15  # degrees, plus or minus
NOISE = 6.0  # standard deviation, grey levels


@dataclass(frozen=True)
class Drawn:
    """Images and everything known about them. images: (N, 32, 32, 3) uint8; the rest (N,) int64.

    digits: 0 to 9. ink, paper: indices into the catalogue's HUES, always different. drawings: index of the scikit-learn digit.
    """

    images: np.ndarray
    digits: np.ndarray
    ink: np.ndarray
    paper: np.ndarray
    drawings: np.ndarray


def coloured_digits(split: str, *, seed: int = SEED) -> Drawn:
    """Generate a split: `train` has 10,376 images, `test` 1,000, in random order. The same seed gives the same images.

    Raises ValueError for an unknown split.
    """
    if split not in COLOURINGS:
        raise ValueError(f"split of coloured-digits must be one of {', '.join(COLOURINGS)}, got {split!r}")
    drawn, digits = drawings_of_digits()
    order = np.random.default_rng(seed).permutation(len(drawn))
    chosen = order[:TEST_DRAWINGS] if split == "test" else order[TEST_DRAWINGS:]
    rng = np.random.default_rng([seed, list(COLOURINGS).index(split)])
    drawings = rng.permutation(np.repeat(chosen, COLOURINGS[split]))
    count = len(drawings)
    ink = rng.integers(len(HUES), size=count)
    paper = (ink + rng.integers(1, len(HUES), size=count)) % len(HUES)  # any colour except the ink's
    light_paper = rng.random(count) < 0.5
    strokes = _strokes(drawn / 16, drawings, np.deg2rad(rng.uniform(-ROTATION, ROTATION, count)))
    inks, papers = _rgb(ink, ~light_paper, rng), _rgb(paper, light_paper, rng)  # (N, 3), 0 to 255
    images = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    for start in range(0, count, 1000):
        part = slice(start, start + 1000)
        a = strokes[part, :, :, None]
        mixed = papers[part, None, None] * (1 - a) + inks[part, None, None] * a
        mixed += NOISE * rng.standard_normal(mixed.shape, dtype=np.float32)
        images[part] = mixed.round().clip(0, 255)
    return Drawn(images, digits[drawings], ink, paper, drawings.astype(np.int64))


def drawings_of_digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's `load_digits`: (1797, 8, 8) float64, ink from 0 to 16, and the digits, (1797,) int64.

    Reads its file itself: importing scikit-learn takes a second and 60 MB, and the first page needs nothing else of it.
    """
    with gzip.open(_bundled("data", "digits.csv.gz"), "rt", encoding="ascii") as file:
        table = np.loadtxt(file, delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)


def photograph(name: str) -> np.ndarray:
    """A photograph of scikit-learn's `load_sample_images`, `china` or `flower`: (427, 640, 3) uint8."""
    with Image.open(_bundled("images", f"{name}.jpg")) as photo:
        return np.asarray(photo.convert("RGB"))


def _bundled(*parts: str) -> Path:
    """A file that comes with scikit-learn, without importing it."""
    found = importlib.util.find_spec("sklearn")
    assert found is not None and found.origin is not None  # noqa: PT018 - one fact
    return Path(found.origin).parent.joinpath("datasets", *parts)


def photo_crops() -> np.ndarray:
    """All 32 x 32 tiles of scikit-learn's two sample photographs, a temple roof and a flower: (520, 32, 32, 3)."""
    crops = []
    for name in ("china", "flower"):
        photo = photograph(name)  # (427, 640, 3)
        rows, columns = photo.shape[0] // SIDE, photo.shape[1] // SIDE
        whole = photo[: rows * SIDE, : columns * SIDE]
        tiles = whole.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
        crops.append(tiles)
    return np.concatenate(crops)


def sha256(images: np.ndarray) -> str:
    """The SHA-256 of the pixels, in hexadecimal. It identifies a data set that has no file."""
    return hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()


def _strokes(drawings: np.ndarray, chosen: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Ink intensity per pixel: (M, 8, 8) drawings, (N,) indices, (N,) angles in radians -> (N, 32, 32) float32, 0 to 1.

    Upscales with cubic splines, then rotates around the centre.
    """
    used, chosen = np.unique(chosen, return_inverse=True)
    spline = _spline(drawings.shape[1] + 2)
    large = spline @ np.pad(drawings[used], ((0, 0), (1, 1), (1, 1))) @ spline.T  # (used, 40, 40)
    large = np.pad(large, ((0, 0), (1, 1), (1, 1))).astype(np.float32)  # (used, 42, 42), with a margin for corners
    middle, edge = (large.shape[1] - 1) / 2, large.shape[1] - 2
    at = np.arange(SIDE) - (SIDE - 1) / 2
    strokes = np.empty((len(chosen), SIDE, SIDE), dtype=np.float32)
    for start in range(0, len(chosen), 1000):
        part = slice(start, start + 1000)
        cos, sin = (f(angles[part])[:, None, None].astype(np.float32) for f in (np.cos, np.sin))
        y = np.clip(cos * at[:, None] - sin * at + middle, 0, edge)  # (n, 32, 32) positions in the upscaled drawing
        x = np.clip(sin * at[:, None] + cos * at + middle, 0, edge)
        top, left = y.astype(np.int32), x.astype(np.int32)
        down, right = y - top, x - left
        which = chosen[part, None, None]
        strokes[part] = (
            large[which, top, left] * (1 - down) * (1 - right)
            + large[which, top, left + 1] * (1 - down) * right
            + large[which, top + 1, left] * down * (1 - right)
            + large[which, top + 1, left + 1] * down * right
        )
    return strokes.clip(0, 1)


def _spline(size: int, factor: int = 4, margin: int = 12) -> np.ndarray:
    """The matrix that upscales a line of `size` pixels between zeros by its cubic spline: (factor size, size).

    As SciPy's `zoom(..., order=3, mode="grid-constant", grid_mode=True)`, up to 1e-13, but 200 times faster for many images.
    margin: zeros on both sides, beyond which a pixel's influence is lost in rounding.
    """
    n = size + 2 * margin
    knots = np.arange(n) - margin
    from_coefficients = (4 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)) / 6
    apart = np.abs((np.arange(factor * size) + 0.5)[:, None] / factor - 0.5 - knots)
    bump = np.where(apart < 1, 2 / 3 - apart**2 + apart**3 / 2, np.maximum(2 - apart, 0) ** 3 / 6)
    return (bump @ np.linalg.inv(from_coefficients))[:, margin:-margin]


def _rgb(colours: np.ndarray, light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N,) colours and (N,) whether each is light -> (N, 3) float32 RGB, 0 to 255. Hue and value vary slightly."""
    hue = (colours / len(HUES) + rng.uniform(-HUE_SPREAD, HUE_SPREAD, len(colours))) % 1
    saturation, value = np.where(light, LIGHT[0], DARK[0]), np.where(light, LIGHT[1], DARK[1])
    value = value * rng.uniform(0.85, 1.0, len(colours))
    channels = []
    for n in (5, 3, 1):  # HSV to RGB: value (1 - saturation max(0, min(k, 4 - k, 1))), k = (n + 6 hue) mod 6
        k = (n + 6 * hue) % 6
        channels.append(value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1)))
    return (255 * np.stack(channels, axis=1)).astype(np.float32)
