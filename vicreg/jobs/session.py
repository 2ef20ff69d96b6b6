"""One sitting of a training: what `python -m vicreg train` does round `pipeline.train_run`, whoever started it.

It has the machine and the run's folder to itself (`vicreg.jobs.locks`), says what happens (`vicreg.jobs.event_log`),
keeps within its limits, and ends in one clear sentence. In `.training-<name>` below the runs folder, beside the
training's state:

    job.json       what is trained, and the command that goes on with it; written at the start
    events.jsonl   what happens, a line each
    log.txt        what the process prints, where a page or a program started it
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vicreg.config import Config
from vicreg.data.catalogue import CATALOGUE
from vicreg.jobs import event_log, locks
from vicreg.jobs.failures import why
from vicreg.jobs.record import Limits, Record, read_record, write_record
from vicreg.storage import paths
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import EVENTS_FILE, JOB_FILE, STATE_FILE, run_name
from vicreg.training.torchrun import torchrun

if TYPE_CHECKING:
    import numpy as np

    from vicreg.pipeline.train_run import Plan
    from vicreg.training.progress import Progress

GAPS = 0.5, 5.0  # seconds between two step events, least and most
EVENTS_A_SITTING = 1_000  # about so many step events before the gap widens
LOOK_AT_DISK = 5.0  # seconds between two looks at how large the folder is


class Session:
    """Tells of one sitting as it happens: its methods are the callbacks of `pipeline.train_run`.

    folder: None tells nobody, as in the processes beside the first under torchrun. reason: why it has to stop by
    itself; empty while it has not.
    """

    def __init__(self, folder: Path | None, config: Config, limits: Limits) -> None:
        self.folder, self.config, self.limits = folder, config, limits
        self.reason = ""
        self._began = time.monotonic()
        self._told = self._looked = -1e9
        self._stage = ("", -1e9)
        self._before: tuple[int, float] | None = None  # step and time of the last report
        self._pace = [0, 0.0]  # images and seconds since the last step event
        self._rate = 0.0

    def say(self, kind: str, **values: object) -> None:
        """Append one event."""
        if self.folder is not None:
            event_log.append(self.folder, kind, **values)

    def planned(self, plan: Plan) -> None:
        """Tell what is about to be trained: a `train_run.Plan`. Raises ValueError where its states would be too large."""
        most = self.limits.disk_bytes
        if most is not None and 2 * plan.state_bytes > most:
            raise ValueError(
                f"while it is saved its state takes about {2 * plan.state_bytes / 1e6:.3g} MB, and --max-disk allows "
                f"{most / 1e6:.3g}: a smaller encoder or a narrower expander takes less"
            )
        self.say("planned", device=plan.device, steps=plan.steps, images=plan.images)
        self.say("map", labels=[int(label) for label in plan.labels])

    def progress(self, progress: Progress) -> None:
        """Tell of a `training.progress.Progress`, and see whether a limit is met."""
        now = time.monotonic()
        self._measure_pace(progress, now)
        last = progress.step == progress.steps
        gap = min(max(GAPS[0], (now - self._began) / EVENTS_A_SITTING), GAPS[1])
        if progress.step and (last or now - self._told >= gap):
            self._told = now
            self.say(
                "step",
                step=progress.step,
                steps=progress.steps,
                epoch=progress.epoch,
                terms={name: float(f"{value:.6g}") for name, value in progress.terms.items()},
                learning_rate=float(f"{progress.learning_rate:.6g}"),
                seconds=round(progress.seconds, 2),
                seconds_left=round(progress.seconds_left, 2),
                images_per_second=round(self._rate, 1),
            )
        if progress.rows:
            self.say("rows", rows=list(progress.rows))
        if progress.snapshot is not None:
            shot = progress.snapshot
            self.say("snapshot", **shot.figures(), pca=_rounded(shot.pca), tsne=_rounded(shot.tsne))
        if not last:
            self._keep_within(progress, now)

    def stage(self, label: str, done: int, total: int) -> None:
        """Tell how far a stage is."""
        now = time.monotonic()
        if label != self._stage[0] or done == total or now - self._stage[1] >= GAPS[0]:
            self._stage = (label, now)
            self.say("stage", label=label, done=done, total=total)

    def _measure_pace(self, progress: Progress, now: float) -> None:
        if self._before is not None and not progress.rows:  # an epoch's end took its time for other things
            self._pace[0] += (progress.step - self._before[0]) * self.config.batch_size
            self._pace[1] += now - self._before[1]
            if self._pace[1] >= GAPS[0] or not self._rate:
                self._rate = self._pace[0] / max(self._pace[1], 1e-9)
                self._pace = [0, 0.0]
        self._before = (progress.step, now)

    def _keep_within(self, progress: Progress, now: float) -> None:
        if self.limits.seconds is not None and progress.seconds >= self.limits.seconds:
            self.reason = (
                f"it has trained for {progress.seconds:.0f} s, and --max-seconds allows {self.limits.seconds:g}: "
                "its state is saved; fewer epochs, fewer images or a smaller encoder fit into the time"
            )
        most = self.limits.disk_bytes
        if most is not None and self.folder is not None and (progress.rows or now - self._looked >= LOOK_AT_DISK):
            self._looked = now
            used = folder_bytes(self.folder)
            if used > most:
                self.reason = (
                    f"its folder takes {used / 1e6:.3g} MB, and --max-disk allows {most / 1e6:.3g}: its state is saved; "
                    "a smaller encoder or a narrower expander takes less"
                )


def _rounded(places: np.ndarray) -> list[float]:
    """(M, 2) -> x, y, x, ... to hundredths, or to a hundredth of their spread where a collapsed network has less."""
    spread = float(abs(places).max())
    decimals = 2 if not 0 < spread < 1 else 2 - math.floor(math.log10(spread))
    return places.astype(float).round(decimals).ravel().tolist()


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # gone since it was listed
            total += path.lstat().st_size
    return total


@contextlib.contextmanager
def session(
    folder: Path,
    config: Config,
    *,
    images: int | None,
    device: str,
    limits: Limits,
    beside: bool = False,
    more: Sequence[str] = (),
) -> Iterator[Session]:
    """Begin a sitting in a training's folder `.training-<name>`, and end it well however it ends.

    beside: train although another training has the machine. more: further arguments that a resumed training needs.
    What a program started leaves job.json, events and log behind, what a person started only a state to go on from.
    Raises locks.Busy where another process has the machine or the folder, and ValueError with a sentence and a hint
    in place of a full disk, too little memory and other errors whose cause is known.
    """
    if torchrun()[0] > 0:
        yield Session(None, config, limits)
        return
    step, saved = _saved(folder / STATE_FILE)
    old = read_record(folder) if (folder / JOB_FILE).exists() else None
    every = CATALOGUE[config.dataset].train_images
    other = saved is not None and old is not None and (old.images or every) != (images or every)
    if saved not in (None, config.to_dict()) or other:
        with locks.whole_folder(folder):
            yield Session(None, config, limits)  # another run's state, as training will say before it begins
        return
    if old is not None and (old.config != config or (saved is None and event_log.read(folder).state == "finished")):
        old = None
    fresh = not folder.parent.exists()
    record = Record(
        name=run_name(folder),
        config=config,
        images=images,
        device=device,
        limits=limits,
        more=tuple(more),
        token=old.token if old else "",
        created=old.created if old else time.time(),
        background=bool(old and old.background),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            locks.whole_folder(folder),
            _recorded(record, folder, anew=old is None, fresh=fresh),
            _machine(record, folder, beside=beside),
        ):
            for path in folder.glob(".*.tmp"):  # of a process that was killed while it wrote
                path.unlink(missing_ok=True)
            now = Session(folder, config, limits)
            now.say("started", **_process(), step=step, epochs=config.epochs, batch=config.batch_size)
            yield now
    except Exception as error:
        sentence = why(error, folder)
        if sentence is None or sentence == str(error):
            raise
        raise ValueError(sentence) from error


@contextlib.contextmanager
def _recorded(record: Record, folder: Path, *, anew: bool, fresh: bool) -> Iterator[None]:
    """Keep job.json, say how the sitting failed if it did, and leave no folder that holds nothing to go on from."""
    try:
        if anew:
            (folder / EVENTS_FILE).unlink(missing_ok=True)
        write_record(folder, record)
        yield
    except Exception as error:
        if record.background or not isinstance(error, locks.Busy):
            unexpected = f"{type(error).__name__}: {error}. Nobody expected this: the last lines of the log say where"
            sentence = why(error, folder) or unexpected
            event_log.append(folder, "failed", **_process(), sentence=sentence, error=type(error).__name__)
        raise
    finally:
        if not record.background and not (folder / STATE_FILE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            if fresh:
                with contextlib.suppress(OSError):  # somebody else's files are in it by now
                    folder.parent.rmdir()


def _machine(record: Record, folder: Path, *, beside: bool) -> contextlib.AbstractContextManager[None]:
    if beside:
        return contextlib.nullcontext()
    return locks.whole_machine(paths.cache_folder(), name=record.name, folder=folder, since=time.time())


def _process() -> JsonObject:
    return {"pid": os.getpid(), "process": locks.identity(os.getpid())}


def _saved(path: Path) -> tuple[int, JsonObject | None]:
    """Step and config of a saved state; 0 and None where none can be read: training says what is wrong with it."""
    try:
        with path.open("rb") as file:  # a safetensors file: the length of its header, then the header
            length = int.from_bytes(file.read(8), "little")
            if length > os.fstat(file.fileno()).st_size:
                return 0, None
            state = json.loads(json.loads(file.read(length))["__metadata__"]["state"])
        return int(state["step"]), dict(state["config"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0, None
