"""The app: page config and navigation. For the server, which imports this file once, also the students' page of a room."""

import asyncio
import contextlib
import importlib
import webbrowser
from collections.abc import AsyncIterator

import streamlit as st

if st.runtime.exists():
    import ui

    st.set_page_config(page_title="VICReg, seen", page_icon=":material/hub:", layout="wide")
    ui.navigation().run()
    ui.foot()
else:
    from starlette.routing import Route
    from starlette.types import Receive, Scope, Send

    class Door:
        """The ASGI app of `ui.rooms.students_page`, loaded when first asked: `ui` needs the caches of a running server."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            door = await asyncio.to_thread(importlib.import_module, "ui.rooms.students_page")
            await door.app()(scope, receive, send)

    @contextlib.asynccontextmanager
    async def opened(_app: st.App) -> AsyncIterator[None]:
        """Open the browser, as `streamlit run` does for a script without routes."""
        if not st.get_option("server.headless"):
            webbrowser.open(f"http://localhost:{st.get_option('server.port')}")
        yield

    base = st.get_option("server.baseUrlPath").strip("/")
    join = f"/{base}/join" if base else "/join"
    routes = [Route(path, Door()) for path in (join, f"{join}/{{rest}}")]
    app = st.App(__file__, routes=routes, lifespan=opened)
