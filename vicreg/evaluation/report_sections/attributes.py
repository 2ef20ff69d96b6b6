"""The section `attributes`: what else is known about the images, such as the ink and paper colours of coloured digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.probe import linear_probe
from vicreg.evaluation.report_sections.section import FEW, Section, by_class

NEAREST = f"Of the {FEW} nearest: 95 % interval from the standard error over test images"


def attributes_of(
    train: np.ndarray, test: np.ndarray, known: Mapping[str, tuple[Sequence[str], np.ndarray, np.ndarray]]
) -> Section:
    """For everything else that is known about the images: a linear probe for it, and how often near images share it.

    known: name -> (names of its values, train values, test values); the values are integers that index the names.
    """
    found = {}
    for what, (values, train_values, test_values) in known.items():
        result = linear_probe(train, train_values, test, test_values)
        near = nearest(test, test, k=min(FEW, len(test) - 1), metric="cosine", exclude_self=True).indices
        same = (test_values[near] == test_values[:, None]).mean(axis=1)  # (M,)
        half = 1.96 * same.std() / np.sqrt(len(same))
        found[what] = {
            "accuracy": 100 * result.accuracy,
            "interval": [100 * bound for bound in result.interval],
            "n": len(test),
            "chance": 100 / len(values),
            "per_class": by_class(values, result.per_class),
            "nearest_5_same": 100 * float(same.mean()),
            "nearest_5_interval": [100 * float(same.mean() - half), 100 * float(same.mean() + half)],
            "protocol": f"the linear probe's protocol, for {what}: {', '.join(values)}. {NEAREST}",
        }
    return Section({"attributes": found} if found else {}, {})
