"""The app: page config and navigation. For the server, which imports this file once, also what it adds to Streamlit's."""

import asyncio
import contextlib
import importlib
import webbrowser
from collections.abc import AsyncIterator
from pathlib import Path

import streamlit as st

from server import warm_up

ICON = Path(__file__).with_name("ui") / "icon.svg"

if st.runtime.exists():
    import ui

    # A file of ours: browsers would fetch the picture of an icon's name from Google.
    st.set_page_config(page_title="VICReg, seen", page_icon=ICON, layout="wide")
    try:
        ui.navigation().run()
        ui.foot()
    finally:
        warm_up.FIRST_PAGE.set()
else:
    warm_up.begin()
    from starlette.middleware import Middleware
    from starlette.routing import Route
    from starlette.types import Receive, Scope, Send

    from server import log
    from server.headers import SecurityHeaders
    from server.server_limits import ServerLimits

    class Door:
        """The ASGI app of `ui.rooms.students_page`, loaded when first asked: `ui` needs the caches of a running server."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            door = await asyncio.to_thread(importlib.import_module, "ui.rooms.students_page")
            await door.app()(scope, receive, send)

    @contextlib.asynccontextmanager
    async def opened(_app: st.App) -> AsyncIterator[None]:
        """Say where the app is, and open the browser, as `streamlit run` does for a script without routes."""
        log.begin()
        if not st.get_option("server.headless"):
            webbrowser.open(log.own_address())
        yield

    base = st.get_option("server.baseUrlPath").strip("/")
    join = f"/{base}/join" if base else "/join"
    routes = [Route(path, Door()) for path in (join, f"{join}/{{rest}}")]
    middleware = [Middleware(SecurityHeaders), Middleware(ServerLimits)]
    app = st.App(__file__, routes=routes, middleware=middleware, lifespan=opened)
