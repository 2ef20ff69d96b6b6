"""What a lesson file can name: the pictures that a step can show, and the pages and settings that it can link to.

The app draws these pictures (`ui.lesson.pictures`); this table says what each needs, so that a file can be checked without
the app.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RUN_KEYS = ("run", "second", "with", "compared")  # of a page's state: their values are titles of runs
_PAIR = ("data", "run", "second")

# page -> the keys of its state in the URL
PAGES: dict[str, tuple[str, ...]] = {
    "start": (*_PAIR, "picture"),
    "lab": ("dimensions", "width", "rate", "lambda", "mu", "nu", "seed", "points"),
    "digit_or_colour": ("digit",),
    "training_curves": (*_PAIR, "with", "film", "log"),
    "maps": (*_PAIR, "map", "beside", "everything"),
    "retrieval": (*_PAIR, "metric", "gallery", "query"),
    "probe": _PAIR,
    "anomalies": (*_PAIR, "scoring", "k", "reduction", "normalise", "raised", "pool"),
    "clusters": (*_PAIR, "cluster_count", "cluster_map"),
    "ablations": ("data", "setting", "compared", "beside"),  # beside: an earlier name of compared, in old lesson files
    "claims": (),
    "train": ("train_data",),
}


@dataclass(frozen=True)
class Kind:
    """A picture that a step can show.

    shows: in words, for docs and errors. runs: fewest and most it takes. needs: dotted paths that the metrics of each
    run must have. tables: results that each run must have. options: setting -> the allowed values, the default first.
    wide: whether it takes the width of the screen.
    """

    shows: str
    runs: tuple[int, int] = (1, 1)
    needs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wide: bool = False


PICTURES: dict[str, Kind] = {
    "lab": Kind("a small network that learns in the browser", runs=(0, 0), wide=True),
    "figures": Kind("the step's labelled figures as dots on one axis", runs=(0, 0)),
    "embeddings": Kind(
        "the embeddings as a film from before training to its end, with the verdict on the run",
        runs=(1, 2),
        needs=("spaces.z",),
        tables=("embedding_points",),
    ),
    "covariances": Kind("covariances of 48 dimensions of z", runs=(1, 2), tables=("covariances",)),
    "singular-values": Kind("the singular values of the embeddings", runs=(1, 4), tables=("embedding_spectrum",)),
    "curves": Kind("the total and the three terms on test images, epoch by epoch", needs=("probe",)),
    "layers": Kind("a probe of every layer, from the pixels to z", runs=(1, 3), needs=("layers.layers",)),
    "probes": Kind("linear probes with their intervals, one bar per run", runs=(1, 7), needs=("probe.accuracy",)),
    "map": Kind(
        "maps of the test images; two of one run, or one from each of two runs",
        runs=(1, 2),
        tables=("projections",),
        options={"map": ("t-SNE", "PCA", "two seeds")},
        wide=True,
    ),
    "farthest": Kind(
        "the ten images that are farthest from most others",
        needs=("retrieval.hubness",),
        options={"metric": ("euclidean", "cosine")},
    ),
    "neighbours": Kind("the nearest images of one query", runs=(1, 3), tables=("neighbours",)),
    "anomalies": Kind(
        "AUROC against other pictures under two scores, one row per run", runs=(1, 7), needs=("anomaly.study.auroc",)
    ),
    "roc": Kind("ROC curves against other pictures", runs=(1, 3), needs=("anomaly.study.auroc",), tables=("roc",)),
    "clusters": Kind("silhouette beside NMI, one bar per run", runs=(1, 7), needs=("clusters.nmi",)),
    "placements": Kind(
        "ten new images on an eigenmap: by the Nyström extension, and fitted again", tables=("placements",)
    ),
}
