"""The students' page of a room, and the two addresses that it asks: no Streamlit session, so two hundred phones cost little.

    GET  /join?room=BDHJ                          the page, about 10 KB
    GET  /join/state?room=BDHJ&me=ID&seen=NEWS    what to show, as soon as it is newer than `seen`, or after WAIT seconds
    POST /join/vote  {room, me, step, number, choice}

A Streamlit page that asks for news every 2 s took 5 ms of a CPU core each time: 200 of them waited 1.4 s in the median
and 2.5 s at worst (one Streamlit 1.67 server on two busy cores). Here a waiting browser takes no time at all.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import hashlib
import json
import re
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, Router

from ui.rooms.records import RoomClosed, RoomError, View
from ui.rooms.store import Room, rooms

PATH = "/join"
WAIT = 25.0  # seconds; proxies often cut connections that are silent for 30 or 60
MEMBER = re.compile(r"[0-9a-f]{32}")
LONGEST_BODY = 1_000  # bytes of a vote
FOLDER = Path(__file__).parent


@functools.cache
def _document() -> tuple[str, str]:
    """The page and its content security policy, which lets nothing run but the page's own script."""
    style, script = ((FOLDER / f"students_page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    page = (
        (FOLDER / "students_page.html").read_text("utf-8").replace("/* style */", style).replace("/* script */", script)
    )

    def pinned(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    policy = f"default-src 'none'; connect-src 'self'; style-src {pinned(style)}; script-src {pinned(script)}"
    return page, f"{policy}; base-uri 'none'; form-action 'self'"


async def page(request: Request) -> Response:
    """The page. It is the same for every room, and reads the code from its own address."""
    text, policy = _document()
    return HTMLResponse(text, headers=_headers() | {"Content-Security-Policy": policy})


async def state(request: Request) -> Response:
    """What a browser should show. Waits for news if the browser has seen everything."""
    asked = request.query_params
    try:
        room, me = _found(asked.get("room", ""), asked.get("me", ""))
        room.view(me)  # it is present now
        seen = asked.get("seen", "")
        if seen.isdecimal():
            await _news(room, me, seen=int(seen[:9]))
        return _json(_shown(room.view(me), room))
    except RoomError as error:
        return _refused(error)


async def vote(request: Request) -> Response:
    """Count a vote, and return what the browser should show now."""
    try:
        asked = await _body(request)
        words = [asked.get(name) for name in ("room", "me", "step")]
        numbers = [asked.get(name) for name in ("number", "choice")]
        if not all(isinstance(one, str) for one in words) or not all(type(one) is int for one in numbers):
            raise RoomError("This is not a vote.")
        room, me = _found(str(words[0]), str(words[1]))
        room.vote(me, str(words[2]), int(str(numbers[0])), int(str(numbers[1])))
        return _json(_shown(room.view(me), room))
    except RoomError as error:
        return _refused(error)


async def _news(room: Room, me: str, *, seen: int) -> None:
    """Return when the room has news since `seen`, when newer pages of this browser wait, or after WAIT seconds."""
    happened, loop = asyncio.Event(), asyncio.get_running_loop()
    stop = room.listen(me, lambda: loop.call_soon_threadsafe(happened.set))
    try:
        if room.news <= seen:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(happened.wait(), WAIT)
    finally:
        stop()


async def _body(request: Request) -> dict[str, object]:
    """The JSON object that was sent. Raises RoomError if it is too long, or something else."""
    text = b""
    async for part in request.stream():
        text += part
        if len(text) > LONGEST_BODY:
            raise RoomError("This is not a vote.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RoomError("This is not a vote.") from error
    if not isinstance(found, dict):
        raise RoomError("This is not a vote.")
    return found


def _found(code: str, me: str) -> tuple[Room, str]:
    room = rooms().get(code)
    if room is None:
        raise RoomClosed
    if not MEMBER.fullmatch(me):
        raise RoomError("This browser did not say who it is. Reload the page.")
    return room, me


def _shown(view: View, room: Room) -> dict[str, object]:
    """A view as JSON. The answer is not sent before the lecturer reveals it."""
    question = view.question
    told: dict[str, object] = {"room": room.code, "news": view.news, "phase": view.phase}
    if question is None:
        return told
    told |= {"step": question.step, "text": question.text, "options": question.options}
    told |= {"number": view.number, "mine": view.mine, "tallies": view.tallies}
    if view.phase == "answered":
        told |= {"right": question.right, "why": question.why, "link": question.link}
    return told


def _headers() -> dict[str, str]:
    return {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def _json(told: dict[str, object]) -> Response:
    return JSONResponse(told, headers=_headers())


def _refused(error: RoomError) -> Response:
    return JSONResponse(
        {"error": str(error)}, status_code=404 if isinstance(error, RoomClosed) else 409, headers=_headers()
    )


@functools.cache
def app() -> Router:
    """The ASGI app of these addresses, below the server's base path."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    path = f"/{base}{PATH}" if base else PATH
    return Router(
        [
            Route(path, page),
            Route(f"{path}/state", state),
            Route(f"{path}/vote", vote, methods=["POST"]),
        ]
    )
