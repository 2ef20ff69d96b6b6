"""Make a baseline and evaluate it like a trained run."""

from __future__ import annotations

import shutil
from pathlib import Path

from vicreg.config import DEFAULT_DATASET
from vicreg.data.image_set import ImageSet
from vicreg.pipeline.measure_run import Stage, evaluate_run, load_splits
from vicreg.pipeline.run_record import data_record, versions
from vicreg.runs.folder import Run, write_run
from vicreg.runs.leftovers import measuring
from vicreg.storage.json_values import JsonObject
from vicreg.training.device import device_title


def make_baseline(
    name: str,
    root: Path,
    *,
    dataset: str = DEFAULT_DATASET,
    download: bool = False,
    on_stage: Stage = lambda label, done, total: None,
) -> Run:
    """Write a baseline into root and evaluate it. Raises ValueError for an unknown name, and PicturesMissing.

    It is measured beside its folder, so an earlier baseline of this name stays until the new one is complete.
    """
    from vicreg.pipeline.baselines import write_baseline

    train_set, test_set = load_splits(dataset, download=download, on_stage=on_stage)
    data = data_record(train_set, test_set)
    folder = root / f"{dataset}-{name}"
    beside = measuring(folder)
    try:
        run = write_baseline(name, beside, dataset=dataset, data=data, versions=versions())
        if name == "laplacian":
            run = write_run(run.folder, {}, {**_record(run), **_timing(run, train_set, test_set, on_stage)})
        run = evaluate_run(run, download=download, on_stage=on_stage)
        files = {file: (run.folder / file).read_bytes() for file in run.record["files"]}
        return write_run(folder, files, _record(run))
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _record(run: Run) -> JsonObject:
    """The record of a run as `write_run` takes it."""
    return {key: value for key, value in run.record.items() if key not in ("schema", "files")}


def _timing(run: Run, train_set: ImageSet, test_set: ImageSet, on_stage: Stage) -> JsonObject:
    """What the record says of the eigenmap's seconds."""
    import torch

    from vicreg.pipeline.baselines import eigenmap_timing
    from vicreg.runs.discovery import find_runs

    on_stage("fitting the eigenmap", 0, 1)
    timing = eigenmap_timing(run, train_set, test_set, find_runs()[0].get(f"{run.config.dataset}-vicreg"))
    on_stage("fitting the eigenmap", 1, 1)
    return {"timing": timing, "seconds": timing["fit"], "device": device_title(torch.device("cpu"))}
