"""Finding the same pictures again in another copy of a data set: another order, another encoding, the same rows.

The results bundled with a run name pictures by their row in the copy that they were measured on. A reader's copy may be
in another order and encoded otherwise, so a run carries a fingerprint of every picture, and `align` finds the rows.

A fingerprint: y = 0.299 R + 0.587 G + 0.114 B, averaged over a 4 x 4 grid of 8 x 8 pixels, m (16,); then f = W m / 4,
where W (8, 16) are the rows of the Hadamard matrix (entries +1 and -1) that carry most of CIFAR-10's variance. Eight
sums and differences of grey means: enough to tell pictures apart, too few to show one.
"""

from __future__ import annotations

import numpy as np

from vicreg.data.image_set import SIDE, DataError, ImageSet

HADAMARD_ROWS = (0, 2, 3, 4, 8, 10, 12, 15)
UNITS = 32  # fingerprint units a grey level: |f| <= 255 * 16 / 4 * 32 = 32,640, which int16 holds
LUMA = (299, 587, 114)  # thousandths

# In grey levels, Euclidean, on CIFAR-10's test split: a picture and its re-encoding (JPEG of quality 75 and 4:2:0 or
# better) are at most 5 apart, the two nearest different pictures of one class 10.8.
THRESHOLD = 8.0
LEAST_SHARE = 0.99


def fingerprints(images: np.ndarray) -> np.ndarray:
    """(N, 32, 32, 3) uint8 -> (N, 8) int16, in 32nds of a grey level. Whole-number arithmetic: equal on every machine.

    Raises ValueError for another shape or dtype.
    """
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"images must be (N, {SIDE}, {SIDE}, 3) uint8, got {images.shape} {images.dtype}")
    prints = np.empty((len(images), len(HADAMARD_ROWS)), dtype=np.int16)
    matrix = _hadamard()[:, HADAMARD_ROWS]  # (16, 8)
    for start in range(0, len(images), 1000):
        part = images[start : start + 1000]
        rows = part.reshape(-1, 4, 8, 3 * SIDE).sum(axis=2, dtype=np.uint16)
        blocks = rows.reshape(-1, 4, 4, 8, 3).sum(axis=3, dtype=np.int64)  # (n, 4, 4, 3) sums over 8 x 8 pixels
        luminance = (blocks @ np.array(LUMA)).reshape(-1, 16)  # in 64,000ths of a grey level
        divisor = 64_000 * 4 // UNITS
        prints[start : start + 1000] = (luminance @ matrix + divisor // 2) // divisor
    return prints


def align(reference: np.ndarray, reference_labels: np.ndarray, image_set: ImageSet) -> np.ndarray:
    """For each picture of a reference, the row of image_set that shows the same picture, or -1.

    reference: (M, 8) int16 from `fingerprints`; reference_labels: (M,) whole numbers. Returns (M,) int64 rows, each at
    most once. Two rows belong together if they have one label, each is the other's nearest, and they are at most
    THRESHOLD grey levels apart. image_set may hold more pictures than the reference.

    Raises ValueError for shapes that do not fit, DataError if fewer than 99 % of the reference are found: the image set
    then shows other pictures.
    """
    reference, reference_labels = np.asarray(reference), np.asarray(reference_labels)
    count = len(reference)
    if count == 0 or reference.shape != (count, len(HADAMARD_ROWS)) or reference_labels.shape != (count,):
        raise ValueError(
            f"reference must be (M, {len(HADAMARD_ROWS)}) and reference_labels (M,) with M >= 1, "
            f"got {reference.shape} and {reference_labels.shape}"
        )
    prints, labels = fingerprints(image_set.images), np.asarray(image_set.labels)
    if np.array_equal(prints, reference) and np.array_equal(labels, reference_labels):
        return np.arange(count)

    rows = np.full(count, -1, dtype=np.int64)
    for label in np.unique(reference_labels):
        here, there = np.flatnonzero(reference_labels == label), np.flatnonzero(labels == label)
        if len(there) == 0:
            continue
        nearest, distance = _nearest(reference[here], prints[there])
        back, _ = _nearest(prints[there], reference[here])
        same = (back[nearest] == np.arange(len(here))) & (distance <= THRESHOLD * UNITS)
        rows[here[same]] = there[nearest[same]]

    found = int((rows >= 0).sum())
    if found < LEAST_SHARE * count:
        raise DataError(
            f"{image_set.source.file} shows other pictures than these results were measured on: it holds {found:,} of "
            f"{count:,}, and at least {LEAST_SHARE:.0%} are needed. Use the same data set and split, or evaluate the "
            "run again on these pictures."
        )
    return rows


def _nearest(queries: np.ndarray, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each query the index of its nearest in the gallery, (Q,), and the distance, (Q,), in fingerprint units.

    In double precision: squares of int16 sums overrun the 24 bits of a float32, and with 8 columns it costs nothing.
    """
    queries, gallery = queries.astype(np.float64), gallery.astype(np.float64)
    squares = (gallery**2).sum(axis=1)
    nearest = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), 1000):
        part = queries[start : start + 1000]
        nearest[start : start + 1000] = (squares - 2 * part @ gallery.T).argmin(axis=1)
    return nearest, np.linalg.norm(queries - gallery[nearest], axis=1)


def _hadamard() -> np.ndarray:
    matrix = np.ones((1, 1), dtype=np.int64)
    for _ in range(4):
        matrix = np.kron(matrix, np.array([[1, 1], [1, -1]]))
    return matrix  # (16, 16), symmetric
