"""Download one file from the Hugging Face Hub: with progress, Cancel, a size limit and a few retries.

The Hub's client continues an interrupted download by itself, at most RESTARTS times here. If its connection pool was
closed by another thread, we call it once more (`hub_client.retried`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from vicreg.storage.hub_client import cached, check_names, offline, retried
from vicreg.storage.hub_errors import Cancelled, HubError, offline_sentence, sentence

RESTARTS = 3  # how often the client may restart an interrupted download
POLL_SECONDS = 0.1  # between two checks of a download, and of Cancel
LEAVE_SECONDS = 0.5  # the longest wait for a stopped download to clean up
CHUNK = 2**18  # bytes between two counts; the client's own 10 MB are too many for a progress bar

OnBytes = Callable[[int, int], None]


class Count:
    """The progress of a download, shared by the caller's thread and the downloading thread."""

    def __init__(self, what: str, max_bytes: int) -> None:
        self.what, self.max_bytes = what, max_bytes
        self.done, self.total, self.restarts, self.stopped = 0, max_bytes, 0, False

    def check(self, size: int) -> None:
        if self.stopped:
            raise Cancelled(f"stopped while {self.what} was downloading")
        if size > self.max_bytes:
            raise HubError(
                f"{self.what} is larger than it should be (more than {self.max_bytes:,} bytes), so it was not downloaded; "
                "choose another revision, or ask the owner to publish it again."
            )
        if self.restarts > RESTARTS:
            raise HubError(f"{self.what} was interrupted several times: try again later.")


class UndrawnBar:
    """Given to the client in place of a tqdm progress bar. Counts bytes and draws nothing."""

    counted: Count

    def __init__(self, total: int | None = None, **_: object) -> None:
        self.total, self.n = total, 0
        self.counted.check(total or 0)
        if total is not None:
            self.counted.total = total

    def __enter__(self) -> UndrawnBar:
        return self

    def __exit__(self, *exception: object) -> None: ...

    def update(self, n: int = 1) -> None:
        self.n += n  # negative if an interrupted download starts over
        self.counted.restarts += n < 0
        self.counted.done = self.n
        self.counted.check(self.n)

    # For Xet files, the client counts transferred and written bytes. With these methods, it makes one bar instead of two.
    def update_transfer(self, n: int = 1) -> None: ...
    def set_postfix_str(self, text: str, refresh: bool = False) -> None: ...
    def set_transfer_postfix_str(self, text: str, refresh: bool = False) -> None: ...
    def refresh(self) -> None: ...
    def close(self) -> None: ...


def fetch(
    repo: str,
    path: str,
    *,
    commit: str,
    max_bytes: int,
    repo_type: str = "model",
    token: str | bool | None = None,
    on_bytes: OnBytes = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """The path of one file of a commit in the client's cache. Downloads the file if it is not there.

    on_bytes(done, total) and should_stop() are called in the caller's thread, ten times a second. An exception in either
    stops the download. A stopped download leaves nothing in the cache; if it has stalled, its thread ends when the client
    gives up, after about a minute. Raises Cancelled if stopped, and HubError for all other problems.
    """
    check_names(repo, commit)
    kept = cached(repo, path, revision=commit, repo_type=repo_type)
    if kept is not None:
        return kept
    if offline():
        raise HubError(offline_sentence(f"{path} of {repo} is not in the Hub's cache on this machine"))
    from huggingface_hub import constants, hf_hub_download

    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, CHUNK)
    count, ended, outcome = Count(f"{path} of {repo}", max_bytes), threading.Event(), list[str | BaseException]()

    class Bar(UndrawnBar):
        counted = count

    def download() -> None:
        try:
            outcome.append(
                retried(
                    lambda: hf_hub_download(
                        repo, path, repo_type=repo_type, revision=commit, token=token, tqdm_class=Bar
                    )
                )
            )
        except BaseException as error:
            outcome.append(error)
        finally:
            ended.set()

    worker = threading.Thread(target=download, daemon=True)
    worker.start()
    try:
        shown = 0
        while not ended.wait(POLL_SECONDS):
            if should_stop():
                raise Cancelled(f"stopped while {path} of {repo} was downloading")
            if count.done != shown:
                shown = count.done
                on_bytes(shown, count.total)
    finally:
        count.stopped = True
        worker.join(LEAVE_SECONDS)
    (result,) = outcome
    if isinstance(result, (Cancelled, HubError)):
        raise result
    if isinstance(result, BaseException):
        words = sentence(result, repo=repo, path=path, revision=commit, token=token, needed=count.total)
        raise HubError(words) from result
    on_bytes(count.total, count.total)
    return Path(result)
