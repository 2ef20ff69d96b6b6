"""Download runs from the Hugging Face Hub, and find those that are already downloaded.

A repository contains run folders, a model card and index.json (`vicreg.hub.index`). Nothing in it is trusted: every file is
checked (`vicreg.hub.verification`), and those that fail are reported and removed. Runs stay in the Hub client's cache, so that
`huggingface_hub.snapshot_download` works as well. config.json is downloaded last, so a run with config.json is complete.

    from vicreg.hub import run_downloads as downloads
    shelf = downloads.look("OWNER/NAME")                      # uses the network, for a few seconds at most
    runs = downloads.download(shelf, ["cifar10-vicreg"])      # uses the network
    runs, broken = downloads.cached_runs("OWNER/NAME")        # never uses the network
    run = downloads.load("OWNER/NAME", run="cifar10-vicreg")  # from the cache; if it is not there, look and download
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from vicreg.hub.download_limits import MAX_INDEX_BYTES
from vicreg.hub.index import INDEX, Entry, Shelf, read_index, run_name
from vicreg.hub.verification import check_file, check_run, open_cached, trusted
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run
from vicreg.storage import hub_client, hub_file
from vicreg.storage.files import sha256
from vicreg.storage.hub_errors import Cancelled, HubError, no_space, sentence
from vicreg.storage.paths import CONFIG_FILE
from vicreg.storage.untrusted import shown

SPARE_BYTES = 200_000_000  # must stay free on the disk, which all visitors of a server share


def default_repo() -> str:
    """The repository in VICREG_HUB (`OWNER/NAME` or `OWNER/NAME@REVISION`); empty if unset."""
    return os.environ.get("VICREG_HUB", "").strip()


def look(repo: str, revision: str = "main", *, token: str | bool | None = None) -> Shelf:
    """Ask the Hub for the runs in a repository, pinned to the revision's current commit.

    token: a Hub token; None uses that of `hf auth login`; False uses none, for requests on behalf of visitors.
    Takes at most `hub_client.PROBE_SECONDS` if the Hub is unreachable. Raises HubError.
    """
    _check_space(f"the list of {repo}'s runs", MAX_INDEX_BYTES)
    listing = hub_client.probe(repo, revision, token=token)
    if INDEX not in listing.sizes:
        raise HubError(
            f"{repo} contains no runs: it has no {INDEX}. Check the spelling, or publish runs with "
            f"`python -m vicreg publish {repo}`."
        )
    deadline = time.monotonic() + hub_client.INDEX_SECONDS
    try:
        path = hub_file.fetch(
            repo,
            INDEX,
            commit=listing.commit,
            max_bytes=MAX_INDEX_BYTES,
            token=token,
            should_stop=lambda: time.monotonic() > deadline,
        )
    except Cancelled as error:
        raise HubError(sentence(TimeoutError(), repo=repo, path=INDEX, token=token)) from error
    try:
        content = path.read_bytes() if trusted(path, repo) else b""
        return read_index(content, repo=repo, revision=revision, commit=listing.commit, sizes=listing.sizes)
    except HubError:
        hub_client.forget(path, repo)  # perhaps only our copy is damaged
        raise


def cached_shelf(repo: str, revision: str = "main") -> Shelf | None:
    """The last known runs of a repository, from the client's cache; None if missing or damaged.

    A branch means the commit of the last download. Raises HubError for an invalid name.
    """
    folder = hub_client.snapshot(repo, revision)
    try:
        if folder is None or not trusted(folder / INDEX, repo):
            return None
        content = (folder / INDEX).read_bytes()
        return read_index(content, repo=repo, revision=revision, commit=folder.name, sizes=None)
    except (OSError, HubError):
        return None


def cached_runs(repo: str, revision: str = "main") -> tuple[dict[str, Run], list[str]]:
    """The complete runs of a revision in the client's cache, and a message for each broken one.

    Reads only the config.json files; other files are checked when first read. Runs with missing files are skipped.
    """
    found: dict[str, Run] = {}
    broken: list[str] = []
    try:
        folder = hub_client.snapshot(repo, revision)
        folders = [path for path in sorted(folder.iterdir()) if (path / CONFIG_FILE).is_file()] if folder else []
    except OSError as error:  # another user's, or on a disk that is gone
        broken.append(
            f"What was downloaded from {repo} cannot be listed ({error.strerror}): allow this user to read the Hugging Face "
            "cache, or set HF_HOME to another folder"
        )
        return found, broken
    for path in folders:
        name = path.name
        if not run_name(name):
            continue
        try:
            run = open_cached(path, repo)
        except RunError as error:
            broken.append(str(error))
            continue
        if run is not None:
            found[name] = run
    return found, broken


def missing_bytes(shelf: Shelf, names: Iterable[str]) -> int:
    """How many bytes these runs still need to download. Raises HubError for unknown names."""
    return sum(size for _, _, size in _missing(shelf, _chosen(shelf, names)))


def download(
    shelf: Shelf,
    names: Iterable[str],
    *,
    token: str | bool | None = None,
    on_bytes: hub_file.OnBytes = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Run]:
    """Download runs into the client's cache, check every file, and open them: name -> Run.

    token: as in `look`. on_bytes(done, total): download progress, without files that were already there.
    If the revision is a branch from which older runs were downloaded, their unchanged files are kept for the new commit.
    Raises Cancelled if stopped, and HubError, naming the file, for all other problems. Existing runs do not change.
    """
    entries = _chosen(shelf, names)
    before = cached_shelf(shelf.repo, shelf.revision)
    kept = cached_runs(shelf.repo, shelf.revision)[0] if before is not None and before.commit != shelf.commit else {}
    names_now = {e.name for e in entries}
    unchanged = [n for n in kept if before is not None and _same(before, shelf, n) and n not in names_now]
    entries += _chosen(shelf, unchanged)

    for entry in entries:  # download damaged files again
        for path, (_, digest) in entry.files.items():
            file = hub_client.cached(shelf.repo, f"{entry.name}/{path}", revision=shelf.commit)
            if file is not None and not (trusted(file, shelf.repo) and sha256(file) == digest):
                hub_client.forget(file, shelf.repo)
    missing = _missing(shelf, entries)
    total, done = sum(size for _, _, size in missing), 0
    if total:
        _check_space(f"the runs of {shelf.repo}", total)
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
    runs = {entry.name: check_run(shelf, entry) for entry in entries}
    hub_client.remember(shelf.repo, shelf.revision, shelf.commit)
    return {name: run for name, run in runs.items() if name not in unchanged}


def load(repo: str, *, run: str, revision: str = "main") -> Run:
    """Load a run by name, from the Hub client's cache if it is there, otherwise from the Hub.

    repo: `OWNER/NAME` or `OWNER/NAME@REVISION`. For a branch, a cached run is used even if the Hub has a newer one: pass a
    commit, or call `look` and `download` to update. Raises HubError; for an unknown run, it names the available ones.

        run = vicreg.load("OWNER/NAME", run="cifar10-vicreg")
        representations = vicreg.encode(run.encoder, images)
    """
    if "@" in repo:
        repo, revision = hub_client.parse(repo)
    here, _ = cached_runs(repo, revision)
    if run in here:
        return here[run]
    return download(look(repo, revision), [run])[run]


def _check_space(what: str, wanted: int) -> None:
    if wanted + SPARE_BYTES > hub_client.free_bytes():
        raise HubError(no_space(what, wanted + SPARE_BYTES))


def _chosen(shelf: Shelf, names: Iterable[str]) -> list[Entry]:
    entries = []
    for name in dict.fromkeys(names):
        if name not in shelf.runs:
            there = ", ".join(shelf.runs) or "none"
            raise HubError(f"{shelf.repo} has no run {shown(name)}; available: {there}.")
        if shelf.runs[name].readable:
            raise HubError(f"{shelf.runs[name].readable}.")
        entries.append(shelf.runs[name])
    return entries


def _missing(shelf: Shelf, entries: Iterable[Entry]) -> list[tuple[str, str, int]]:
    """(run, path, bytes) of every file that is not in the cache. config.json comes last in each run."""
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
    on_bytes: hub_file.OnBytes,
    should_stop: Callable[[], bool],
) -> None:
    size, _ = shelf.runs[name].files[path]
    file = hub_file.fetch(
        shelf.repo,
        f"{name}/{path}",
        commit=shelf.commit,
        max_bytes=size,
        token=token,
        on_bytes=on_bytes,
        should_stop=should_stop,
    )
    check_file(file, shelf, name, path)
