"""The images of a training: other dtypes and shapes are refused, and a saved state resumes only with its own images."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import digit_images
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_run import SMALL, a_run, same_weights, until

from vicreg.storage.paths import STATE_FILE
from vicreg.training import loop, state
from vicreg.training.state import TrainingError
from vicreg.training.step import to_floats

IMAGES, LABELS = digit_images(56)
TESTS, TEST_LABELS = digit_images(40, first=1000)


def trained(folder: Path, train: np.ndarray = IMAGES, test: np.ndarray = TESTS, **options) -> loop.Trained:
    known = {"train_labels": LABELS, "test_labels": TEST_LABELS, "folder": folder, "precision": "float32"}
    return loop.train(replace(SMALL, epochs=1), train, test, **known, **options)


@pytest.mark.fault("images as floats, or with the channels first", "a sentence names the form that they need")
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda images: images.astype(np.float32) / 255, r"got float32 \(\d\d, 32, 32, 3\)"),
        (lambda images: images.transpose(0, 3, 1, 2), r"got uint8 \(\d\d, 3, 32, 32\)"),
        (lambda images: images[..., 0], r"got uint8 \(\d\d, 32, 32\)"),
    ],
)
def test_only_bytes_with_channels_last_are_trained_on(tmp_path, split, change, got):
    images = {"train": IMAGES, "test": TESTS}
    with pytest.raises(ValueError, match=rf"{split}_images must be uint8 \(N, height, width, 3\).* {got}"):
        trained(tmp_path / "run", **{**images, split: change(images[split])})
    assert not (tmp_path / "run").exists()


def test_floats_are_not_divided_by_255_a_second_time():
    once = to_floats(torch.from_numpy(IMAGES))
    assert once.max() == 1
    with pytest.raises(ValueError, match=r"must be uint8, got torch\.float32"):
        to_floats(once.permute(0, 2, 3, 1))


@pytest.mark.fault(
    "a training is resumed with other images", "a sentence; the old state stays, and no old run is returned"
)
@pytest.mark.parametrize("other", [IMAGES[::-1], np.where(np.arange(56)[:, None, None, None] == 5, 0, IMAGES)])
def test_a_state_of_other_pixels_is_refused_even_if_it_is_finished(tmp_path, other):
    assert trained(tmp_path).finished
    before = (tmp_path / STATE_FILE).read_bytes()
    with pytest.raises(
        TrainingError, match=r"other settings \(the training images are not those .* order\); choose another"
    ):
        trained(tmp_path, other.astype(np.uint8))
    assert (tmp_path / STATE_FILE).read_bytes() == before
    assert trained(tmp_path, IMAGES.copy()).finished  # the same pixels in another array


def test_a_state_from_before_pixels_were_recorded_resumes(tmp_path):
    whole = a_run(tmp_path / "whole")
    a_run(tmp_path / "parts", **until(4))
    path = tmp_path / "parts" / STATE_FILE
    with safe_open(path, framework="pt") as file:
        record = json.loads(file.metadata()["state"])
    assert len(record.pop("images_sha256")) == 64
    save_file(load_file(path), path, metadata={"state": json.dumps(record)})
    assert same_weights(whole, a_run(tmp_path / "parts"))


def test_the_pixels_are_read_once_for_all_epochs(tmp_path, monkeypatch):
    read = []
    real = state.pixels_sha256
    monkeypatch.setattr(state, "pixels_sha256", lambda images: read.append(len(images)) or real(images))
    assert a_run(tmp_path).finished  # two epochs
    assert read == [56]
