"""The origin of a run for config.json: image sources and package versions."""

from __future__ import annotations

import platform

from vicreg.data.image_set import ImageSet
from vicreg.storage.json_values import JsonObject


def data_record(train_set: ImageSet, test_set: ImageSet, *, train_images: int | None = None) -> JsonObject:
    return {
        "train": {**source_record(train_set), "images": train_images or len(train_set.images)},
        "test": {**source_record(test_set), "images": len(test_set.images)},
    }


def source_record(image_set: ImageSet) -> dict[str, str]:
    source = image_set.source
    return {"source": source.description, "file": source.file, "sha256": source.sha256}


def versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("torch", "torchvision", "scikit-learn", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
