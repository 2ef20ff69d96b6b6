"""Limits of the server, held by a small app with room for one session."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from server import server_limits as limits
from server.headers import SecurityHeaders, frame_ancestors
from server.server_limits import Limits, ServerLimits


async def page(_request):
    return HTMLResponse(
        "here", headers={"Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer"}
    )


async def stream(websocket):
    await websocket.accept()
    await websocket.receive_text()


def client(**bounds: int) -> TestClient:
    routes = [
        Route("/{path:path}", page, methods=["GET", "PUT"]),
        WebSocketRoute("/_stcore/stream", stream),
    ]
    return TestClient(
        Starlette(
            routes=routes, middleware=[Middleware(SecurityHeaders), Middleware(ServerLimits, limits=Limits(**bounds))]
        )
    )


@pytest.mark.fault("more visitors than the server can hold", "the next one reads a sentence; those who are there go on")
def test_a_full_server_says_so_to_the_next_visitor_and_serves_those_who_are_there():
    with client(sessions=1) as asked:
        with asked.websocket_connect("/_stcore/stream") as first:
            answer = asked.get("/maps")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
            assert answer.text.startswith("1 visitors have this app open")
            assert [asked.get(path).status_code for path in ("/_stcore/health", "/static/a.js", "/join")] == [200] * 3
            with pytest.raises(WebSocketDisconnect), asked.websocket_connect("/_stcore/stream"):
                pass
            first.send_text("goodbye")
        assert asked.get("/maps").status_code == 200
        with asked.websocket_connect("/_stcore/stream") as second:
            second.send_text("goodbye")


@pytest.mark.fault("a visitor who uploads without end", "a bounded number of files is held; the next one is refused")
def test_a_session_holds_a_bounded_number_of_uploads(monkeypatch):
    held = {"me": 2, "you": 0}
    monkeypatch.setattr(limits, "_uploads", lambda session: held[session])
    with client(uploads=2) as asked:
        assert asked.put("/_stcore/upload_file/me/3").status_code == 429
        assert asked.put("/_stcore/upload_file/you/1").status_code == 200


@pytest.mark.fault("a visitor who begins many uploads at once", "no more are taken than a visitor may have")
def test_uploads_that_are_still_arriving_count(monkeypatch):
    monkeypatch.setattr(limits, "_uploads", lambda session: 0)  # none has arrived
    answers, go_on = [], asyncio.Event()

    async def slow(_scope, _receive, send):
        await go_on.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def twenty() -> None:
        app = ServerLimits(slow, limits=Limits(uploads=8))

        async def told(message) -> None:
            answers.extend([message["status"]] if "status" in message else [])

        def put(i: int):
            scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/me/{i}", "query_string": b""}
            return app({**scope, "headers": []}, None, told)

        uploads = [asyncio.ensure_future(put(i)) for i in range(20)]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(*uploads)
        await put(21)  # all are over: nothing is held against the next one

    with ThreadPoolExecutor() as thread:  # a browser test may have left a loop running in this one
        thread.submit(lambda: asyncio.run(twenty())).result()
    assert sorted(answers) == [204] * 9 + [429] * 12


def test_a_routes_own_headers_stay_and_learn_who_may_frame_it(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "ada/vicreg")
    monkeypatch.setenv("VICREG_FRAMES", "https://moodle.example.org")
    with client() as asked:
        headers = asked.get("/").headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; frame-ancestors 'self' https://huggingface.co")
    assert policy.endswith("https://moodle.example.org")


@pytest.mark.parametrize("origin", ["*", "moodle.example.org", "https://a.org;", "https://a.org/path", "javascript:x"])
def test_what_is_no_origin_is_refused(origin, monkeypatch):
    monkeypatch.setenv("VICREG_FRAMES", origin)
    with pytest.raises(ValueError, match="VICREG_FRAMES must hold origins"):
        frame_ancestors()
