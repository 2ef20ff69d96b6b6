"""Sets of anomalies and left-out classes against scikit-learn, and the bank against the search in all train images."""

from dataclasses import asdict

import numpy as np
import pytest
from conftest import digit_images
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from vicreg.data.noise import noise
from vicreg.evaluation import anomaly_bank
from vicreg.evaluation.anomaly_bank import bank_from_tables, bank_tables, make_bank, with_scale
from vicreg.evaluation.anomaly_score import FIELD, KNOWN, OFFERED, STUDY, anomaly_scores, roc
from vicreg.evaluation.report_sections.anomaly_sets import anomaly_sets, auroc
from vicreg.evaluation.report_sections.section import Section

PROJECTION = np.random.default_rng(0).standard_normal((32 * 32 * 3, 96)).astype(np.float32)
CLASSES = [f"digit {c}" for c in range(10)]


def represent(images: np.ndarray) -> np.ndarray:
    """A random projection of the pixels: (N, 96)."""
    return images.reshape(len(images), -1).astype(np.float32) / 255 @ PROJECTION


(TRAIN, LABELS), (TEST, TEST_LABELS) = (
    (represent(images), labels) for images, labels in (digit_images(1_000), digit_images(400, 1_000))
)
NOISE = represent(noise(100))


@pytest.fixture(scope="module")
def section() -> Section:
    return anomaly_sets(TRAIN, LABELS, TEST, TEST_LABELS, classes=CLASSES, sets={"noise": NOISE})


def figure(section: Section, name: str, scoring) -> float:
    table = section.tables["anomaly_sets"]
    (found,) = table[(table["name"] == name) & (table["setting"] == scoring.column)]["auroc"]
    return found


@pytest.mark.parametrize("scoring", OFFERED, ids=lambda scoring: scoring.column)
def test_a_left_out_class_is_scored_against_the_train_images_of_the_others(section, scoring):
    bank = TRAIN[LABELS != 3]
    wanted = roc_auc_score(TEST_LABELS == 3, anomaly_scores(TEST, bank, **asdict(scoring)))
    assert figure(section, "digit 3", scoring) == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("scoring", KNOWN.values(), ids=KNOWN)
def test_a_set_is_scored_against_all_train_images(section, scoring):
    scores = [anomaly_scores(found, TRAIN, **asdict(scoring)) for found in (TEST, NOISE)]
    wanted = roc_auc_score(np.repeat([0, 1], [len(TEST), len(NOISE)]), np.concatenate(scores))
    assert figure(section, "noise", scoring) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("scoring", [STUDY, FIELD], ids=["study", "field"])
def test_a_bank_of_every_component_scores_as_the_train_images_do(monkeypatch, scoring):
    monkeypatch.setattr(anomaly_bank, "COMPONENTS", 96)
    wanted = anomaly_scores(TEST, TRAIN, **asdict(scoring))
    assert make_bank(TRAIN).raw_scores(TEST, [scoring])[scoring.column] == pytest.approx(wanted, rel=0.02)  # 8 bits


def test_the_error_that_is_stated_is_that_of_images_that_did_not_set_the_scale(section):
    stated = section.metrics["anomaly_sets"]["bank"]
    exact = {s.column: anomaly_scores(np.concatenate([TEST[::2], NOISE[::2]]), TRAIN, **asdict(s)) for s in OFFERED}
    bank = with_scale(make_bank(TRAIN), np.concatenate([TEST[::2], NOISE[::2]]), exact)
    for name, scoring in KNOWN.items():
        scores, wanted = bank.scores(TEST[1::2], scoring), anomaly_scores(TEST[1::2], TRAIN, **asdict(scoring))
        assert stated[name]["rank_correlation"] == pytest.approx(spearmanr(scores, wanted)[0], abs=0.01)
        assert stated[name]["rank_correlation"] > 0.95
        assert stated[name]["auroc"] == pytest.approx(stated[name]["auroc_exact"], abs=0.01)


@pytest.mark.parametrize("factor", [1e-5, 1e5])
def test_a_bank_is_the_same_after_its_tables_whatever_the_scale_of_representations(factor):
    queries = np.concatenate([TEST, NOISE]) * np.float32(factor)
    bank = make_bank(TRAIN * np.float32(factor))
    exact = {s.column: anomaly_scores(queries, TRAIN * np.float32(factor), **asdict(s)) for s in KNOWN.values()}
    bank = with_scale(bank, queries, exact)
    tables = bank_tables(bank)
    read = bank_from_tables(*tables.values(), step=bank.step, of=bank.of)
    for scoring in KNOWN.values():
        assert read.scores(queries, scoring) == pytest.approx(bank.scores(queries, scoring), rel=0.02)  # 8 bits
        assert np.median(np.abs(read.scores(queries, scoring) / exact[scoring.column] - 1)) < 0.05


def test_a_few_far_rows_do_not_spoil_a_bank():
    """As after a training without the variance term: one in a hundred lies a thousand times farther out."""
    train = TRAIN.copy()
    train[::100] *= 1000
    exact = {s.column: anomaly_scores(TEST, train, **asdict(s)) for s in KNOWN.values()}
    bank = with_scale(make_bank(train), TEST, exact)
    for scoring in KNOWN.values():
        assert spearmanr(bank.scores(TEST, scoring), exact[scoring.column])[0] > 0.95


def test_a_bank_that_was_written_without_factors_has_one_step():
    bank = make_bank(TRAIN)
    tables = bank_tables(with_scale(bank, TEST, {STUDY.column: anomaly_scores(TEST, TRAIN, **asdict(STUDY))}))
    old = [tables["bank"].drop(columns="factor"), tables["bank_basis"], tables["bank_scale"]]
    read = bank_from_tables(*old, step=bank.step, of=bank.of)
    assert np.array_equal(read.factor, np.ones(len(TRAIN)))
    assert np.array_equal(read.codes, bank.codes)


def test_noise_is_uniform_and_the_same_every_time():
    found = noise(50)
    assert np.array_equal(found, noise()[:50])
    assert found.mean() == pytest.approx(127.5, abs=1)
    assert found.std() == pytest.approx(np.sqrt((256**2 - 1) / 12), abs=1)


def test_the_interval_by_variance_is_near_the_bootstraps():
    rng = np.random.default_rng(0)
    normal, anomalies = rng.normal(0, 1, 500).round(1), rng.normal(1, 1, 200).round(1)
    slow = roc(normal, anomalies)
    assert auroc(normal, anomalies) == pytest.approx((slow.auroc, *slow.interval), abs=0.004)
