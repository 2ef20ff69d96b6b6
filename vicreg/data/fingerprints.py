"""Match the images of two copies of a data set that differ in order or encoding.

A run's results refer to images by their row in the copy that was measured. Your copy may have another order and encoding.
So a run contains a fingerprint of every image, and `align` finds the matching rows.

A fingerprint: y = 0.299 R + 0.587 G + 0.114 B, averaged over a 4 x 4 grid of 8 x 8 pixels, gives m (16,); then f = W m / 4,
where W (8, 16) holds the rows of the Hadamard matrix (entries +1 and -1) with most of CIFAR-10's variance. These eight
numbers are enough to tell images apart, but too few to reconstruct one.
"""

from __future__ import annotations

import hashlib

import numpy as np

from vicreg.data.image_set import SIDE, DataError, ImageSet

HADAMARD_ROWS = (0, 2, 3, 4, 8, 10, 12, 15)
UNITS = 32  # fingerprint units per grey level: |f| <= 255 * 16 / 4 * 32 = 32,640, which int16 holds
LUMA = (299, 587, 114)  # thousandths

# Euclidean distances in grey levels on CIFAR-10's test split: at most 5 between an image and its re-encoding (JPEG quality
# 75, 4:2:0 or better), and at least 10.8 between two different images of the same class.
THRESHOLD = 8.0
LEAST_SHARE = 0.99


def fingerprints(images: np.ndarray) -> np.ndarray:
    """(N, 32, 32, 3) uint8 -> (N, 8) int16, in units of 1/32 grey level. Integer arithmetic: identical on all machines.

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


def pixels_sha256(images: np.ndarray) -> str:
    """The SHA-256 of the images' shape, dtype and values, in their order, as 64 hexadecimal digits."""
    digest = hashlib.sha256(f"{images.dtype.str} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def align(reference: np.ndarray, reference_labels: np.ndarray, image_set: ImageSet) -> np.ndarray:
    """For each reference image, the row of the same image in image_set, or -1.

    reference: (M, 8) int16 from `fingerprints`. reference_labels: (M,) integers. image_set may contain more images.
    Returns (M,) int64 rows, each at most once. Two images match if they have the same label, are each other's nearest
    neighbour, and are at most THRESHOLD grey levels apart.

    Raises ValueError for wrong shapes, and DataError if fewer than 99 % are found: these are then different images.
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
    enough = len(image_set) >= LEAST_SHARE * count  # otherwise they cannot be found, and the search needs gigabytes
    for label in np.unique(reference_labels) if enough else ():
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
            f"{image_set.source.file} does not contain the images that these results were measured on: it has {found:,} of "
            f"{count:,}, and at least {LEAST_SHARE:.0%} are needed. Use the same data set and split, or evaluate the "
            "run again on your images."
        )
    return rows


def _nearest(queries: np.ndarray, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each query, the index of its nearest fingerprint in the gallery, (Q,), and the distance, (Q,).

    Uses double precision: the squares of int16 values do not fit into the 24 bits of a float32.
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
