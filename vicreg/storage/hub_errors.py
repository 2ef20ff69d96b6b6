"""What goes wrong with the Hugging Face Hub, each error of its client as one sentence with the way out."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

from vicreg.storage.paths import hub_cache
from vicreg.storage.untrusted import shown

if TYPE_CHECKING:
    import httpx2


class HubError(ValueError):
    """What went wrong with the Hub, in one or two sentences: what, and the way out."""


class Cancelled(Exception):
    """The download was stopped, as asked."""


def sentence(
    error: BaseException, *, repo: str, path: str | None = None, revision: str | None = None, needed: int = 0
) -> str:
    """Any error of the client in words: what is wrong and the way out, with no path of this machine in it.

    needed: bytes that the file takes, for a disk that is full.
    """
    import httpx2
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # why the client fell back on its cache
    what = f"{path} of {repo}" if path else repo
    later = "try again when the Hub can be reached"
    if isinstance(error, errors.GatedRepoError):
        return f"{repo} is gated: ask for access on its page on the Hub, and log in with `hf auth login`."
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"The Hub has no repository {repo}, or it is private: check the spelling, or log in with `hf auth login` "
            "as somebody who may read it."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return (
            f"{repo} has no revision {shown(revision)}: check the spelling, or ask for {repo} alone, which means main."
        )
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{repo} holds no {path or 'such file'}: check the spelling, or ask its owner to publish it again."
    if isinstance(error, errors.DisabledRepoError):
        return f"The Hub has disabled {repo}: choose another repository."
    if isinstance(error, errors.OfflineModeIsEnabled):
        return offline_sentence(f"{what} is not in the Hub's cache on this machine")
    if isinstance(error, errors.HfHubHTTPError):
        return _answered(error.response, what)
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return f"The Hub did not answer in time when asked for {what}: {later}."
    if isinstance(error, (httpx2.HTTPError, errors.LocalEntryNotFoundError, ConnectionError)):
        return f"The Hub cannot be reached for {what} ({type(error).__name__}): {later}."
    if "No space left" in str(error) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return no_space(what, needed)
    if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.EROFS:
        return (
            f"{what} cannot be kept: the Hub's cache ({hub_cache().name}) cannot be written; set HF_HOME to a folder that "
            "can."
        )
    if "Consistency check failed" in str(error):
        return f"{what} arrived incomplete and was thrown away: try again."
    if isinstance(error, (json.JSONDecodeError, errors.FileMetadataError, KeyError, TypeError)):
        return f"The answer about {what} is not the Hub's: check HF_ENDPOINT and the network's sign-in page, and try again."
    return f"The Hub's client failed over {what} ({type(error).__name__}): {later}."


def no_space(what: str, needed: int) -> str:
    """The sentence for a full disk. needed: bytes, 0 where unknown."""
    size = f"{needed / 1e6:.1f} MB are needed" if needed else "there is too little"
    return (
        f"There is no room for {what}: free some space, {size} in the Hub's cache ({hub_cache().name}), and try again."
    )


def _answered(response: httpx2.Response, what: str) -> str:
    status = response.status_code
    if status == 401:
        return f"The Hub does not know you (401) and keeps {what} to itself: log in with `hf auth login`."
    if status == 403:
        return f"The Hub does not let you use {what} (403): log in with `hf auth login`, with a token that may."
    if status in (409, 412):
        return f"{what} was changed by somebody else meanwhile ({status}): try again."
    if status == 429:
        after = response.headers.get("Retry-After", "")
        wait = f"{after} seconds" if after.isdigit() else "a few minutes"
        return f"The Hub was asked too often (429): try again in {wait}, or log in with `hf auth login`."
    if status >= 500:
        return f"The Hub is out of order ({status}), asked for {what}: try again when the Hub can be reached."
    return f"The Hub refuses {what} ({status}): check the spelling and try again."


def offline_sentence(what: str) -> str:
    return (
        f"{what}, and HF_HUB_OFFLINE is set: unset it and start again, or go on with the runs and pictures there are."
    )
