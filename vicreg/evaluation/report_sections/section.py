"""What every section of the report consists of.

Percentages are from 0 to 100. An interval is [low, high], 95 %, over test images: the percentile bootstrap of an accuracy,
unless the protocol says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from vicreg.evaluation.probe import accuracy_interval
from vicreg.storage.json_values import JsonObject

FEW = 5  # nearest images that are judged, as in the study


class Section(NamedTuple):
    """metrics: plain JSON values below one name. tables: name -> frame."""

    metrics: JsonObject
    tables: dict[str, pd.DataFrame]


def accuracy_of(correct: np.ndarray) -> JsonObject:
    """The accuracy of (N,) bool in percent, with its interval."""
    interval = accuracy_interval(correct, rng=np.random.default_rng(0))
    return {"accuracy": 100 * float(correct.mean()), "interval": [100 * bound for bound in interval]}


def by_class(classes: Sequence[str], shares: np.ndarray) -> dict[str, float]:
    """Percent by class name, without classes that have no image."""
    return {name: 100 * float(share) for name, share in zip(classes, shares, strict=False) if np.isfinite(share)}
