"""Read, check and write index.json, the list of runs in a Hub repository.

    {"schema": 1, "runs": {name: {"schema": 1, "dataset": "cifar10", "preset": "vicreg", "encoder": "lean",
                                  "epochs": 8, "probe": {"accuracy": 62.5, "interval": [61.5, 63.5], "protocol": "..."},
                                  "bytes": 123, "files": {path: {"bytes": 123, "sha256": "..."}}}}}

Each run has a folder with its name. `files` lists the files in that folder, including config.json, and `bytes` is their
total size. Later downloads are checked against these sizes and hashes. An index that does not follow this format is
rejected. A valid run that this version cannot use stays in the list, with the reason (`Entry.readable`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from vicreg.config import DATASETS, ENCODERS
from vicreg.hub.download_limits import MAX_FILE_BYTES, MAX_FILES, MAX_INDEX_BYTES, MAX_RUN_BYTES, MAX_RUNS
from vicreg.runs.folder import Run
from vicreg.runs.json_files import SCHEMA
from vicreg.storage.files import sha256
from vicreg.storage.hub_errors import HubError
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import CONFIG_FILE
from vicreg.storage.untrusted import plain, shown

INDEX = "index.json"
INDEX_SCHEMA = 1

_RUN = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_FILE = re.compile(
    r"config\.json|model\.safetensors|history\.csv|metrics\.json|README\.md|results/[a-z0-9_-]{1,60}\.parquet"
)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """A run in the index. bytes: total size. files: path in its folder -> (bytes, sha256).

    epochs: 0 for a baseline. readable: empty, or why this version of the app cannot use the run.
    probe: (accuracy, low, high) in percent, or None if not measured.
    """

    name: str
    dataset: str
    preset: str
    encoder: str
    epochs: int
    bytes: int
    files: dict[str, tuple[int, str]]
    readable: str
    probe: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Shelf:
    """The runs of a repository at one commit. revision: as requested. commit: its 40 hex digits."""

    repo: str
    revision: str
    commit: str
    runs: dict[str, Entry]


def run_name(name: str) -> bool:
    """Whether this is a valid run name on the Hub: lower-case letters, digits, dots, dashes, underscores."""
    return _RUN.fullmatch(name) is not None and ".." not in name and plain(name)


def read_index(content: bytes, *, repo: str, revision: str, commit: str, sizes: Mapping[str, int] | None) -> Shelf:
    """Parse index.json.

    sizes: the files in the repository, path -> bytes (-1 if unknown), or None if there is no list. A run whose files are
    missing or have other sizes is marked as not readable. Raises HubError for an invalid index.
    """
    try:
        return Shelf(repo, revision, commit, _entries(content, sizes))
    except _Wrong as error:
        raise HubError(
            f"{INDEX} of {repo} cannot be used: {error}. Choose another revision, or ask the owner to publish it again."
        ) from error


def index_value(run: Run) -> JsonObject:
    """The entry of a run in index.json. The folder must be complete (`folder.verify`)."""
    config = run.folder / CONFIG_FILE
    files = {
        path: {"bytes": run.folder.joinpath(path).stat().st_size, "sha256": entry["sha256"]}
        for path, entry in run.record["files"].items()
    }
    files[CONFIG_FILE] = {"bytes": config.stat().st_size, "sha256": sha256(config)}
    found = run.metrics.get("probe")
    return {
        "schema": SCHEMA,
        "dataset": run.config.dataset,
        "preset": run.config.preset,
        "encoder": run.config.encoder,
        "epochs": 0 if run.baseline else run.record.get("epochs", run.config.epochs),
        "probe": {name: found[name] for name in ("accuracy", "interval", "protocol") if name in found}
        if found
        else None,
        "bytes": sum(entry["bytes"] for entry in files.values()),
        "files": dict(sorted(files.items())),
    }


class _Wrong(ValueError):
    """What is wrong with the index."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise _Wrong(message)


def _object(value: object, message: str) -> JsonObject:
    if not isinstance(value, dict):
        raise _Wrong(message)
    return value


def _entries(content: bytes, sizes: Mapping[str, int] | None) -> dict[str, Entry]:
    _require(len(content) <= MAX_INDEX_BYTES, f"it is larger than {MAX_INDEX_BYTES:,} bytes")
    try:
        index = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _Wrong("it is not JSON") from error
    _require(isinstance(index, dict), "it is not an object")
    schema, runs = index.get("schema"), index.get("runs")
    _require(_whole(schema), "it has no schema")
    _require(schema == INDEX_SCHEMA, f"it has schema {schema}, but this version of the app reads schema {INDEX_SCHEMA}")
    _require(isinstance(runs, dict), "it has no runs")
    _require(len(runs) <= MAX_RUNS, f"it lists {len(runs)} runs, but at most {MAX_RUNS} are allowed")
    for name in runs:
        _require(run_name(name), f"{shown(name)} is not a valid run name")
    return {name: _entry(name, value, sizes) for name, value in runs.items()}


def _entry(name: str, found: object, sizes: Mapping[str, int] | None) -> Entry:
    value = _object(found, f"{name} is not an object")
    schema = value.get("schema")
    _require(_whole(schema), f"{name} has no schema")
    if schema != SCHEMA:  # its other fields may mean anything, so they are ignored
        reason = (
            f"{name} has schema {schema}, but this version of the app reads schema {SCHEMA}; use a matching version"
        )
        return Entry(name, "", "", "", 0, 0, {}, reason)
    words: JsonObject = {}
    for field in ("dataset", "preset", "encoder"):
        words[field] = value.get(field)
        good = isinstance(words[field], str) and _WORD.fullmatch(words[field])
        _require(bool(good), f"the {field} of {name} is missing or not a plain word")
    epochs, total = value.get("epochs"), value.get("bytes")
    if not _whole(epochs) or epochs >= 1_000_000:
        raise _Wrong(f"the epochs of {name} must be a number from 0 to 999,999")
    files = _files(name, value.get("files"))
    if not _whole(total) or total != sum(size for size, _ in files.values()):
        raise _Wrong(f"the bytes of {name} do not add up")
    _require(total <= MAX_RUN_BYTES, f"{name} has {total:,} bytes, but at most {MAX_RUN_BYTES:,} are allowed")
    reason = ""
    if words["encoder"] not in ENCODERS:
        reason = f"{name} has the encoder {words['encoder']!r}, but this version of the app knows {', '.join(ENCODERS)}"
    elif words["dataset"] not in DATASETS:
        reason = (
            f"{name} has the data set {words['dataset']!r}, but this version of the app knows {', '.join(DATASETS)}"
        )
    elif sizes is not None:
        reason = _held(name, files, sizes)
    probe = _probe(name, value.get("probe"))
    return Entry(name, **words, epochs=epochs, bytes=total, files=files, readable=reason, probe=probe)


def _files(name: str, found: object) -> dict[str, tuple[int, str]]:
    value = _object(found, f"{name} lists no files")
    _require(len(value) <= MAX_FILES, f"{name} lists {len(value)} files, but at most {MAX_FILES} are allowed")
    _require(CONFIG_FILE in value, f"{name} lists no {CONFIG_FILE}")
    files = {}
    for path, entry in value.items():
        _require(_FILE.fullmatch(path) is not None, f"{name} lists {shown(path)}, which does not belong to a run")
        _require(isinstance(entry, dict), f"{name}/{path} is not an object")
        size, digest = entry.get("bytes"), entry.get("sha256")
        _require(
            _whole(size) and size <= MAX_FILE_BYTES, f"{name}/{path} has no size, or more than {MAX_FILE_BYTES:,} bytes"
        )
        _require(isinstance(digest, str) and _SHA256.fullmatch(digest) is not None, f"{name}/{path} has no sha256")
        files[path] = size, digest
    return files


def _held(name: str, files: Mapping[str, tuple[int, str]], sizes: Mapping[str, int]) -> str:
    for path, (size, _) in files.items():
        held = sizes.get(f"{name}/{path}")
        if held is None:
            return f"{name} lists {path}, which is missing in the repository; ask the owner to publish it again"
        if held not in (-1, size):
            return f"{name} lists {path} with {size:,} bytes, but it has {held:,}; ask the owner to publish it again"
    return ""


def _probe(name: str, found: object) -> tuple[float, float, float] | None:
    if found is None:
        return None
    value = _object(found, f"the probe of {name} is not an object")
    interval, protocol = value.get("interval"), value.get("protocol", "")
    if not isinstance(interval, list) or len(interval) != 2:
        raise _Wrong(f"the probe of {name} has no interval")
    figures = (value.get("accuracy"), *interval)
    for figure in figures:
        good = isinstance(figure, (int, float)) and not isinstance(figure, bool)
        _require(good and 0 <= figure <= 100, f"the probe of {name} is not a percentage")
    _require(isinstance(protocol, str) and len(protocol) <= 500, f"the probe of {name} has no protocol")
    accuracy, low, high = map(float, figures)
    return accuracy, low, high


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
