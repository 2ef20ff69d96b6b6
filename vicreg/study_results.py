"""Results of the earlier study that this project started from.

Source: the README of the repository `STUDY`.
"""

from __future__ import annotations

import dataclasses

from vicreg.config import Config
from vicreg.presets import presets

STUDY = "github.com/AsafShul/VICReg_selfsupervised_representation_learning"
STUDY_DATASET = "cifar10"
STUDY_PROBES = {"vicreg": 62.68, "no-variance": 14.66, "neighbour-views": 50.1}  # the study's linear probes, percent


def study_probe(config: Config) -> float | None:
    """The study's linear probe for the config's preset, whatever the epochs, in percent; None if the study had no such run."""
    preset = presets(STUDY_DATASET).get(config.preset)
    if preset is None or dataclasses.replace(config, epochs=preset.epochs) != preset:
        return None
    return STUDY_PROBES.get(config.preset)
