"""Security headers of every response of the server, as ASGI middleware.

Headers that a route sets itself are kept. Its Content-Security-Policy is kept, too; we only append `frame-ancestors`.
"""

from __future__ import annotations

import os
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SPACES = (
    "https://huggingface.co",
    "https://*.huggingface.co",
    "https://*.hf.space",
)  # on these sites, a Space is shown in a frame
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d{1,5})?")

# What Streamlit's pages load. Vega compiles its expressions, and components bring their script as a blob, so scripts cannot be
# pinned; but nothing is loaded from, or sent to, another server.
SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "frame-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
OTHERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def frame_ancestors() -> str:
    """The directive that says which sites may show the app in a frame: its own; on a Space also the Hub's.

    VICREG_FRAMES adds origins, separated by spaces. Raises ValueError for anything that is not an origin.
    """
    added = os.environ.get("VICREG_FRAMES", "").split()
    for origin in added:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(
                f"VICREG_FRAMES must hold origins such as https://moodle.example.org, got {origin[:100]!r}"
            )
    return " ".join(("frame-ancestors 'self'", *(SPACES if os.environ.get("SPACE_ID") else ()), *added))


class SecurityHeaders:
    """ASGI middleware that adds the headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._frames = frame_ancestors()
        self._policy = "; ".join(f"{name} {value}" for name, value in SOURCES.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in OTHERS.items():
                    headers.setdefault(name, value)
                policy = headers.get("Content-Security-Policy", self._policy)
                headers["Content-Security-Policy"] = f"{policy}; {self._frames}"
            await send(message)

        await self._app(scope, receive, with_headers)
