"""Ask the Hugging Face Hub what a repository holds, and look files up in its client's cache. For models and data sets.

The client waits long and tries often: with nothing cached, it takes 23 s to report a refused connection and 65 s to give
up on a stalled download. So we ask the Hub one question with a time limit first (`probe`). A download runs in a separate
thread, so that it can be stopped at once (`hub_download.fetch`). Every error of the client becomes one sentence that says
what to do (`hub_errors.sentence`). `cached` and `snapshot` never touch the network.

The client's cache is a folder a repository: `blobs/` holds contents, `snapshots/<commit>/` links to them by their path,
`refs/<branch>` holds a commit. `huggingface_hub` is imported when first used: it takes 0.3 s.
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

PROBE_SECONDS = 3.0  # a question to the Hub takes no longer, whatever stalls

_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_REPO = re.compile(rf"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{40}")

T = TypeVar("T")


@dataclass(frozen=True)
class Listing:
    """What a repository holds at one commit. sizes: path in the repository -> bytes, -1 where the Hub does not say."""

    repo: str
    commit: str
    sizes: dict[str, int]


def parse(text: str) -> tuple[str, str]:
    """`OWNER/NAME` or `OWNER/NAME@REVISION` -> (repository, revision); the revision is `main` unless given.

    A revision is a branch, a tag or a commit. Raises HubError for anything else.
    """
    repo, at, revision = text.strip().partition("@")
    if not at:
        revision = "main"
    check_names(repo, revision)
    return repo, revision


def is_commit(revision: str) -> bool:
    """Whether a revision is a whole commit, which never changes its meaning."""
    return _COMMIT.fullmatch(revision) is not None


def offline() -> bool:
    """Whether HF_HUB_OFFLINE was set when the client was imported: then nothing here uses the network."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def probe(repo: str, revision: str = "main", *, repo_type: str = "model", token: str | bool | None = None) -> Listing:
    """What the Hub has, after at most PROBE_SECONDS, whatever stalls: the name's look-up, the connection or the answer.

    token: of the Hub; None takes that of `hf auth login`, False none.

    One request; a second only where the Hub leaves out the sizes, within the same time. Raises HubError.
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
                    size = getattr(file, "size", None)  # a folder has none
                    if file.path in sizes and isinstance(size, int):
                        sizes[file.path] = size
            answers.put(None)  # no more will come
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
            break  # the sizes did not come: they stay unknown
        elif isinstance(answer, Exception):
            raise HubError(sentence(answer, repo=repo, revision=revision)) from answer
    return Listing(repo, listing.commit, dict(listing.sizes))


def cached(repo: str, path: str, *, revision: str, repo_type: str = "model") -> Path | None:
    """A file in the client's cache, by a commit or by the branch's last known one; None if it is not there."""
    if any(part in ("", ".", "..") for part in path.split("/")) or "\\" in path:
        raise HubError(f"A file in a repository has a plain path, got {shown(path)}.")
    folder = snapshot(repo, revision, repo_type=repo_type)
    return folder / path if folder is not None and (folder / path).is_file() else None


def snapshot(repo: str, revision: str, *, repo_type: str = "model") -> Path | None:
    """The folder of the client's cache that holds what is there of a revision; None if nothing is."""
    check_names(repo, revision)
    folder = _folder(repo, repo_type)
    try:
        commit = revision if is_commit(revision) else (folder / "refs" / revision).read_text("ascii").strip()
        found = folder / "snapshots" / commit
        return found if is_commit(commit) and found.is_dir() else None
    except (OSError, ValueError):  # not there, or a cache that cannot be read
        return None


def inside(path: Path, repo: str, *, repo_type: str = "model") -> bool:
    """Whether a cached file really lies in its repository's folder of the cache, or in the store that Xet files share."""
    real = os.path.realpath(path)
    roots = (_folder(repo, repo_type), hub_cache() / "blobs")
    return any(real.startswith(os.path.realpath(root) + os.sep) for root in roots)


def forget(path: Path, repo: str, *, repo_type: str = "model") -> None:
    """Remove a cached file and the content it links to, so that the next `fetch` gets it anew."""
    while True:
        target = path.parent / os.readlink(path) if path.is_symlink() else None
        path.unlink(missing_ok=True)
        if target is None or not inside(target, repo, repo_type=repo_type):
            return
        path = Path(os.path.abspath(target))


def free_bytes() -> int:
    """How much room is left where the client's cache is, or will be."""
    folder = hub_cache()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def remember(repo: str, revision: str, commit: str, *, repo_type: str = "model") -> None:
    """Note in the client's cache what a branch or tag means, so that `cached` finds it. A read-only cache is left."""
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
    except (httpx2.ReadError, RuntimeError):  # it broke during the download; it was closed before
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
