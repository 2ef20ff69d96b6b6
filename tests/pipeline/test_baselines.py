"""Baselines: made without training, measured like every run, and the same when they are measured again."""

import shutil

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vicreg import config
from vicreg.data import loading
from vicreg.pipeline import measure_run
from vicreg.pipeline.baselines import flat
from vicreg.pipeline.make_baseline import make_baseline
from vicreg.pipeline.measure_run import evaluate_run, representations
from vicreg.runs.errors import RunError
from vicreg.runs.folder import open_run, verify


@pytest.fixture(scope="module")
def small(tiny_hub):
    """The stand-in for CIFAR-10 in this process: 64 train and 48 test pictures, no MNIST."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tiny_hub.items():
            patch.setenv(name, value)
        patch.setattr(measure_run, "OTHERS", 40)
        patch.setitem(config.RECIPES, "cifar10", {"encoder": "tiny"})
        patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", tiny_hub["VICREG_CACHE"] + "/no-hub")
        yield loading.load("cifar10", "train"), loading.load("cifar10", "test")


@pytest.fixture(scope="module")
def made(small, tmp_path_factory):
    root = tmp_path_factory.mktemp("baselines")
    return {name: make_baseline(name, root) for name in ("untrained", "pixels", "laplacian")}


@pytest.mark.parametrize("name", ["untrained", "pixels", "laplacian"])
def test_a_baseline_is_a_whole_run_without_weights(name, made):
    run = open_run(made[name].folder)
    verify(run)
    assert run.baseline == name
    assert run.record["epochs"] == 0
    assert "model.safetensors" not in run.record["files"]
    assert run.metrics["probe"]["n"] == 48
    assert len(run.results("projections")) == 48


def test_without_mnist_there_is_a_ranking_and_no_roc(made):
    run = made["pixels"]
    assert run.metrics["anomaly"]["n_anomalies"] == 0
    assert not run.has("roc")
    assert len(run.results("anomaly")) == 48


def test_the_untrained_encoder_is_the_one_that_training_starts_from(made, small):
    import torch

    from vicreg.evaluation.encode import encode
    from vicreg.method.networks import networks

    run = made["untrained"]
    encoder, expander = networks(run.config, torch.device("cpu"))
    wanted = encode(encoder.eval(), small[1].images)
    np.testing.assert_array_equal(representations(run, small[1]), wanted)
    assert torch.equal(run.expander.layers[0].weight, expander.layers[0].weight)


def test_pixels_are_the_principal_components_of_the_train_split(made, small):
    train, test = small
    fitted = PCA(n_components=16, svd_solver="full").fit(flat(train.images).astype(np.float64))
    oracle = fitted.transform(flat(test.images).astype(np.float64))
    ours = representations(made["pixels"], test)[:, :16]
    signs = np.sign((oracle * ours).sum(axis=0))
    np.testing.assert_allclose(ours, oracle * signs, atol=2e-4)


def test_the_eigenmap_holds_its_own_images_and_places_the_others(made, small):
    run = made["laplacian"]
    settings = run.record["baseline"]
    assert settings == {"name": "laplacian", "dimensions": 62, "images": 64, "neighbours": 10}
    assert len(representations(run, small[0])) == 64
    own = run.results("projections")[["laplacian_x", "laplacian_y"]].to_numpy()
    np.testing.assert_allclose(own, representations(run, small[1])[:, :2], atol=1e-6)


def test_what_the_eigenmap_calls_neighbours_is_nearest_in_pixels(made, small):
    table = made["laplacian"].results("pixel_neighbours")
    pixels = flat(small[1].images).astype(np.float64)
    for query, rows in table.groupby("query"):
        distances = np.linalg.norm(pixels - pixels[query], axis=1)
        distances[query] = np.inf
        assert sorted(rows["nearest"]) == sorted(np.argsort(distances)[:5])


def test_the_eigenmap_says_what_a_new_image_costs(made):
    timing = made["laplacian"].record["timing"]
    assert timing["rule"] > 0
    placements = made["laplacian"].results("placements")
    assert len(placements) == 10
    assert np.isfinite(placements.to_numpy(dtype=float)).all()


@pytest.mark.parametrize("name", ["pixels", "laplacian"])
def test_measuring_again_gives_the_same_bytes(name, made):
    before = {path: path.read_bytes() for path in made[name].folder.rglob("*") if path.is_file()}
    again = evaluate_run(made[name])
    after = {path: path.read_bytes() for path in again.folder.rglob("*") if path.is_file()}
    assert before == after


@pytest.mark.parametrize("name", ["pixels", "laplacian"])
def test_a_baseline_without_a_network_says_so(name, made):
    with pytest.raises(RunError, match="has no network"):
        _ = made[name].encoder


def test_a_folder_without_weights_that_names_no_baseline_is_broken(made, tmp_path):
    import json

    folder = tmp_path / "cifar10-pixels"
    shutil.copytree(made["pixels"].folder, folder)
    record = json.loads((folder / "config.json").read_text())
    del record["baseline"]
    (folder / "config.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"lists no model.safetensors and names no baseline"):
        open_run(folder)


def test_an_unknown_baseline_is_named_with_those_that_are(small, tmp_path):
    with pytest.raises(ValueError, match=r"baseline .*got 'random'"):
        make_baseline("random", tmp_path)


@pytest.mark.fault("measuring a baseline again fails", "the measured one stays as it was, and nothing else is left")
def test_a_baseline_stays_until_the_new_one_is_measured(made, tmp_path, monkeypatch):
    folder = tmp_path / "cifar10-laplacian"
    shutil.copytree(made["laplacian"].folder, folder)
    left = tmp_path / f".{folder.name}.{2**22 + 1}.measuring"  # of a process that was killed; no process has this id
    left.mkdir()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    seen = []

    def stop(label: str, done: int, total: int) -> None:
        seen.append(label)
        if label == "fitting again with new images":  # the last stage of measuring
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_baseline("laplacian", tmp_path, on_stage=stop)
    assert "fitting the eigenmap" in seen
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path for path in tmp_path.iterdir() if path != left] == [folder]
    again = make_baseline("laplacian", tmp_path)
    assert again.folder == folder
    assert again.metrics == made["laplacian"].metrics
    assert list(tmp_path.iterdir()) == [folder]
