"""job.json: what is trained in a folder, its limits, and the command to resume."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from vicreg.config import Config
from vicreg.storage.files import atomic_path
from vicreg.storage.paths import JOB_FILE, run_name

SCHEMA = 1


class DamagedRecord(ValueError):
    """A job.json that is missing or damaged."""


@dataclass(frozen=True)
class Limits:
    """Limits of a training; None means unlimited. A training that reaches a limit saves its state and stops.

    epochs: total, checked before it starts.
    seconds: total training time over all sessions, without reading and evaluation.
    disk_bytes: size of the training's folder. Must hold two states, because saving keeps the old one until the end.
    """

    epochs: int | None = None
    seconds: float | None = None
    disk_bytes: int | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise ValueError(f"{field.name} must be positive, or None for no limit, got {value}")


@dataclass(frozen=True)
class Record:
    """The contents of job.json: what is trained and how to resume. Independent of the folder's location.

    name: of the run. images: use the first N train images; None for all. limits: over all sessions.
    more: additional command-line arguments. token: identifies the owner; may be empty. created: seconds since 1970.
    background: whether a page or a program started it. Its folder then stays after it has finished, for those who watch it.
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
        """Raises ValueError or TypeError for values that `write_record` never writes."""
        try:
            self.name.encode()
        except (AttributeError, UnicodeEncodeError) as error:
            raise ValueError("the name of the run must be text: choose another with --name") from error
        texts = (self.name, self.device, self.token, *self.more)
        if not all(isinstance(text, str) for text in texts) or not isinstance(self.background, bool):
            raise ValueError("name, device, token and more must be text, and background true or false")
        if not 0 <= self.created < 1e11 or not (self.images is None or type(self.images) is int):
            raise ValueError("created or images is not a valid number")


def read_record(folder: Path) -> Record:
    """Read the job.json of a folder. Raises DamagedRecord, naming the folder, if it is missing or damaged."""
    try:
        found = json.loads((folder / JOB_FILE).read_text("utf-8"))
        if found.pop("schema") != SCHEMA:
            raise ValueError(f"this version reads schema {SCHEMA}")
        if found["name"] != run_name(folder):
            raise ValueError(f"it belongs to {str(found['name'])[:100]!r}")
        config, limits = Config.from_dict(found.pop("config")), Limits(**found.pop("limits"))
        return Record(config=config, limits=limits, more=tuple(found.pop("more")), **found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedRecord(
            f"{folder.name}/{JOB_FILE} cannot be read ({error}); delete the folder to start again"
        ) from error


def write_record(folder: Path, record: Record) -> None:
    """Write job.json atomically. Raises OSError."""
    with atomic_path(folder / JOB_FILE) as temporary:
        values = {**vars(record), "schema": SCHEMA, "config": record.config.to_dict(), "limits": vars(record.limits)}
        temporary.write_text(json.dumps(values, indent=2) + "\n", "utf-8")


def arguments(folder: Path, record: Record) -> tuple[str, ...]:
    """The arguments after `python -m vicreg` that start or resume the training in a folder."""
    words = ["train", "--config", str(folder / JOB_FILE), "--folder", str(folder.parent), "--name", record.name]
    words += ["--device", record.device]
    for option, value in (
        ("--images", record.images),
        ("--max-seconds", record.limits.seconds),
        ("--max-disk", record.limits.disk_bytes),
    ):
        words += [] if value is None else [option, str(value)]
    return (*words, *record.more)
