"""Ask the Hugging Face Hub what a repository contains, and look files up in its client's cache. For models and data sets.

The client waits long and retries often: with nothing cached, it takes 23 s to report a refused connection and 65 s to give
up on a stalled download. So we ask the Hub one question with a time limit first (`probe`). A download runs in a separate
thread, so that it can be stopped at once (`hub_file.fetch`). Every error of the client becomes one sentence that says
what to do (`hub_errors.sentence`). `cached` and `snapshot` never use the network.

The client's cache has one folder per repository: `blobs/` holds contents, `snapshots/<commit>/` links to them by path, and
`refs/<branch>` holds a commit. `huggingface_hub` is imported on first use, because it takes 0.3 s.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from vicreg.storage.files import atomic_path
from vicreg.storage.hub_errors import HubError, offline_sentence, sentence
from vicreg.storage.paths import hub_cache
from vicreg.storage.untrusted import plain, shown

INDEX_SECONDS = 10.0  # index.json is small; if it takes longer, the Hub counts as unreachable
PROBE_SECONDS = 3.0  # the longest that a question to the Hub may take

_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_REPO = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{40}")

T = TypeVar("T")


@dataclass(frozen=True)
class Listing:
    """The contents of a repository at one commit. sizes: path -> bytes, -1 if the Hub does not say."""

    repo: str
    commit: str
    sizes: dict[str, int]


def parse(text: str) -> tuple[str, str]:
    """`OWNER/NAME` or `OWNER/NAME@REVISION` -> (repository, revision); the revision is `main` if not given.

    A revision is a branch, a tag or a commit. Raises HubError for anything else.
    """
    repo, at, revision = text.strip().partition("@")
    if not at:
        revision = "main"
    check_names(repo, revision)
    return repo, revision


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit, which always means the same files."""
    return _COMMIT.fullmatch(revision) is not None


def offline() -> bool:
    """Whether HF_HUB_OFFLINE was set when the client was imported. If so, nothing here uses the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def probe(repo: str, revision: str = "main", *, repo_type: str = "model", token: str | bool | None = None) -> Listing:
    """The contents of a repository on the Hub, after at most PROBE_SECONDS for DNS, connection and answer together.

    token: a Hub token; None uses that of `hf auth login`, False uses none. Sends one request, and a second one within the
    same time if the Hub leaves out the sizes. Raises HubError.
    """
    check_names(repo, revision)
    if offline():
        raise HubError(offline_sentence(f"{repo} cannot be looked up"))
    from huggingface_hub import HfApi

    answers: queue.SimpleQueue[Listing | Exception | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            api = HfApi(token=token)
            info = api.dataset_info if repo_type == "dataset" else api.model_info
            found = retried(lambda: info(repo, revision=revision, timeout=PROBE_SECONDS, files_metadata=True))
            commit = str(found.sha)
            if not is_commit(commit):
                raise json.JSONDecodeError("no commit", "", 0)
            sizes = {file.rfilename: -1 if file.size is None else file.size for file in found.siblings or ()}
            answers.put(Listing(repo, commit, sizes))
            if -1 in sizes.values():
                for file in api.list_repo_tree(repo, recursive=True, revision=commit, repo_type=repo_type):
                    size = getattr(file, "size", None)  # folders have no size
                    if file.path in sizes and isinstance(size, int):
                        sizes[file.path] = size
            answers.put(None)  # no more answers
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    listing, deadline = None, time.monotonic() + PROBE_SECONDS
    while listing is None or -1 in listing.sizes.values():
        try:
            answer = answers.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            answer = TimeoutError()
        if isinstance(answer, Listing):
            listing = answer
        elif listing is not None:
            break  # no sizes in time; they stay unknown
        elif isinstance(answer, Exception):
            raise HubError(sentence(answer, repo=repo, revision=revision, token=token)) from answer
    return Listing(repo, listing.commit, dict(listing.sizes))


def cached(repo: str, path: str, *, revision: str, repo_type: str = "model") -> Path | None:
    """A file in the client's cache, of a commit or of a branch's last known commit; None if it is not there."""
    if any(part in ("", ".", "..") for part in path.split("/")) or "\\" in path:
        raise HubError(f"A file in a repository has a plain path, got {shown(path)}.")
    folder = snapshot(repo, revision, repo_type=repo_type)
    return folder / path if folder is not None and (folder / path).is_file() else None


def snapshot(repo: str, revision: str, *, repo_type: str = "model") -> Path | None:
    """The folder in the client's cache with the files of a revision; None if there are none."""
    check_names(repo, revision)
    folder = _folder(repo, repo_type)
    try:
        commit = revision if is_commit(revision) else (folder / "refs" / revision).read_text("ascii").strip()
        found = folder / "snapshots" / commit
        return found if is_commit(commit) and found.is_dir() else None
    except (OSError, ValueError):  # missing, or the cache cannot be read
        return None


def inside(path: Path, repo: str, *, repo_type: str = "model") -> bool:
    """Whether a cached file is really in its repository's folder of the cache, or in the shared store of Xet files."""
    real = os.path.realpath(path)
    roots = (_folder(repo, repo_type), hub_cache() / "blobs")
    return any(real.startswith(os.path.realpath(root) + os.sep) for root in roots)


def forget(path: Path, repo: str, *, repo_type: str = "model") -> None:
    """Remove a cached file and the content it links to, so that the next `fetch` downloads it again."""
    while True:
        target = path.parent / os.readlink(path) if path.is_symlink() else None
        path.unlink(missing_ok=True)
        if target is None or not inside(target, repo, repo_type=repo_type):
            return
        path = Path(os.path.abspath(target))


def free_bytes() -> int:
    """Free bytes on the disk of the client's cache."""
    folder = hub_cache()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def remember(repo: str, revision: str, commit: str, *, repo_type: str = "model") -> None:
    """Store in the client's cache which commit a branch or tag means, so that `cached` finds it. Skips a read-only cache."""
    if revision == commit:
        return
    ref = _folder(repo, repo_type) / "refs" / revision
    with contextlib.suppress(OSError):
        ref.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(ref) as draft:
            draft.write_text(commit, "ascii")


def retried(call: Callable[[], T]) -> T:
    """The result of call(), which is called once more if the connection broke.

    The client's threads share one connection pool, which is closed as soon as one of them fails to connect.
    """
    import httpx2

    try:
        return call()
    except (httpx2.ReadError, RuntimeError):  # the connection broke; or another thread had closed the pool
        return call()


def check_names(repo: str, revision: str) -> None:
    """Raise HubError unless these are the plain names of a repository and of a revision."""
    good = _REPO.fullmatch(repo) and not re.search(r"\.\.|--|[.-](/|$)|\.git$", repo)
    if not good or not plain(repo):
        raise HubError(f"A repository must be OWNER/NAME or OWNER/NAME@REVISION, got {shown(repo)}.")
    if not _REVISION.fullmatch(revision) or re.search(r"\.\.|//|/\.|[./]$", revision) or not plain(revision):
        raise HubError(f"A revision must be a branch, a tag or a commit, such as main, got {shown(revision)}.")


def _folder(repo: str, repo_type: str) -> Path:
    return hub_cache() / "--".join((f"{repo_type}s", *repo.split("/")))
