"""The model card: front matter that the Hub reads, every figure with its protocol, and no code that cannot run."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from vicreg.config import BASELINES, Config
from vicreg.pipeline.baselines import write_baseline
from vicreg.presets import PRESETS
from vicreg.runs.run_card import model_card
from vicreg.study_results import STUDY_PROBES

DATA = {
    "train": {"source": "CIFAR-10's train split, from here.", "file": "a/b/c", "sha256": "0" * 64, "images": 50_000},
    "test": {"source": "CIFAR-10's test split, recorded.", "file": "a/b/d", "sha256": "1" * 64, "images": 10_000},
}
METRICS = {
    "sources": {"test": {"source": "CIFAR-10's test split, measured."}},
    "probe": {
        "accuracy": 61.234,
        "interval": [60.25, 62.75],
        "n": 9_876,
        "protocol": 'logistic regression: a "probe"; 95 % interval',
    },
    "knn": {"accuracy": 58.5, "interval": [57.5, 59.5], "n": 9_876, "protocol": "a vote of k = 20"},
    "spectrum": {"effective_rank": 290.18, "dimensions": 512, "n": 9_876, "protocol": "exponential of the entropy"},
}
NEIGHBOURS = {"neighbours": {"run": "cifar10-vicreg", "weights_sha256": "2" * 64, "nearest": 3, "metric": "euclidean"}}


def card(config: Config, name: str = "", **more: dict) -> str:
    """The card of a run that was trained for an hour and a half."""
    record = {"config": config.to_dict(), "data": DATA, **more, "device": "CPU, 2 threads", "seconds": 5_400.0}
    return model_card(config, record, METRICS, name=name or config.run_name)


def baseline_card(name: str, root: Path) -> str:
    run = write_baseline(name, root, dataset="cifar10", data=DATA, versions={})
    return model_card(run.config, run.record, METRICS, name=run.name)


@pytest.fixture(scope="module")
def cards(tmp_path_factory) -> dict[str, str]:
    """Every card that there can be, by the preset or the baseline."""
    root = tmp_path_factory.mktemp("cards")
    trained = {name: card(config) for name, config in PRESETS.items() if config.positives == "views"}
    baselines = {name: baseline_card(name, root) for name in BASELINES}
    return {**trained, "neighbour-views": card(PRESETS["neighbour-views"], **NEIGHBOURS), **baselines}


NAMES = [*PRESETS, *BASELINES]


def test_the_hubs_own_reader_finds_the_probe(cards):
    assert set(cards) == set(NAMES)
    for name, text in cards.items():
        data = ModelCard(text).data
        assert (data.license, data.library_name, data.datasets) == ("mit", "vicreg", ["uoft-cs/cifar10"])
        assert data.model_name == f"cifar10-{name}"
        (result,) = data.eval_results
        assert (result.metric_type, result.metric_value) == ("accuracy", 61.234)
        assert (result.dataset_name, result.dataset_type, result.dataset_split) == (
            "CIFAR-10",
            "uoft-cs/cifar10",
            "test",
        )
        assert METRICS["probe"]["protocol"] in result.metric_name  # its quotes and its colon came through


def test_a_numpy_float_is_a_plain_number_in_the_front_matter():
    config = PRESETS["vicreg"]
    record = {"config": config.to_dict(), "data": DATA, "device": "CPU", "seconds": 60.0}
    measured = {**METRICS, "probe": {**METRICS["probe"], "accuracy": np.float64(61.234)}}
    assert "value: 61.234\n" in model_card(config, record, measured, name="x")


@pytest.mark.parametrize("name", NAMES)
def test_figures_stand_with_interval_n_and_protocol(name, cards):
    text = cards[name]
    assert f"# cifar10-{name}\n" in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert rows == [
        ["figure", "value", "protocol"],
        ["---", "---", "---"],
        ["linear probe", "61.23 % (95 % interval 60.25 to 62.75, n = 9876)", METRICS["probe"]["protocol"]],
        ["kNN", "58.50 % (n = 9876)", METRICS["knn"]["protocol"]],
        ["effective rank", "290.18 of 512", METRICS["spectrum"]["protocol"]],
    ]
    assert "Train images: CIFAR-10's train split, from here." in text
    assert "Measured on: CIFAR-10's test split, measured." in text  # the copy that was measured, not the one recorded


@pytest.mark.parametrize("name", NAMES)
def test_the_studys_figure_for_the_preset_stands_beside_or_else_that_of_vicreg(name, cards):
    text = cards[name]
    if name in STUDY_PROBES:
        assert f"reports a linear probe of {STUDY_PROBES[name]} % for this preset" in text
    else:
        assert f"reports {STUDY_PROBES['vicreg']} % for VICReg after 30 epochs" in text
        assert "for this preset" not in text
    others = {figure for preset, figure in STUDY_PROBES.items() if preset not in (name, "vicreg")}
    assert not [figure for figure in others if f"{figure} %" in text]


def test_a_trained_runs_card_says_how_it_was_trained(cards):
    longer = dataclasses.replace(PRESETS["vicreg"], epochs=24, seed=3, encoder="resnet18", variance_weight=12.5)
    other = card(longer, name="cifar10-vicreg-long")
    assert "for this preset" not in other  # the study tried no such setting
    for config, text in ((longer, other), *((PRESETS[name], cards[name]) for name in PRESETS)):
        said = " ".join(text.split())
        assert f"A {config.encoder} encoder trained with VICReg" in said
        assert f"preset `{config.preset}`." in said
        batches = f"{config.epochs} epochs of 50,000 images, batch {config.batch_size}"
        assert f"Training: {batches}, {config.optimiser} at {config.learning_rate:g}," in said
        weights = (config.invariance_weight, config.variance_weight, config.covariance_weight)
        assert f"covariance) {', '.join(f'{weight:g}' for weight in weights)}, " in said
        assert f"seed {config.seed}; 90 minutes on CPU, 2 threads." in said


def test_neighbour_views_name_the_run_whose_neighbours_they_took_and_no_augmentation(cards):
    text = " ".join(cards["neighbour-views"].split())
    pairs = "an image and one of its 3 nearest others in the representation space of cifar10-vicreg, both as they are"
    assert f"positive pairs of {pairs}, seed 0;" in text
    assert "24 x 24" not in text
    for name in ("vicreg", "no-variance"):
        other = " ".join(cards[name].split())
        assert "views of 24 x 24 pixels" in other
        assert "nearest others" not in other


BASELINE_WORDS = {
    "untrained": "encoder before",
    "pixels": "512 principal components",
    "laplacian": "Laplacian Eigenmaps of the pixels of 20,000 train images",
}


@pytest.mark.parametrize("name", BASELINES)
def test_a_baselines_card_says_what_it_is_and_of_no_training(name, cards):
    text = cards[name]
    (what,) = (line for line in text.splitlines() if line.startswith("A baseline on CIFAR-10, measured as"))
    assert [other for other, words in BASELINE_WORDS.items() if words in what] == [name]
    assert "Training:" not in text
    assert "trained with VICReg" not in text
    assert "minutes" not in text


def test_a_baselines_numbers_are_those_of_its_record(tmp_path):
    run = write_baseline("laplacian", tmp_path, dataset="cifar10", data=DATA, versions={})
    record = {**run.record, "baseline": {**run.record["baseline"], "images": 1_234}}
    text = model_card(run.config, record, METRICS, name=run.name)
    assert "1,234 train images" in text
    assert "20,000" not in text


@pytest.mark.parametrize("name", NAMES)
def test_code_that_loads_the_encoder_stands_where_there_is_one(name, cards):
    text = cards[name]
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    if name in ("pixels", "laplacian"):
        assert "```" not in text
        assert "find_runs" not in text
    else:
        (code,) = blocks
        compile(code, "card", "exec")
        assert f'vicreg.find_runs()[0]["cifar10-{name}"]' in code
        assert "vicreg.encode(run.encoder, images)" in code
