"""job.json: what is trained in a folder, within which limits, and the command that goes on with it."""

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
    """The folder's job.json. Raises DamagedRecord, which names the folder."""
    try:
        found = json.loads((folder / JOB_FILE).read_text("utf-8"))
        if found.pop("schema") != SCHEMA:
            raise ValueError(f"this version reads schema {SCHEMA}")
        if found["name"] != run_name(folder):
            raise ValueError(f"it is that of {str(found['name'])[:100]!r}")
        config, limits = Config.from_dict(found.pop("config")), Limits(**found.pop("limits"))
        return Record(config=config, limits=limits, more=tuple(found.pop("more")), **found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedRecord(
            f"{folder.name}/{JOB_FILE} cannot be read ({error}); delete that folder to start over"
        ) from error


def write_record(folder: Path, record: Record) -> None:
    """Write job.json, whole or not at all. Raises OSError."""
    with atomic_path(folder / JOB_FILE) as temporary:
        values = {**vars(record), "schema": SCHEMA, "config": record.config.to_dict(), "limits": vars(record.limits)}
        temporary.write_text(json.dumps(values, indent=2) + "\n", "utf-8")


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
