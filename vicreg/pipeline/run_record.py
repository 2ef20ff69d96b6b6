"""What config.json says of a run: its settings, its training, and where it is from."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from vicreg.config import Config
from vicreg.data.image_set import ImageSet
from vicreg.storage.json_values import JsonObject


def run_record(
    config: Config,
    data: JsonObject,
    *,
    baseline: JsonObject | None = None,
    neighbours: JsonObject | None = None,
    precision: str = "",
    device: str = "",
    epochs: int = 0,
    seconds: float = 0.0,
    versions: Mapping[str, str],
) -> JsonObject:
    """The contents of config.json, without `schema` and `files`, which `runs.folder.write_run` adds.

    data: from `data_record`. baseline: its name and settings; then the defaults say that nothing was trained. neighbours: what
    the record says of the nearest images, if they are the positives. precision: of the training. versions: of packages.
    """
    return {
        "config": config.to_dict(),
        **({"baseline": baseline} if baseline else {}),
        "data": data,
        **(neighbours or {}),
        "device": device,
        **({"precision": precision} if precision else {}),
        "epochs": epochs,
        "seconds": seconds,
        "seed": config.seed,
        "versions": dict(versions),
    }


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
