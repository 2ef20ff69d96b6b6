"""From a Config to a bundled run: data, training, the run's folder, evaluation. The command line and pages share it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vicreg.config import Config
from vicreg.data import fingerprints, loading
from vicreg.data.loading import ImageSet
from vicreg.jobs.event_log import EVENTS_FILE
from vicreg.jobs.locks import LOCK_FILE
from vicreg.jobs.session import JOB_FILE, LOG_FILE
from vicreg.runs.folder import Run, frame_bytes, update_run, weights_bytes, write_run
from vicreg.storage import paths

Stage = Callable[[str, int, int], None]
MEASURING = "measuring"  # the folder beside the state where a run is measured


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a training is about to do, once its pictures are read.

    device: by name. images: those trained on. steps: in all, from the first epoch on. labels: (M,) int64, of the images
    on every snapshot's maps, in their order. state_bytes: about how large its saved state will be.
    """

    device: str
    images: int
    steps: int
    labels: Any
    state_bytes: int


def train_run(
    config: Config,
    folder: Path,
    *,
    device: str = "auto",
    images: int | None = None,
    compile: bool = False,
    download: bool = False,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    on_progress: Callable[[Any], None] = lambda progress: None,
    on_stage: Stage = lambda label, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Run | None:
    """Train a config into a run's folder and evaluate it; None where should_stop ended it (its state is kept).

    The state lies beside the folder, in `.training-<name>`, until the run is whole; calling again goes on from it.
    on_stage may raise to end reading or measuring: calling again then measures again what was trained.
    images: train on the first so many only. device: auto, cpu, cuda or mps. compile: as in `training.train`.
    Under torchrun the processes train together; rank 0 alone writes, evaluates and reports, while the others wait, and
    they return None.
    Raises ValueError for a device that is not here, PicturesMissing, what `training.train` raises, and
    distributed.ProcessLost where another process died.
    """
    from vicreg.training import distributed, loop
    from vicreg.training.snapshots import MAP_IMAGES

    state = folder.with_name(f".training-{folder.name}")
    with distributed.joined(choose_device(device)) as team:
        if not team.leads:
            on_progress = on_stage = on_plan = lambda *_: None
        elif config.positives == "neighbours" and not _begun(state):
            _teacher(config, folder.parent)  # said before pictures are read or fetched
        train_set, test_set = team.hosts_in_turn(lambda: _load(config.dataset, download=download, on_stage=on_stage))
        if images is not None and not 1 <= images <= len(train_set.images):
            raise ValueError(f"images must be between 1 and {len(train_set.images)}, got {images}")
        shown = slice(0, images)
        neighbours, told = None, {}
        if config.positives == "neighbours":
            neighbours, told = team.from_leader(
                lambda: _positives(config, folder.parent, state, train_set, test_set, shown, on_stage)
            )
        device_name = f"{team.size} x {_device_name(team.device)}" if team.size > 1 else _device_name(team.device)
        shown_images = len(train_set.images[shown])
        steps = shown_images // config.batch_size * config.epochs
        labels = test_set.labels[:MAP_IMAGES]
        on_plan(Plan(device_name, shown_images, steps, labels, loop.state_bytes(config)))
        trained = loop.train(
            config,
            train_set.images[shown],
            test_set.images,
            train_labels=train_set.labels[shown],
            test_labels=test_set.labels,
            neighbours=neighbours,
            folder=state,
            team=team,
            compile=compile,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        if not trained.finished:
            return None
        record = {
            "config": config.to_dict(),
            "data": _data(train_set, test_set, train_images=shown_images),
            **told,
            "device": device_name,
            "epochs": config.epochs,
            "seconds": round(trained.seconds, 1),
            "seed": config.seed,
            "versions": _versions(),
        }
        made: list[Run] = []

        def measure() -> None:
            files = {
                "model.safetensors": weights_bytes(trained.encoder, trained.expander),
                "history.csv": _history(trained.history),
                **_timeline(trained.snapshots, test_set),
            }
            with _every_processor() if team.size > 1 else contextlib.nullcontext():
                made.append(_measured(folder, state, files, record, download=download, on_stage=on_stage))

        # The others wait: if they left, their torchrun would too, some minutes later, and take rank 0 with it where it
        # is the one that keeps the processes' addresses. An error reaches them at once, with its words.
        team.from_leader(measure)
        return made[0] if team.leads else None


def _measured(
    folder: Path, state: Path, files: dict[str, bytes], record: dict[str, Any], *, download: bool, on_stage: Stage
) -> Run:
    """The trained run in its folder, measured; its state is removed.

    Measured where the state lies, so that a run is in its place when it is whole, and stopping loses nothing.
    """
    measured = evaluate_run(
        write_run(state / MEASURING / folder.name, files, record), download=download, on_stage=on_stage
    )
    files = {name: (measured.folder / name).read_bytes() for name in measured.record["files"]}
    run = write_run(folder, files, record)
    _clear(state)
    return run


@contextlib.contextmanager
def _every_processor() -> Iterator[None]:
    """Let torch use all of this process's CPUs: torchrun gives each process one thread, and here one process works."""
    import torch

    before = torch.get_num_threads()
    allowed = getattr(os, "sched_getaffinity", None)  # under SLURM or in a container, fewer than the host has
    torch.set_num_threads(len(allowed(0)) if allowed else os.cpu_count() or 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _clear(state: Path) -> None:
    """Remove a state that is a run by now, but not what `vicreg.jobs.session` keeps beside it and removes itself."""
    for path in state.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in (JOB_FILE, LOG_FILE, EVENTS_FILE, LOCK_FILE):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it is not empty
        state.rmdir()


def evaluate_run(run: Run, *, download: bool = False, on_stage: Stage = lambda label, done, total: None) -> Run:
    """Rebuild metrics.json, results/ and the model card of a run from its weights, and return the run.

    Measured on the pictures at hand, which the metrics name. Raises PicturesMissing where there are none; where only
    the anomalies' pictures are missing, their figures are left out.
    """
    from vicreg.evaluation.report import evaluate

    train_set, test_set = _load(run.config.dataset, download=download, on_stage=on_stage)
    anomalies = anomaly_set(run.config.dataset, download=download)

    def encoded(image_set: ImageSet) -> Any:
        return representations(
            run, image_set, download=download, on_progress=lambda d, t: on_stage(f"encoding {image_set.split}", d, t)
        )

    train, test = encoded(train_set), encoded(test_set)
    sources = {"train": _source(train_set), "test": _source(test_set)}
    more = {}
    if anomalies is not None:
        sources["anomalies"] = _source(anomalies)
        more = {
            "anomalies": encoded(anomalies),
            "anomaly_images": anomalies.images,
            "anomaly_labels": anomalies.labels,
        }
    if run.baseline == "laplacian":
        more["own_map"] = ("laplacian", test[:, :2])
    report = evaluate(
        train,
        train_set.labels[: len(train)],
        test,
        test_set.labels,
        classes=test_set.classes,
        sources=sources,
        train_images=train_set.images,
        test_images=test_set.images,
        attributes={
            what: (values, train_set.attributes[what][: len(train)], test_set.attributes[what])
            for what, values in loading.CATALOGUE[test_set.name].attributes.items()
        },
        **more,
        on_stage=on_stage,
    )
    frames = report.tables
    if run.baseline == "laplacian":
        from vicreg.pipeline.baselines import eigenmap_tables

        on_stage("fitting again with new images", 0, 1)
        frames = {**frames, **eigenmap_tables(run, train_set, test_set, train, test)}
        on_stage("fitting again with new images", 1, 1)
    tables = {f"results/{name}.parquet": frame_bytes(frame) for name, frame in frames.items()}
    prints = fingerprints.fingerprints(test_set.images)
    tables["results/fingerprints.parquet"] = frame_bytes(_fingerprints(prints, test_set.labels))
    from vicreg.runs.folder import to_json
    from vicreg.runs.model_card import model_card

    files = {"metrics.json": to_json(report.metrics), **tables}
    files["README.md"] = model_card(run.config, run.record, report.metrics, name=run.name).encode()
    return update_run(run, files, without=["results/roc.parquet"])  # an old one, if there are no anomalies now


def make_baseline(
    name: str,
    root: Path,
    *,
    dataset: str = "cifar10",
    download: bool = False,
    on_stage: Stage = lambda label, done, total: None,
) -> Run:
    """A baseline's run below root, measured. Raises ValueError for an unknown name, and PicturesMissing."""
    from vicreg.pipeline.baselines import write_baseline

    train_set, test_set = _load(dataset, download=download, on_stage=on_stage)
    run = write_baseline(name, root, dataset=dataset, data=_data(train_set, test_set), versions=_versions())
    if name == "laplacian":
        import torch

        from vicreg.pipeline.baselines import eigenmap_timing
        from vicreg.runs.folder import find_runs

        on_stage("fitting the eigenmap", 0, 1)
        timing = eigenmap_timing(run, train_set, test_set, find_runs()[0].get(f"{dataset}-vicreg"))
        on_stage("fitting the eigenmap", 1, 1)
        record = {k: v for k, v in run.record.items() if k not in ("schema", "files")}
        record |= {"timing": timing, "seconds": timing["fit"], "device": _device_name(torch.device("cpu"))}
        run = write_run(run.folder, {}, record)
    return evaluate_run(run, download=download, on_stage=on_stage)


def anomaly_set(dataset: str, *, download: bool = False) -> ImageSet | None:
    """The images that are anomalies to a data set, as the catalogue names them; None where they are not at hand.

    To CIFAR-10 they are the first 3,000 of MNIST's test split, to coloured-digits crops of photographs.
    """
    name, count = loading.CATALOGUE[dataset].anomalies
    try:
        found = loading.load(name, "test", download=download)
    except loading.PicturesMissing:
        return None
    return dataclasses.replace(found, images=found.images[:count], labels=found.labels[:count])


def representations(
    run: Run,
    image_set: ImageSet,
    *,
    download: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Any:
    """The run's representations of an image set, float32 (N, 512), from the disk cache or computed once.

    A baseline of pixels is fitted on the train split, which is loaded for it; the eigenmap has rows for the first train
    images only, those on its graph.
    """
    from vicreg.evaluation.encode import cache_key, cached_representations

    def compute() -> Any:
        if run.has_network:
            from vicreg.evaluation.encode import encode

            return encode(run.encoder, image_set.images, on_progress=on_progress)
        from vicreg.pipeline import baselines

        train = loading.load(run.config.dataset, "train", download=download)
        if run.baseline == "pixels":
            return baselines.pixel_components(run, train, image_set.images)
        own = image_set.name == train.name and image_set.split == "train"
        return baselines.eigenmap_coordinates(run, train, None if own else image_set.images)

    part = f"{image_set.name}-{image_set.split}-{len(image_set)}"
    key = cache_key(run.weights_sha256, image_set.source.sha256, part)
    return cached_representations(key, compute, folder=paths.cache_folder())


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
        return loading.load(name, split, download=download, on_progress=lambda d, t: on_stage(f"reading {split}", d, t))

    return load("train"), load("test")


def _begun(state: Path) -> bool:
    """Whether a training with neighbours was begun there, and its neighbours kept."""
    from vicreg.training.loop import STATE_FILE

    return (state / STATE_FILE).exists() and (state / "neighbours.json").exists()


def _teacher(config: Config, root: Path) -> Run:
    """The `vicreg` run that says which images are neighbours: the one below root, else any on this machine."""
    from vicreg.runs.folder import find_runs, open_run

    name = f"{config.dataset}-vicreg"
    if (root / name / "config.json").exists():
        return open_run(root / name)
    found, broken = find_runs()
    if name not in found:
        raise ValueError(
            f"{config.preset} takes its neighbours from the run {name}, which is not here: train it first with "
            f"`python -m vicreg train --dataset {config.dataset} --preset vicreg`"
            + "".join(f" ({sentence})" for sentence in broken)
        )
    return found[name]


def _positives(
    config: Config, root: Path, state: Path, train_set: ImageSet, test_set: ImageSet, shown: slice, on_stage: Stage
) -> tuple[tuple[Any, Any], dict[str, Any]]:
    """The neighbours of both splits' images in the teacher's representation space, and a record of whose it is.

    Kept beside the state, so that a run goes on with the neighbours that it began with.
    """
    import zipfile

    import numpy as np

    from vicreg.evaluation.neighbours import nearest
    from vicreg.method.views import POSITIVE_NEIGHBOURS
    from vicreg.storage.files import atomic_path
    from vicreg.training.loop import STATE_FILE

    kept, record = state / "neighbours.npz", state / "neighbours.json"
    lengths = {"train": len(train_set.images[shown]), "test": len(test_set)}
    if _begun(state):
        try:
            with np.load(kept, allow_pickle=False) as arrays:
                before = {split: arrays[split] for split in lengths}
            if all(len(before[split]) == length for split, length in lengths.items()):
                return (before["train"], before["test"]), json.loads(record.read_text())
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # damaged: they are found again
    teacher = _teacher(config, root)
    found = {}
    for image_set, rows in ((train_set, shown), (test_set, slice(None))):
        split = image_set.split
        y = representations(teacher, image_set, on_progress=lambda d, t, s=split: on_stage(f"encoding {s}", d, t))[rows]
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
    if not (state / STATE_FILE).exists():  # else the state may be another run's, which training will say
        state.mkdir(parents=True, exist_ok=True)
        with atomic_path(kept) as temporary, open(temporary, "wb") as file:
            np.savez(file, **found)
        with atomic_path(record) as temporary:
            temporary.write_text(json.dumps(told))
    return (found["train"], found["test"]), told


def _data(train_set: ImageSet, test_set: ImageSet, *, train_images: int | None = None) -> dict[str, Any]:
    return {
        "train": {**_source(train_set), "images": train_images or len(train_set.images)},
        "test": {**_source(test_set), "images": len(test_set.images)},
    }


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
                    **{
                        f"{kind}_{axis}": places_of[:, i].astype("float16")  # to draw
                        for kind, places_of in (("pca", snapshot.pca), ("tsne", snapshot.tsne))
                        for i, axis in enumerate("xy")
                    },
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
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}, {platform.machine()}"


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("torch", "torchvision", "scikit-learn", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
