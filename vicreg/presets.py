"""The presets: VICReg itself, and one ablation per part of the method.

A preset is a Config with a name. It takes its data set's recipe (`vicreg.config.RECIPES`) and changes one setting.
"""

from __future__ import annotations

from vicreg.config import DEFAULT_DATASET, RECIPES, Config, Settings

# How each preset differs from `vicreg`: in one setting.
ABLATIONS: dict[str, Settings] = {
    "vicreg": {},
    "no-variance": {"variance_weight": 0.0},
    "no-covariance": {"covariance_weight": 0.0},
    "no-invariance": {"invariance_weight": 0.0},
    "neighbour-views": {"positives": "neighbours"},
}
# A training that fits into a lesson: numbers of train images (the first ones), epochs, and test images on its maps.
QUICK_IMAGES, QUICK_EPOCHS, QUICK_SHOWN = 2_560, 6, 500


def presets(dataset: str = DEFAULT_DATASET) -> dict[str, Config]:
    """The five presets for a data set, by name, `vicreg` first. Raises ValueError for a data set without a recipe."""
    if dataset not in RECIPES:
        raise ValueError(f"data set must be one of {', '.join(RECIPES)}, got {dataset!r}")
    return {
        name: Config(preset=name, dataset=dataset, **RECIPES[dataset] | change) for name, change in ABLATIONS.items()
    }


PRESETS: dict[str, Config] = presets()  # for the default data set
