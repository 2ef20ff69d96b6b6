"""From a config to a run's folder: with and without measuring, by which precision, and after whose neighbours."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vicreg.config import Config, ViewConfig
from vicreg.pipeline import measure_run, teacher
from vicreg.pipeline.measure_run import evaluate_run
from vicreg.pipeline.train_run import train_run
from vicreg.runs.folder import Run, open_run, verify
from vicreg.storage import paths
from vicreg.training import loop

SMALL = Config(encoder="tiny", expander=(16, 16, 8), epochs=1, batch_size=16, warmup_steps=2, views=ViewConfig(size=16))
NEAR = replace(SMALL, preset="neighbour-views", positives="neighbours")
FILM = ("snapshots", "snapshot_spectra", "snapshot_neighbours", "timeline")


@pytest.fixture(scope="module", autouse=True)
def _small(tiny_hub, tmp_path_factory):
    """64 train and 48 test pictures as CIFAR-10, and no run that comes with the app."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_hub.items():
            patch.setenv(name, value)
        patch.setenv("VICREG_RUNS", str(tmp_path_factory.mktemp("no-runs")))
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", tiny_hub["VICREG_CACHE"] + "/no-hub")
        patch.setattr(measure_run, "OTHERS", 40)
        patch.setattr(paths, "BUNDLED", tmp_path_factory.mktemp("none-bundled"))
        yield


def trained(folder: Path, config: Config = SMALL, **options) -> Run:
    return train_run(config, folder, **{"device": "cpu", "precision": "float32", "evaluate": False, **options})


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory) -> Run:
    """A run of one epoch that was not measured."""
    return trained(tmp_path_factory.mktemp("unmeasured") / "cifar10-vicreg")


@pytest.fixture(scope="module")
def measured(unmeasured, tmp_path_factory) -> Run:
    """The same run, measured later."""
    folder = tmp_path_factory.mktemp("measured") / unmeasured.name
    shutil.copytree(unmeasured.folder, folder)
    return evaluate_run(open_run(folder))


def contents(run: Run) -> dict[str, bytes]:
    return {name: (run.folder / name).read_bytes() for name in run.record["files"]}


def test_a_run_that_is_not_measured_is_whole_without_figures_and_its_state_is_gone(unmeasured):
    assert [path.name for path in unmeasured.folder.parent.iterdir()] == ["cifar10-vicreg"]
    run = open_run(unmeasured.folder)
    verify(run)
    assert run.metrics == {}
    assert set(run.record["files"]) == {
        "model.safetensors",
        "history.csv",
        *(f"results/{name}.parquet" for name in FILM),
    }
    assert run.history["epoch"].tolist() == [0, 1, 1]
    assert run.encoder.width == 512
    for name in FILM:
        assert len(run.results(name))


def test_measuring_later_gives_the_run_that_measuring_at_once_gives(unmeasured, measured, tmp_path):
    trained_only = trained(tmp_path / "cifar10-vicreg", evaluate=True)
    assert {*measured.metrics} - {*trained_only.metrics} == {
        "anomaly_sets",
        "layers",
    }  # which take longer than the rest
    assert {name: measured.metrics[name] for name in trained_only.metrics} == trained_only.metrics
    at_once = evaluate_run(trained_only)
    verify(measured)
    before = contents(unmeasured)
    assert {name: content for name, content in contents(measured).items() if name in before} == before
    assert measured.metrics == at_once.metrics
    assert measured.metrics["probe"]["n"] == measured.metrics["spaces"]["n"] == 48
    assert set(measured.record["files"]) == set(at_once.record["files"])
    kept = contents(at_once)
    for name, content in contents(measured).items():
        if name not in ("README.md", "history.csv"):  # which tell the seconds
            assert content == kept[name], name


def test_the_figures_of_y_and_z_are_of_the_runs_own_networks(measured):
    run = measured
    spaces = run.metrics["spaces"]
    assert (spaces["y"]["dimensions"], spaces["z"]["dimensions"]) == (512, 8)
    assert run.results("embedding_spectrum")["dimension"].tolist() == list(range(1, 9))
    last = run.results("snapshots").iloc[-1]  # of the same 48 images, before weights were rounded
    assert last["embedding_std"] == pytest.approx(spaces["z"]["std"]["median"], rel=0.02)
    assert last["embedding_rank"] == pytest.approx(spaces["z"]["effective_rank"], rel=0.02)


def test_the_film_of_a_run_holds_both_spaces_and_what_lay_next_to_each_image(unmeasured):
    figures = unmeasured.results("snapshots")
    assert figures["epoch"].tolist() == [0, 1]
    assert (figures[["embedding_std", "embedding_rank"]] > 0).all(axis=None)
    places = unmeasured.results("timeline")
    assert len(places) == 2 * 48
    for axis in "xy":
        assert places[f"embedding_{axis}"].std() > 0
        assert not np.allclose(places[f"embedding_{axis}"], places[f"pca_{axis}"])
    near = unmeasured.results("snapshot_neighbours")
    assert list(near) == ["epoch", "index", "rank", "nearest"]
    assert near.groupby("epoch").size().to_dict() == {0: 48 * 5, 1: 48 * 5}
    assert (near["nearest"] != near["index"]).all()
    assert near["nearest"].between(0, 47).all()
    for (_, _), rows in near.groupby(["epoch", "index"]):
        assert rows["rank"].tolist() == [1, 2, 3, 4, 5]
        assert rows["nearest"].is_unique
    sizes = pd.read_parquet(unmeasured.folder / "results" / "snapshot_neighbours.parquet").dtypes.astype(str).to_dict()
    assert sizes == {"epoch": "int16", "index": "int16", "rank": "int8", "nearest": "int16"}


@pytest.fixture(scope="module")
def teachers(tmp_path_factory, unmeasured) -> Path:
    """A folder with two runs whose representations differ: cifar10-vicreg and cifar10-other."""
    root = tmp_path_factory.mktemp("teachers")
    shutil.copytree(unmeasured.folder, root / unmeasured.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "choose_precision", lambda config, device: "bfloat16")
        trained(root / "cifar10-other", replace(SMALL, seed=1), precision=None)
    return root


def test_the_precision_that_was_found_faster_or_asked_for_is_recorded(teachers):
    assert open_run(teachers / "cifar10-other").record["precision"] == "bfloat16"
    assert open_run(teachers / "cifar10-vicreg").record["precision"] == "float32"  # asked for


@pytest.mark.parametrize(("config", "name"), [(NEAR, "vicreg"), (replace(NEAR, teacher="other"), "other")])
def test_the_named_teachers_neighbours_are_the_positives(config, name, teachers, monkeypatch):
    given = []
    real = loop.train

    def noted(*arguments, **options):
        given.append(options["neighbours"])
        return real(*arguments, **options)

    monkeypatch.setattr(loop, "train", noted)
    run = trained(teachers / f"after-{name}", config)
    wanted = open_run(teachers / f"cifar10-{name}")
    assert run.record["neighbours"] == {
        "run": wanted.name,
        "weights_sha256": wanted.weights_sha256,
        "nearest": 3,
        "metric": "euclidean",
    }
    assert "neighbours" not in wanted.record
    assert run.config.teacher == name

    from scipy.spatial.distance import cdist

    from vicreg.data import loading
    from vicreg.evaluation.encode import encode

    for table, split in zip(given[0], ("train", "test"), strict=True):
        y = encode(wanted.encoder, loading.load("cifar10", split).images).astype(np.float64)
        distance = cdist(y, y)
        np.fill_diagonal(distance, np.inf)
        found = np.take_along_axis(distance, table, axis=1)
        np.testing.assert_allclose(found, np.sort(distance, axis=1)[:, : table.shape[1]], rtol=1e-4)


def test_a_teacher_that_is_not_here_is_named_before_anything_is_read_or_written(teachers, monkeypatch):
    monkeypatch.setattr("vicreg.pipeline.train_run.load_splits", lambda *a, **k: pytest.fail("pictures were read"))
    with pytest.raises(ValueError, match=r"--name cifar10-nobody"):
        trained(teachers / "after-nobody", replace(NEAR, teacher="nobody"))
    assert not list(teachers.glob("*nobody*"))
    assert not list(teachers.glob(".training-*"))


def test_a_teacher_on_this_machine_is_found_where_none_lies_beside_the_run(teachers, tmp_path, monkeypatch):
    config = replace(NEAR, teacher="other")
    with pytest.raises(ValueError, match="cifar10-other"):
        teacher.find_teacher(config, tmp_path)
    monkeypatch.setenv("VICREG_RUNS", str(teachers))
    assert teacher.find_teacher(config, tmp_path).folder == teachers / "cifar10-other"


def test_a_stopped_run_keeps_its_teacher_and_its_neighbours(teachers, tmp_path, monkeypatch):
    config = replace(NEAR, teacher="other", epochs=2)
    folder = tmp_path / "cifar10-near"
    monkeypatch.setenv("VICREG_RUNS", str(teachers))
    assert trained(folder, config, images=40, should_stop=lambda: True) is None
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    with np.load(folder.with_name(".training-cifar10-near") / "neighbours.npz") as tables:
        assert {split: len(tables[split]) for split in tables} == {
            "train": 40,
            "test": 48,
        }  # of the images that are shown
        assert tables["train"].max() < 40
    with pytest.raises(ValueError, match=r"teacher other -> vicreg"):
        trained(folder, replace(config, teacher="vicreg"), images=40)
    run = trained(folder, config, images=40)  # though the teacher is gone
    assert run.record["neighbours"]["run"] == "cifar10-other"


@pytest.fixture
def stopped_near(teachers, tmp_path, monkeypatch) -> Path:
    """The folder of a run with nearest images as positives that was stopped after its first step."""
    monkeypatch.setenv("VICREG_RUNS", str(teachers))
    folder = tmp_path / "cifar10-near"
    assert trained(folder, replace(NEAR, epochs=2), should_stop=lambda: True) is None
    return folder


@pytest.mark.fault(
    "a training with nearest images is resumed with other images", "a sentence; old neighbours are not used"
)
@pytest.mark.parametrize(("split", "kind"), [("train", "training"), ("test", "test")])
def test_neighbours_of_other_images_are_refused(split, kind, stopped_near, monkeypatch):
    def in_reverse(*arguments, **options):
        splits = dict(zip(("train", "test"), measure_run.load_splits(*arguments, **options), strict=True))
        splits[split] = replace(splits[split], images=splits[split].images[::-1])
        return splits["train"], splits["test"]

    monkeypatch.setattr("vicreg.pipeline.train_run.load_splits", in_reverse)
    with pytest.raises(ValueError, match=rf"other settings \(the {kind} images are not those"):
        trained(stopped_near, replace(NEAR, epochs=2))


def test_a_training_whose_neighbours_were_stored_without_a_hash_resumes(stopped_near):
    record = stopped_near.with_name(".training-cifar10-near") / teacher.NEIGHBOURS_RECORD
    told = json.loads(record.read_text())
    assert set(told.pop(teacher.HASHES)) == {"train", "test"}
    record.write_text(json.dumps(told))
    run = trained(stopped_near, replace(NEAR, epochs=2))
    assert run.record["neighbours"] == told["neighbours"]
    assert teacher.HASHES not in run.record
