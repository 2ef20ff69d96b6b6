"""Runs on the Hugging Face Hub: what a repository offers, bringing runs in, and what is here already.

A repository holds run folders side by side, a model card and index.json (`vicreg.hub.index`). Nothing in it is trusted:
every file is held against the index's sha256, weights must be safetensors, config.json must say the same as the index,
and whatever is wrong is named and removed. Runs stay in the Hub client's own cache and are opened there, so that a
download by `huggingface_hub.snapshot_download` serves as well; config.json comes last, so a run is there whole or not.

    shelf = downloads.look("OWNER/NAME")                      # the network, at most a few seconds
    runs = downloads.download(shelf, ["cifar10-vicreg"])      # the network
    runs, broken = downloads.cached_runs("OWNER/NAME")        # never the network
    run = downloads.load("OWNER/NAME", run="cifar10-vicreg")  # the cache, else both of the above
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from vicreg.hub.index import INDEX, MAX_INDEX_BYTES, Entry, Shelf, read_index, run_name
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run, open_run
from vicreg.storage import hub_client
from vicreg.storage.files import sha256
from vicreg.storage.hub_errors import Cancelled, HubError, no_space, sentence
from vicreg.storage.paths import CONFIG_FILE, WEIGHTS_FILE
from vicreg.storage.untrusted import shown

LOOK_SECONDS = 10.0  # index.json is small: a Hub that takes longer after it answered the probe is not there
SPARE_BYTES = 200_000_000  # stay free on the disk after a download: a server's visitors share it


def default_repo() -> str:
    """The repository named by VICREG_HUB (`OWNER/NAME`, with `@REVISION` if need be), else an empty string."""
    return os.environ.get("VICREG_HUB", "").strip()


def look(repo: str, revision: str = "main", *, token: str | bool | None = None) -> Shelf:
    """The runs that a repository offers, pinned to the commit that the revision means now.

    token: of the Hub; None takes that of `hf auth login`, and False none, for whoever asks on behalf of strangers.
    Takes at most `hub_client.PROBE_SECONDS` where the Hub cannot be reached. Raises HubError.
    """
    listing = hub_client.probe(repo, revision, token=token)
    if INDEX not in listing.sizes:
        raise HubError(
            f"{repo} holds no runs: it has no {INDEX}. Check the spelling, or publish runs with "
            f"`python -m vicreg publish {repo}`."
        )
    deadline = time.monotonic() + LOOK_SECONDS
    try:
        path = hub_client.fetch(
            repo,
            INDEX,
            commit=listing.commit,
            max_bytes=MAX_INDEX_BYTES,
            token=token,
            should_stop=lambda: time.monotonic() > deadline,
        )
    except Cancelled as error:
        raise HubError(sentence(TimeoutError(), repo=repo, path=INDEX)) from error
    try:
        content = path.read_bytes() if _trusted(path, repo) else b""
        return read_index(content, repo=repo, revision=revision, commit=listing.commit, sizes=listing.sizes)
    except HubError:
        hub_client.forget(path, repo)  # it may be this copy that is damaged
        raise


def cached_shelf(repo: str, revision: str = "main") -> Shelf | None:
    """The shelf as it was last seen, from the client's cache; None if it is not there, or damaged.

    A branch means the commit that runs were last downloaded from. Raises HubError for a name that cannot be.
    """
    folder = hub_client.snapshot(repo, revision)
    try:
        if folder is None or not _trusted(folder / INDEX, repo):
            return None
        content = (folder / INDEX).read_bytes()
        return read_index(content, repo=repo, revision=revision, commit=folder.name, sizes=None)
    except (OSError, HubError):
        return None


def cached_runs(repo: str, revision: str = "main") -> tuple[dict[str, Run], list[str]]:
    """The runs of a revision that are whole in the client's cache, and a sentence for each that is broken.

    Reads only every config.json; a file's sha256 is checked when the run first reads it. A run of which some files are
    missing is not there yet, and not broken.
    """
    folder = hub_client.snapshot(repo, revision)
    found: dict[str, Run] = {}
    broken: list[str] = []
    for path in sorted(folder.glob(f"*/{CONFIG_FILE}")) if folder is not None else ():
        name = path.parent.name
        if not run_name(name) or not path.is_file():
            continue
        try:
            run = _open(path.parent, repo)
        except RunError as error:
            broken.append(str(error))
            continue
        if run is not None:
            found[name] = run
    return found, broken


def missing_bytes(shelf: Shelf, names: Iterable[str]) -> int:
    """How many bytes a download of these runs would still fetch. Raises HubError for names that are not there."""
    return sum(size for _, _, size in _missing(shelf, _chosen(shelf, names)))


def download(
    shelf: Shelf,
    names: Iterable[str],
    *,
    token: str | bool | None = None,
    on_bytes: hub_client.OnBytes = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Run]:
    """Bring runs into the client's cache, every file checked, and open them: name -> Run.

    token: as `look`. on_bytes(done, total) counts what was not there before. Where the revision is a branch that older
    runs were fetched
    from, those that did not change come along, since its name now means the shelf's commit. Raises Cancelled when told
    to stop, and HubError, naming the file, for whatever is wrong; runs that were there before stay as they were.
    """
    entries = _chosen(shelf, names)
    before = cached_shelf(shelf.repo, shelf.revision)
    kept = cached_runs(shelf.repo, shelf.revision)[0] if before is not None and before.commit != shelf.commit else {}
    names_now = {e.name for e in entries}
    unchanged = [n for n in kept if before is not None and _same(before, shelf, n) and n not in names_now]
    entries += _chosen(shelf, unchanged)

    for entry in entries:  # what was damaged since is fetched again
        for path, (_, digest) in entry.files.items():
            file = hub_client.cached(shelf.repo, f"{entry.name}/{path}", revision=shelf.commit)
            if file is not None and not (_trusted(file, shelf.repo) and sha256(file) == digest):
                hub_client.forget(file, shelf.repo)
    missing = _missing(shelf, entries)
    total, done = sum(size for _, _, size in missing), 0
    if total and total + SPARE_BYTES > hub_client.free_bytes():
        raise HubError(no_space(f"the runs of {shelf.repo}", total + SPARE_BYTES))
    for name, path, size in missing:

        def count(n: int, _: int, so_far: int = done) -> None:
            on_bytes(so_far + n, total)

        _fetch(
            shelf,
            name,
            path,
            token=token,
            on_bytes=count,
            should_stop=should_stop,
        )
        done += size
    on_bytes(total, total)
    runs = {entry.name: _checked(shelf, entry) for entry in entries}
    hub_client.remember(shelf.repo, shelf.revision, shelf.commit)
    return {name: run for name, run in runs.items() if name not in unchanged}


def load(repo: str, *, run: str, revision: str = "main") -> Run:
    """A run by the name of its folder: what the Hub client's cache holds, else what the Hub has.

    repo: `OWNER/NAME`, or `OWNER/NAME@REVISION`. A branch that was downloaded from once is not asked for again: give a
    commit to say exactly which, or `look` and `download` for the newest. Raises HubError, naming the runs there are.

        run = vicreg.load("OWNER/NAME", run="cifar10-vicreg")
        representations = vicreg.encode(run.encoder, images)
    """
    if "@" in repo:
        repo, revision = hub_client.parse(repo)
    here, _ = cached_runs(repo, revision)
    if run in here:
        return here[run]
    return download(look(repo, revision), [run])[run]


def _chosen(shelf: Shelf, names: Iterable[str]) -> list[Entry]:
    entries = []
    for name in dict.fromkeys(names):
        if name not in shelf.runs:
            there = ", ".join(shelf.runs) or "none"
            raise HubError(f"{shelf.repo} has no run {shown(name)}; there are: {there}.")
        if shelf.runs[name].readable:
            raise HubError(f"{shelf.runs[name].readable}.")
        entries.append(shelf.runs[name])
    return entries


def _missing(shelf: Shelf, entries: Iterable[Entry]) -> list[tuple[str, str, int]]:
    """(run, path in its folder, bytes) of every file that is not in the cache; of a run's files config.json is last."""
    return [
        (entry.name, path, entry.files[path][0])
        for entry in entries
        for path in sorted(entry.files, key=lambda path: (path == CONFIG_FILE, path))
        if hub_client.cached(shelf.repo, f"{entry.name}/{path}", revision=shelf.commit) is None
    ]


def _same(before: Shelf, shelf: Shelf, name: str) -> bool:
    old, new = before.runs.get(name), shelf.runs.get(name)
    return old is not None and new is not None and old.files == new.files and not new.readable


def _fetch(
    shelf: Shelf,
    name: str,
    path: str,
    *,
    token: str | bool | None,
    on_bytes: hub_client.OnBytes,
    should_stop: Callable[[], bool],
) -> None:
    size, digest = shelf.runs[name].files[path]
    file = hub_client.fetch(
        shelf.repo,
        f"{name}/{path}",
        commit=shelf.commit,
        max_bytes=size,
        token=token,
        on_bytes=on_bytes,
        should_stop=should_stop,
    )
    if not _trusted(file, shelf.repo) or sha256(file) != digest:
        _refuse(file, shelf, f"{name}/{path}", f"it is not what {INDEX} says (its sha256 is another)")
    if path == WEIGHTS_FILE:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file, "numpy"):
                pass
        except (SafetensorError, OSError) as error:
            _refuse(file, shelf, f"{name}/{path}", f"it is no safetensors file ({shown(str(error))})")


def _checked(shelf: Shelf, entry: Entry) -> Run:
    """The run, once its config.json says the same as the index."""
    config_file = hub_client.cached(shelf.repo, f"{entry.name}/{CONFIG_FILE}", revision=shelf.commit)
    assert config_file is not None, "it was just fetched"
    folder = config_file.parent
    listed = {path: digest for path, (_, digest) in entry.files.items() if path != CONFIG_FILE}
    try:
        run = _open(folder, shelf.repo)
        if run is None or {path: file["sha256"] for path, file in run.record["files"].items()} != listed:
            raise RunError(f"it lists other files than {INDEX} does")
        config = run.config
        if (config.dataset, config.preset, config.encoder) != (entry.dataset, entry.preset, entry.encoder):
            raise RunError(f"its data set, preset or encoder is not the one that {INDEX} gives")
        return run
    except RunError as error:
        _refuse(folder / CONFIG_FILE, shelf, f"{entry.name}/{CONFIG_FILE}", str(error))


def _refuse(file: Path, shelf: Shelf, name: str, why: str) -> NoReturn:
    hub_client.forget(file, shelf.repo)
    raise HubError(
        f"{name} of {shelf.repo} cannot be used and was removed: {why}. Try again; if it stays so, choose another "
        "revision, or ask its owner to publish it again."
    )


def _trusted(file: Path, repo: str) -> bool:
    """Whether a cached file is one, and no link out of the cache."""
    return file.is_file() and hub_client.inside(file, repo)


def _open(folder: Path, repo: str) -> Run | None:
    """The run in a folder of the client's cache; None if files are missing. Raises RunError."""
    if not _trusted(folder / CONFIG_FILE, repo):
        raise RunError(
            f"{folder.name}/{CONFIG_FILE} is a link out of the Hub's cache; remove it and download the run again"
        )
    run = open_run(folder)
    for path in run.record["files"]:
        if not (folder / path).is_file():
            return None
        if not _trusted(folder / path, repo):
            raise RunError(
                f"{folder.name}/{path} is a link out of the Hub's cache; remove it and download the run again"
            )
    return run
