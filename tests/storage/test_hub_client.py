"""The one place that talks to the Hub, with the real client, against a Hub on the loopback that goes wrong on demand."""

import errno
import os
import socket
import time
from pathlib import Path

import httpx2
import pytest
from hub_server import Hub, Repo, point_client, serve, wait_for
from huggingface_hub import constants, errors, file_download

from vicreg.storage import hub_client, hub_file
from vicreg.storage.hub_client import cached, parse, probe
from vicreg.storage.hub_errors import Cancelled, HubError, sentence
from vicreg.storage.hub_file import fetch

REPO = "ada/runs"
BIG = os.urandom(700_000)  # more than two of the pieces that a download is counted in


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serve() as hub:
        point_client(monkeypatch, hub.url, tmp_path / "home")
        hub.repos[REPO] = Repo()
        hub.repos[REPO].commit({"small.txt": b"small", "folder/big.bin": BIG})
        yield hub


def head(hub: Hub) -> str:
    return hub.repos[REPO].heads["main"]


def leftovers(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "home" / "hub").rglob("*") if path.name.endswith(".incomplete")]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ada/runs", ("ada/runs", "main")),
        (" ada/runs@v1.0 ", ("ada/runs", "v1.0")),
        ("a_d-a/r.u-ns@refs/pr/1", ("a_d-a/r.u-ns", "refs/pr/1")),
        ("ada/runs@" + "0a" * 20, ("ada/runs", "0a" * 20)),
    ],
)
def test_a_repository_is_written_with_or_without_a_revision(text, meant):
    assert parse(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "", "runs", "ada/", "/runs", "ada/runs/more", "../runs", "ada/..", "ada/ru..ns", "-ada/runs", "ada/.runs", "ada/runs.",
        "ada/ru ns", "ada/runs\n@main", "https://huggingface.co/ada/runs", "ada/" + "x" * 97, "ada--b/runs", "ada/runs.git",
        "ada/runs@", "ada/runs@../main", "ada/runs@a..b", "ada/runs@-x", "ada/runs@.x", "ada/runs@a b", "ada/runs@/etc",
        "ada/runs@a//b", "ada/runs@a/.b", "ada/runs@a/", "ada/runs@" + "x" * 101, "ada/runs@a@b", "ада/runs",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_the_rule(text):
    with pytest.raises(HubError, match=r"must be OWNER/NAME|must be a branch, a tag or a commit"):
        parse(text)


@pytest.mark.parametrize("sizes", [True, False])
def test_a_probe_lists_the_files_with_their_sizes_at_a_pinned_commit(hub, sizes):
    hub.sizes = sizes
    listing = probe(REPO)
    assert listing == hub_client.Listing(REPO, head(hub), {"small.txt": 5, "folder/big.bin": len(BIG)})
    assert len(hub.requests) == (1 if sizes else 2)


def test_a_probe_knows_data_sets_too(hub):
    commit = hub.repos.setdefault("datasets/ada/pictures", Repo()).commit({"a.parquet": b"1234"})
    assert probe("ada/pictures", repo_type="dataset") == hub_client.Listing("ada/pictures", commit, {"a.parquet": 4})
    path = fetch("ada/pictures", "a.parquet", commit=commit, max_bytes=4, repo_type="dataset")
    assert path.read_bytes() == b"1234"
    assert cached("ada/pictures", "a.parquet", revision=commit, repo_type="dataset") == path
    assert cached("ada/pictures", "a.parquet", revision=commit) is None


def test_sizes_that_do_not_come_stay_unknown(hub, monkeypatch):
    monkeypatch.setattr(hub_client, "PROBE_SECONDS", 0.5)
    hub.sizes, hub.faults = False, {"/tree/": "stall"}
    assert probe(REPO).sizes == {"small.txt": -1, "folder/big.bin": -1}


@pytest.mark.parametrize("fault", ["refused", "stall", "drip", "503", "nameless"])
@pytest.mark.fault(
    "the Hub is down, silent, slow or out of order, or no name server answers", "a sentence within seconds"
)
def test_a_probe_ends_within_seconds_whatever_happens(hub, monkeypatch, tmp_path, fault):
    if fault == "refused":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        point_client(monkeypatch, f"http://127.0.0.1:{port}", tmp_path)
    elif fault == "nameless":  # a name server that does not answer
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hub.closing.wait(10))
    else:
        hub.faults = {"/api/": fault}
    assert hub_client.PROBE_SECONDS <= 3
    monkeypatch.setattr(hub_client, "PROBE_SECONDS", 0.5)
    start = time.monotonic()
    with pytest.raises(HubError, match="try again"):
        probe(REPO)
    assert time.monotonic() - start < 3  # whatever else this machine does meanwhile


def test_offline_nothing_is_asked(hub, monkeypatch):
    commit = head(hub)
    kept = fetch(REPO, "small.txt", commit=commit, max_bytes=5)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert hub_client.offline()
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        probe(REPO)
    with pytest.raises(HubError, match=r"not in the Hub's cache.*HF_HUB_OFFLINE is set"):
        fetch(REPO, "folder/big.bin", commit=commit, max_bytes=len(BIG))
    assert fetch(REPO, "small.txt", commit=commit, max_bytes=5) == kept
    assert not hub.requests


@pytest.mark.parametrize(
    ("locked", "words"),
    [("RepoNotFound", "or it is private.*hf auth login"), ("GatedRepo", "request access")],
)
def test_private_and_gated_repositories_say_how_to_get_in(hub, locked, words):
    hub.repos[REPO].locked = locked
    with pytest.raises(HubError, match=words):
        probe(REPO)
    with pytest.raises(HubError, match=words):
        fetch(REPO, "small.txt", commit=head(hub), max_bytes=5)
    without_login = "only if its operator sets VICREG_HUB=ada/runs"  # a visitor of a server cannot log in there
    with pytest.raises(HubError, match=without_login):
        probe(REPO, token=False)
    with pytest.raises(HubError, match=without_login):
        fetch(REPO, "small.txt", commit=head(hub), max_bytes=5, token=False)


def test_what_is_missing_is_named(hub):
    with pytest.raises(HubError, match=r"no repository ada/walks.*check the spelling"):
        probe("ada/walks")
    with pytest.raises(HubError, match="ada/runs has no revision 'v9'"):
        probe(REPO, "v9")
    with pytest.raises(HubError, match=r"ada/runs has no other\.txt"):
        fetch(REPO, "other.txt", commit=head(hub), max_bytes=5)


def test_a_download_counts_its_bytes_and_draws_nothing(hub, capfd):
    seen = []
    path = fetch(
        REPO, "folder/big.bin", commit=head(hub), max_bytes=len(BIG), on_bytes=lambda *count: seen.append(count)
    )
    assert path.read_bytes() == BIG
    assert seen[-1] == (len(BIG), len(BIG))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert capfd.readouterr().err == ""


def test_a_cached_file_costs_no_network(hub):
    commit = head(hub)
    first = fetch(REPO, "folder/big.bin", commit=commit, max_bytes=len(BIG))
    hub.requests.clear()
    assert fetch(REPO, "folder/big.bin", commit=commit, max_bytes=len(BIG)) == first
    assert cached(REPO, "folder/big.bin", revision=commit) == first
    assert cached(REPO, "folder/big.bin", revision="main") is None  # nobody noted yet what main means
    hub_client.remember(REPO, "main", commit)
    assert cached(REPO, "folder/big.bin", revision="main") == first
    assert cached(REPO, "small.txt", revision="main") is None
    assert not hub.requests


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a\\..\\x", ""])
def test_a_path_that_leaves_the_repository_is_refused(hub, path):
    with pytest.raises(HubError, match="plain path"):
        fetch(REPO, path, commit=head(hub), max_bytes=5)
    assert not hub.requests


def test_a_file_that_is_larger_than_it_should_be_is_not_fetched(hub, tmp_path):
    with pytest.raises(HubError, match=r"larger than it should be \(more than 1,000 bytes\)"):
        fetch(REPO, "folder/big.bin", commit=head(hub), max_bytes=1000)
    assert cached(REPO, "folder/big.bin", revision=head(hub)) is None
    assert not leftovers(tmp_path)


@pytest.mark.parametrize(("fault", "words"), [("short", "arrived incomplete"), ("cut", "interrupted several times")])
@pytest.mark.fault("a download is cut off", "a sentence; no half file stays, and the next attempt succeeds")
def test_half_a_body_is_thrown_away(hub, monkeypatch, tmp_path, fault, words):
    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)  # a second between two of the client's tries
    hub.faults = {"big.bin": fault}
    with pytest.raises(HubError, match=words):
        fetch(REPO, "folder/big.bin", commit=head(hub), max_bytes=len(BIG))
    assert cached(REPO, "folder/big.bin", revision=head(hub)) is None
    assert not leftovers(tmp_path)
    hub.faults = {}
    assert fetch(REPO, "folder/big.bin", commit=head(hub), max_bytes=len(BIG)).read_bytes() == BIG


@pytest.mark.fault("the Hub answers 503 or 429", "a sentence says when to try again")
def test_a_hub_that_is_out_of_order_is_named(hub, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits 23 s between its tries
    hub.faults = {"/resolve/": "503"}
    with pytest.raises(HubError, match=r"problem \(503\).*try again later"):
        fetch(REPO, "small.txt", commit=head(hub), max_bytes=5)
    hub.faults = {"/api/": "429"}
    with pytest.raises(HubError, match=r"\(429\): try again in 7 seconds"):
        probe(REPO)


@pytest.mark.fault("a download stalls", "a sentence; no half file stays")
def test_a_stalled_body_ends_when_the_client_gives_up(hub, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
    hub.faults = {"small.txt": "stall-body"}
    with pytest.raises(HubError, match="did not respond in time"):
        fetch(REPO, "small.txt", commit=head(hub), max_bytes=5)
    assert not leftovers(tmp_path)


@pytest.mark.fault("a visitor cancels a stalled download", "it ends at once")
def test_cancel_works_at_once_while_a_body_stalls(hub):
    hub.faults = {"big.bin": "stall-body"}
    asked = time.monotonic() + 0.5
    with pytest.raises(Cancelled):
        fetch(
            REPO, "folder/big.bin", commit=head(hub), max_bytes=len(BIG), should_stop=lambda: time.monotonic() > asked
        )
    assert time.monotonic() - asked < 4  # the body stalls for ten
    assert cached(REPO, "folder/big.bin", revision=head(hub)) is None


def test_a_cancelled_download_leaves_nothing_behind(hub, monkeypatch, tmp_path):
    class Slow(hub_file.UndrawnBar):
        def update(self, n: int = 1) -> None:
            time.sleep(0.2)
            super().update(n)

    monkeypatch.setattr(hub_file, "UndrawnBar", Slow)
    with pytest.raises(Cancelled):
        fetch(REPO, "folder/big.bin", commit=head(hub), max_bytes=len(BIG), should_stop=lambda: True)
    wait_for(lambda: not leftovers(tmp_path))
    assert cached(REPO, "folder/big.bin", revision=head(hub)) is None


def test_what_the_callback_raises_stops_the_download(hub, tmp_path):
    def leave(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(REPO, "folder/big.bin", commit=head(hub), max_bytes=len(BIG), on_bytes=leave)
    wait_for(lambda: not leftovers(tmp_path))


@pytest.mark.fault("the disk fills up during a download", "a sentence says how much is needed")
def test_a_full_disk_says_what_is_needed(hub, monkeypatch, tmp_path):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path))

    monkeypatch.setattr(file_download, "http_get", full)
    with pytest.raises(HubError, match=r"free some space, 0.7 MB are needed in the Hub's cache") as caught:
        fetch(REPO, "folder/big.bin", commit=head(hub), max_bytes=len(BIG))
    assert str(tmp_path) not in str(caught.value)
    assert not leftovers(tmp_path)


def test_a_file_is_forgotten_with_the_content_it_links_to(hub, tmp_path):
    path = fetch(REPO, "small.txt", commit=head(hub), max_bytes=5)
    real = path.resolve()
    assert real != path
    hub_client.forget(path, REPO)
    assert not path.is_symlink()
    assert not real.exists()
    outside = tmp_path / "precious"
    outside.write_text("mine")
    path.symlink_to(outside)
    assert not hub_client.inside(path, REPO)
    hub_client.forget(path, REPO)
    assert not path.is_symlink()
    assert outside.read_text() == "mine"


RESPONSE = httpx2.Response(404, request=httpx2.Request("GET", "http://hub/secret"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.DisabledRepoError("x", response=RESPONSE), "disabled"),
        (errors.HfHubHTTPError("x", response=httpx2.Response(401, request=RESPONSE.request)), "hf auth login"),
        (errors.HfHubHTTPError("x", response=httpx2.Response(403, request=RESPONSE.request)), "no access"),
        (errors.HfHubHTTPError("x", response=httpx2.Response(412, request=RESPONSE.request)), "someone else"),
        (errors.HfHubHTTPError("x", response=RESPONSE), "check the spelling"),
        (errors.LocalEntryNotFoundError("x"), "cannot be reached"),
        (httpx2.ConnectError("/home/me"), "cannot be reached"),
        (PermissionError(errno.EACCES, "no", "/home/me"), "set HF_HOME"),
        (OSError(errno.EROFS, "no", "/home/me"), "set HF_HOME"),
        (OSError(errno.ENOSPC, "no", "/home/me"), "free some space"),
        (ValueError("/home/me"), "try again"),
        (KeyError("sha"), "check HF_ENDPOINT"),
    ],
)  # fmt: skip
def test_every_error_has_a_way_out_and_names_no_path_of_this_machine(error, words):
    said = sentence(error, repo=REPO, path="a.bin", revision="v1")
    assert words in said
    assert said.endswith(".")
    assert "/home/me" not in said
    assert "secret" not in said
