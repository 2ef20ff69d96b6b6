"""What a training says while it runs: lines of JSON appended to a file, and what a reader makes of them.

Each line of `events.jsonl` is an object with "time" (seconds since 1970) and "kind":

    starting   pid, process, log: written by whoever starts a process for the training, before that says anything
               itself; log is how many bytes of its log were there before
    started    pid, process, step, epochs, batch: a process goes on from this step, which is the last one that was saved
    planned    device, steps, images: the pictures are read; map: labels of the images on every map, in their order
    step       step, steps, epoch, terms, learning_rate, seconds, seconds_left, images_per_second
    rows       rows: new rows of the history; snapshot: epoch, knn_accuracy, effective_rank, pca and tsne (x, y, x, ...)
    stage      label, done, total: reading, encoding, measuring
    stopping   it was asked to stop; stopped: reason, empty where somebody asked for it
    finished   accuracy, interval: of the linear probe, in per cent; failed: sentence, error

A line goes out in one write, so readers see whole lines, except for a last one that a crash or a full disk tore: that
line is skipped, and the next writer begins on a new line. So is a line of a kind that this version does not know. A line
of a known kind that cannot be read is a fault, of the file or of this module: it is skipped too, but logged, and
`Story.fault` says which line it was. A reader keeps its place in the file and reads what was added.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import EVENTS_FILE
from vicreg.terms import FIGURES

LOG = logging.getLogger(__name__)
POINTS = 2_000  # of the steps at most, thinned evenly as they become more
REMEMBERED = 256  # files whose readers are kept
CHUNK = 1 << 20  # bytes that are read at a time
HEAD = 64  # bytes at a file's beginning that tell it from another one in its place
ENDS = ("stopped", "finished", "failed")
LASTING = ("starting", "started", "stopping", *ENDS)  # kinds that say how a training stands
KINDS = (*LASTING, "planned", "map", "step", "rows", "snapshot", "stage")


def append(folder: Path, kind: str, **values: object) -> bool:
    """Add one event to the folder's file; False where the disk or the folder refuses it, which is no reason to end."""
    line = json.dumps({"time": round(time.time(), 3), "kind": kind, **values}, separators=(",", ":")).encode() + b"\n"
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    try:
        file = os.open(folder / EVENTS_FILE, flags, 0o644)
        try:
            if os.fstat(file).st_size:
                os.lseek(file, -1, os.SEEK_END)
                if os.read(file, 1) != b"\n":
                    line = b"\n" + line  # the line before was torn
            return os.write(file, line) == len(line)
        finally:
            os.close(file)
    except OSError:
        return False


@dataclass(frozen=True)
class Moment:
    """A snapshot as it was reported: epochs behind it, the share of right kNN votes, the effective rank, two maps.

    pca, tsne: (M, 2) float32 coordinates of the map's M images, rounded to what a drawing shows.
    """

    epoch: int
    knn_accuracy: float
    effective_rank: float
    pca: np.ndarray
    tsne: np.ndarray


@dataclass
class Story:
    """What the events of one training add up to.

    state: the last of LASTING, empty before the first. pid, process: of the process at work (see `locks.identity`).
    began: when its sitting did, in seconds since 1970. last: the newest step event, in this sitting or before
    it; moving: whether this sitting has made a step. stage: (label, done, total), None while steps are made.
    log: where its log begins, in bytes. ending: the event that ended it. table: the history's rows by epoch and split.
    labels: (M,), those of the map's images, or None. fault: the first line that could not be read, and why, for people;
    empty where every line could be.
    """

    state: str = ""
    pid: int = 0
    process: str = ""
    began: float = 0.0
    device: str = ""
    steps: int = 0
    epochs: int = 0
    moving: bool = False
    last: JsonObject = field(default_factory=dict)
    stage: tuple[str, int, int] | None = None
    log: int = 0
    ending: JsonObject = field(default_factory=dict)
    labels: np.ndarray | None = None
    table: dict[tuple[int, str], JsonObject] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    points: list[JsonObject] = field(default_factory=list)
    stride: int = 1
    seen: int = 0
    fault: str = ""

    @property
    def rows(self) -> list[JsonObject]:
        """The history's rows, as they came."""
        return list(self.table.values())

    def copied(self) -> Story:
        """A copy whose lists another thread does not lengthen."""
        twin = copy.copy(self)
        twin.table, twin.moments, twin.points = dict(self.table), list(self.moments), list(self.points)
        return twin

    def take(self, event: JsonObject) -> None:
        """Go on by one event of KINDS. Raises some error, and leaves all as it was, for one that is not what it says."""
        kind = event["kind"]
        if kind == "starting" and event["pid"] == self.pid:
            return  # it was quicker to speak than its starter
        if kind == "stopping" and self.state in ENDS:
            return
        if kind in LASTING:
            self._turn(kind, event)
        elif kind == "planned":
            self.device, self.steps = str(event["device"]), int(event["steps"])
        elif kind == "map":
            self.labels = np.array(event["labels"], dtype=np.int64)
        elif kind == "step":
            self._step(event)
        elif kind == "rows":
            self.table |= {(int(row["epoch"]), str(row["split"])): row for row in event["rows"]}
        elif kind == "snapshot":
            flat, tsne = (np.array(event[name], dtype=np.float32).reshape(-1, 2) for name in ("pca", "tsne"))
            figures = float(event["knn_accuracy"]), float(event["effective_rank"])
            moment = Moment(int(event["epoch"]), *figures, flat, tsne)
            self.moments = [m for m in self.moments if m.epoch != moment.epoch] + [moment]
        elif kind == "stage":
            self.stage = (str(event["label"]), int(event["done"]), int(event["total"]))

    def _turn(self, kind: str, event: JsonObject) -> None:
        pid, process = int(event.get("pid", self.pid)), str(event.get("process", self.process))
        time, log = float(event["time"]), int(event.get("log", 0))
        if kind == "started":
            epochs, step = int(event["epochs"]), int(event["step"])
            self._back_to(step, epochs)
        if kind == "finished" and "accuracy" in event:  # it was measured
            low, high = map(float, event["interval"])
            event = {**event, "accuracy": float(event["accuracy"]), "interval": (low, high)}
        if kind in ("starting", "started"):
            self.began, self.moving, self.stage = time, False, None
        self.log = log if kind == "starting" else self.log
        self.state, self.ending, self.pid, self.process = kind, event, pid, process

    def _step(self, event: JsonObject) -> None:
        row = point(event)
        self.last = {**row, "steps": int(event["steps"]), "seconds_left": float(event["seconds_left"])}
        self.moving, self.stage = True, None
        if self.seen % self.stride == 0:
            self.points.append(row)
        self.seen += 1
        if len(self.points) > POINTS - 1:  # room for the newest one
            self.points = self.points[::2]
            self.stride *= 2

    def _back_to(self, step: int, epochs: int) -> None:
        """Forget what came after the step that a resumed training goes on from: it comes again."""
        self.epochs = epochs
        epoch = step * self.epochs // self.steps if self.steps else 0
        self.points = [point for point in self.points if point["step"] <= step]
        self.seen = len(self.points) * self.stride
        self.table = {key: row for key, row in self.table.items() if step and key[0] <= epoch}
        self.moments = [moment for moment in self.moments if step and moment.epoch <= epoch]
        if self.last and self.last["step"] > step:
            seconds = self.points[-1]["seconds"] if self.points else 0.0
            self.last = {**self.last, "step": step, "epoch": epoch if step else 0, "seconds": seconds}


def point(step: JsonObject) -> JsonObject:
    """A step event as a row: the step, where and when it was, and its terms. Raises some error where one is missing."""
    figures = {name: float(step[name]) for name in ("learning_rate", "seconds", "images_per_second")}
    terms = {name: float(step["terms"][name]) for name in FIGURES}
    return {"step": int(step["step"]), "epoch": int(step["epoch"]), **figures, **terms}


class _Reader:
    """Where a reader has come in one file, in bytes and lines, and the story up to there."""

    def __init__(self) -> None:
        self.inode, self.head, self.offset, self.lines, self.story = 0, b"", 0, 0, Story()

    def go_on(self, path: Path) -> None:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            head = file.read(HEAD)
            if status.st_ino != self.inode or status.st_size < self.offset or not head.startswith(self.head):
                self.offset, self.lines, self.story = 0, 0, Story()  # another file
            self.inode, self.head = status.st_ino, head
            file.seek(self.offset)
            rest = b""
            while chunk := file.read(CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self.offset += len(line) + 1
                    self.lines += 1
                    self._line(line, path)

    def _line(self, line: bytes, path: Path) -> None:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):  # torn
            return
        if not isinstance(event, dict) or event.get("kind") not in KINDS:  # foreign, or of a later version
            return
        try:
            self.story.take(event)
        except Exception as error:  # nothing in a file may end a page, and none may freeze it in silence
            if not self.story.fault:  # the rest may be a thousand of the same
                words = (
                    f"line {self.lines} of {path.parent.name}/{path.name}, a {event['kind']!r} event, cannot be read"
                )
                self.story.fault = f"{words} ({type(error).__name__}: {str(error)[:200]})"
                LOG.exception("%s; it is skipped", words)


_READERS: OrderedDict[Path, _Reader] = OrderedDict()  # only ever what a file says: it can be dropped at any time
_ONE_AT_A_TIME = threading.Lock()


def read(folder: Path) -> Story:
    """What the folder's events add up to by now; an empty story where there is no file. Safe from any thread.

    A file that cannot be read gives an empty story with a fault.
    """
    path = folder / EVENTS_FILE
    with _ONE_AT_A_TIME:
        reader = _READERS.pop(path, None) or _Reader()
        try:
            reader.go_on(path)
        except FileNotFoundError:
            return Story()
        except OSError as error:
            LOG.warning("%s cannot be read: %s", path, error)
            return Story(fault=f"{folder.name}/{EVENTS_FILE} cannot be read ({error.strerror or error})")
        _READERS[path] = reader
        while len(_READERS) > REMEMBERED:
            _READERS.popitem(last=False)
        return reader.story.copied()
