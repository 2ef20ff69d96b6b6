"""Snapshots during training: the quality of the representations, and two maps of the same 2,000 images.

Labels are used to measure, never to train. Each t-SNE starts from that of the previous snapshot, so that classes keep
their places on the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vicreg.evaluation.encode import embed, encode
from vicreg.evaluation.knn import knn_accuracy
from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.projection import pca, tsne
from vicreg.evaluation.spectrum import spectrum
from vicreg.method.networks import Encoder, Expander
from vicreg.storage.json_values import JsonObject

SNAPSHOTS = 12  # approximate number per run, plus the untrained network; fewer for short runs
STEPS_APART = 120  # at least, or a quarter of the run: a snapshot costs about 100 steps of the smallest network
MAP_IMAGES = 2_000  # the first test images, shown on every map
GALLERY_IMAGES = 10_000  # the first train images, which vote in the kNN
NEIGHBOURS = 20
LISTED = 5  # nearest images stored for each image


@dataclass(frozen=True)
class Snapshot:
    """One moment of a run.

    epoch: completed epochs; 0 for the untrained network.
    knn_accuracy: 0 to 1, weighted cosine vote of the 20 nearest train images on the images of the map.
    effective_rank: of the representations, from 1 to their width.
    embedding_std, embedding_rank: of the embeddings: median standard deviation over dimensions, and effective rank.
    singular_values: (width,), of the centred representations.
    pca, tsne: (M, 2) float32 coordinates of the images on the map.
    embedding_pca: (M, 2) float32, first two principal components of the embeddings.
    neighbours: (M, 5) int16, nearest other images of the map in representation space (cosine), nearest first; fewer
        columns for M < 6.
    """

    epoch: int
    knn_accuracy: float
    effective_rank: float
    embedding_std: float
    embedding_rank: float
    singular_values: np.ndarray
    pca: np.ndarray
    tsne: np.ndarray
    embedding_pca: np.ndarray
    neighbours: np.ndarray

    def figures(self) -> JsonObject:
        """The plain numbers, for JSON."""
        names = ("epoch", "knn_accuracy", "effective_rank", "embedding_std", "embedding_rank")
        return {name: getattr(self, name) for name in names}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays: float32, except for the neighbours."""
        return {name: getattr(self, name) for name in ("singular_values", "pca", "tsne", "embedding_pca", "neighbours")}

    @classmethod
    def restore(cls, figures: JsonObject, arrays: dict[str, np.ndarray]) -> Snapshot:
        """The inverse of `figures` and `arrays`."""
        values: JsonObject = {**figures, **arrays}
        return cls(**values)


class Snapshotter:
    """Takes snapshots, always on the first 2,000 test images and the first 10,000 train images."""

    def __init__(
        self, train_images: np.ndarray, train_labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
    ) -> None:
        self.gallery, self.gallery_labels = train_images[:GALLERY_IMAGES], train_labels[:GALLERY_IMAGES]
        self.images, self.labels = test_images[:MAP_IMAGES], test_labels[:MAP_IMAGES]

    def take(self, encoder: Encoder, expander: Expander, *, epoch: int, previous: Snapshot | None) -> Snapshot:
        """Take a snapshot. Restores the train or eval mode of the networks."""
        was_training = encoder.training
        encoder.eval()
        expander.eval()
        gallery, representations = encode(encoder, self.gallery), encode(encoder, self.images)
        embeddings = embed(expander, representations)
        encoder.train(was_training)
        expander.train(was_training)
        k = min(NEIGHBOURS, len(gallery))
        values = spectrum(representations)
        flat = _same_signs(pca(representations).coordinates, None if previous is None else previous.pca)
        embedded = _same_signs(pca(embeddings).coordinates, None if previous is None else previous.embedding_pca)
        listed = min(LISTED, len(representations) - 1)
        near = nearest(representations, representations, k=listed, metric="cosine", exclude_self=True).indices
        return Snapshot(
            epoch=epoch,
            knn_accuracy=float(knn_accuracy(gallery, self.gallery_labels, representations, self.labels, k=k)),
            effective_rank=float(values.effective_rank),
            embedding_std=float(np.median(embeddings.std(axis=0))),
            embedding_rank=float(spectrum(embeddings).effective_rank),
            singular_values=values.singular_values.astype(np.float32),
            pca=flat.astype(np.float32),
            tsne=tsne(representations, initial=None if previous is None else previous.tsne).astype(np.float32),
            embedding_pca=embedded.astype(np.float32),
            neighbours=near.astype(np.int16),
        )


def _same_signs(flat: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
    """(M, 2) principal components, with signs matched to the previous snapshot, because signs are arbitrary."""
    if previous is None:
        return flat
    return flat * np.where((flat * previous).sum(axis=0) < 0, -1, 1)
