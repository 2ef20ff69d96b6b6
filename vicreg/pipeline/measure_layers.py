"""The section `layers` of a run's figures: every layer's output for both splits, computed once, then measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vicreg.data.image_set import ImageSet
from vicreg.evaluation.report_sections import layers
from vicreg.evaluation.report_sections.section import Section
from vicreg.runs.folder import Run


def measure_layers(
    run: Run,
    train_set: ImageSet,
    test_set: ImageSet,
    train: np.ndarray,
    test: np.ndarray,
    attributes: Mapping[str, tuple[Sequence[str], np.ndarray, np.ndarray]],
) -> Section:
    """Every layer of the run's networks, and the pixels.

    train, test: the run's representations of both splits. attributes: name -> (names of its values, values of the train
    images, values of the test images); the values are integers that index the names.

    The run must have a network: there is no layer to choose in a baseline of pixels or an eigenmap.
    """
    rows = layers.chosen_rows(len(train_set))
    images = train_set.images[rows]
    of_train, of_test = (
        layers.outputs(run.encoder, run.expander, pictures, representations=np.asarray(representations))
        for pictures, representations in ((images, train[rows]), (test_set.images, test))
    )
    pixels = layers.pixel_components(images, test_set.images)
    return layers.layers(
        {layers.PIXELS: pixels[0], **of_train},
        train_set.labels[rows],
        {layers.PIXELS: pixels[1], **of_test},
        test_set.labels,
        attributes={what: (of_train[rows], of_test) for what, (_, of_train, of_test) in attributes.items()},
    )
