"""Limits on what one visitor can request from the server, as ASGI middleware. Beyond them, the response is a sentence.

Upload size, rooms, trainings and downloads are limited in their own modules. docs/reliability.md lists all limits.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import streamlit as st
from starlette.formparsers import MultiPartParser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
ASSETS = re.compile(r"/(_stcore|static|media|component|join)(/|$)")  # requested by an open page or a joining student
# Bytes of an upload that stay in memory while it arrives; Streamlit refuses more than `server.maxUploadSize`, which is less.
IN_MEMORY = 2**30
TRY_AGAIN = 1013  # the websocket's close code if the server is full


@dataclass(frozen=True)
class Limits:
    """How much is taken.

    sessions: open pages of all visitors. uploads: files that a session holds; as many more may be arriving.
    address: bytes of a path and its query.
    """

    sessions: int = 400
    uploads: int = 8
    address: int = 8_000


LIMITS = Limits()


class ServerLimits:
    """ASGI middleware that enforces the limits."""

    def __init__(self, app: ASGIApp, limits: Limits = LIMITS) -> None:
        self._app, self._limits = app, limits
        MultiPartParser.spool_max_size = IN_MEMORY  # Starlette would write files above 1 MB to a temporary file
        self._sessions = 0
        self._arriving: Counter[str] = Counter()  # uploads that are being sent, by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._session(scope, receive, send)
        elif scope["type"] == "http" and (refused := self._refused(scope)) is not None:
            await refused(scope, receive, send)
        elif scope["type"] == "http" and (upload := _upload(scope)):
            self._arriving[upload] += 1
            try:
                await self._app(scope, receive, send)
                _drop_oldest(upload, keep=self._limits.uploads)
            finally:
                self._arriving[upload] -= 1
                self._arriving += Counter()  # drops sessions whose count is zero
        else:
            await self._app(scope, receive, send)

    async def _session(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._sessions >= self._limits.sessions:
            await send({"type": "websocket.close", "code": TRY_AGAIN})
            return
        self._sessions += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sessions -= 1

    def _refused(self, scope: Scope) -> PlainTextResponse | None:
        """The answer to a request that asks for too much; None for all others."""
        path = str(scope["path"])
        length = len(scope.get("raw_path") or path.encode()) + len(scope["query_string"])
        if length > self._limits.address:
            return PlainTextResponse(f"An address here has at most {self._limits.address:,} bytes.", 414)
        upload = _upload(scope)
        if upload and self._arriving[upload] >= self._limits.uploads:
            words = f"{self._limits.uploads} files of yours are arriving, which is the most at a time."
            return PlainTextResponse(f"{words} Wait for them, or reload the page, and try again.", 429)
        if self._sessions >= self._limits.sessions and scope["method"] == "GET" and not ASSETS.search(path):
            words = f"{self._limits.sessions} visitors have this app open, which is all it can serve. Try again later."
            return PlainTextResponse(words, 503, {"Retry-After": "60"})
        return None


def _upload(scope: Scope) -> str:
    """The session that a request uploads a file for; empty for other requests."""
    found = UPLOAD.search(str(scope["path"])) if scope["method"] == "PUT" else None
    return found[1] if found else ""


def _drop_oldest(session: str, *, keep: int) -> None:
    """Forget a session's files but for the newest ones, since a page that shows another picture may not drop the last."""
    manager = st.runtime.get_instance().uploaded_file_mgr
    if isinstance(manager, MemoryUploadedFileManager):  # the one that a server has
        for file in list(manager.file_storage.get(session, ()))[:-keep]:
            manager.remove_file(session, file)
