"""The outer loop of one training process: locks, events, limits and errors around `pipeline.train_run`.

A session locks the machine and the run's folder (`vicreg.jobs.locks`), logs events (`vicreg.jobs.event_log`), observes
limits, and turns known errors into one clear sentence. Next to the training's state, in `.training-<name>`, it writes:

    job.json       what is trained, and the command to resume; written at the start
    events.jsonl   events, one per line
    log.txt        output of the process, if a page or a program started it
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

GAPS = 0.5, 5.0  # min and max seconds between two step events
EVENTS_A_SITTING = 1_000  # number of step events before the gap grows
LOOK_AT_DISK = 5.0  # seconds between two checks of the folder's size


class Session:
    """Logs the events of one session. Its methods are the callbacks of `pipeline.train_run`.

    folder: None disables logging, for ranks above 0 under torchrun. reason: why a limit requires a stop; empty until then.
    """

    def __init__(self, folder: Path | None, config: Config, limits: Limits) -> None:
        self.folder, self.config, self.limits = folder, config, limits
        self.reason = ""
        self._began = time.monotonic()
        self._told = self._looked = -1e9
        self._stage = ("", -1e9)
        self._before: tuple[int, float] | None = None  # step and time of the last event
        self._pace = [0, 0.0]  # images and seconds since the rate was last computed
        self._rate = 0.0

    def say(self, kind: str, **values: object) -> None:
        """Append one event."""
        if self.folder is not None:
            event_log.append(self.folder, kind, **values)

    def planned(self, plan: Plan) -> None:
        """Log a `train_run.Plan`. Raises ValueError if its states would exceed the disk limit."""
        most = self.limits.disk_bytes
        if most is not None and 2 * plan.state_bytes > most:
            raise ValueError(
                f"saving the state needs about {2 * plan.state_bytes / 1e6:.3g} MB, but --max-disk allows "
                f"{most / 1e6:.3g}: use a smaller encoder or a narrower expander"
            )
        self.say("planned", device=plan.device, steps=plan.steps, images=plan.images)
        self.say("map", labels=[int(label) for label in plan.labels])

    def progress(self, progress: Progress) -> None:
        """Log a `training.progress.Progress`, and check the limits."""
        now = time.monotonic()
        self._measure_pace(progress, now)
        last = progress.step == progress.steps
        if not last:
            self._keep_within(progress, now)
        gap = min(max(GAPS[0], (now - self._began) / EVENTS_A_SITTING), GAPS[1])
        if progress.step and (last or self.reason or now - self._told >= gap):
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

    def stage(self, label: str, done: int, total: int) -> None:
        """Log the progress of a stage."""
        now = time.monotonic()
        if label != self._stage[0] or done == total or now - self._stage[1] >= GAPS[0]:
            self._stage = (label, now)
            self.say("stage", label=label, done=done, total=total)

    def _measure_pace(self, progress: Progress, now: float) -> None:
        if self._before is not None and not progress.rows:  # the end of an epoch also spends time on other work
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
                "its state is saved; use fewer epochs, fewer images or a smaller encoder"
            )
        most = self.limits.disk_bytes
        if most is not None and self.folder is not None and (progress.rows or now - self._looked >= LOOK_AT_DISK):
            self._looked = now
            used = folder_bytes(self.folder)
            if used > most:
                self.reason = (
                    f"its folder has {used / 1e6:.3g} MB, and --max-disk allows {most / 1e6:.3g}: its state is saved; "
                    "use a smaller encoder or a narrower expander"
                )


def _rounded(places: np.ndarray) -> list[float]:
    """(M, 2) -> x, y, x, ... rounded to 0.01, or to 1 % of the spread if that is smaller (collapsed networks)."""
    spread = float(abs(places).max())
    decimals = 2 if not 0 < spread < 1 else 2 - math.floor(math.log10(spread))
    return places.astype(float).round(decimals).ravel().tolist()


def folder_bytes(folder: Path) -> int:
    """The total size of the files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # removed since it was listed
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
    """Start a session in a training folder `.training-<name>`, and clean up when it ends.

    beside: train even if another training is running. more: additional arguments for resuming.
    If a program started the session, it leaves job.json, events and log behind; otherwise only a state to resume from.

    Raises locks.Busy if another process uses the machine or the folder. Raises ValueError, with a hint, for errors with a
    known cause such as a full disk or too little memory.
    """
    if torchrun()[0] > 0:
        yield Session(None, config, limits)
        return
    step, saved = _saved(folder / STATE_FILE)
    old = read_record(folder) if (folder / JOB_FILE).exists() else None
    every = CATALOGUE[config.dataset].train_images
    other = saved is not None and old is not None and (old.images or every) != (images or every)
    if _other_settings(saved, config) or other:
        with locks.whole_folder(folder):
            yield Session(None, config, limits)  # the state of another run; training will report it
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
            for path in folder.glob(".*.tmp"):  # left by a process that was killed while writing
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
    """Write job.json, log a failure if there was one, and remove the folder if there is nothing to resume from."""
    try:
        if anew:
            (folder / EVENTS_FILE).unlink(missing_ok=True)
        write_record(folder, record)
        yield
    except Exception as error:
        if record.background or not isinstance(error, locks.Busy):
            unexpected = f"{type(error).__name__}: {error}. This is unexpected: see the last lines of the log"
            sentence = why(error, folder) or unexpected
            event_log.append(folder, "failed", **_process(), sentence=sentence, error=type(error).__name__)
        raise
    finally:
        if not record.background and not (folder / STATE_FILE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            if fresh:
                with contextlib.suppress(OSError):  # it contains other files
                    folder.parent.rmdir()


def _machine(record: Record, folder: Path, *, beside: bool) -> contextlib.AbstractContextManager[None]:
    if beside:
        return contextlib.nullcontext()
    return locks.whole_machine(paths.cache_folder(), name=record.name, folder=folder, since=time.time())


def _process() -> JsonObject:
    return {"pid": os.getpid(), "process": locks.identity(os.getpid())}


def _other_settings(saved: JsonObject | None, config: Config) -> bool:
    """Whether a saved config is another one. One of an older version lacks settings that have their defaults."""
    try:
        return saved is not None and Config.from_dict(saved) != config
    except ValueError:
        return True


def _saved(path: Path) -> tuple[int, JsonObject | None]:
    """Step and config of a saved state; 0 and None if it is unreadable (training reports why)."""
    try:
        with path.open("rb") as file:  # a safetensors file: the length of its header, then the header
            length = int.from_bytes(file.read(8), "little")
            if length > os.fstat(file.fileno()).st_size:
                return 0, None
            state = json.loads(json.loads(file.read(length))["__metadata__"]["state"])
        return int(state["step"]), dict(state["config"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0, None
