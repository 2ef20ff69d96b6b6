"""A Hugging Face Hub on the loopback, for the real client: repositories in memory, and ways to go wrong on demand."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest


@dataclass
class Repo:
    """commits: commit -> path -> content, oldest first. heads: branch -> commit. locked: an X-Error-Code, or empty."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    locked: str = ""
    private: bool = False

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Put a whole tree on a branch; returns the commit."""
        text = repr(
            (len(self.commits), sorted((path, hashlib.sha256(content).hexdigest()) for path, content in files.items()))
        )
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.heads[branch] = sha
        return sha


@dataclass
class Hub:
    """The server's state. faults: a part of a request's path -> what happens to such requests, one of

    `503`, `429`, `stall` (no answer), `stall-body` (half of it), `drip` (a byte now and then), `cut` (half of a body
    that was announced whole), `short` (half of it, announced as such), `loop` (a redirection to itself), `portal` (a sign-in
    page), or the address of another server, to which it redirects.
    """

    repos: dict[str, Repo] = field(default_factory=dict)  # data sets are called datasets/OWNER/NAME
    faults: dict[str, str] = field(default_factory=dict)
    sizes: bool = True  # whether a repository's description says the sizes of its files
    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)  # what requests were authorised with
    uploads: list[list[str]] = field(default_factory=list)  # paths of every commit; those deleted with a minus
    closing: threading.Event = field(default_factory=threading.Event)

    def asked(self, part: str = "") -> list[tuple[str, str]]:
        """The requests whose path holds a part."""
        return [request for request in self.requests if part in request[1]]

    def environment(self, home: Path) -> dict[str, str]:
        """Environment variables for a process that takes this for the Hub."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "HF_TOKEN": "",
        }


@contextlib.contextmanager
def serve() -> Iterator[Hub]:
    """A running Hub."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield hub
    finally:
        hub.faults.clear()
        hub.closing.set()
        # What stalled goes on, so that the client's threads leave while there is a server: none may reach into the next test.
        for thread in threading.enumerate():
            if thread.name.endswith(("(ask)", "(download)")) or thread.name.startswith("task: "):
                thread.join(10)
        server.shutdown()
        server.server_close()


def point_client(patch: pytest.MonkeyPatch, url: str, home: Path) -> None:
    """Let the client of this process take `url` for the Hub and `home` for its folder, as HF_ENDPOINT and HF_HOME would."""
    from huggingface_hub import constants

    for name, value in {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "AGENT_HARNESSES_PATH": str(home / "harnesses.json"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_DISABLE_XET": True,
        "DOWNLOAD_CHUNK_SIZE": constants.DOWNLOAD_CHUNK_SIZE,
    }.items():
        patch.setattr(constants, name, value)
    patch.delenv("HF_TOKEN", raising=False)
    logging.getLogger("huggingface_hub").setLevel(
        logging.ERROR
    )  # stalled downloads that were left complain for a while


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub, path = self.state, unquote(urlsplit(self.path).path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/api/agent-harnesses":
            return self._json({"standardEnvVars": [], "harnesses": {}})
        hub.requests.append((self.command, path))
        hub.tokens |= {self.headers["Authorization"]} - {None}
        fault = next((what for part, what in hub.faults.items() if part in path), "")
        if fault == "stall":
            return self._stop()
        if fault.isdigit():
            return self._json({"error": "out of order"}, int(fault), {"Retry-After": "7"} if fault == "429" else None)
        if fault == "loop":
            return self._json({}, 302, {"Location": self.path})
        if fault == "portal":
            return self._json("<html>Sign in</html>", headers={"Content-Type": "text/html"})
        if path.startswith("/api/"):
            return self._api(path.removeprefix("/api/"))
        name, _, rest = path.lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        found = self._tree(name, revision)
        if found is None:
            return None
        commit, files = found
        if file not in files:
            return self._json({}, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        if fault.startswith("http"):
            known = {"ETag": f'"{_oid(files[file])}"', "X-Repo-Commit": commit, "X-Linked-Size": str(len(files[file]))}
            return self._json({}, 302, {**known, "Location": fault + path})
        return self._send(files[file], commit, fault if self.command == "GET" else "")

    def _api(self, path: str) -> None:
        hub = self.state
        if path == "repos/create":
            asked = json.loads(self.body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in hub.repos:
                return self._json({"error": "exists", "url": f"{hub.url}/{name}"}, 409)
            hub.repos[name] = Repo(private=asked.get("visibility") == "private")
            hub.repos[name].commit({".gitattributes": b""})
            return self._json({"url": f"{hub.url}/{name}"})
        if path == "validate-yaml":
            return self._json({"warnings": [], "errors": []})
        kind, owner, name, verb, revision = (*path.split("/", 4), "", "")[:5]
        repo = f"{'' if kind == 'models' else kind + '/'}{owner}/{name}"
        if verb == "preupload":
            files = json.loads(self.body)["files"]
            modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]
            return self._json({"files": modes})
        if verb == "commit":
            return self._commit(repo)
        found = self._tree(repo, revision or "main")
        if found is None:
            return None
        commit, files = found
        if verb == "tree":
            listed = [
                {"type": "file", "path": file, "size": len(content), "oid": _oid(content)}
                for file, content in files.items()
            ]
            return self._json(listed)
        with_sizes = hub.sizes and "blobs" in parse_qs(urlsplit(self.path).query)
        siblings = [{"rfilename": file, **({"size": len(c)} if with_sizes else {})} for file, c in files.items()]
        fault = next((what for part, what in hub.faults.items() if part in self.path), "")
        return self._json({"id": f"{owner}/{name}", "sha": commit, "siblings": siblings}, fault=fault)

    def _commit(self, name: str) -> None:
        repo = self.state.repos[name]
        files, paths = dict(repo.commits[repo.heads["main"]]), []
        for line in self.body.splitlines():
            item = json.loads(line)
            kind, value = item["key"], item["value"]
            if kind == "header" and value.get("parentCommit", repo.heads["main"]) != repo.heads["main"]:
                return self._json({"error": "the head moved"}, 412)
            if kind == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif kind == "deletedFile":
                del files[value["path"]]
            if kind != "header":
                paths.append(("-" if kind == "deletedFile" else "") + value["path"])
        commit = repo.commit(files)
        self.state.uploads.append(paths)
        return self._json(
            {"commitUrl": f"{self.state.url}/{name}/commit/{commit}", "commitOid": commit, "success": True}
        )

    def _tree(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit and its files; None once the client has been told why not."""
        repo = self.state.repos.get(name)
        if repo is None or repo.locked:
            code = repo.locked if repo else "RepoNotFound"
            return self._json({}, 403 if code == "GatedRepo" else 401, {"X-Error-Code": code})
        commit = repo.heads.get(revision, revision)
        if commit not in repo.commits:
            return self._json({}, 404, {"X-Error-Code": "RevisionNotFound"})
        return commit, repo.commits[commit]

    def _json(self, value: object, status: int = 200, headers: dict[str, str] | None = None, fault: str = "") -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self._write(content, fault)

    def _send(self, content: bytes, commit: str, fault: str) -> None:
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-")) if not fault else 0
        part = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{_oid(content)}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(len(part) // 2 if fault == "short" else len(part)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            self._write(part, fault)

    def _write(self, content: bytes, fault: str) -> None:
        with contextlib.suppress(OSError):
            if fault == "drip":
                for i in range(len(content)):
                    self.wfile.write(content[i : i + 1])
                    if self.state.closing.wait(0.2):
                        break
                self.close_connection = True
            elif fault:
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                if fault == "stall-body":
                    self._stop()
                self.close_connection = True
            else:
                self.wfile.write(content)

    def _stop(self) -> None:
        self.state.closing.wait(60)
        self.close_connection = True


def _oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def wait_for(condition: Callable[[], object], seconds: float = 30, *, every: float = 0.02) -> None:
    """Return as soon as condition() is true, which is asked every so many seconds; an AssertionError if it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)
