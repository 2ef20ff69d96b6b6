"""Evaluate a run on the images of this machine: write metrics.json, results/ and the model card."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from vicreg.data import fingerprints, loading
from vicreg.data.catalogue import CATALOGUE
from vicreg.data.image_set import ImageSet, PicturesMissing
from vicreg.pipeline.run_record import source_record
from vicreg.runs import seeds
from vicreg.runs.folder import Run, update_run
from vicreg.storage import paths
from vicreg.storage.files import frame_bytes, to_json
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import METRICS_FILE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

    from vicreg.evaluation.report import Inputs

Stage = Callable[[str, int, int], None]
OTHERS = 500  # images of every other data set that are scored


def evaluate_run(
    run: Run,
    *,
    only: Collection[str] = (),
    leave_out: Collection[str] = (),
    train_images: int | None = None,
    download: bool = False,
    on_stage: Stage = lambda label, done, total: None,
) -> Run:
    """Evaluate a run: rebuild metrics.json, results/ and the model card from its weights, and return the run.

    only: sections of the report to measure (`vicreg.evaluation.report.SECTIONS`); the others are kept. With `spaces`,
    `probe` and `knn` are measured, too. Default: all but leave_out. train_images: use the first N train images only;
    None for all or, with `only`, for as many as before. Uses the images on this machine; the metrics say which. If only
    the anomalies are missing, their figures are left out.

    Raises PicturesMissing if there are no images, and ValueError for an unknown section. With `only`, also raises
    ValueError for a run that has never been evaluated, or whose other sections were measured on other images.
    """
    from vicreg.evaluation.report import SECTIONS, Report, evaluate

    _check_sections(run, only)
    chosen = only or [name for name in SECTIONS if name not in leave_out]
    if "spaces" in only:  # it compares z with these figures of y, which must be of the same images
        chosen = [name for name in SECTIONS if name in {*only, "probe", "knn"}]
    if only and train_images is None:  # as many as the other sections were measured with
        train_images = run.metrics["sources"]["train"].get("images")
    train_set, test_set = load_splits(run.config.dataset, download=download, on_stage=on_stage)
    splits = train_set.first(train_images), test_set
    inputs, sources = _inputs(run, splits, chosen, download=download, on_stage=on_stage)
    quoted = {"projections": run.results("projections")} if only and "projection" in run.metrics else {}
    report = evaluate(inputs, sources=sources, only=chosen, earlier=Report(run.metrics, quoted), on_stage=on_stage)
    others = {seeds.SECTION: run.metrics[seeds.SECTION]} if seeds.SECTION in run.metrics else {}
    metrics = _merged(run.metrics, report.metrics) if only else {**report.metrics, **others}
    frames = report.tables
    if run.baseline == "laplacian" and not only:
        from vicreg.pipeline.baselines import eigenmap_tables

        on_stage("fitting again with new images", 0, 1)
        frames = {**frames, **eigenmap_tables(run, *splits, inputs.train, inputs.test)}
        on_stage("fitting again with new images", 1, 1)
    files = _files(run, metrics, {**frames, "fingerprints": _fingerprints(test_set)})
    stale = ["results/roc.parquet"] if "anomaly" in chosen else []  # there may be no anomalies now
    return update_run(run, files, without=stale)


def _inputs(
    run: Run, splits: tuple[ImageSet, ImageSet], chosen: Collection[str], *, download: bool, on_stage: Stage
) -> tuple[Inputs, dict[str, JsonObject]]:
    """What the chosen sections need, and where the pictures come from."""
    from vicreg.evaluation.report import ANOMALIES, EMBEDDINGS, OTHER_SETS, SECTIONS, Inputs

    def encoded(image_set: ImageSet) -> np.ndarray:
        return representations(
            run, image_set, download=download, on_progress=lambda d, t: on_stage(f"encoding {image_set.split}", d, t)
        )

    train_set, test_set = splits
    train, test = encoded(train_set), encoded(test_set)
    inputs = Inputs(
        *(train, train_set.labels[: len(train)], test, test_set.labels, test_set.classes),
        train_images=train_set.images,
        test_images=test_set.images,
        network=run.has_network,
        own_map=("laplacian", test[:, :2]) if run.baseline == "laplacian" else None,
        attributes=_attributes(train_set, test_set, len(train)),
    )
    needs = {need for name in chosen for need in SECTIONS[name].needs}
    sources: dict[str, JsonObject] = {
        "train": {**source_record(train_set), "images": len(train_set.images)},
        "test": {**source_record(test_set)},
    }
    if run.has_network:
        from vicreg.pipeline.measure_layers import measure_layers

        layers = functools.partial(measure_layers, run, train_set, test_set, train, test, inputs.attributes)
        inputs = dataclasses.replace(inputs, layers=layers)
    if run.has_network and EMBEDDINGS in needs:
        from vicreg.evaluation.encode import embed

        inputs = dataclasses.replace(inputs, embeddings=(embed(run.expander, train), embed(run.expander, test)))
    if ANOMALIES in needs and (found := anomaly_set(run.config.dataset, download=download)) is not None:
        sources["anomalies"] = {**source_record(found)}
        inputs = dataclasses.replace(
            inputs, anomalies=encoded(found), anomaly_images=found.images, anomaly_labels=found.labels
        )
    if OTHER_SETS in needs:
        sets = {found.name: encoded(found) for found in other_sets(run.config.dataset)}
        inputs = dataclasses.replace(inputs, other_sets=sets)
    return inputs, sources


def _check_sections(run: Run, only: Collection[str]) -> None:
    from vicreg.evaluation.report import SECTIONS

    unknown = sorted(set(only) - set(SECTIONS))
    if unknown:
        raise ValueError(f"there is no section {', '.join(unknown)}; available: {', '.join(SECTIONS)}")
    if only and not run.metrics:
        raise ValueError(f"{run.name} has never been evaluated: evaluate all sections first")


def _attributes(
    train_set: ImageSet, test_set: ImageSet, rows: int
) -> dict[str, tuple[tuple[str, ...], np.ndarray, np.ndarray]]:
    """The attributes of the pictures: name -> values, those of the first train images, those of the test images."""
    return {
        what: (values, train_set.attributes[what][:rows], test_set.attributes[what])
        for what, values in CATALOGUE[test_set.name].attributes.items()
    }


def _merged(before: JsonObject, now: JsonObject) -> JsonObject:
    """Merge new sections into the old metrics, in the order of the report."""
    from vicreg.evaluation.report import SECTIONS

    changed = [
        what for what, source in now["sources"].items() if not source.items() >= before["sources"].get(what, {}).items()
    ]
    if changed:
        raise ValueError(
            f"the {' and '.join(changed)} images differ from those of the other sections: evaluate all sections"
        )
    both = {**before, **now, "sources": {**before["sources"], **now["sources"]}}
    order = ["sources", *SECTIONS, *both]  # unknown ones last
    return {name: both[name] for name in sorted(both, key=order.index)}


def anomaly_set(dataset: str, *, download: bool = False) -> ImageSet | None:
    """The anomalies for a data set, according to the catalogue; None if they are not on this machine.

    For CIFAR-10: the first 3,000 images of MNIST's test split. For coloured-digits: crops of photographs.
    """
    name, count = CATALOGUE[dataset].strangers
    try:
        found = loading.load(name, "test", download=download)
    except PicturesMissing:
        return None
    return dataclasses.replace(found, images=found.images[:count], labels=found.labels[:count])


def other_sets(dataset: str) -> list[ImageSet]:
    """The first 500 test images of every other data set on this machine, except that of `anomaly_set`."""
    found = []
    for name, spec in CATALOGUE.items():
        if name in (dataset, CATALOGUE[dataset].strangers[0]) or "test" not in spec.splits:
            continue
        with suppress(PicturesMissing):
            images = loading.load(name, "test")
            found.append(
                dataclasses.replace(images, images=images.images[:OTHERS], labels=images.labels[:OTHERS], attributes={})
            )
    return found


def representations(
    run: Run,
    image_set: ImageSet,
    *,
    download: bool = False,
    device: str | torch.device = "cpu",
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The run's representations of an image set, float32 (N, width), from the disk cache or computed once.

    The pixel baseline is fitted on the train split, which is loaded for it. The eigenmap has rows only for the first train
    images, those in its graph.
    """
    from vicreg.evaluation.encode import cache_key, cached_representations

    def compute() -> np.ndarray:
        if run.has_network:
            from vicreg.evaluation.encode import encode

            return encode(run.encoder.to(device), image_set.images, on_progress=on_progress)
        from vicreg.pipeline import baselines

        train = loading.load(run.config.dataset, "train", download=download)
        if run.baseline == "pixels":
            return baselines.pixel_components(run, train, image_set.images)
        own = image_set.name == train.name and image_set.split == "train"
        return baselines.eigenmap_coordinates(run, train, None if own else image_set.images)

    part = f"{image_set.name}-{image_set.split}-{len(image_set)}"
    key = cache_key(run.weights_sha256, image_set.source.sha256, part)
    return cached_representations(key, compute, folder=paths.cache_folder())


def load_splits(name: str, *, download: bool, on_stage: Stage) -> tuple[ImageSet, ImageSet]:
    def load(split: str) -> ImageSet:
        return loading.load(name, split, download=download, on_progress=lambda d, t: on_stage(f"reading {split}", d, t))

    return load("train"), load("test")


def _files(run: Run, metrics: JsonObject, frames: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    """What measuring writes into a run's folder: the figures, the tables, and the model card generated from them."""
    from vicreg.runs.run_card import model_card

    return {
        METRICS_FILE: to_json(metrics),
        **{f"results/{name}.parquet": frame_bytes(frame) for name, frame in frames.items()},
        "README.md": model_card(run.config, run.record, metrics, name=run.name).encode(),
    }


def _fingerprints(image_set: ImageSet) -> pd.DataFrame:
    import pandas as pd

    prints = fingerprints.fingerprints(image_set.images)
    columns = {f"f{i}": prints[:, i] for i in range(prints.shape[1])}
    return pd.DataFrame({"label": image_set.labels.astype("int8"), **columns})
