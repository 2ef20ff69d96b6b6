"""The events of a training: a file of JSON lines that the training appends to, and the state that a reader derives from it.

Each line of `events.jsonl` is an object with "time" (seconds since 1970) and "kind":

    starting   pid, process, log: written by the process that starts the training, before the training writes anything;
               log: bytes in its log file so far
    started    pid, process, step, epochs, batch: a process continues from this step, the last one saved
    planned    device, steps, images: the pictures have been read; map: labels of the images on every map, in order
    step       step, steps, epoch, terms, learning_rate, seconds, seconds_left, images_per_second
    rows       rows: new rows of the history; snapshot: epoch, knn_accuracy, effective_rank, pca and tsne (x, y, x, ...)
    stage      label, done, total: reading, encoding, measuring
    stopping   it was asked to stop; stopped: reason, empty if somebody asked for it
    finished   accuracy, interval: of the linear probe, in percent; failed: sentence, error

Each line is one write, so readers see whole lines. Only a crash or a full disk can cut off the last line; readers skip
it, and the next writer starts a new line. They also skip kinds that this version does not know. A line of a known kind
that cannot be read is a fault in the file or in this module: it is skipped and logged, and `Story.fault` names it. A reader
keeps its position in the file and reads only what was added.
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

from vicreg.loss_terms import FIGURES
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import EVENTS_FILE

LOG = logging.getLogger(__name__)
POINTS = 2_000  # the most steps that are kept; when there are more, every second one is dropped
REMEMBERED = 256  # readers that are kept, one per file
CHUNK = 1 << 20  # bytes to read at a time
HEAD = 64  # bytes at the beginning of a file, to notice that it was replaced
ENDS = ("stopped", "finished", "failed")
LASTING = ("starting", "started", "stopping", *ENDS)  # kinds that change the state of a training
KINDS = (*LASTING, "planned", "map", "step", "rows", "snapshot", "stage")


def append(folder: Path, kind: str, **values: object) -> bool:
    """Append one event to the folder's file. Returns False if it cannot be written; the training continues anyway."""
    line = json.dumps({"time": round(time.time(), 3), "kind": kind, **values}, separators=(",", ":")).encode() + b"\n"
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    try:
        file = os.open(folder / EVENTS_FILE, flags, 0o644)
        try:
            if os.fstat(file).st_size:
                os.lseek(file, -1, os.SEEK_END)
                if os.read(file, 1) != b"\n":
                    line = b"\n" + line  # the line before was cut off
            return os.write(file, line) == len(line)
        finally:
            os.close(file)
    except OSError:
        return False


@dataclass(frozen=True)
class Moment:
    """A snapshot: number of epochs done, kNN accuracy (0 to 1), effective rank, and two maps.

    pca, tsne: (M, 2) float32 coordinates of the map's M images, rounded for drawing.
    """

    epoch: int
    knn_accuracy: float
    effective_rank: float
    pca: np.ndarray
    tsne: np.ndarray


@dataclass
class Story:
    """The state of one training, as its events describe it.

    state: the last event kind in LASTING; empty before the first. pid, process: of the current process (see
    `locks.identity`). began: when this process started, in seconds since 1970. last: the latest step event, of this process
    or an earlier one. moving: whether this process has made a step. stage: (label, done, total); None during steps.
    log: where its part of the log begins, in bytes. ending: the event that ended it. table: the history's rows by epoch and
    split. labels: (M,), of the map's images, or None. fault: a sentence about the first line that could not be read; empty
    if there is none.
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
        """The history's rows, in the order of arrival."""
        return list(self.table.values())

    def copied(self) -> Story:
        """A copy whose lists do not change when another thread reads on."""
        twin = copy.copy(self)
        twin.table, twin.moments, twin.points = dict(self.table), list(self.moments), list(self.points)
        return twin

    def take(self, event: JsonObject) -> None:
        """Apply one event of a kind in KINDS. Raises an error, without any change, if the event is not valid."""
        kind = event["kind"]
        if kind == "starting" and (event["pid"], event.get("process", self.process)) == (self.pid, self.process):
            return  # the training was faster than its starter
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
        if kind == "finished" and "accuracy" in event:  # it was evaluated
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
        if len(self.points) > POINTS - 1:  # leave room for the newest
            self.points = self.points[::2]
            self.stride *= 2

    def _back_to(self, step: int, epochs: int) -> None:
        """Drop everything after the step that a resumed training continues from; it will come again."""
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
    """A step event as a row: step, time, epoch and terms. Raises an error if one is missing."""
    figures = {name: float(step[name]) for name in ("learning_rate", "seconds", "images_per_second")}
    terms = {name: float(step["terms"][name]) for name in FIGURES}
    return {"step": int(step["step"]), "epoch": int(step["epoch"]), **figures, **terms}


class _Reader:
    """A reader's position in one file, in bytes and lines, and the story so far."""

    def __init__(self) -> None:
        self.inode, self.head, self.offset, self.lines, self.story = 0, b"", 0, 0, Story()

    def go_on(self, path: Path) -> None:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            head = file.read(HEAD)
            if status.st_ino != self.inode or status.st_size < self.offset or not head.startswith(self.head):
                self.offset, self.lines, self.story = 0, 0, Story()  # the file was replaced
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
        except (ValueError, RecursionError):  # cut off
            return
        if not isinstance(event, dict) or event.get("kind") not in KINDS:  # not ours, or of a later version
            return
        try:
            self.story.take(event)
        except Exception as error:  # a bad line must neither crash a page nor freeze it silently
            if not self.story.fault:  # log only the first; there may be thousands
                words = (
                    f"line {self.lines} of {path.parent.name}/{path.name}, a {event['kind']!r} event, cannot be read"
                )
                self.story.fault = f"{words} ({type(error).__name__}: {str(error)[:200]})"
                LOG.exception("%s; it is skipped", words)


_READERS: OrderedDict[Path, _Reader] = OrderedDict()  # derived from files, so it can be dropped at any time
_ONE_AT_A_TIME = threading.Lock()


def read(folder: Path) -> Story:
    """The state of the training in a folder, from its events; an empty story if there is no file. Safe to call in any thread.

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
