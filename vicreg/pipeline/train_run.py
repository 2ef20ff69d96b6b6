"""From a Config to a finished run: data, training, the run's folder, evaluation. The command line and pages use it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.config import Config
from vicreg.data.image_set import ImageSet
from vicreg.pipeline.measure_run import Stage, evaluate_run, load_splits
from vicreg.pipeline.run_record import data_record, run_record, versions
from vicreg.pipeline.snapshot_tables import timeline
from vicreg.pipeline.teacher import begun, find_positives, find_teacher
from vicreg.presets import QUICK_SHOWN
from vicreg.runs.folder import Run, write_run
from vicreg.runs.weights import weights_bytes
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import EVENTS_FILE, HISTORY_FILE, JOB_FILE, LOCK_FILE, LOG_FILE, WEIGHTS_FILE, training_folder
from vicreg.training.device import choose_device, device_title, every_processor

if TYPE_CHECKING:
    import numpy as np

    from vicreg.training.distributed import Team
    from vicreg.training.loop import Trained
    from vicreg.training.progress import Progress

MEASURING = "measuring"  # the folder beside the state where a run is measured


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a training will do, known once the images are loaded.

    device: its name. images: number of train images. steps: of the whole training. labels: (M,) int64, of the images on
    every snapshot's maps, in their order. state_bytes: approximate size of a saved state.
    """

    device: str
    images: int
    steps: int
    labels: np.ndarray
    state_bytes: int


def train_run(
    config: Config,
    folder: Path,
    *,
    device: str = "auto",
    images: int | None = None,
    compile: bool = False,
    precision: str | None = None,
    evaluate: bool = True,
    quick: bool = False,
    download: bool = False,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_stage: Stage = lambda label, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Run | None:
    """Train a config, measure the run and write it to `folder`. Returns None if should_stop ended it; the state stays.

    Until the run is complete, its state is in `.training-<name>` next to the folder; another call resumes from it.
    on_stage may raise to stop loading or measuring; another call then repeats the measuring, but not the training.
    images: train on the first N images only. device: auto, cpu, cuda or mps. compile, precision: as in `loop.train`.
    evaluate: whether to measure the run. If not, `measure_run.evaluate_run` can do it later, on any machine.
    quick: for a lesson: snapshots of fewer test images; only the sections of `report.QUICK`, with these train images.
    Under torchrun, rank 0 writes, evaluates and reports, while the others wait; they return None.
    Raises ValueError for an unavailable device, a wrong number of images or a missing teacher, PicturesMissing, the
    errors of `loop.train`, and distributed.ProcessLost if another process died.
    """
    from vicreg.training import distributed, loop

    state = training_folder(folder)
    with distributed.joined(choose_device(device)) as team:
        if not team.leads:
            on_plan, on_progress, on_stage = _unheard, _unheard, _unheard
        elif config.positives == "neighbours" and not begun(state):
            find_teacher(config, folder.parent)  # raises before images are loaded or downloaded
        read = functools.partial(load_splits, config.dataset, download=download, on_stage=on_stage)
        train_set, test_set = team.hosts_in_turn(read)
        shown = _first(images, len(train_set.images))
        watched = test_set.first(QUICK_SHOWN if quick else None)
        neighbours, told = None, JsonObject()
        if config.positives == "neighbours":
            given = config, folder.parent, state, train_set, watched, shown, on_stage
            neighbours, told = team.from_leader(lambda: find_positives(*given, device=team.device))
        on_plan(plan := _plan(config, train_set.images[shown], watched, team))
        trained = loop.train(
            config,
            train_set.images[shown],
            watched.images,
            train_labels=train_set.labels[shown],
            test_labels=watched.labels,
            neighbours=neighbours,
            folder=state,
            team=team,
            compile=compile,
            precision=precision,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        if not trained.finished:
            return None
        record = _record(config, trained, plan, data_record(train_set, test_set, train_images=plan.images), told)
        measure = _measurer(plan.images, quick=quick, download=download, on_stage=on_stage) if evaluate else None
        made: list[Run] = []

        def write() -> None:
            with every_processor() if team.size > 1 else contextlib.nullcontext():
                made.append(_written(folder, state, _files(trained, watched), record, measure=measure))

        # The others wait: if they exit, torchrun might end rank 0. After an error, they raise ProcessLost.
        team.from_leader(write)
        return made[0] if team.leads else None


def _measurer(images: int, *, quick: bool, download: bool, on_stage: Stage) -> Callable[[Run], Run]:
    """A function that evaluates a trained run, without `report.SLOW`, which `python -m vicreg evaluate` adds.

    A quick training is measured with its own train images, and only in the sections of `report.QUICK`.
    """
    from vicreg.evaluation.report import QUICK, SECTIONS, SLOW

    left_out = [name for name in SECTIONS if name not in QUICK] if quick else SLOW
    few = images if quick else None
    return functools.partial(evaluate_run, leave_out=left_out, train_images=few, download=download, on_stage=on_stage)


def _unheard(*_: object) -> None:
    """The callback of processes that do not lead: it does nothing."""


def _first(images: int | None, most: int) -> slice:
    if images is not None and not 1 <= images <= most:
        raise ValueError(f"images must be between 1 and {most}, got {images}")
    return slice(0, images)


def _plan(config: Config, train_images: np.ndarray, test_set: ImageSet, team: Team) -> Plan:
    from vicreg.training.snapshots import MAP_IMAGES
    from vicreg.training.state import state_bytes

    title = device_title(team.device)
    return Plan(
        device=f"{team.size} x {title}" if team.size > 1 else title,
        images=len(train_images),
        steps=len(train_images) // config.batch_size * config.epochs,
        labels=test_set.labels[:MAP_IMAGES],
        state_bytes=state_bytes(config),
    )


def _record(config: Config, trained: Trained, plan: Plan, data: JsonObject, told: JsonObject) -> JsonObject:
    """The contents of config.json. data: about its images. told: about its neighbours, if it has any."""
    return run_record(
        config,
        data,
        neighbours=told,
        precision=trained.precision,
        device=plan.device,
        epochs=config.epochs,
        seconds=round(trained.seconds, 1),
        versions=versions(),
    )


def _files(trained: Trained, test_set: ImageSet) -> dict[str, bytes]:
    """What a run holds before it is measured: weights, history, and the tables of its snapshots."""
    return {
        WEIGHTS_FILE: weights_bytes(trained.encoder, trained.expander),
        HISTORY_FILE: _history(trained.history),
        **timeline(trained.snapshots, test_set),
    }


def _written(
    folder: Path,
    state: Path,
    files: dict[str, bytes],
    record: JsonObject,
    *,
    measure: Callable[[Run], Run] | None,
) -> Run:
    """Write the trained run to its folder, measured if `measure` is given, and remove its state.

    It is measured in the state's folder, so only complete runs appear in the runs folder, and a stop loses nothing.
    """
    if measure is not None:
        measured = measure(write_run(state / MEASURING / folder.name, files, record))
        files = {name: (measured.folder / name).read_bytes() for name in measured.record["files"]}
    run = write_run(folder, files, record)
    _clear(state)
    return run


def _clear(state: Path) -> None:
    """Remove the state of a finished run, except the files that `vicreg.jobs.training_process` removes itself."""
    for path in state.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in (JOB_FILE, LOG_FILE, EVENTS_FILE, LOCK_FILE):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it is not empty
        state.rmdir()


def _history(rows: list[JsonObject]) -> bytes:
    import pandas as pd

    return pd.DataFrame(rows).to_csv(index=False, float_format="%.7g").encode()
