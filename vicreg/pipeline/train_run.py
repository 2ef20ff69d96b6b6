"""From a Config to a bundled run: data, training, the run's folder, evaluation. The command line and pages share it."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.config import Config
from vicreg.data.image_set import ImageSet
from vicreg.pipeline.measure_run import Stage, evaluate_run, load_splits
from vicreg.pipeline.provenance import data_record, versions
from vicreg.pipeline.teacher import begun, find_positives, find_teacher
from vicreg.runs.folder import Run, write_run
from vicreg.runs.weights import weights_bytes
from vicreg.storage.files import frame_bytes
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import EVENTS_FILE, HISTORY_FILE, JOB_FILE, LOCK_FILE, LOG_FILE, WEIGHTS_FILE, training_folder
from vicreg.training.device import choose_device, device_title, every_processor

if TYPE_CHECKING:
    import numpy as np

    from vicreg.training.progress import Progress
    from vicreg.training.snapshots import Snapshot

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
    download: bool = False,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_stage: Stage = lambda label, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Run | None:
    """Train a config into a run's folder and measure it; None where should_stop ended it (its state is kept).

    The state lies beside the folder, in `.training-<name>`, until the run is whole; calling again goes on from it.
    on_stage may raise to end reading or measuring: calling again then measures again what was trained.
    images: train on the first so many only. device: auto, cpu, cuda or mps. compile, precision: as in `loop.train`.
    evaluate: whether to measure the run; without, `measure_run.evaluate_run` does it later, on any machine.
    Under torchrun the processes train together; rank 0 alone writes, evaluates and reports, while the others wait, and
    they return None.
    Raises ValueError for a device that is not here, PicturesMissing, what `loop.train` raises, and
    distributed.ProcessLost where another process died.
    """
    from vicreg.training import distributed, loop
    from vicreg.training.snapshots import MAP_IMAGES
    from vicreg.training.state import state_bytes

    state = training_folder(folder)
    with distributed.joined(choose_device(device)) as team:
        if not team.leads:
            on_plan, on_progress, on_stage = _unheard, _unheard, _unheard
        elif config.positives == "neighbours" and not begun(state):
            find_teacher(config, folder.parent)  # said before pictures are read or fetched
        train_set, test_set = team.hosts_in_turn(
            lambda: load_splits(config.dataset, download=download, on_stage=on_stage)
        )
        if images is not None and not 1 <= images <= len(train_set.images):
            raise ValueError(f"images must be between 1 and {len(train_set.images)}, got {images}")
        shown = slice(0, images)
        neighbours = None
        told: JsonObject = {}
        if config.positives == "neighbours":
            neighbours, told = team.from_leader(
                lambda: find_positives(
                    config, folder.parent, state, train_set, test_set, shown, on_stage, device=team.device
                )
            )
        device_name = f"{team.size} x {device_title(team.device)}" if team.size > 1 else device_title(team.device)
        shown_images = len(train_set.images[shown])
        steps = shown_images // config.batch_size * config.epochs
        labels = test_set.labels[:MAP_IMAGES]
        on_plan(Plan(device_name, shown_images, steps, labels, state_bytes(config)))
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
            precision=precision,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        if not trained.finished:
            return None
        record = {
            "config": config.to_dict(),
            "data": data_record(train_set, test_set, train_images=shown_images),
            **told,
            "device": device_name,
            "precision": trained.precision,
            "epochs": config.epochs,
            "seconds": round(trained.seconds, 1),
            "seed": config.seed,
            "versions": versions(),
        }
        made: list[Run] = []

        def measure() -> None:
            files = {
                WEIGHTS_FILE: weights_bytes(trained.encoder, trained.expander),
                HISTORY_FILE: _history(trained.history),
                **_timeline(trained.snapshots, test_set),
            }
            if not evaluate:
                made.append(write_run(folder, files, record))
                _clear(state)
                return
            with every_processor() if team.size > 1 else contextlib.nullcontext():
                made.append(_measured(folder, state, files, record, download=download, on_stage=on_stage))

        # The others wait: if they left, their torchrun would too, some minutes later, and take rank 0 with it where it
        # is the one that keeps the processes' addresses. An error reaches them at once, with its words.
        team.from_leader(measure)
        return made[0] if team.leads else None


def _unheard(*_: object) -> None:
    """What callbacks are in a process that does not lead."""


def _measured(
    folder: Path, state: Path, files: dict[str, bytes], record: JsonObject, *, download: bool, on_stage: Stage
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


def _clear(state: Path) -> None:
    """Remove a state that is a run by now, but not what `vicreg.jobs.session` keeps beside it and removes itself."""
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


def _timeline(snapshots: list[Snapshot], test_set: ImageSet) -> dict[str, bytes]:
    """Four tables: the figures of each snapshot, its singular values, where each image lay, and what lay next to it."""
    import numpy as np
    import pandas as pd

    figures = pd.DataFrame([snapshot.figures() for snapshot in snapshots])
    spectra, places, neighbours = [], [], []
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
                        for kind, places_of in _places(snapshot).items()
                        for i, axis in enumerate("xy")
                    },
                }
            )
        )
        near = snapshot.neighbours
        neighbours.append(
            pd.DataFrame(
                {
                    "epoch": np.int16(snapshot.epoch),
                    "index": np.repeat(np.arange(len(near), dtype=np.int16), near.shape[1]),
                    "rank": np.tile(np.arange(1, near.shape[1] + 1, dtype=np.int8), len(near)),
                    "nearest": near.reshape(-1),
                }
            )
        )
    return {
        "results/snapshot_neighbours.parquet": frame_bytes(pd.concat(neighbours, ignore_index=True)),
        "results/snapshots.parquet": frame_bytes(figures),
        "results/snapshot_spectra.parquet": frame_bytes(pd.concat(spectra, ignore_index=True)),
        "results/timeline.parquet": frame_bytes(pd.concat(places, ignore_index=True)),
    }


def _places(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """The maps of a snapshot, by the name of their columns: (M, 2) each."""
    return {"pca": snapshot.pca, "tsne": snapshot.tsne, "embedding": snapshot.embedding_pca}
