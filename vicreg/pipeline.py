"""From a Config to a bundled run: data, training, the run's folder, evaluation. The command line and pages share it."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vicreg import alignment, datasets
from vicreg.config import Config
from vicreg.datasets import ImageSet
from vicreg.runs import Run, frame_bytes, update_run, weights_bytes, write_run

Stage = Callable[[str, int, int], None]


def train_run(
    config: Config,
    folder: Path,
    *,
    device: str = "auto",
    images: int | None = None,
    download: bool = False,
    on_progress: Callable[[Any], None] = lambda progress: None,
    on_stage: Stage = lambda label, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Run | None:
    """Train a config into a run's folder and evaluate it; None where should_stop ended it (its state is kept).

    The state lies beside the folder, in `.training-<name>`, until the run is whole; calling again goes on from it.
    images: train on the first so many only. device: auto, cpu, cuda or mps.
    Raises ValueError for a device that is not here, PicturesMissing, and what `training.train` raises.
    """
    from vicreg import training

    chosen = choose_device(device)
    train_set, test_set = _load(config.dataset, download=download, on_stage=on_stage)
    if images is not None and not 1 <= images <= len(train_set.images):
        raise ValueError(f"images must be between 1 and {len(train_set.images)}, got {images}")
    shown = slice(0, images)
    state = folder.with_name(f".training-{folder.name}")
    trained = training.train(
        config,
        train_set.images[shown],
        test_set.images,
        train_labels=train_set.labels[shown],
        test_labels=test_set.labels,
        folder=state,
        device=chosen,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    if not trained.finished:
        return None
    files = {
        "model.safetensors": weights_bytes(trained.encoder, trained.expander),
        "history.csv": _history(trained.history),
        **_timeline(trained.snapshots, test_set),
    }
    record = {
        "config": config.to_dict(),
        "data": {
            "train": {**_source(train_set), "images": len(train_set.images[shown])},
            "test": {**_source(test_set), "images": len(test_set.images)},
        },
        "device": _device_name(chosen),
        "epochs": config.epochs,
        "seconds": round(trained.seconds, 1),
        "seed": config.seed,
        "versions": _versions(),
    }
    run = evaluate_run(write_run(folder, files, record), download=download, on_stage=on_stage)
    shutil.rmtree(state, ignore_errors=True)
    return run


def evaluate_run(run: Run, *, download: bool = False, on_stage: Stage = lambda label, done, total: None) -> Run:
    """Rebuild metrics.json, results/ and the model card of a run from its weights, and return the run.

    Measured on the pictures at hand, which the metrics name. Raises PicturesMissing where there are none.
    """
    from vicreg.evaluation.report import evaluate

    train_set, test_set = _load(run.config.dataset, download=download, on_stage=on_stage)

    def encoded(image_set: ImageSet) -> Any:
        return representations(run, image_set, on_progress=lambda d, t: on_stage(f"encoding {image_set.split}", d, t))

    train, test = encoded(train_set), encoded(test_set)
    report = evaluate(
        train,
        train_set.labels,
        test,
        test_set.labels,
        classes=test_set.classes,
        sources={"train": _source(train_set), "test": _source(test_set)},
        on_stage=on_stage,
    )
    tables = {f"results/{name}.parquet": frame_bytes(frame) for name, frame in report.tables.items()}
    prints = alignment.fingerprints(test_set.images)
    tables["results/fingerprints.parquet"] = frame_bytes(_fingerprints(prints, test_set.labels))
    from vicreg.card import model_card
    from vicreg.runs import to_json

    files = {"metrics.json": to_json(report.metrics), **tables}
    files["README.md"] = model_card(run.config, run.record, report.metrics, name=run.name).encode()
    return update_run(run, files)


def representations(run: Run, image_set: ImageSet, *, on_progress: Callable[[int, int], None] | None = None) -> Any:
    """The run's representations of an image set, float32 (N, 512), from the disk cache or computed once."""
    from vicreg.evaluation.encode import cache_key, cached_representations

    def compute() -> Any:
        from vicreg.evaluation.encode import encode

        return encode(run.encoder, image_set.images, on_progress=on_progress)

    key = cache_key(run.weights_sha256, image_set.source.sha256, image_set.split)
    return cached_representations(key, compute, folder=datasets.cache_folder())


def choose_device(name: str) -> Any:
    """The torch device of a name; `auto` takes CUDA, then MPS, then the CPU. Raises ValueError if it is not here."""
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in here.items() if available))
    kind = name.split(":")[0]
    if not here.get(kind, False):
        usable = ", ".join(kind for kind, available in here.items() if available)
        raise ValueError(f"device {name!r} is not on this machine; it has: {usable}")
    return torch.device(name)


def _load(name: str, *, download: bool, on_stage: Stage) -> tuple[ImageSet, ImageSet]:
    def load(split: str) -> ImageSet:
        return datasets.load(
            name, split, download=download, on_progress=lambda d, t: on_stage(f"reading {split}", d, t)
        )

    return load("train"), load("test")


def _source(image_set: ImageSet) -> dict[str, str]:
    source = image_set.source
    return {"source": source.description, "file": source.file, "sha256": source.sha256}


def _history(rows: list[dict[str, Any]]) -> bytes:
    import pandas as pd

    return pd.DataFrame(rows).to_csv(index=False, float_format="%.7g").encode()


def _timeline(snapshots: list[Any], test_set: ImageSet) -> dict[str, bytes]:
    """Three tables: the figures of each snapshot, its singular values, and where each image lay."""
    import pandas as pd

    figures = pd.DataFrame([snapshot.figures() for snapshot in snapshots])
    spectra, places = [], []
    for snapshot in snapshots:
        values = snapshot.singular_values
        spectra.append(
            pd.DataFrame({"epoch": snapshot.epoch, "dimension": range(1, len(values) + 1), "singular_value": values})
        )
        count = len(snapshot.pca)
        places.append(
            pd.DataFrame(
                {
                    "epoch": snapshot.epoch,
                    "index": range(count),
                    "label": test_set.labels[:count].astype("int8"),
                    "pca_x": snapshot.pca[:, 0],
                    "pca_y": snapshot.pca[:, 1],
                    "tsne_x": snapshot.tsne[:, 0],
                    "tsne_y": snapshot.tsne[:, 1],
                }
            )
        )
    return {
        "results/snapshots.parquet": frame_bytes(figures),
        "results/snapshot_spectra.parquet": frame_bytes(pd.concat(spectra, ignore_index=True)),
        "results/timeline.parquet": frame_bytes(pd.concat(places, ignore_index=True)),
    }


def _fingerprints(prints: Any, labels: Any) -> Any:
    import pandas as pd

    columns = {f"f{i}": prints[:, i] for i in range(prints.shape[1])}
    return pd.DataFrame({"label": labels.astype("int8"), **columns})


def _device_name(device: Any) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU (MPS)"
    return f"CPU, {torch.get_num_threads()} threads, {platform.machine()}"


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("torch", "torchvision", "scikit-learn", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
