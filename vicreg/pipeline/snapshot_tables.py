"""The tables of a training's snapshots: what the page Training curves and the film of the maps draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vicreg.data.image_set import ImageSet
from vicreg.storage.files import frame_bytes

if TYPE_CHECKING:
    import numpy as np

    from vicreg.training.snapshots import Snapshot


def timeline(snapshots: list[Snapshot], test_set: ImageSet) -> dict[str, bytes]:
    """Four tables of all snapshots: figures, singular values, the images' places on the maps, their nearest images."""
    import numpy as np
    import pandas as pd

    figures = pd.DataFrame([snapshot.figures() for snapshot in snapshots])
    spectra, places, neighbours = [], [], []
    for snapshot in snapshots:
        values = snapshot.singular_values
        spectra.append(
            pd.DataFrame({"epoch": snapshot.epoch, "dimension": range(1, len(values) + 1), "singular_value": values})
        )
        count = len(snapshot.pca)
        places.append(
            pd.DataFrame(
                {
                    "epoch": snapshot.epoch,
                    "index": range(count),
                    "label": test_set.labels[:count].astype("int8"),
                    **{
                        f"{kind}_{axis}": places_of[:, i].astype("float16")  # to draw
                        for kind, places_of in _places(snapshot).items()
                        for i, axis in enumerate("xy")
                    },
                }
            )
        )
        near = snapshot.neighbours
        neighbours.append(
            pd.DataFrame(
                {
                    "epoch": np.int16(snapshot.epoch),
                    "index": np.repeat(np.arange(len(near), dtype=np.int16), near.shape[1]),
                    "rank": np.tile(np.arange(1, near.shape[1] + 1, dtype=np.int8), len(near)),
                    "nearest": near.reshape(-1),
                }
            )
        )
    return {
        "results/snapshot_neighbours.parquet": frame_bytes(pd.concat(neighbours, ignore_index=True)),
        "results/snapshots.parquet": frame_bytes(figures),
        "results/snapshot_spectra.parquet": frame_bytes(pd.concat(spectra, ignore_index=True)),
        "results/timeline.parquet": frame_bytes(pd.concat(places, ignore_index=True)),
    }


def _places(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """The maps of a snapshot, by the name of their columns: (M, 2) each."""
    return {"pca": snapshot.pca, "tsne": snapshot.tsne, "embedding": snapshot.embedding_pca}
