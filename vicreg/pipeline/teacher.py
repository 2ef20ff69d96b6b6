"""The teacher run, and the nearest images in its representation space, which serve as positives."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.config import Config
from vicreg.data.image_set import ImageSet
from vicreg.pipeline.measure_run import Stage, representations
from vicreg.runs.folder import Run
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import CONFIG_FILE

if TYPE_CHECKING:
    import numpy as np
    import torch
NEIGHBOURS, NEIGHBOURS_RECORD = "neighbours.npz", "neighbours.json"  # beside a state
HASHES = "images_sha256"  # in the record, of both splits; missing in those of older versions


def begun(state: Path) -> bool:
    """Whether a training with nearest images as positives was started in this folder and has stored these images."""
    from vicreg.storage.paths import STATE_FILE

    return (state / STATE_FILE).exists() and (state / NEIGHBOURS_RECORD).exists()


def find_teacher(config: Config, root: Path) -> Run:
    """The config's teacher run: in root, otherwise anywhere on this machine. Raises ValueError if there is none."""
    from vicreg.runs.discovery import find_runs
    from vicreg.runs.folder import open_run

    name = f"{config.dataset}-{config.teacher}"
    if (root / name / CONFIG_FILE).exists():
        return open_run(root / name)
    found, broken = find_runs()
    if name not in found:
        raise ValueError(
            f"{config.preset} needs the run {name} to find nearest images, but it is not on this machine: train it first with "
            f"`python -m vicreg train --dataset {config.dataset} --preset vicreg --name {name}`"
            + "".join(f" ({sentence})" for sentence in broken)
        )
    return found[name]


def find_positives(
    config: Config,
    root: Path,
    state: Path,
    train_set: ImageSet,
    test_set: ImageSet,
    shown: slice,
    on_stage: Stage,
    *,
    device: str | torch.device,
) -> tuple[tuple[np.ndarray, np.ndarray], JsonObject]:
    """The nearest images of both splits in the teacher's representation space, and a record of the teacher.

    device: for the teacher's encoder. The result is stored next to the state, so that a resumed run uses the same images.
    Raises TrainingError if the stored ones are of other images, or of the same in another order.
    """
    import numpy as np

    from vicreg.data.fingerprints import pixels_sha256
    from vicreg.evaluation.neighbours import nearest
    from vicreg.method.views import POSITIVE_NEIGHBOURS
    from vicreg.storage.files import atomic_path
    from vicreg.storage.paths import STATE_FILE

    images = {"train": train_set.images[shown], "test": test_set.images}
    if begun(state) and (before := _kept(state, images)) is not None:
        return before
    teacher = find_teacher(config, root)
    found: dict[str, np.ndarray] = {}
    for image_set, rows in ((train_set, shown), (test_set, slice(None))):
        split = image_set.split

        def encoding(done: int, total: int, split: str = split) -> None:
            on_stage(f"encoding {split}", done, total)

        y = representations(teacher, image_set, device=device, on_progress=encoding)[rows]
        on_stage(f"finding neighbours, {split}", 0, 1)
        found[split] = nearest(y, y, k=POSITIVE_NEIGHBOURS, metric="euclidean", exclude_self=True).indices
        on_stage(f"finding neighbours, {split}", 1, 1)
    told = {
        "neighbours": {
            "run": teacher.name,
            "weights_sha256": teacher.weights_sha256,
            "nearest": POSITIVE_NEIGHBOURS,
            "metric": "euclidean",
        }
    }
    if not (state / STATE_FILE).exists():  # otherwise the state may belong to another run; training reports it
        state.mkdir(parents=True, exist_ok=True)
        with atomic_path(state / NEIGHBOURS) as temporary, open(temporary, "wb") as file:
            np.savez(file, train=found["train"], test=found["test"])
        with atomic_path(state / NEIGHBOURS_RECORD) as temporary:
            hashes = {split: pixels_sha256(pixels) for split, pixels in images.items()}
            temporary.write_text(json.dumps({**told, HASHES: hashes}))
    return (found["train"], found["test"]), told


def _kept(state: Path, images: dict[str, np.ndarray]) -> tuple[tuple[np.ndarray, np.ndarray], JsonObject] | None:
    """The stored neighbours and their record; None if they are damaged or belong to other numbers of images.

    Raises TrainingError if they belong to as many other images: their rows would then name the wrong ones.
    """
    import zipfile

    import numpy as np

    from vicreg.data.fingerprints import pixels_sha256
    from vicreg.training.state import other_pixels, other_settings

    try:
        with np.load(state / NEIGHBOURS, allow_pickle=False) as arrays:
            found = arrays["train"], arrays["test"]
        told = json.loads((state / NEIGHBOURS_RECORD).read_text())
        hashes = told.pop(HASHES, {})
        before = {split: hashes.get(split) for split in images}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        return None
    if [len(table) for table in found] != [len(pixels) for pixels in images.values()]:
        return None
    for split, pixels in images.items():
        if different := other_pixels(split, before[split], functools.partial(pixels_sha256, pixels)):
            raise other_settings(state, different)
    return found, told
