"""The teacher run, and the nearest images in its representation space, which serve as positives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vicreg.config import Config
from vicreg.data.image_set import ImageSet
from vicreg.pipeline.measure_run import Stage, representations
from vicreg.runs.folder import Run
from vicreg.storage.paths import CONFIG_FILE


def begun(state: Path) -> bool:
    """Whether a training with nearest images as positives was started there and stored them."""
    from vicreg.storage.paths import STATE_FILE

    return (state / STATE_FILE).exists() and (state / "neighbours.json").exists()


def find_teacher(config: Config, root: Path) -> Run:
    """The config's teacher run: the one in root, or else any on this machine."""
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
    device: Any,
) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """The nearest images of both splits in the teacher's representation space, and a record of the teacher.

    device: for the teacher's encoder. The result is stored next to the state, so that a resumed run uses the same images.
    """
    import zipfile

    import numpy as np

    from vicreg.evaluation.neighbours import nearest
    from vicreg.method.views import POSITIVE_NEIGHBOURS
    from vicreg.storage.files import atomic_path
    from vicreg.storage.paths import STATE_FILE

    kept, record = state / "neighbours.npz", state / "neighbours.json"
    lengths = {"train": len(train_set.images[shown]), "test": len(test_set)}
    if begun(state):
        try:
            with np.load(kept, allow_pickle=False) as arrays:
                before = {split: arrays[split] for split in lengths}
            if all(len(before[split]) == length for split, length in lengths.items()):
                return (before["train"], before["test"]), json.loads(record.read_text())
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # damaged: compute them again
    teacher = find_teacher(config, root)
    found = {}
    for image_set, rows in ((train_set, shown), (test_set, slice(None))):
        split = image_set.split
        y = representations(
            teacher,
            image_set,
            device=device,
            on_progress=lambda d, t, s=split: on_stage(f"encoding {s}", d, t),
        )[rows]
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
        with atomic_path(kept) as temporary, open(temporary, "wb") as file:
            np.savez(file, **found)
        with atomic_path(record) as temporary:
            temporary.write_text(json.dumps(told))
    return (found["train"], found["test"]), told
