"""Runs on the Hub: published, looked at, downloaded and refused, with the real client against a Hub on the loopback."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import torch
from hub_server import Hub, Repo, point_client, serve, wait_for
from huggingface_hub import HfApi, constants, snapshot_download

import vicreg
from vicreg.cli.main import main
from vicreg.config import Config
from vicreg.hub import publishing
from vicreg.hub.index import index_value, read_index
from vicreg.hub.publishing import publish
from vicreg.hub.repository_card import repo_card
from vicreg.hub.run_downloads import cached_runs, cached_shelf, download, look, missing_bytes
from vicreg.method.networks import networks
from vicreg.runs.folder import Run, open_run, update_run, verify, write_run
from vicreg.runs.weights import weights_bytes
from vicreg.storage import hub_client, hub_file, paths
from vicreg.storage.hub_errors import Cancelled, HubError

ROOT = Path(__file__).parents[2]

REPO = "ada/runs"
HISTORY = (paths.BUNDLED / "cifar10-vicreg" / "history.csv").read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Run]:
    """Two small runs and a baseline: bundled ones with tiny networks, and of their results only a small one."""
    root = tmp_path_factory.mktemp("made")
    runs = {}
    for seed, name in enumerate(("cifar10-vicreg", "cifar10-no-variance")):
        bundled = open_run(paths.BUNDLED / name)
        config = replace(bundled.config, encoder="tiny", expander=(8, 8, 8))
        torch.manual_seed(seed)
        files = {
            **contents(bundled, "history.csv", "metrics.json", "README.md", "results/roc.parquet"),
            "model.safetensors": weights_bytes(*networks(config, torch.device("cpu"))),
        }
        runs[name] = write_run(root / name, files, {**stripped(bundled), "config": config.to_dict()})
    bundled = open_run(paths.BUNDLED / "cifar10-pixels")
    record = {**stripped(bundled), "config": replace(bundled.config, expander=(8, 8, 8)).to_dict()}
    runs[bundled.name] = write_run(root / bundled.name, contents(bundled, "metrics.json", "README.md"), record)
    return runs


def contents(run: Run, *names: str) -> dict[str, bytes]:
    return {name: run.folder.joinpath(name).read_bytes() for name in names or run.record["files"]}


def stripped(run: Run) -> dict:
    return {name: value for name, value in run.record.items() if name not in ("schema", "files")}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serve() as hub:
        point_client(monkeypatch, hub.url, tmp_path / "home")
        monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "own"))
        monkeypatch.delenv("VICREG_HUB", raising=False)
        yield hub


@pytest.fixture
def stocked(hub, made) -> Hub:
    """A Hub with a repository of the three runs, put there without the client."""
    files = {
        f"{name}/{path}": run.folder.joinpath(path).read_bytes()
        for name, run in made.items()
        for path in all_files(run)
    }
    index = {"schema": 1, "runs": {name: index_value(run) for name, run in made.items()}}
    hub.repos[REPO] = Repo()
    hub.repos[REPO].commit(
        {**files, "index.json": json.dumps(index).encode(), "README.md": b"", "evil.pkl": b"cos\nsystem"}
    )
    return hub


def all_files(run: Run) -> list[str]:
    return [*run.record["files"], "config.json"]


def changed(hub: Hub, change: Callable[[dict], None]) -> str:
    """Change index.json by hand; returns the commit."""
    repo = hub.repos[REPO]
    files = dict(repo.commits[repo.heads["main"]])
    index = json.loads(files["index.json"])
    change(index)
    return repo.commit({**files, "index.json": json.dumps(index).encode()})


def replaced(hub: Hub, path: str, content: bytes, *, in_index: bool = True) -> None:
    """Put another file in a run's folder, in the index too or not."""
    repo = hub.repos[REPO]
    files = dict(repo.commits[repo.heads["main"]])
    files[path] = content
    repo.commit(files)
    name, _, file = path.partition("/")

    def describe(index: dict) -> None:
        run = index["runs"][name]
        run["files"][file] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        run["bytes"] = sum(entry["bytes"] for entry in run["files"].values())

    if in_index:
        changed(hub, describe)


def in_cache(tmp_path: Path) -> set[str]:
    """The paths of the runs' files in the client's snapshots."""
    snapshots = tmp_path / "home" / "hub" / "models--ada--runs" / "snapshots"
    return {path.relative_to(snapshots).as_posix().partition("/")[2] for path in snapshots.rglob("*") if path.is_file()}


# Publishing


def test_what_is_published_comes_back_the_same(hub, made, tmp_path):
    commit = publish(REPO, list(made.values()))
    assert commit == hub.repos[REPO].heads["main"]
    found = look(REPO)
    assert (found.commit, list(found.runs)) == (commit, sorted(made))
    entry = found.runs["cifar10-vicreg"]
    assert (entry.dataset, entry.preset, entry.encoder, entry.epochs) == ("cifar10", "vicreg", "tiny", Config().epochs)
    probe = made["cifar10-vicreg"].metrics["probe"]
    assert entry.probe == (probe["accuracy"], *probe["interval"])
    assert entry.readable == ""
    assert found.runs["cifar10-pixels"].epochs == 0
    runs = download(found, made)
    for name, run in runs.items():
        verify(run)
        assert (run.name, run.config, run.record) == (name, made[name].config, made[name].record)
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(runs["cifar10-vicreg"].encoder(images), made["cifar10-vicreg"].encoder(images))


def test_a_second_publish_sends_only_what_changed_and_a_third_nothing(hub, made, tmp_path):
    run = write_run(tmp_path / "cifar10-vicreg", contents(made["cifar10-vicreg"]), stripped(made["cifar10-vicreg"]))
    publish(REPO, [run, made["cifar10-pixels"]])
    assert len(hub.uploads) == 1
    run = update_run(run, {"metrics.json": b"{}"}, without=["history.csv"])
    second = publish(REPO, [run])
    assert sorted(hub.uploads[1]) == [
        "-cifar10-vicreg/history.csv",
        "README.md",
        "cifar10-vicreg/config.json",
        "cifar10-vicreg/metrics.json",
        "index.json",
    ]
    assert publish(REPO, [run, made["cifar10-pixels"]]) == second
    assert len(hub.uploads) == 2
    assert len(hub.asked("/commit/")) == 2
    assert set(look(REPO).runs) == {"cifar10-vicreg", "cifar10-pixels"}
    verify(download(look(REPO), ["cifar10-vicreg"])["cifar10-vicreg"])


def test_runs_of_others_stay_and_what_went_missing_is_sent_again(stocked, made):
    def of_tomorrow(index: dict) -> None:
        index["runs"]["cifar10-tomorrow"] = {"schema": 2, "dataset": ["?"], "files": 3}

    changed(stocked, of_tomorrow)
    repo = stocked.repos[REPO]
    files = dict(repo.commits[repo.heads["main"]])
    del files["cifar10-vicreg/history.csv"]
    repo.commit(files)
    publish(REPO, [made["cifar10-vicreg"]])
    assert "cifar10-vicreg/history.csv" in stocked.uploads[0]
    assert not any(path.startswith("cifar10-vicreg/model") for path in stocked.uploads[0])
    assert set(look(REPO).runs) == {*made, "cifar10-tomorrow"}


def test_the_card_has_the_probe_of_each_run_and_says_how_to_load(hub, made):
    import yaml  # the Hub's client needs it too

    publish(REPO, list(made.values()))
    card = hub.repos[REPO].commits[hub.repos[REPO].heads["main"]]["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "mit"
    assert front["datasets"] == ["uoft-cs/cifar10"]
    (result,) = front["model-index"][0]["results"]  # one data set
    assert len(result["metrics"]) == len(made)
    probe = made["cifar10-vicreg"].metrics["probe"]
    assert result["metrics"][2]["value"] == probe["accuracy"]
    assert result["metrics"][2]["name"] == (
        "cifar10-vicreg: linear probe (95 % interval {:.2f} to {:.2f}), {}".format(
            *probe["interval"], probe["protocol"]
        )
    )
    assert 'vicreg.load("ada/runs", run="cifar10-no-variance")' in card
    assert "python -m vicreg download ada/runs" in card
    runs = {name: index_value(run) for name, run in made.items()}
    del runs["cifar10-pixels"]["probe"]  # an index may leave it out
    assert "| cifar10-pixels |" in repo_card(REPO, runs)


def test_a_private_repository_is_made_private_and_a_locked_one_says_so(hub, made):
    publish(REPO, [made["cifar10-pixels"]], private=True)
    assert hub.repos[REPO].private
    hub.repos[REPO].locked = "GatedRepo"
    with pytest.raises(HubError, match="request access"):
        publish(REPO, [made["cifar10-pixels"]])


def test_a_damaged_run_is_not_published(hub, made, tmp_path):
    run = write_run(tmp_path / "cifar10-vicreg", contents(made["cifar10-vicreg"]), stripped(made["cifar10-vicreg"]))
    (run.folder / "history.csv").write_bytes(b"?")
    with pytest.raises(ValueError, match=r"history.csv"):
        publish(REPO, [run])
    assert not hub.requests


def test_a_run_that_nobody_could_download_is_not_published(hub, made, tmp_path):
    name = "Vicreg (copy)"
    run = write_run(tmp_path / name, contents(made["cifar10-vicreg"]), stripped(made["cifar10-vicreg"]))
    with pytest.raises(HubError, match="rename"):
        publish(REPO, [run])
    with pytest.raises(HubError, match="cifar10-pixels"):
        publish(REPO, [made["cifar10-pixels"]] * 2)
    with pytest.raises(HubError, match="main branch"):
        publish(REPO + "@v1", [run])


@pytest.mark.parametrize(
    ("bound", "most", "words"),
    [
        ("MAX_FILE_BYTES", 9_000, r"cifar10-pixels/metrics\.json has [\d.]+ MB, but a file on the Hub"),
        ("MAX_RUN_BYTES", 16_000, r"cifar10-pixels has [\d.]+ MB, .*; its largest file is metrics\.json with"),
        ("MAX_FILES", 2, r"cifar10-pixels has 3 files, but a run on the Hub may have at most 2: remove some"),
    ],
)
def test_a_run_that_is_too_large_is_named_before_a_repository_is_made(hub, made, monkeypatch, bound, most, words):
    monkeypatch.setattr(publishing, bound, most)
    with pytest.raises(HubError, match=words):
        publish(REPO, [made["cifar10-pixels"]])
    assert not hub.requests


@pytest.mark.fault("publishing without a run", "a sentence; no empty repository is made")
def test_without_runs_nothing_is_sent(hub):
    with pytest.raises(ValueError, match="no runs to publish"):
        publish(REPO, [])
    assert not hub.repos
    assert not hub.asked()


@pytest.mark.fault("publishing all bundled runs while one is damaged", "a sentence names it; nothing is sent")
def test_all_bundled_runs_are_published_or_none(hub, made, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paths, "BUNDLED", tmp_path / "bundled")
    for run in made.values():
        shutil.copytree(run.folder, paths.BUNDLED / run.name)
    (paths.BUNDLED / "cifar10-pixels" / "config.json").write_text("{")
    assert main(["publish", REPO]) == 1
    assert "cifar10-pixels cannot be read, so nothing was published" in capsys.readouterr().err
    assert not hub.repos
    assert main(["publish", REPO, "cifar10-vicreg"]) == 0
    assert "cifar10-pixels" not in capsys.readouterr().err  # it has nothing to do with the run that was named


def test_a_head_that_moved_meanwhile_is_not_overwritten(stocked, made, monkeypatch):
    real = hub_file.fetch

    def slow(*words: object, **options: object) -> Path:
        stocked.repos[REPO].commit({"index.json": b'{"schema": 1, "runs": {}}'})  # somebody was faster
        return real(*words, **options)

    run = replace(made["cifar10-vicreg"], record={**made["cifar10-vicreg"].record, "epochs": 9})
    monkeypatch.setattr(hub_file, "fetch", slow)
    with pytest.raises(HubError, match="412"):
        publish(REPO, [run])


def test_a_connection_pool_closed_by_another_thread_does_not_stop_a_commit(hub, made, monkeypatch):
    calls, commit = [], HfApi.create_commit

    def broken_at_first(*args, **kwargs):
        calls.append(args)
        if len(calls) == 1:
            raise httpx2.ReadError("[Errno 9] Bad file descriptor")
        return commit(*args, **kwargs)

    monkeypatch.setattr(HfApi, "create_commit", broken_at_first)
    assert publish(REPO, [made["cifar10-vicreg"]]) == hub.repos[REPO].heads["main"]
    assert len(calls) == 2


def test_every_bundled_run_could_be_published():
    runs = {folder.name: open_run(folder) for folder in paths.BUNDLED.iterdir() if (folder / "config.json").is_file()}
    index = json.dumps({"schema": 1, "runs": {name: index_value(run) for name, run in runs.items()}}).encode()
    read = read_index(index, repo=REPO, revision="main", commit="0" * 40, sizes=None)
    assert set(read.runs) == set(runs)
    assert not any(entry.readable for entry in read.runs.values())


# Looking and downloading


def test_a_download_brings_a_run_and_nothing_else(stocked, tmp_path):
    found = look(REPO)
    size = found.runs["cifar10-vicreg"].bytes
    assert missing_bytes(found, ["cifar10-vicreg"]) == size
    seen = []
    runs = download(found, ["cifar10-vicreg"], on_bytes=lambda *count: seen.append(count))
    assert list(runs) == ["cifar10-vicreg"]
    assert seen[-1] == (size, size)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert missing_bytes(found, ["cifar10-vicreg"]) == 0
    assert in_cache(tmp_path) == {
        "index.json",
        *(f"cifar10-vicreg/{path}" for path in all_files(runs["cifar10-vicreg"])),
    }


def test_a_pinned_revision_needs_no_server(stocked, monkeypatch):
    found = look(REPO)
    download(found, ["cifar10-vicreg"])
    point_client(monkeypatch, "http://127.0.0.1:9", Path(constants.HF_HOME))
    start = time.monotonic()
    for revision in (found.commit, "main"):
        runs, broken = cached_runs(REPO, revision)
        assert (list(runs), broken) == (["cifar10-vicreg"], [])
        assert cached_shelf(REPO, revision).runs == found.runs
        run = vicreg.load(f"{REPO}@{revision}", run="cifar10-vicreg")
        assert run.metrics["probe"]["accuracy"] == found.runs["cifar10-vicreg"].probe[0]
        assert run.encoder(torch.rand(1, 3, 32, 32)).shape == (1, run.encoder.width)
    assert time.monotonic() - start < 5


def test_load_downloads_what_is_not_here_and_names_the_runs_there_are(stocked):
    run = vicreg.load(REPO, run="cifar10-no-variance")
    assert run.config.preset == "no-variance"
    stocked.requests.clear()
    assert vicreg.load(REPO, run="cifar10-no-variance").record == run.record
    assert not stocked.requests
    with pytest.raises(HubError, match="'vicreg'; available: cifar10-vicreg, cifar10-no-variance, cifar10-pixels"):
        vicreg.load(REPO, run="vicreg")


def test_a_snapshot_by_the_client_itself_is_a_run(stocked, made):
    snapshot_download(REPO, allow_patterns="cifar10-vicreg/*")
    runs, broken = cached_runs(REPO)
    assert (list(runs), broken) == (["cifar10-vicreg"], [])
    verify(runs["cifar10-vicreg"])
    assert open_run(runs["cifar10-vicreg"].folder).record == made["cifar10-vicreg"].record
    assert cached_shelf(REPO) is None


def test_runs_that_did_not_change_come_along_when_their_branch_moves(stocked, made):
    download(look(REPO), ["cifar10-vicreg"])
    repo = stocked.repos[REPO]
    repo.commit({**repo.commits[repo.heads["main"]], "NEWS.md": b"more"})
    found = look(REPO)
    assert list(download(found, ["cifar10-pixels"])) == ["cifar10-pixels"]
    assert list(cached_runs(REPO)[0]) == ["cifar10-pixels", "cifar10-vicreg"]
    assert cached_shelf(REPO).commit == found.commit


def test_a_repository_without_runs_says_how_to_publish(hub):
    hub.repos[REPO] = Repo()
    hub.repos[REPO].commit({"README.md": b""})
    with pytest.raises(HubError, match=r"index.json.*vicreg publish ada/runs"):
        look(REPO)
    with pytest.raises(HubError, match="'v2'"):
        look(REPO, "v2")
    with pytest.raises(HubError, match="ada/walks"):
        look("ada/walks")


@pytest.mark.fault("the Hub answers, then stalls", "a sentence within seconds")
def test_a_look_ends_soon_when_the_hub_stalls_after_the_probe(stocked, monkeypatch):
    monkeypatch.setattr(hub_client, "INDEX_SECONDS", 0.3)
    stocked.faults = {"/resolve/": "stall"}
    start = time.monotonic()
    with pytest.raises(HubError, match="in time"):
        look(REPO)
    assert time.monotonic() - start < 5


# Nothing from the Hub is trusted


@pytest.mark.fault(
    "the Hub sends another file than the index says", "it is named and removed, and fetched again when it is right"
)
def test_a_wrong_file_is_named_removed_and_fetched_again_when_it_is_right(stocked, tmp_path):
    repo = stocked.repos[REPO]
    right = repo.commits[repo.heads["main"]]["cifar10-vicreg/history.csv"]
    repo.commits[repo.heads["main"]]["cifar10-vicreg/history.csv"] = right[:-1] + b"?"
    found = look(REPO)
    with pytest.raises(HubError, match=r"cifar10-vicreg/history.csv of ada/runs .*removed.*sha256"):
        download(found, ["cifar10-vicreg"])
    assert "cifar10-vicreg/history.csv" not in in_cache(tmp_path)
    assert cached_runs(REPO, found.commit) == ({}, [])
    repo.commits[repo.heads["main"]]["cifar10-vicreg/history.csv"] = right
    verify(download(found, ["cifar10-vicreg"])["cifar10-vicreg"])


def test_a_file_that_was_damaged_here_is_fetched_again(stocked):
    found = look(REPO)
    run = download(found, ["cifar10-vicreg"])["cifar10-vicreg"]
    (run.folder / "metrics.json").resolve().write_bytes(b"?")
    stocked.requests.clear()
    verify(download(found, ["cifar10-vicreg"])["cifar10-vicreg"])
    assert len(stocked.asked("cifar10-vicreg/")) == 2  # HEAD and GET of that one file


@pytest.mark.fault("a download of a new version fails", "the runs that were here stay")
def test_a_failed_download_leaves_the_runs_that_were_here(stocked):
    download(look(REPO), ["cifar10-vicreg"])
    before = {name: run.record for name, run in cached_runs(REPO)[0].items()}
    right = (paths.BUNDLED / "cifar10-no-variance" / "history.csv").read_bytes()
    replaced(stocked, "cifar10-no-variance/history.csv", b"?" * len(right), in_index=False)
    with pytest.raises(HubError, match=r"cifar10-no-variance/history.csv"):
        download(look(REPO), ["cifar10-no-variance"])
    assert {name: run.record for name, run in cached_runs(REPO)[0].items()} == before
    verify(cached_runs(REPO)[0]["cifar10-vicreg"])


def test_weights_that_are_no_safetensors_are_refused(stocked, tmp_path):
    replaced(stocked, "cifar10-vicreg/model.safetensors", b"\x80\x04cos\nsystem\n" + bytes(100))
    with pytest.raises(HubError, match=r"model.safetensors .*safetensors file"):
        download(look(REPO), ["cifar10-vicreg"])
    assert "cifar10-vicreg/model.safetensors" not in in_cache(tmp_path)


def test_a_config_that_says_otherwise_than_the_index_is_refused(stocked):
    replaced(stocked, "cifar10-vicreg/history.csv", HISTORY + HISTORY)  # in the index, and not in config.json
    found = look(REPO)
    with pytest.raises(HubError, match=r"config.json of ada/runs .*different files"):
        download(found, ["cifar10-vicreg"])
    assert cached_runs(REPO, found.commit) == ({}, [])
    replaced(stocked, "cifar10-no-variance/config.json", b"{}")
    with pytest.raises(HubError, match=r"config\.json"):
        download(look(REPO), ["cifar10-no-variance"])

    def another(index: dict) -> None:
        index["runs"]["cifar10-pixels"]["preset"] = "vicreg"

    changed(stocked, another)
    with pytest.raises(HubError, match="preset"):
        download(look(REPO), ["cifar10-pixels"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda runs: runs["cifar10-vicreg"].update(schema=2), "schema 2"),
        (lambda runs: runs["cifar10-vicreg"].update(encoder="vit"), "encoder 'vit'"),
        (lambda runs: runs["cifar10-vicreg"].update(dataset="svhn"), "data set 'svhn'"),
        (lambda runs: size_of(runs, "history.csv", len(HISTORY) + 1), "but it has"),
        (lambda runs: size_of(runs, "results/more.parquet", 5), "missing in the repository"),
    ],
)
def test_a_run_that_this_version_cannot_use_says_why_and_the_others_stay(stocked, change, words):
    changed(stocked, lambda index: change(index["runs"]))
    found = look(REPO)
    assert words in found.runs["cifar10-vicreg"].readable
    with pytest.raises(HubError, match=words):
        download(found, ["cifar10-vicreg"])
    assert list(download(found, ["cifar10-pixels"])) == ["cifar10-pixels"]


def size_of(runs: dict, path: str, size: int) -> None:
    run = runs["cifar10-vicreg"]
    run["files"][path] = {"bytes": size, "sha256": run["files"].get(path, {}).get("sha256", "0" * 64)}
    run["bytes"] = sum(file["bytes"] for file in run["files"].values())


@pytest.mark.fault("the Hub lies about sizes", "no more bytes are taken than announced")
def test_an_index_that_lies_about_sizes_brings_no_more_than_it_says(stocked, monkeypatch):
    monkeypatch.setattr(hub_client, "PROBE_SECONDS", 0.5)
    stocked.faults = {"/tree/": "503"}  # nobody but the index says sizes
    stocked.sizes = False
    changed(stocked, lambda index: size_of(index["runs"], "model.safetensors", 1000))
    found = look(REPO)
    assert found.runs["cifar10-vicreg"].readable == ""
    with pytest.raises(HubError, match="1,000 bytes"):
        download(found, ["cifar10-vicreg"])


NAMED = ["..", "../../evil", "/etc", "a..b", "Evil", "x" * 81, "evil\n"]
FILED = ["../evil", "/etc/passwd", "model.pkl", "results/../../x.parquet", "results/a.parquet\n"]
WRONG = [
    *((lambda index, name=name: renamed(index["runs"], name), "not a valid run name") for name in NAMED),
    *(
        (lambda index, name=name: renamed(entry(index)["files"], name, "metrics.json"), "does not belong to a run")
        for name in FILED
    ),
    (lambda index: entry(index)["files"].pop("config.json"), "config.json"),
    *((lambda index, new=new: file(index).update(bytes=new), "size") for new in (-1, True)),
    (lambda index: file(index).update(bytes=150_000_001), "more than 150,000,000"),
    *((lambda index, new=new: file(index).update(sha256=new), "sha256") for new in ("0" * 63, "G" * 64)),
    (lambda index: entry(index).update(bytes=1), "add up"),
    (lambda index: entry(index).update(files=[]), "files"),
    (lambda index: entry(index).update(epochs="8"), "number"),
    (lambda index: entry(index).update(preset="<script>"), "preset"),
    (lambda index: entry(index).update(encoder=None), "encoder"),
    (lambda index: entry(index).update(schema="1"), "schema"),
    (lambda index: entry(index).update(probe={"accuracy": 1e999, "interval": [0, 1]}), "percentage"),
    (lambda index: entry(index).update(probe={"accuracy": 10**400, "interval": [0, 1]}), "percentage"),
    (lambda index: entry(index).update(probe={"accuracy": 50, "interval": [0]}), "interval"),
    (lambda index: entry(index).update(probe=[]), "object"),
    (lambda index: index["runs"].update({"a": 1}), "object"),
    (lambda index: index["runs"].update({f"r{i}": {} for i in range(100)}), "at most 100"),
    (lambda index: index.update(schema=2), "schema 2"),
    (lambda index: index.update(runs=[]), "runs"),
    (lambda index: index.update(more="x" * 1_000_000), "larger than"),
    (lambda index: heavy(entry(index)), "at most 300,000,000"),
]


def entry(index: dict) -> dict:
    return index["runs"]["cifar10-pixels"]


def file(index: dict) -> dict:
    return entry(index)["files"]["config.json"]


def renamed(values: dict, name: str, old: str = "cifar10-pixels") -> None:
    values[name] = values.pop(old)


def heavy(run: dict) -> None:
    large = {"bytes": 150_000_000, "sha256": "0" * 64}
    run.update(files=dict.fromkeys(("config.json", "model.safetensors", "history.csv"), large), bytes=450_000_000)


@pytest.mark.parametrize(("change", "words"), WRONG)
@pytest.mark.fault(
    "a hostile index: paths out of the folder, false sizes, foreign keys, too many runs",
    "a sentence names the rule; nothing is downloaded",
)
def test_an_index_that_is_not_as_it_must_be_is_refused(made, change, words):
    index = {"schema": 1, "runs": {name: index_value(run) for name, run in made.items()}}
    read_index(json.dumps(index).encode(), repo=REPO, revision="main", commit="0" * 40, sizes=None)
    change(index)
    with pytest.raises(HubError, match=words):
        read_index(json.dumps(index).encode(), repo=REPO, revision="main", commit="0" * 40, sizes=None)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"\xff", b"null"])
@pytest.mark.fault(
    "an index that is empty, cut off, binary or nested 100,000 deep", "a sentence; the next attempt fetches it again"
)
def test_an_index_that_is_no_json_is_refused_and_fetched_again_when_asked_for_again(stocked, tmp_path, content):
    commit = stocked.repos[REPO].commit({"index.json": content})
    with pytest.raises(HubError, match=r"index.json of ada/runs"):
        look(REPO)
    assert cached_runs(REPO, commit) == ({}, [])
    assert not in_cache(tmp_path)


@pytest.mark.parametrize("file", ["config.json", "metrics.json"])
@pytest.mark.fault("a link in the cache that points out of it", "it is not followed")
def test_a_link_out_of_the_cache_is_refused(stocked, tmp_path, file):
    found = look(REPO)
    run = download(found, ["cifar10-vicreg"])["cifar10-vicreg"]
    outside = tmp_path / file
    shutil.copy(run.folder / file, outside)
    (run.folder / file).unlink()
    (run.folder / file).symlink_to(outside)
    runs, broken = cached_runs(REPO)
    assert not runs
    assert broken == [f"cifar10-vicreg/{file} is a link out of the Hub's cache; remove it and download the run again"]
    verify(download(found, ["cifar10-vicreg"])["cifar10-vicreg"])
    assert outside.is_file()
    assert cached_runs(REPO)[1] == []


def test_content_that_repositories_share_is_no_link_out_of_the_cache(stocked):
    """Xet files: the repository's blob is itself a link, into a store beside the repositories."""
    run = download(look(REPO), ["cifar10-vicreg"])["cifar10-vicreg"]
    blob = (run.folder / "model.safetensors").resolve()
    shared = Path(constants.HF_HUB_CACHE) / "blobs" / "ab" / ("ab" * 32)
    shared.parent.mkdir(parents=True)
    blob.rename(shared)
    blob.symlink_to(shared)
    assert list(cached_runs(REPO)[0]) == ["cifar10-vicreg"]


@pytest.mark.fault("what was downloaded cannot be listed", "a sentence; the bundled runs and every page stay")
def test_a_cache_that_cannot_be_listed_is_a_sentence(stocked, monkeypatch):
    snapshot, real = download(look(REPO), ["cifar10-vicreg"])["cifar10-vicreg"].folder.parent, Path.iterdir

    def gone(path):
        if path == snapshot:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(path)

    monkeypatch.setattr(Path, "iterdir", gone)
    runs, (told,) = cached_runs(REPO)
    assert not runs
    assert told.startswith(f"What was downloaded from {REPO} cannot be listed (Stale file handle): allow this user")


@pytest.mark.fault("the disk is too full for a download", "a sentence says how much is needed; nothing is fetched")
def test_a_full_disk_is_noticed_before_anything_is_fetched(stocked, monkeypatch):
    found = look(REPO)
    stocked.requests.clear()
    monkeypatch.setattr(hub_client, "free_bytes", lambda: 1000)
    with pytest.raises(HubError, match=r"ada/runs: free some space, [\d.]+ MB"):
        download(found, ["cifar10-vicreg"])
    with pytest.raises(HubError, match=r"ada/runs's runs: free some space, [\d.]+ MB"):
        look(REPO)
    assert not stocked.requests


def test_a_cancelled_download_goes_on_from_there(stocked):
    found = look(REPO)
    stocked.faults = {"model.safetensors": "stall-body"}
    with pytest.raises(Cancelled):
        download(found, ["cifar10-vicreg"], should_stop=lambda: bool(stocked.asked("model.safetensors")))
    assert cached_runs(REPO, found.commit) == ({}, [])
    left = missing_bytes(found, ["cifar10-vicreg"])
    assert 0 < left < found.runs["cifar10-vicreg"].bytes
    stocked.closing.set()  # what stalled ends
    stocked.faults = {}
    stocked.requests.clear()
    verify(download(found, ["cifar10-vicreg"])["cifar10-vicreg"])
    fetched = {path for method, path in stocked.asked("/resolve/") if method == "GET"}
    assert 0 < len(fetched) < len(found.runs["cifar10-vicreg"].files)


@pytest.mark.fault(
    "the Hub redirects without end, or the sign-in page of a network answers in its place",
    "a sentence; nothing is kept",
)
@pytest.mark.parametrize("fault", ["loop", "portal"])
@pytest.mark.parametrize("part", ["/api/", "/resolve/"])
def test_redirections_without_end_and_sign_in_pages_are_named(stocked, monkeypatch, fault, part):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits between its tries
    stocked.faults = {part: fault}
    with pytest.raises(HubError, match=r"try again|HF_ENDPOINT"):
        look(REPO)
    assert cached_runs(REPO) == ({}, [])


@pytest.mark.fault(
    "the Hub redirects a download to a server with other content",
    "the file is refused, and the token stays with the Hub",
)
def test_a_redirection_to_another_server_brings_no_other_content_and_does_not_take_the_token(stocked, monkeypatch):
    name = "cifar10-vicreg/model.safetensors"
    found = look(REPO, token="hf_secret")
    with serve() as other:
        other.repos[REPO] = Repo()
        content = stocked.repos[REPO].commits[found.commit][name]
        other.repos[REPO].commits[found.commit] = {name: content[:-1] + b"?"}
        stocked.faults = {"model.safetensors": other.url}
        with pytest.raises(HubError, match=r"model\.safetensors.*(sha256|arrived incomplete)"):
            download(found, ["cifar10-vicreg"], token="hf_secret")
        assert other.asked(name)
        assert not other.tokens
    assert stocked.tokens == {"Bearer hf_secret"}


@pytest.mark.fault("the same runs are downloaded twice at once", "both end with every file whole")
def test_two_who_download_the_same_at_once_both_get_it(stocked):
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(lambda: download(look(REPO), ["cifar10-vicreg", "cifar10-pixels"])) for _ in range(2)]
        for runs in (one.result() for one in both):
            assert len([verify(run) for run in runs.values()]) == 2


# The command line


def start(*words: str, hub: Hub, home: Path, wrap: tuple[str, ...] = (), **more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*wrap, sys.executable, "-m", "vicreg", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **hub.environment(home), "OMP_NUM_THREADS": "1", **more},
    )


@pytest.mark.fault(
    "kill -9 of a process that downloads", "no half run is ever listed; the next download ends with every file whole"
)
def test_a_download_that_is_killed_again_and_again_ends_whole(stocked, tmp_path):
    for file in ("index.json", "model.safetensors", "config.json"):
        stocked.requests.clear()
        stocked.faults = {file: "stall-body"}
        process = start("download", REPO, "cifar10-vicreg", hub=stocked, home=tmp_path / "home")
        wait_for(lambda file=file: [one for one in stocked.asked(file) if one[0] == "GET"], 60)
        process.kill()
        process.communicate()
        assert cached_runs(REPO) == ({}, [])
    stocked.faults = {}
    verify(download(look(REPO), ["cifar10-vicreg"])["cifar10-vicreg"])


def test_the_command_line_publishes_and_prints_how_to_load(hub, made, tmp_path, capsys):
    folders = [str(run.folder) for run in made.values()]
    assert main(["publish", REPO, *folders, "--private"]) == 0
    commit = hub.repos[REPO].heads["main"]
    out = capsys.readouterr().out
    assert f"3 runs as ada/runs@{commit}" in out
    assert f'vicreg.load("ada/runs@{commit}", run="cifar10-vicreg")' in out
    assert hub.repos[REPO].private


def test_the_command_line_takes_the_repository_from_the_environment(stocked, monkeypatch, capsys):
    assert main(["download"]) == 1
    assert "set VICREG_HUB" in capsys.readouterr().err
    monkeypatch.setenv("VICREG_HUB", f"{REPO}@main")
    assert main(["download", "cifar10-pixels"]) == 0
    assert list(cached_runs(REPO)[0]) == ["cifar10-pixels"]
    assert main(["download", "cifar10-other"]) == 1
    assert "no run 'cifar10-other'" in capsys.readouterr().err


def test_ctrl_c_stops_a_download_cleanly(stocked, capsys):
    stocked.faults = {"model.safetensors": "stall-body"}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run under nohup, it is ignored

    def press() -> None:
        wait_for(lambda: ("GET", "model.safetensors") in [(verb, path[-17:]) for verb, path in stocked.requests])
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        assert main(["download", REPO, "cifar10-vicreg"]) == 130
    finally:
        presser.join()
        signal.signal(signal.SIGINT, before)
    err = capsys.readouterr().err
    assert "Stopped." in err
    assert "Traceback" not in err
