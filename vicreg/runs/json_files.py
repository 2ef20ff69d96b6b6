"""Read and check a run's config.json and metrics.json. Cached by content: a server opens all runs for every page.

Callers share what these functions return, and must not change it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vicreg.config import BASELINES, Config
from vicreg.runs import json_rules
from vicreg.runs.errors import RunError
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import CONFIG_FILE, METRICS_FILE, WEIGHTS_FILE
from vicreg.storage.untrusted import shown

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

T = TypeVar("T")
SCHEMA = 1
KEPT = 100  # files of each kind
LARGEST_KEPT = 100_000  # bytes of a file that is kept; the largest of our runs has 24 kB, and 80 kB once parsed


def settings_of(path: Path, name: str) -> tuple[Config, JsonObject]:
    """The Config in a config.json, and the whole file. name: of the run. Raises RunError, naming what is wrong."""
    return _once(_settings, json_rules.read_file(path, run=name), name)


def metrics_of(path: Path, name: str, *, classes: int, baseline: str) -> JsonObject:
    """The contents of a metrics.json; see `json_rules.check_metrics` for the arguments. Raises RunError."""
    return _once(_metrics, json_rules.read_file(path, run=name), name, classes, baseline)


def plain_name(name: object) -> bool:
    """Whether a file name stays inside the run's folder."""
    if not isinstance(name, str) or "\\" in name or ":" in name:
        return False
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts)


def _once(parse: _lru_cache_wrapper[T], content: bytes, *args: str | int) -> T:
    return (parse if len(content) <= LARGEST_KEPT else parse.__wrapped__)(content, *args)


@lru_cache(maxsize=KEPT)
def _settings(content: bytes, name: str) -> tuple[Config, JsonObject]:
    record = json_rules.parse_json(content, file=CONFIG_FILE, run=name)
    try:
        version = record["schema"]
        if type(version) is int and version != SCHEMA:
            raise RunError(
                f"{name} has schema {shown(version)}, but this version of the app reads schema {SCHEMA}; "
                "use a matching version"
            )
        files = record["files"]
        if not all(plain_name(file) and len(entry["sha256"]) == 64 for file, entry in files.items()):
            raise RunError(f"{name}/{CONFIG_FILE} lists a file outside the run's folder or a file without sha256")
        if WEIGHTS_FILE not in files and record.get("baseline", {}).get("name") not in BASELINES:
            raise RunError(f"{name}/{CONFIG_FILE} lists no {WEIGHTS_FILE} and names no baseline")
        json_rules.check_record(record, name=name)
        return Config.from_dict(record["config"]), record
    except RunError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        words = (
            str(error)[:500].replace("[", "(").replace("]", ")")
        )  # strings are checked by now; brackets of lists could look like Markdown links
        raise RunError(f"{name}/{CONFIG_FILE} cannot be read: {words}") from error


@lru_cache(maxsize=KEPT)
def _metrics(content: bytes, name: str, classes: int, baseline: str) -> JsonObject:
    found = json_rules.parse_json(content, file=METRICS_FILE, run=name)
    json_rules.check_metrics(found, name=name, classes=classes, baseline=baseline)
    return found
