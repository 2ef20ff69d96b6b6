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
import dataclasses
import errno
import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vicreg.config import Config
from vicreg.data.catalogue import CATALOGUE
from vicreg.jobs import event_log, locks
from vicreg.storage import paths
from vicreg.storage.files import atomic_path

JOB_FILE, LOG_FILE = "job.json", "log.txt"
STATE_FILE = "state.safetensors"  # `training.STATE_FILE`, without loading torch for it
SCHEMA = 1
GAPS = 0.5, 5.0  # seconds between two step events, least and most
EVENTS_A_SITTING = 1_000  # about so many step events before the gap widens
LOOK_AT_DISK = 5.0  # seconds between two looks at how large the folder is
NO_ROOM = 1_000_000  # bytes that are left of a disk on which nothing can be said any more
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
GO_ON = "Resume, or the same command, goes on from the last saved epoch"


@dataclass(frozen=True)
class Limits:
    """Bounds of a training; None for no bound.

    epochs: in all, asked before it starts. seconds: of training, over all sittings, without reading and measuring.
    disk_bytes: of the training's folder, for at least two states, since one that is being saved lies beside the old one.
    A training that meets a bound saves its state and stops.
    """

    epochs: int | None = None
    seconds: float | None = None
    disk_bytes: int | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise ValueError(f"{field.name} must be positive, or None for no bound, got {value}")


@dataclass(frozen=True)
class Record:
    """job.json: what is trained, and how to go on with it, wherever its folder lies.

    name: of its run. images: the first so many train images, None for all. limits: of all sittings together. more:
    further arguments of the command. token: what whoever started it keeps to show that it is theirs; may be empty.
    created: seconds since 1970. background: whether a page or a program started it; its folder then stays when it is
    finished, for whoever watches it.
    """

    name: str
    config: Config
    images: int | None
    device: str
    limits: Limits
    more: tuple[str, ...]
    token: str
    created: float
    background: bool

    def __post_init__(self) -> None:
        """Raises ValueError or TypeError for values that no `write_record` wrote."""
        try:
            self.name.encode()
        except (AttributeError, UnicodeEncodeError) as error:
            raise ValueError("a run's name must be text: choose another with --name") from error
        texts = (self.name, self.device, self.token, *self.more)
        if not all(isinstance(text, str) for text in texts) or not isinstance(self.background, bool):
            raise ValueError("it holds something else than names")
        if not 0 <= self.created < 1e11 or not (self.images is None or type(self.images) is int):
            raise ValueError("it holds no time or no number of images")


def read_record(folder: Path) -> Record:
    """The folder's job.json. Raises ValueError, which names the folder, for one that is missing or damaged."""
    try:
        found = json.loads((folder / JOB_FILE).read_text("utf-8"))
        if found.pop("schema") != SCHEMA:
            raise ValueError(f"this version reads schema {SCHEMA}")
        if found["name"] != run_name(folder):
            raise ValueError(f"it is that of {str(found['name'])[:100]!r}")
        config, limits = Config.from_dict(found.pop("config")), Limits(**found.pop("limits"))
        return Record(config=config, limits=limits, more=tuple(found.pop("more")), **found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{folder.name}/{JOB_FILE} cannot be read ({error}); delete that folder to start over"
        ) from error


def write_record(folder: Path, record: Record) -> None:
    """Write job.json, whole or not at all. Raises OSError."""
    with atomic_path(folder / JOB_FILE) as temporary:
        values = {**vars(record), "schema": SCHEMA, "config": record.config.to_dict(), "limits": vars(record.limits)}
        temporary.write_text(json.dumps(values, indent=2) + "\n", "utf-8")


def run_name(folder: Path) -> str:
    """The name of the run that is trained in a folder `.training-<name>`."""
    return folder.name.removeprefix(".training-")


def arguments(folder: Path, record: Record) -> tuple[str, ...]:
    """The command that begins or goes on with the training in a folder, after `python -m vicreg`."""
    words = ["train", "--config", str(folder / JOB_FILE), "--folder", str(folder.parent), "--name", record.name]
    words += ["--device", record.device]
    for option, value in (
        ("--images", record.images),
        ("--max-seconds", record.limits.seconds),
        ("--max-disk", record.limits.disk_bytes),
    ):
        words += [] if value is None else [option, str(value)]
    return (*words, *record.more)


class Sitting:
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

    def say(self, kind: str, **values: Any) -> None:
        """Append one event."""
        if self.folder is not None:
            event_log.append(self.folder, kind, **values)

    def planned(self, plan: Any) -> None:
        """Tell what is about to be trained: a `pipeline.Plan`. Raises ValueError where its states would be too large."""
        most = self.limits.disk_bytes
        if most is not None and 2 * plan.state_bytes > most:
            raise ValueError(
                f"while it is saved its state takes about {2 * plan.state_bytes / 1e6:.3g} MB, and --max-disk allows "
                f"{most / 1e6:.3g}: a smaller encoder or a narrower expander takes less"
            )
        self.say("planned", device=plan.device, steps=plan.steps, images=plan.images)
        self.say("map", labels=[int(label) for label in plan.labels])

    def progress(self, progress: Any) -> None:
        """Tell of a `training.Progress`, and see whether a limit is met."""
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

    def _measure_pace(self, progress: Any, now: float) -> None:
        if self._before is not None and not progress.rows:  # an epoch's end took its time for other things
            self._pace[0] += (progress.step - self._before[0]) * self.config.batch_size
            self._pace[1] += now - self._before[1]
            if self._pace[1] >= GAPS[0] or not self._rate:
                self._rate = self._pace[0] / max(self._pace[1], 1e-9)
                self._pace = [0, 0.0]
        self._before = (progress.step, now)

    def _keep_within(self, progress: Any, now: float) -> None:
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


def _rounded(places: Any) -> list[float]:
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
def sitting(
    folder: Path,
    config: Config,
    *,
    images: int | None,
    device: str,
    limits: Limits,
    beside: bool = False,
    more: Sequence[str] = (),
) -> Iterator[Sitting]:
    """Begin a sitting in a training's folder `.training-<name>`, and end it well however it ends.

    beside: train although another training has the machine. more: further arguments that a resumed training needs.
    What a program started leaves job.json, events and log behind, what a person started only a state to go on from.
    Raises locks.Busy where another process has the machine or the folder, and ValueError with a sentence and a hint
    in place of a full disk, too little memory and other errors whose cause is known.
    """
    if locks.torchrun()[0] > 0:
        yield Sitting(None, config, limits)
        return
    step, saved = _saved(folder / STATE_FILE)
    old = read_record(folder) if (folder / JOB_FILE).exists() else None
    every = CATALOGUE[config.dataset].train_images
    other = saved is not None and old is not None and (old.images or every) != (images or every)
    if saved not in (None, config.to_dict()) or other:
        with locks.whole_folder(folder):
            yield Sitting(None, config, limits)  # another run's state, as training will say before it begins
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
            now = Sitting(folder, config, limits)
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
            (folder / event_log.EVENTS_FILE).unlink(missing_ok=True)
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


def _process() -> dict[str, Any]:
    return {"pid": os.getpid(), "process": locks.identity(os.getpid())}


def _saved(path: Path) -> tuple[int, dict[str, Any] | None]:
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


def full_disk(folder: Path, *, below: float = NO_ROOM) -> str:
    """A sentence on the disk that the folder is on where it has less room than so many bytes; empty where it has."""
    try:
        free = shutil.disk_usage(folder.parent).free
    except OSError:
        return ""
    if free >= below:
        return ""
    return f"The disk is full: {folder.parent} has {free / 1e6:.1f} MB left. Free some space; {GO_ON}."


def why(error: BaseException, folder: Path) -> str | None:
    """One sentence on why a training failed and what to do; None for an error that nobody expected."""
    text = str(error)
    if getattr(error, "errno", None) in FULL or "No space left on device" in text or "os error 28" in text:
        return full_disk(folder, below=math.inf) or f"The disk is full: {text}. Free some space; {GO_ON}."
    no_memory = ("out of memory", "not enough memory", "can't allocate memory", "Cannot allocate memory")
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(n in text for n in no_memory)
    ):
        return (
            f"There was not enough memory ({text.splitlines()[0][:200] if text else 'the system gave no more'}). A smaller "
            "batch, a narrower expander or a smaller encoder needs less."
        )
    return text if isinstance(error, (ValueError, OSError)) else None
