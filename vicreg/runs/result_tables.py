"""The tables that pages read: the columns of each, and how many rows it may have."""

from __future__ import annotations

from dataclasses import dataclass

from vicreg.evaluation.anomaly_score import OFFERED
from vicreg.evaluation.map_settings import MAP_CHOICES, NEIGHBOURS

MAX_ROWS = 500_000

# Kinds of columns. A row is the number of a test image, from 0; a label is that of a class. A number is finite; a
# measure need not be, because a large distance becomes infinite in half precision.
ROW, LABEL, WHOLE, NUMBER, MEASURE, TRUTH, WORD = "row", "label", "whole", "number", "measure", "truth", "word"
HOLDS = {
    **dict.fromkeys((ROW, LABEL, WHOLE), "whole numbers"),
    **dict.fromkeys((NUMBER, MEASURE), "numbers"),
    **{TRUTH: "booleans", WORD: "text"},
}


@dataclass(frozen=True)
class Table:
    """A table that pages read. columns: name -> kind of the required columns; other columns must not be text.

    most: the most rows. every: whether it has one row per test image, in their order.
    """

    columns: dict[str, str]
    most: int = MAX_ROWS
    every: bool = False


_PLANE = {f"{name}_{axis}": NUMBER for name in ("pca", "tsne") for axis in "xy"}
TABLES = {
    "anomaly": Table(
        {"anomaly": TRUTH, "index": WHOLE, "label": WHOLE, **{scoring.column: NUMBER for scoring in OFFERED}}
    ),
    "anomaly_sets": Table(
        {
            **{"kind": WORD, "name": WORD, "setting": WORD, "auroc": NUMBER, "low": NUMBER, "high": NUMBER},
            **{"n_normal": WHOLE, "n_anomalies": WHOLE},
        },
        most=10_000,
    ),
    "bank": Table({"c0": WHOLE, "rest": NUMBER, "length": NUMBER}, most=100_000),
    "bank_basis": Table({"mean": NUMBER, "c0": NUMBER}, most=20_000),
    "bank_scale": Table({"setting": WORD, "bank": NUMBER, "exact": NUMBER}, most=10_000),
    "clusters": Table({"index": ROW, "label": LABEL, "cluster": WHOLE, "distance": MEASURE}, every=True),
    "confusion": Table({"class": WORD, "predicted": WORD, "count": WHOLE}, most=10_000),
    "covariances": Table({"space": WORD, "row": WHOLE, "column": WHOLE, "covariance": NUMBER}, most=20_000),
    "embedding_points": Table({"index": ROW, "z_1": NUMBER, "z_2": NUMBER}, most=10_000),
    "embedding_spectrum": Table({"dimension": WHOLE, "singular_value": NUMBER}, most=20_000),
    "fingerprints": Table({"label": LABEL, **{f"f{i}": WHOLE for i in range(8)}}, every=True),
    "map_choices": Table(
        {
            **{"index": ROW, "label": LABEL},
            **{f"n{i}": ROW for i in range(NEIGHBOURS)},
            **{f"{name}_{axis}": NUMBER for name in MAP_CHOICES for axis in "xy"},
            **{f"{name}_kept": WHOLE for name in MAP_CHOICES},
        },
        most=10_000,
    ),
    "neighbours": Table(
        {
            **{"metric": WORD, "query": ROW, "rank": WHOLE},
            **{"nearest": ROW, "nearest_distance": MEASURE, "farthest": ROW, "farthest_distance": MEASURE},
        }
    ),
    "pixel_neighbours": Table({"query": ROW, "rank": WHOLE, "nearest": ROW}, most=1_000),
    "placements": Table(
        {"index": ROW, **{f"{rule}_{axis}": NUMBER for rule in ("rule", "fitted") for axis in "xy"}}, most=1_000
    ),
    "predictions": Table({"index": ROW, "label": LABEL, "predicted": LABEL, "probability": NUMBER}, every=True),
    "projections": Table({"index": ROW, "label": LABEL, **_PLANE}, every=True),
    "roc": Table({"setting": WORD, "false_positive_rate": NUMBER, "true_positive_rate": NUMBER}, most=10_000),
    "snapshot_spectra": Table({"epoch": WHOLE, "dimension": WHOLE, "singular_value": NUMBER}),
    "snapshot_neighbours": Table({"epoch": WHOLE, "index": ROW, "rank": WHOLE, "nearest": ROW}),
    "snapshots": Table({"epoch": WHOLE, "knn_accuracy": NUMBER, "effective_rank": NUMBER}, most=10_000),
    "spectrum": Table({"dimension": WHOLE, "singular_value": NUMBER}, most=10_000),
    "timeline": Table({"epoch": WHOLE, "index": WHOLE, "label": LABEL, **_PLANE}),
}
