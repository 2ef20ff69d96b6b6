"""Limits of the server, held by a small app with room for one session."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from server.headers import SecurityHeaders, frame_ancestors
from server.server_limits import Limits, ServerLimits
from vicreg.data.uploaded_picture import MAX_BYTES


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


@pytest.fixture
def held(monkeypatch) -> MemoryUploadedFileManager:
    """The files that a server holds, as Streamlit holds them."""
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    monkeypatch.setattr("streamlit.runtime.get_instance", lambda: SimpleNamespace(uploaded_file_mgr=manager))
    return manager


async def is_in_memory(request):
    async with request.form() as form:
        return HTMLResponse(str(not form["file"].file._rolled))


@pytest.mark.fault("a visitor uploads a picture", "it is never written to disk, not even while it arrives")
def test_an_upload_stays_in_memory_while_it_arrives():
    routes = [Route("/{path:path}", is_in_memory, methods=["PUT"])]
    with TestClient(Starlette(routes=routes, middleware=[Middleware(ServerLimits)])) as asked:
        answer = asked.put("/upload", files={"file": ("mine.png", bytes(MAX_BYTES), "image/png")})
    assert answer.text == "True"


@pytest.mark.fault("a visitor who uploads without end", "the newest files are held, a bounded number of them")
def test_a_session_holds_its_newest_uploads(held):
    held.add_file("me", UploadedFileRec("1", "mine.png", "image/png", b"one"))
    held.add_file("me", UploadedFileRec("2", "mine.png", "image/png", b"two"))
    held.add_file("me", UploadedFileRec("3", "mine.png", "image/png", b"three"))
    held.add_file("you", UploadedFileRec("1", "yours.png", "image/png", b"one"))
    with client(uploads=2) as asked:
        assert asked.put("/_stcore/upload_file/me/3").status_code == 200
        assert asked.put("/_stcore/upload_file/you/1").status_code == 200
        assert asked.put("/_stcore/upload_file/new/1").status_code == 200
    assert {session: list(files) for session, files in held.file_storage.items()} == {"me": ["2", "3"], "you": ["1"]}


@pytest.mark.fault("a visitor who begins many uploads at once", "no more are taken than a visitor may have")
def test_uploads_that_are_still_arriving_count(held):
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
