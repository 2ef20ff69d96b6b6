"""Rules for whole tables of a run, beyond the kinds of their columns. Each returns what is wrong, or an empty text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vicreg.evaluation.map_settings import NEIGHBOURS
from vicreg.runs.json_rules import Measured

if TYPE_CHECKING:
    import pandas as pd

MAX_EPOCHS = 1_000  # on a timeline, whose slider lists them


def _anomaly_problem(frame: pd.DataFrame, classes: Sequence[str], measured: Measured) -> str:
    anomaly = frame["anomaly"].to_numpy()
    for rows, count, what in (
        (frame[~anomaly], measured.images, "test images"),
        (frame[anomaly], measured.anomalies, "anomalies"),
    ):
        if count is not None and len(rows) != count:
            return f"it has {len(rows):,} rows for {count:,} {what}"
        if not np.array_equal(rows["index"], np.arange(len(rows))):
            return f"its rows must be the {what} in order"
    labels = frame["label"].to_numpy()[~anomaly]
    if not len(labels):
        return "it has no test images"
    return "" if labels.min() >= 0 and labels.max() < len(classes) else f"its labels must be below {len(classes)}"


def _sets_problem(frame: pd.DataFrame, classes: Sequence[str], measured: Measured) -> str:
    if not frame["kind"].isin(("set", "class")).all():
        return "its column kind must be set or class"
    if not frame[frame["kind"] == "class"]["name"].isin(classes).all():
        return "it has classes that the data set does not have"
    shares = frame[["auroc", "low", "high"]].to_numpy()
    return "" if shares.min() >= 0 and shares.max() <= 1 else "its AUROCs must be from 0 to 1"


def _bank_problem(frame: pd.DataFrame, classes: Sequence[str], measured: Measured) -> str:
    codes = frame.drop(columns=["rest", "length", "factor"], errors="ignore").to_numpy()
    if codes.dtype.kind not in "iu" or codes.min() < -127 or codes.max() > 127:
        return "its components must be whole numbers from -127 to 127"
    if "factor" in frame and not frame["factor"].between(0, 1).all():
        return "its factors must be from 0 to 1"
    return "" if (frame[["rest", "length"]].to_numpy() >= 0).all() else "its lengths must not be negative"


def _cluster_problem(frame: pd.DataFrame, classes: Sequence[str], measured: Measured) -> str:
    top = measured.clusters
    clusters = frame["cluster"]
    if clusters.min() >= 0 and (top is None or clusters.max() < top):
        return ""
    return f"its clusters must be from 0 to {top - 1}" if top else "its clusters must not be negative"


def _confusion_problem(frame: pd.DataFrame, classes: Sequence[str], measured: Measured) -> str:
    known = frame["class"].isin(classes).all() and frame["predicted"].isin(classes).all()
    return "" if known and frame["count"].min() >= 0 else "it counts classes that the data set does not have"


def _choices_problem(frame: pd.DataFrame, classes: Sequence[str], measured: Measured) -> str:
    if not np.array_equal(frame["index"], np.arange(len(frame))):
        return "its rows are not the first test images in their order"
    highest = frame[[f"n{i}" for i in range(NEIGHBOURS)]].to_numpy().max()
    return "" if highest < len(frame) else f"a neighbour is row {highest:,} of {len(frame):,}"


def _timeline_problem(frame: pd.DataFrame, classes: Sequence[str], measured: Measured) -> str:
    if frame["epoch"].nunique() > MAX_EPOCHS:
        return f"it has more than {MAX_EPOCHS:,} epochs"
    if frame["epoch"].min() != 0:
        return "it must start with epoch 0"
    first = int((frame["epoch"] == 0).sum())
    index, epochs = frame["index"].to_numpy(), frame["epoch"].to_numpy()
    rising = (np.diff(epochs) >= 0).all() and len(frame) == first * frame["epoch"].nunique()
    if rising and np.array_equal(index, np.tile(np.arange(first), len(frame) // first)):
        return ""
    return "it must list the same pictures, in order, at every epoch"


def _snapshot_neighbours_problem(frame: pd.DataFrame, classes: Sequence[str], measured: Measured) -> str:
    block = int((frame["epoch"] == frame["epoch"].iloc[0]).sum())
    epochs, images = frame["epoch"].nunique(), frame["index"].nunique()
    whole = block * epochs == len(frame) and block % images == 0
    rising = whole and np.array_equal(frame["epoch"], np.repeat(frame["epoch"].unique(), block))
    same = rising and np.array_equal(frame["index"], np.tile(np.repeat(np.arange(images), block // images), epochs))
    return "" if same else "it must list the same pictures, in order, at every epoch, with equally many neighbours"


PROBLEMS: dict[str, Callable[[pd.DataFrame, Sequence[str], Measured], str]] = {
    "anomaly": _anomaly_problem,
    "anomaly_sets": _sets_problem,
    "bank": _bank_problem,
    "clusters": _cluster_problem,
    "confusion": _confusion_problem,
    "map_choices": _choices_problem,
    "snapshot_neighbours": _snapshot_neighbours_problem,
    "timeline": _timeline_problem,
}
