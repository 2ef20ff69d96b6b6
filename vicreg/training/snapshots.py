"""Snapshots of a network while it trains: how good its representations are, and two maps of the same 2,000 images.

The labels are looked at and never trained on. Each t-SNE starts from the last snapshot's, so that a class stays where
it was and a film of the snapshots shows what moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vicreg.evaluation.encode import embed, encode
from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.probe import knn_accuracy
from vicreg.evaluation.projection import pca, tsne
from vicreg.evaluation.spectrum import spectrum
from vicreg.method.networks import Encoder, Expander
from vicreg.storage.json_values import JsonObject

SNAPSHOTS = 12  # about so many in a run, besides the untrained network, but fewer where it has few steps:
STEPS_APART = 120  # a snapshot costs about as much as a hundred steps of the smallest network
MAP_IMAGES = 2_000  # the first test images, on every map
GALLERY_IMAGES = 10_000  # the first train images, whose labels vote
NEIGHBOURS = 20
LISTED = 5  # nearest images that a snapshot keeps of each


@dataclass(frozen=True)
class Snapshot:
    """One moment of a run.

    epoch: epochs behind it, 0 for the untrained network. knn_accuracy: share of the map's images that their 20
    nearest train images classify rightly (weighted cosine). effective_rank: 1 to the width of the representations.
    embedding_std: median over dimensions of the embeddings' standard deviation; embedding_rank: their effective rank.
    singular_values: (width,), of the map's centred representations. pca, tsne: (M, 2) float32 coordinates of the map's
    images. embedding_pca: (M, 2) float32, their embeddings' first two principal components. neighbours: (M, 5) int16,
    each image's nearest others among the map's images (cosine), nearest first; of fewer than six images, all others.
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
        """The arrays, float32 but for the neighbours."""
        return {name: getattr(self, name) for name in ("singular_values", "pca", "tsne", "embedding_pca", "neighbours")}

    @classmethod
    def restore(cls, figures: JsonObject, arrays: dict[str, np.ndarray]) -> Snapshot:
        """The snapshot that `figures` and `arrays` describe."""
        values: JsonObject = {**figures, **arrays}
        return cls(**values)


class Snapshotter:
    """Takes snapshots on the same images every time: the first 2,000 test and the first 10,000 train images."""

    def __init__(
        self, train_images: np.ndarray, train_labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
    ) -> None:
        self.gallery, self.gallery_labels = train_images[:GALLERY_IMAGES], train_labels[:GALLERY_IMAGES]
        self.images, self.labels = test_images[:MAP_IMAGES], test_labels[:MAP_IMAGES]

    def take(self, encoder: Encoder, expander: Expander, *, epoch: int, previous: Snapshot | None) -> Snapshot:
        """A snapshot of the networks as they are; their mode is put back to what it was."""
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
    """(M, 2) principal components with the signs of the last snapshot's: an axis has no sign of its own."""
    if previous is None:
        return flat
    return flat * np.where((flat * previous).sum(axis=0) < 0, -1, 1)
