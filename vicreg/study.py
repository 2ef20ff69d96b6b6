"""The figures of the study that this project grew out of.

The study: github.com/AsafShul/VICReg_selfsupervised_representation_learning, its README.
"""

from __future__ import annotations

import dataclasses

from vicreg.config import Config, presets

STUDY_DATASET = "cifar10"
STUDY_PROBES = {"vicreg": 62.68, "no-variance": 14.66, "neighbour-views": 50.1}  # the study's linear probes, percent


def study_probe(config: Config) -> float | None:
    """The study's linear probe for a config: that of its preset, whatever the epochs; None for any other setting."""
    preset = presets(STUDY_DATASET).get(config.preset)
    if preset is None or dataclasses.replace(config, epochs=preset.epochs) != preset:
        return None
    return STUDY_PROBES.get(config.preset)
