"""Make a baseline and evaluate it like a trained run."""

from __future__ import annotations

from pathlib import Path

from vicreg.config import DEFAULT_DATASET
from vicreg.pipeline.measure_run import Stage, evaluate_run, load_splits
from vicreg.pipeline.run_record import data_record, versions
from vicreg.runs.folder import Run, write_run
from vicreg.training.device import device_title


def make_baseline(
    name: str,
    root: Path,
    *,
    dataset: str = DEFAULT_DATASET,
    download: bool = False,
    on_stage: Stage = lambda label, done, total: None,
) -> Run:
    """Write a baseline into root and evaluate it. Raises ValueError for an unknown name, and PicturesMissing."""
    from vicreg.pipeline.baselines import write_baseline

    train_set, test_set = load_splits(dataset, download=download, on_stage=on_stage)
    run = write_baseline(name, root, dataset=dataset, data=data_record(train_set, test_set), versions=versions())
    if name == "laplacian":
        import torch

        from vicreg.pipeline.baselines import eigenmap_timing
        from vicreg.runs.discovery import find_runs

        on_stage("fitting the eigenmap", 0, 1)
        timing = eigenmap_timing(run, train_set, test_set, find_runs()[0].get(f"{dataset}-vicreg"))
        on_stage("fitting the eigenmap", 1, 1)
        record = {k: v for k, v in run.record.items() if k not in ("schema", "files")}
        record |= {"timing": timing, "seconds": timing["fit"], "device": device_title(torch.device("cpu"))}
        run = write_run(run.folder, {}, record)
    return evaluate_run(run, download=download, on_stage=on_stage)
