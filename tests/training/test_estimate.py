"""Timing: three steps of any preset on this machine, and how many steps a training has."""

from dataclasses import replace

import pytest

from vicreg.presets import presets
from vicreg.training import estimate, graphed_step, monitor, precision
from vicreg.training.estimate import seconds_a_step, span, steps_of
from vicreg.training.step import take_step

SMALL = replace(presets("coloured-digits")["vicreg"], batch_size=8)


@pytest.fixture(autouse=True)
def _without_bfloat16(monkeypatch):
    """No steps that choose a precision: they are counted and timed in test_precision.py."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)


@pytest.mark.parametrize("preset", ["vicreg", "neighbour-views"])
def test_a_step_of_either_kind_of_positives_can_be_timed(preset):
    assert 0 < seconds_a_step(replace(presets("coloured-digits")[preset], batch_size=8), "cpu") < 30


def test_a_training_has_a_step_for_every_full_batch_of_every_epoch():
    config = presets("coloured-digits")["vicreg"]
    assert steps_of(config, 10_376) == 40 * config.epochs
    with pytest.raises(ValueError, match="batch_size 256 needs at least as many training images, got 100"):
        steps_of(config, 100)


@pytest.mark.parametrize(("epochs", "images"), [(12, 10_376), (6, 2_560), (1, 512), (5, 2_560)])
def test_as_many_snapshots_are_expected_as_a_training_takes(epochs, images):
    config = replace(presets("coloured-digits")["vicreg"], epochs=epochs)
    steps = images // config.batch_size
    taken = sum(monitor.snapshot_due(config, steps, epoch) for epoch in range(1, epochs + 1))
    assert monitor.snapshots_of(config, steps * epochs) == 1 + taken


def test_a_span_grows_with_the_time_of_a_step_and_counts_start_and_evaluation():
    config = presets("coloured-digits")["vicreg"]
    low, high = span(config, 10_376, 0.1, whole=False)
    assert 0 < low < 48 < high  # 480 steps of 0.1 s
    assert span(config, 10_376, 0.2, whole=False) == pytest.approx((2 * low, 2 * high))
    assert span(config, 10_376, 0.1, whole=True) > (low, high)


def test_slow_steps_are_fewer_and_the_one_that_warms_up_never_counts(monkeypatch):
    steps = []
    real = take_step
    monkeypatch.setattr(graphed_step, "take_step", lambda *given, **options: steps.append(1) or real(*given, **options))
    seconds_a_step(SMALL, "cpu")
    assert len(steps) == 2 + estimate.STEPS  # two that warm up
    monkeypatch.setattr(estimate, "SLOW", 0.0)
    assert seconds_a_step(SMALL, "cpu") > 0
    assert len(steps) == 2 + estimate.STEPS + 3

    ticks = iter([0.0, 60.0, 60.0, 61.0, 61.0, 63.0, 63.0, 66.0])  # a minute, 1, 2 and 3 seconds
    monkeypatch.setattr(estimate, "SLOW", 5.0)
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(ticks))
    assert seconds_a_step(SMALL, "cpu") == 2.0


def test_steps_are_timed_in_the_precision_that_a_training_would_take(monkeypatch):
    taken = []
    real = take_step

    def noted(*given, **options):
        taken.append(options["precision"])
        return real(*given, **options)

    monkeypatch.setattr(graphed_step, "take_step", noted)
    monkeypatch.setattr(estimate, "choose_precision", lambda config, device: "bfloat16")
    assert seconds_a_step(SMALL, "cpu") > 0
    assert set(taken) == {"bfloat16"}
