"""Turn errors of the Hugging Face Hub client into one sentence that says what to do."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

from vicreg.storage.paths import hub_cache
from vicreg.storage.untrusted import shown

if TYPE_CHECKING:
    import httpx2


class HubError(ValueError):
    """A Hub error, in one or two sentences: the problem and the remedy."""


class Cancelled(Exception):
    """The download was cancelled."""


def sentence(
    error: BaseException,
    *,
    repo: str,
    path: str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    needed: int = 0,
) -> str:
    """Describe a client error: the problem and the remedy, without local paths.

    token: of the request; False if it had none because a visitor of a server made it, whose login is not there.
    needed: size of the file in bytes, mentioned if the disk is full.
    """
    import httpx2
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # the reason why the client used its cache
    what = f"{path} of {repo}" if path else repo
    later = "try again when the Hub can be reached"
    if isinstance(error, errors.GatedRepoError):
        if token is False:
            return f"{repo} is gated: choose another repository. {_operator(repo)}"
        return f"{repo} is gated: request access on its Hub page, and log in with `hf auth login`."
    if isinstance(error, errors.RepositoryNotFoundError):
        missing = f"The Hub has no repository {repo}, or it is private: check the spelling"
        login = ", or log in with `hf auth login` as a user with access."
        return missing + (f". {_operator(repo)}" if token is False else login)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo} has no revision {shown(revision)}: check the spelling, or use {repo} without a revision."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"{repo} has no {path or 'such file'}: check the spelling, or ask the owner to publish it again."
    if isinstance(error, errors.DisabledRepoError):
        return f"The Hub has disabled {repo}: choose another repository."
    if isinstance(error, errors.OfflineModeIsEnabled):
        return offline_sentence(f"{what} is not in the Hub's cache on this machine")
    if isinstance(error, errors.HfHubHTTPError):
        return _answered(error.response, what, repo, anonymous=token is False)
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return f"The Hub did not respond in time for {what}: {later}."
    if isinstance(error, (httpx2.HTTPError, errors.LocalEntryNotFoundError, ConnectionError)):
        return f"The Hub cannot be reached for {what} ({type(error).__name__}): {later}."
    if "No space left" in str(error) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return no_space(what, needed)
    if isinstance(error, PermissionError) or getattr(error, "errno", None) == errno.EROFS:
        return (
            f"{what} cannot be saved: the Hub's cache ({hub_cache().name}) is not writable; set HF_HOME to a writable "
            "folder."
        )
    if "Consistency check failed" in str(error):
        return f"{what} arrived incomplete and was deleted: try again."
    if isinstance(error, (json.JSONDecodeError, errors.FileMetadataError, KeyError, TypeError)):
        return f"The response for {what} did not come from the Hub: check HF_ENDPOINT and the network's sign-in page."
    return f"The Hub's client failed for {what} ({type(error).__name__}): {later}."


def no_space(what: str, needed: int) -> str:
    """The message for a full disk. needed: bytes, 0 if unknown."""
    size = f"{needed / 1e6:.1f} MB are needed" if needed else "there is too little"
    return (
        f"There is no room for {what}: free some space, {size} in the Hub's cache ({hub_cache().name}), and try again."
    )


def _operator(repo: str) -> str:
    """What helps where requests are made without a login."""
    return f"This server reads a private or gated repository only if its operator sets VICREG_HUB={repo}."


def _answered(response: httpx2.Response, what: str, repo: str, *, anonymous: bool) -> str:
    status = response.status_code
    if status in (401, 403) and anonymous:
        return f"{what} needs a login ({status}): choose another repository. {_operator(repo)}"
    if status == 401:
        return f"{what} needs a login (401): log in with `hf auth login`."
    if status == 403:
        return f"You have no access to {what} (403): log in with `hf auth login` and a token that has access."
    if status in (409, 412):
        return f"{what} was changed by someone else in the meantime ({status}): try again."
    if status == 429:
        after = response.headers.get("Retry-After", "")
        wait = f"{after} seconds" if after.isdigit() else "a few minutes"
        login = "" if anonymous else ", or log in with `hf auth login`"
        return f"Too many requests to the Hub (429): try again in {wait}{login}."
    if status >= 500:
        return f"The Hub has a problem ({status}) with {what}: try again later."
    return f"The Hub rejected the request for {what} ({status}): check the spelling and try again."


def offline_sentence(what: str) -> str:
    return f"{what}, and HF_HUB_OFFLINE is set: unset it and restart, or use what is already on this machine."
