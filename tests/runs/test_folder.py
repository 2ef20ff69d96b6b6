"""A run's folder: written whole or not at all, and every broken file named."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
import torch

from vicreg.config import Config
from vicreg.data.catalogue import class_names
from vicreg.method.networks import Encoder, Expander
from vicreg.runs.discovery import find_runs
from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run, open_run, update_run, verify, write_run
from vicreg.runs.json_rules import measured
from vicreg.runs.weights import weights_bytes
from vicreg.storage import paths
from vicreg.storage.files import frame_bytes, to_json

CONFIG = Config(expander=(16, 16, 8))
SPLIT = {"source": "Pictures from nowhere.", "file": "a/b/c", "sha256": "0" * 64, "images": 2}
RECORD = {
    "config": CONFIG.to_dict(),
    "data": {"train": SPLIT, "test": SPLIT},
    "device": "CPU",
    "epochs": 1,
    "seconds": 1.0,
    "seed": 0,
    "versions": {},
}
ACCURACY = {"accuracy": 50.0, "interval": [40.0, 60.0], "n": 2, "protocol": "a protocol"}
METRICS = {
    "sources": {"train": SPLIT, "test": SPLIT},
    "probe": {**ACCURACY, "per_class": {"cat": 50.0}},
    "knn": ACCURACY,
    "spectrum": {"effective_rank": 1.0, "dimensions": 960, "n": 2, "protocol": "a protocol"},
    "retrieval": {
        **{"nearest_5_same_class": 50.0, "interval": [40.0, 60.0], "per_class": {}, "n": 2},
        "protocol": "a protocol",
    },
}
HISTORY = b"epoch,split,variance,invariance,covariance,total,learning_rate,seconds\n0,test,0.5,0.25,1.0,19.75,0.0,0.0\n"


PROJECTIONS = pd.DataFrame(
    {"index": [0, 1], "label": [3, 5], "pca_x": [0.5, 1.5], "pca_y": 0.0, "tsne_x": 0.0, "tsne_y": 0.0}
)


def files() -> dict[str, bytes]:
    torch.manual_seed(0)
    return {
        "model.safetensors": weights_bytes(Encoder("lean"), Expander(960, CONFIG.expander)),
        "history.csv": HISTORY,
        "metrics.json": to_json(METRICS),
        "results/projections.parquet": frame_bytes(PROJECTIONS),
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return write_run(tmp_path / "cifar10-vicreg", files(), RECORD)


def test_a_run_comes_back_as_it_was_written(run):
    again = open_run(run.folder)
    assert again.config == CONFIG
    assert again.title == "cifar10/vicreg"
    assert again.metrics["probe"]["accuracy"] == 50.0
    assert again.history.to_dict("records")[0]["total"] == 19.75
    assert again.results("projections")["pca_x"].tolist() == [0.5, 1.5]
    verify(again)


def test_networks_come_back_in_eval_mode_as_float32_within_half_precision(run):
    torch.manual_seed(0)
    encoder, expander = Encoder("lean"), Expander(960, CONFIG.expander)
    for written, read in ((encoder, run.encoder), (expander, run.expander)):
        assert not read.training
        for name, tensor in read.state_dict().items():
            wanted = written.state_dict()[name]
            assert tensor.dtype == wanted.dtype
            torch.testing.assert_close(tensor, wanted, rtol=1e-3, atol=1e-6)


def test_reading_the_networks_draws_nothing_from_the_callers_generator(run):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    assert isinstance(run.encoder, Encoder)
    assert isinstance(run.expander, Expander)
    assert torch.equal(torch.get_rng_state(), before)


def test_matrices_are_stored_in_half_precision_and_statistics_are_not(run):
    from safetensors.torch import load_file

    for name, tensor in load_file(run.folder / "model.safetensors").items():
        if tensor.is_floating_point():
            assert tensor.dtype == (torch.float16 if tensor.ndim > 1 else torch.float32), name


@pytest.mark.parametrize(
    ("file", "read"), [("model.safetensors", lambda run: run.encoder), ("config.json", lambda run: run)]
)
@pytest.mark.fault("a Git LFS pointer in place of a run's file", "a sentence with the command that fetches the file")
def test_a_git_lfs_pointer_is_named_with_the_command_that_fetches_the_file(run, file, read):
    (run.folder / file).write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
    )
    with pytest.raises(RunError, match=rf"{file} is a Git LFS pointer.*git lfs pull"):
        read(open_run(run.folder))


@pytest.mark.fault("a run is named as the folder one is in", "it is read and written under the folder's own name")
@pytest.mark.parametrize("here", [".", "../cifar10-vicreg", "results/.."])
def test_a_run_has_its_folders_name_however_the_folder_is_written(run, monkeypatch, here):
    monkeypatch.chdir(run.folder)
    found = open_run(here)
    assert (found.name, found.folder) == (run.name, run.folder)
    updated = update_run(found, {"results/projections.parquet": frame_bytes(PROJECTIONS.assign(pca_y=2.0))})
    assert updated.results("projections")["pca_y"].tolist() == [2.0, 2.0]
    assert [path.name for path in run.folder.parent.iterdir()] == [run.name]


def test_a_folder_without_config_is_unfinished(run):
    (run.folder / "config.json").unlink()
    with pytest.raises(RunError, match="no finished run"):
        open_run(run.folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": {"../outside": {"sha256": "0" * 64, "bytes": 1}}}, "outside the run's folder"),
        ({"files": {"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}}}, "outside the run's folder"),
        ({"files": {"history.csv": {"sha256": "short", "bytes": 1}}}, "without sha256"),
        ({"files": 3}, "cannot be read"),
    ],
)
@pytest.mark.fault(
    "a config.json of another version, or with paths out of its folder",
    "a sentence says what is wrong; nothing outside is read",
)
def test_a_config_that_this_version_cannot_use_is_refused(run, change, message):
    path = run.folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RunError, match=message):
        open_run(run.folder)


@pytest.mark.parametrize(
    ("file", "content", "read", "words"),
    [
        (
            "metrics.json",
            to_json({"probe": {}}),
            lambda run: run.metrics,
            "sources is missing; `python -m vicreg ev",
        ),
        ("history.csv", b"epoch,split\n", lambda run: run.history, "has no column variance; download or train"),
        (
            "results/projections.parquet",
            frame_bytes(PROJECTIONS.head(1)),
            lambda run: run.results("projections"),
            "1 rows for 2 test images",
        ),
    ],
    ids=["keys", "history", "rows"],
)
@pytest.mark.fault(
    "a file with the right hash and the wrong content", "a sentence names the file and the rule it breaks"
)
def test_a_file_with_the_right_hash_and_the_wrong_content_is_refused(run, file, content, read, words):
    with pytest.raises(RunError, match=rf"cifar10-vicreg/{file}.*{words}"):
        read(update_run(run, {file: content}))


def test_without_figures_the_fingerprints_say_how_many_pictures_there_are(run):
    prints = pd.DataFrame({"label": [3, 5, 5], **{f"f{i}": [0, 1, 2] for i in range(8)}})
    changed = update_run(run, {"results/fingerprints.parquet": frame_bytes(prints)}, without=["metrics.json"])
    assert len(changed.results("fingerprints")) == 3
    with pytest.raises(RunError, match="2 rows for 3 test images"):
        changed.results("projections")


def test_a_missing_result_names_those_there_are(run):
    assert run.has("projections")
    assert not run.has("anomalies")
    with pytest.raises(RunError, match=r"no result 'anomalies' \(available: projections\).*vicreg evaluate"):
        run.results("anomalies")


def test_an_update_keeps_what_it_does_not_replace(run):
    before = (run.folder / "model.safetensors").read_bytes()
    after = update_run(run, {"metrics.json": b"{}\n", "results/more.parquet": frame_bytes(pd.DataFrame({"a": [1]}))})
    assert after.metrics == {}
    assert after.has("more")
    assert after.has("projections")
    assert (after.folder / "model.safetensors").read_bytes() == before
    assert after.record["seed"] == 0


def test_a_crash_in_the_first_write_leaves_no_run(tmp_path):
    with pytest.raises(ValueError, match="relative path"):
        write_run(tmp_path / "new", {"history.csv": HISTORY, "../evil": b""}, RECORD)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("a broken run among good ones", "the others are listed, and a sentence names the broken one")
def test_folders_named_in_the_environment_may_begin_with_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))  # Windows
    monkeypatch.setenv("VICREG_RUNS", "~/runs")
    monkeypatch.setenv("VICREG_CACHE", "~/cache")
    assert (paths.runs_folder(), paths.cache_folder()) == (tmp_path / "runs", tmp_path / "cache")
    monkeypatch.delenv("VICREG_RUNS")
    assert paths.runs_folder() == tmp_path / "cache" / "runs"


def test_own_runs_are_found_beside_the_bundled_ones_and_broken_ones_are_reported(run, monkeypatch, tmp_path):
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "none"))
    bundled, _ = find_runs()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    (tmp_path / ".training-x").mkdir()
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    found, broken = find_runs()
    assert set(bundled) <= set(found)
    own = "cifar10-vicreg-own" if "cifar10-vicreg" in bundled else "cifar10-vicreg"
    assert found[own].folder == run.folder
    assert len(broken) == 1
    assert "broken/config.json cannot be read" in broken[0]


def test_every_bundled_run_is_whole():
    folders = [folder for folder in paths.BUNDLED.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    assert folders
    for path in folders:
        bundled = open_run(path)
        verify(bundled)
        found, classes = measured(bundled.metrics), class_names(bundled.config.dataset)
        assert (found.images, found.clusters) == (bundled.record["data"]["test"]["images"], len(classes))
        assert (path / "README.md").read_text().startswith("---\n")
    total = sum(path.stat().st_size for path in paths.BUNDLED.rglob("*") if path.is_file())
    assert total < 120e6


@pytest.mark.fault("a run's folder cannot be renamed, as where a program holds a file open", "the old run stays")
@pytest.mark.parametrize("error", [OSError(13, "held open"), KeyboardInterrupt()])
def test_a_run_that_cannot_be_put_in_place_leaves_the_old_one(run, monkeypatch, error):
    rename, left = os.rename, [os.rename]

    def second_fails(source, target):
        if not left:
            left.append(rename)
            raise error
        left.pop()
        rename(source, target)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(type(error)):
        update_run(run, {"history.csv": HISTORY})
    monkeypatch.undo()
    assert open_run(run.folder).record == run.record
    assert [path.name for path in run.folder.parent.iterdir()] == [run.name]


@pytest.mark.fault("a run that another user keeps to himself", "the others are listed, and a sentence names it")
def test_a_run_that_may_not_be_read_is_named_and_hides_no_other(run, monkeypatch, tmp_path):
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))

    def refused(folder):
        if folder == run.folder:
            raise PermissionError(13, "Permission denied")
        return open_run(folder)

    monkeypatch.setattr("vicreg.runs.discovery.open_run", refused)
    found, broken = find_runs()
    assert found
    assert [run.name in sentence and "Permission denied" in sentence for sentence in broken] == [True]
