"""Every layer's figures: which arrays they are of, and what both ranks read."""

import json

import numpy as np
import pytest
import torch

from vicreg.evaluation.encode import embed, encode
from vicreg.evaluation.probe import linear_probe
from vicreg.evaluation.report_sections import layers as measured
from vicreg.evaluation.spectrum import spectrum
from vicreg.method.networks import Encoder, Expander
from vicreg.runs.errors import RunError
from vicreg.runs.json_rules import check_metrics
from vicreg.storage.paths import BUNDLED

CLASSES = 3
RNG = np.random.default_rng(0)
TRAIN_LABELS, TEST_LABELS = np.arange(300) % CLASSES, np.arange(90) % CLASSES
CENTRES = 4 * RNG.standard_normal((CLASSES, 5))
POINT = np.full((300, 64), 0.25, np.float32)


def clouds(labels: np.ndarray) -> np.ndarray:
    return (CENTRES[labels] + RNG.standard_normal((len(labels), 5))).astype(np.float32)


Y = {"train": clouds(TRAIN_LABELS), "test": clouds(TEST_LABELS)}


@pytest.fixture(scope="module")
def section():
    """y is three clouds, z one point."""
    train, test = ({"y": Y[split], "z": POINT[: len(Y[split])]} for split in ("train", "test"))
    return measured.layers(
        train, TRAIN_LABELS, test, TEST_LABELS, attributes={"odd": (TRAIN_LABELS % 2, TEST_LABELS % 2)}
    )


@pytest.mark.parametrize("name", ["tiny", "lean"])  # whose representation is the last stage, and all of them
def test_the_layers_are_the_networks_own_from_the_first_stage_to_z(name):
    torch.manual_seed(0)
    encoder, images = Encoder(name).eval(), RNG.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    expander = Expander(encoder.width, (12, 10, 8)).eval()
    outputs = measured.outputs(encoder, expander, images)
    y = encode(encoder, images)
    stages = [name for name in outputs if name.startswith("stage")]
    assert stages == ["stage 1", "stage 2", "stage 3", *(["stage 4"] if encoder.joined else [])]
    assert list(outputs) == [*stages, "y", "expander 1", "expander 2", "z"]
    assert [outputs[name].shape[1] for name in stages] == list(encoder.stage_widths[: len(stages)])
    np.testing.assert_allclose(outputs["y"], y, rtol=1e-5)
    np.testing.assert_allclose(outputs["z"], embed(expander, y), rtol=1e-4, atol=1e-6)
    assert outputs["expander 1"].shape == (6, 12)
    assert outputs["expander 1"].min() == 0  # after the ReLU
    again = measured.outputs(encoder, expander, images, representations=y)
    for layer in outputs:
        np.testing.assert_allclose(again[layer], outputs[layer], rtol=1e-4, atol=1e-6)


def test_a_layers_figures_are_those_of_the_same_functions_elsewhere(section):
    y, z = section.metrics["layers"]["layers"]
    probe = linear_probe(Y["train"], TRAIN_LABELS, Y["test"], TEST_LABELS)
    assert y["probe"] == {"accuracy": 100 * probe.accuracy, "interval": [100 * bound for bound in probe.interval]}
    odd = linear_probe(Y["train"], TRAIN_LABELS % 2, Y["test"], TEST_LABELS % 2)
    assert y["attributes"]["odd"]["accuracy"] == 100 * odd.accuracy
    assert y["effective_rank"] == pytest.approx(spectrum(Y["test"]).effective_rank, rel=1e-5)
    assert y["nearest_5_same_class"]["share"] > 90
    assert z["effective_rank"] == 0  # a point has no direction
    assert z["rankme"] == pytest.approx(1, abs=1e-3)  # and its matrix, not centred, has one
    assert z["probe"]["accuracy"] == pytest.approx(100 / CLASSES)


def test_rankme_is_no_larger_than_ours_where_the_mean_is_far_from_0():
    far = Y["test"] + 100
    assert measured.rankme(np.linalg.svd(far, compute_uv=False)) < 1.5 < spectrum(far).effective_rank


def test_the_train_images_are_drawn_once_and_at_most_10_000():
    rows = measured.chosen_rows(50_000)
    assert len(np.unique(rows)) == measured.TRAINED_ON
    np.testing.assert_array_equal(rows, measured.chosen_rows(50_000))
    np.testing.assert_array_equal(measured.chosen_rows(7), np.arange(7))


def test_the_schema_lets_through_what_is_measured_and_wants_y_and_z(section):
    metrics = json.loads((BUNDLED / "cifar10-vicreg" / "metrics.json").read_text())
    metrics["layers"] = json.loads(json.dumps({**section.metrics["layers"], "n": 10_000}, allow_nan=False))
    check_metrics(metrics, name="x", classes=10)
    metrics["layers"]["layers"][1]["name"] = "y"
    with pytest.raises(RunError, match="layers must have different names, y and z among them"):
        check_metrics(metrics, name="x", classes=10)
