"""The headline of the anomalies page is the one that is true of the figures."""

import pytest

from ui.anomaly_words import left_out_words, lesson, lesson_of
from vicreg.runs.folder import open_run
from vicreg.storage import paths


@pytest.mark.parametrize(
    ("untrained", "trained", "best", "headline"),
    [
        ((0.997, 0.22), (0.99, 0.71), 0.997, "the untrained network finds them best"),
        ((0.997, 0.995), (0.999, 0.999), 0.9996, "even an untrained network finds them"),
        ((0.997, 0.22), (0.999, 0.71), 0.9996, "the score matters more than the training"),
        ((0.55, 0.52), (0.93, 0.91), 0.93, "the training matters more than the score"),
    ],
)
def test_the_headline_is_true_of_the_figures(untrained, trained, best, headline):
    named = [dict(zip(("study", "field"), values, strict=True)) for values in (untrained, trained)]
    title, sentence = lesson(*named, best, against="MNIST", length="8 epochs")
    assert title.endswith(headline)
    assert all(f"**{value:.3f}**" in sentence for value in (*untrained, *trained))


def test_the_bundled_runs_headline_quotes_their_metrics():
    _, sentence = lesson_of("cifar10")
    for name in ("untrained", "vicreg"):
        figures = open_run(paths.BUNDLED / f"cifar10-{name}").metrics["anomaly"]
        assert all(f"**{figures[score]['auroc']:.3f}**" in sentence for score in ("study", "field"))


def test_what_is_said_of_a_class_left_out_is_the_mean_of_the_metrics():
    runs = {name: open_run(paths.BUNDLED / f"cifar10-{name}") for name in ("untrained", "vicreg")}
    words = left_out_words(runs)
    for run in runs.values():
        assert f"**{run.metrics['anomaly_sets']['mean_left_out']['study']:.2f}**" in words
    assert "far harder" in words
    assert left_out_words({}) == ""
