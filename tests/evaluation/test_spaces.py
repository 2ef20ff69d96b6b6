"""Both spaces side by side: a collapse shows in z, the study's probe needs spread, and y's figures are those given."""

import json

import numpy as np
import pytest

from vicreg.evaluation.knn import knn_accuracy
from vicreg.evaluation.probe import linear_probe
from vicreg.evaluation.report_sections.section import Section
from vicreg.evaluation.report_sections.spaces import BATCH, RATE, spaces, study_probe
from vicreg.evaluation.spectrum import spectrum
from vicreg.runs.errors import RunError
from vicreg.runs.json_rules import check_metrics
from vicreg.storage.paths import BUNDLED

CLASSES, WIDTH = 4, 12
CENTRES = 3 * np.random.default_rng(7).standard_normal((CLASSES, WIDTH))
TRAIN_LABELS, TEST_LABELS = np.arange(1200) % CLASSES, np.arange(200) % CLASSES
FIGURES = {"accuracy": 12.5, "interval": [10.0, 15.0], "n": 200, "protocol": "measured before"}
MEASURED = {"probe": {**FIGURES, "per_class": {}}, "knn": {**FIGURES, "accuracy": 37.5}}


def clouds(labels: np.ndarray, seed: int) -> np.ndarray:
    """Well separated classes: (N, 12) float32."""
    noise = np.random.default_rng(seed).standard_normal((len(labels), WIDTH))
    return (CENTRES[labels] + noise).astype(np.float32)


TRAIN, TEST = clouds(TRAIN_LABELS, 0), clouds(TEST_LABELS, 1)


def measure(embeddings: tuple[np.ndarray, np.ndarray] | None) -> Section:
    return spaces(TRAIN, TRAIN_LABELS, TEST, TEST_LABELS, embeddings=embeddings, measured=MEASURED)


@pytest.fixture(scope="module")
def both() -> Section:
    return measure((0.5 * TRAIN[:, :6], 0.5 * TEST[:, :6]))


@pytest.fixture(scope="module")
def collapsed() -> Section:
    same = np.full((1200, 8), 0.25, dtype=np.float32)
    return measure((same, same[:200]))


def share(predicted: np.ndarray) -> float:
    return float((predicted == TEST_LABELS).mean())


def test_a_collapsed_z_has_no_spread_no_rank_and_is_read_by_nobody(collapsed):
    z = collapsed.metrics["spaces"]["z"]
    assert z["std"] == {"least": 0, "median": 0, "most": 0}
    assert z["effective_rank"] == 0
    assert z["dimensions"] == 8
    for name in ("probe", "knn", "study_probe"):
        assert z[name]["accuracy"] == 100 / CLASSES, name  # all the same class
        low, high = z[name]["interval"]
        assert low < 25 < high
    assert not collapsed.tables["embedding_spectrum"][["singular_value", "standard_deviation"]].to_numpy().any()


def test_zs_figures_are_those_of_its_own_arrays(both):
    z, of_train, of_test = both.metrics["spaces"]["z"], 0.5 * TRAIN[:, :6], 0.5 * TEST[:, :6]
    spread = of_test.std(axis=0)
    assert z["dimensions"] == 6
    assert list(z["std"].values()) == pytest.approx([spread.min(), np.median(spread), spread.max()], rel=1e-5)
    assert z["effective_rank"] == pytest.approx(spectrum(of_test).effective_rank)
    probed = linear_probe(of_train, TRAIN_LABELS, of_test, TEST_LABELS)
    assert z["probe"] == {"accuracy": 100 * probed.accuracy, "interval": [100 * bound for bound in probed.interval]}
    assert z["knn"]["accuracy"] == pytest.approx(100 * knn_accuracy(of_train, TRAIN_LABELS, of_test, TEST_LABELS))
    table = both.tables["embedding_spectrum"]
    assert table["dimension"].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(table["singular_value"], spectrum(of_test).singular_values, rtol=1e-5)
    np.testing.assert_allclose(table["standard_deviation"], spread, rtol=1e-4)


def test_ys_probe_and_knn_are_those_passed_in_and_the_rest_is_measured(both):
    y = both.metrics["spaces"]["y"]
    assert y["probe"] == {"accuracy": 12.5, "interval": [10.0, 15.0]}
    assert y["knn"] == {"accuracy": 37.5, "interval": [10.0, 15.0]}
    spread = TEST.std(axis=0)
    assert y["dimensions"] == WIDTH
    assert list(y["std"].values()) == pytest.approx([spread.min(), np.median(spread), spread.max()], rel=1e-4)
    assert y["effective_rank"] == pytest.approx(spectrum(TEST).effective_rank)
    assert y["study_probe"]["accuracy"] == pytest.approx(100 * share(study_probe(TRAIN, TRAIN_LABELS, TEST)))
    assert both.metrics["spaces"]["n"] == 200


def test_without_an_expander_there_is_no_z(both):
    section = measure(None)
    assert set(section.metrics["spaces"]) == {"y", "n", "protocol"}
    assert section.metrics["spaces"]["y"] == both.metrics["spaces"]["y"]
    assert not section.tables


def test_the_studys_probe_reads_what_is_spread_and_not_what_is_tiny_while_ours_reads_both():
    """A thousandth of the spread about a common point: in so few steps at so small a rate nothing is learnt."""
    assert share(study_probe(TRAIN, TRAIN_LABELS, TEST, epochs=30)) > 0.95
    tiny, of_test = (1 + 1e-3 * array for array in (TRAIN, TEST))
    assert share(study_probe(tiny, TRAIN_LABELS, of_test, epochs=30)) < 0.5
    assert linear_probe(tiny, TRAIN_LABELS, of_test, TEST_LABELS).accuracy > 0.95


def test_the_studys_probe_is_a_torch_layer_under_adam():
    """The same start, order and batches give torch's own weights, to rounding: seen in its predictions."""
    import torch

    rng = np.random.default_rng(0)
    start = rng.uniform(-1 / np.sqrt(WIDTH), 1 / np.sqrt(WIDTH), (CLASSES, WIDTH + 1)).astype(np.float32)
    layer = torch.nn.Linear(WIDTH, CLASSES)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(start[:, :-1]))
        layer.bias.copy_(torch.from_numpy(start[:, -1]))
    optimiser = torch.optim.Adam(layer.parameters(), lr=RATE)
    x, labels = torch.from_numpy(TRAIN), torch.from_numpy(TRAIN_LABELS)
    for _ in range(2):
        order = rng.permutation(len(x))
        for begin in range(0, len(order), BATCH):
            rows = order[begin : begin + BATCH]
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(layer(x[rows]), labels[rows]).backward()
            optimiser.step()
    hard = np.random.default_rng(3).standard_normal((2000, WIDTH)).astype(np.float32)  # between the classes
    with torch.no_grad():
        wanted = layer(torch.from_numpy(hard)).argmax(dim=1).numpy()
    assert len(set(wanted)) == CLASSES
    assert (study_probe(TRAIN, TRAIN_LABELS, hard, epochs=2) == wanted).mean() > 0.998


def test_values_that_are_not_finite_are_refused():
    broken = TRAIN.copy()
    broken[3, 2] = np.nan
    with pytest.raises(ValueError, match="train must be finite"):
        study_probe(broken, TRAIN_LABELS, TEST)


def checked(section: dict, baseline: str = "") -> None:
    """As the figures of a bundled run, in place of its own."""
    metrics = json.loads((BUNDLED / "cifar10-vicreg" / "metrics.json").read_text())
    check_metrics({**metrics, "spaces": section}, name="x", classes=10, baseline=baseline)


def test_the_schema_lets_through_what_is_measured(both, collapsed):
    for section, baseline in ((both, ""), (collapsed, ""), (measure(None), "pixels")):
        checked({**section.metrics["spaces"], "n": 10_000}, baseline=baseline)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("y",), None, r"spaces\.y"),
        (("protocol",), None, r"spaces\.protocol is missing"),
        (("n",), 199, r"spaces\.n is 199 where probe\.n is 10,000"),
        (("z", "std", "least"), -1.0, r"spaces\.z\.std\.least"),
        (("z", "std", "median"), None, r"spaces\.z\.std\.median is missing"),
        (("z", "effective_rank"), "many", r"spaces\.z\.effective_rank"),
        (("z", "dimensions"), 0, r"spaces\.z\.dimensions"),
        (("z", "probe"), None, r"spaces\.z\.probe is missing"),
        (("y", "knn", "interval"), [1.0], r"spaces\.y\.knn\.interval"),
        (("y", "study_probe", "accuracy"), float("nan"), "is not valid"),
        (("y", "study_probe"), None, r"spaces\.y\.study_probe is missing"),
    ],
)
def test_the_schema_names_what_is_missing_or_wrong(path, value, words, both):
    section = json.loads(json.dumps({**both.metrics["spaces"], "n": 10_000}))
    inside = section
    for key in path[:-1]:
        inside = inside[key]
    if value is None:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    with pytest.raises(RunError, match=rf"x/metrics\.json is not valid.*{words}|{words}"):
        checked(section)
