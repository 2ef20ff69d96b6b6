"""Snapshots: figures and maps of both spaces, each image's nearest others, and what a saved state keeps of them."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import small_run
import torch
from conftest import digit_images
from safetensors import safe_open
from small_run import a_run, until

from vicreg.evaluation.encode import embed, encode
from vicreg.evaluation.spectrum import spectrum
from vicreg.method.networks import Encoder, Expander, networks
from vicreg.storage.paths import STATE_FILE
from vicreg.training import snapshots
from vicreg.training.snapshots import Snapshot, Snapshotter

SMALL = replace(small_run.SMALL, batch_size=8)
TRAIN, TRAIN_LABELS = digit_images(40)
TEST, TEST_LABELS = digit_images(30, first=1000)


@pytest.fixture(autouse=True)
def _quick_maps(monkeypatch):
    monkeypatch.setattr(snapshots, "tsne", lambda representations, *, initial: representations[:, :2])


@pytest.fixture
def pair() -> tuple[Encoder, Expander]:
    """Both networks after a pass that gave their BatchNorm running averages."""
    encoder, expander = networks(SMALL, torch.device("cpu"))
    with torch.no_grad():
        expander(encoder(torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))))
    return encoder, expander


@pytest.fixture
def snapshotter() -> Snapshotter:
    return Snapshotter(TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)


def test_the_figures_of_the_embeddings_are_theirs(pair, snapshotter):
    encoder, expander = pair
    snapshot = snapshotter.take(encoder, expander, epoch=3, previous=None)
    assert encoder.training  # as it was
    assert expander.training
    y = encode(encoder.eval(), TEST)
    z = embed(expander.eval(), y)
    assert z.shape == (30, 8)
    assert snapshot.epoch == 3
    assert snapshot.embedding_std == pytest.approx(np.median(z.std(axis=0)), rel=1e-4)
    assert snapshot.embedding_rank == pytest.approx(spectrum(z).effective_rank, rel=1e-4)
    assert snapshot.effective_rank == pytest.approx(spectrum(y).effective_rank, rel=1e-4)
    assert 1 < snapshot.embedding_rank <= 8 < snapshot.effective_rank
    centred = z - z.mean(axis=0)
    values = np.linalg.svd(centred, compute_uv=False)[:2]
    np.testing.assert_allclose(np.linalg.norm(snapshot.embedding_pca, axis=0), values, rtol=1e-3)


def test_a_collapsed_expander_shows_as_no_spread_and_no_rank(pair, snapshotter):
    encoder, expander = pair
    with torch.no_grad():
        expander.layers[-1].weight.zero_()
    snapshot = snapshotter.take(encoder, expander, epoch=0, previous=None)
    assert (snapshot.embedding_std, snapshot.embedding_rank) == (0.0, 0.0)
    assert not snapshot.embedding_pca.any()
    assert snapshot.effective_rank > 1


def test_the_neighbours_are_the_nearest_others_by_cosine_and_never_the_image_itself(pair, snapshotter):
    encoder, expander = pair
    found = snapshotter.take(encoder, expander, epoch=0, previous=None).neighbours
    assert (found.shape, found.dtype) == ((30, 5), np.int16)
    assert not (found == np.arange(30)[:, None]).any()
    y = encode(encoder.eval(), TEST).astype(np.float64)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    distance = 1 - y @ y.T
    np.fill_diagonal(distance, np.inf)
    nearest = np.sort(distance, axis=1)[:, :5]
    np.testing.assert_allclose(np.take_along_axis(distance, found.astype(int), axis=1), nearest, atol=1e-5)


def test_two_equal_images_are_each_others_neighbours(pair):
    encoder, expander = pair
    twins = np.concatenate([TEST[:10], TEST[:1]])  # the last is the first once more
    labels = np.concatenate([TEST_LABELS[:10], TEST_LABELS[:1]])
    found = Snapshotter(TRAIN, TRAIN_LABELS, twins, labels).take(encoder, expander, epoch=0, previous=None).neighbours
    assert found[0, 0] == 10
    assert found[10, 0] == 0


@pytest.mark.parametrize("count", [2, 3, 6])
def test_of_few_images_all_others_are_listed(count, pair):
    few = Snapshotter(TRAIN, TRAIN_LABELS, TEST[:count], TEST_LABELS[:count])
    found = few.take(*pair, epoch=0, previous=None).neighbours
    assert found.shape == (count, min(5, count - 1))
    assert all(set(row) <= set(range(count)) - {i} for i, row in enumerate(found.tolist()))


@pytest.mark.parametrize("kind", ["pca", "embedding_pca"])
def test_an_axis_keeps_the_direction_of_the_snapshot_before(kind, pair, snapshotter):
    first = snapshotter.take(*pair, epoch=0, previous=None)
    for signs in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        arrays = {**first.arrays(), kind: first.arrays()[kind] * np.float32(signs)}
        turned = Snapshot.restore(first.figures(), arrays)
        second = snapshotter.take(*pair, epoch=1, previous=turned)
        np.testing.assert_allclose(getattr(second, kind), arrays[kind], atol=1e-5)
        for other in {"pca", "embedding_pca"} - {kind}:
            np.testing.assert_allclose(getattr(second, other), getattr(first, other), atol=1e-5)


def same(one: Snapshot, other: Snapshot) -> bool:
    assert one.arrays().keys() == other.arrays().keys()
    return one.figures() == other.figures() and all(
        np.array_equal(array, other.arrays()[name]) and array.dtype == other.arrays()[name].dtype
        for name, array in one.arrays().items()
    )


def test_figures_and_arrays_are_all_of_a_snapshot(pair, snapshotter):
    snapshot = snapshotter.take(*pair, epoch=2, previous=None)
    names = {field.name for field in fields(Snapshot)}
    assert snapshot.figures().keys() | snapshot.arrays().keys() == names
    assert not snapshot.figures().keys() & snapshot.arrays().keys()
    figures = json.loads(json.dumps(snapshot.figures(), allow_nan=False))
    assert same(Snapshot.restore(figures, snapshot.arrays()), snapshot)


def test_a_state_keeps_every_field_of_its_snapshots(tmp_path):
    sizes = {"config": SMALL, "images": 40, "tests": 30}
    whole = a_run(tmp_path / "whole", **sizes)
    assert [snapshot.epoch for snapshot in whole.snapshots] == [0, 1, 2]
    stopped = a_run(tmp_path / "parts", **sizes, **until(7))
    with safe_open(tmp_path / "parts" / STATE_FILE, framework="pt") as file:
        kept = {name for name in file.keys() if name.startswith("snapshot.1.")}  # noqa: SIM118 - not a dict
    assert kept == {f"snapshot.1.{name}" for name in stopped.snapshots[1].arrays()}
    resumed = a_run(tmp_path / "parts", **sizes)
    for one, other in zip(whole.snapshots, resumed.snapshots, strict=True):
        assert same(one, other)
