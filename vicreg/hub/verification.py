"""Check downloaded files against the index of their repository. A file that fails is removed and named in the error.

Nothing in a repository is trusted: every file must match the sha256 in the index, weights must be safetensors, and
config.json must agree with the index.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from vicreg.hub.index import INDEX, Entry, Shelf
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run, open_run
from vicreg.storage import hub_client
from vicreg.storage.files import sha256
from vicreg.storage.hub_errors import HubError
from vicreg.storage.paths import CONFIG_FILE, WEIGHTS_FILE
from vicreg.storage.untrusted import shown


def check_file(file: Path, shelf: Shelf, name: str, path: str) -> None:
    """Check a downloaded file of a run. name: the run. path: in its folder. Raises HubError if it is not as listed."""
    _, digest = shelf.runs[name].files[path]
    if not trusted(file, shelf.repo) or sha256(file) != digest:
        _refuse(file, shelf, f"{name}/{path}", f"its sha256 differs from {INDEX}")
    if path == WEIGHTS_FILE:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file, "numpy"):
                pass
        except (SafetensorError, OSError) as error:
            _refuse(file, shelf, f"{name}/{path}", f"it is not a safetensors file ({shown(str(error))})")


def check_run(shelf: Shelf, entry: Entry) -> Run:
    """Open the run after checking that its config.json agrees with the index."""
    config_file = hub_client.cached(shelf.repo, f"{entry.name}/{CONFIG_FILE}", revision=shelf.commit)
    assert config_file is not None, "it was just downloaded"
    folder = config_file.parent
    listed = {path: digest for path, (_, digest) in entry.files.items() if path != CONFIG_FILE}
    try:
        run = open_cached(folder, shelf.repo)
        if run is None or {path: file["sha256"] for path, file in run.record["files"].items()} != listed:
            raise RunError(f"it lists different files than {INDEX}")
        config = run.config
        if (config.dataset, config.preset, config.encoder) != (entry.dataset, entry.preset, entry.encoder):
            raise RunError(f"its data set, preset or encoder differs from {INDEX}")
        return run
    except RunError as error:
        _refuse(folder / CONFIG_FILE, shelf, f"{entry.name}/{CONFIG_FILE}", str(error))


def _refuse(file: Path, shelf: Shelf, name: str, why: str) -> NoReturn:
    hub_client.forget(file, shelf.repo)
    raise HubError(
        f"{name} of {shelf.repo} cannot be used and was removed: {why}. Try again. If it happens again, choose another "
        "revision, or ask the owner to publish it again."
    )


def trusted(file: Path, repo: str) -> bool:
    """Whether a cached file exists and is not a link out of the cache."""
    return file.is_file() and hub_client.inside(file, repo)


def open_cached(folder: Path, repo: str) -> Run | None:
    """Open a run in the client's cache; None if files are missing. Raises RunError."""
    if not trusted(folder / CONFIG_FILE, repo):
        raise RunError(
            f"{folder.name}/{CONFIG_FILE} is a link out of the Hub's cache; remove it and download the run again"
        )
    run = open_run(folder)
    for path in run.record["files"]:
        if not (folder / path).is_file():
            return None
        if not trusted(folder / path, repo):
            raise RunError(
                f"{folder.name}/{path} is a link out of the Hub's cache; remove it and download the run again"
            )
    return run
