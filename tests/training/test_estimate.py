"""Timing: three steps of any preset on this machine, and how many steps a training has."""

import pytest

from vicreg.config import ABLATIONS, presets
from vicreg.training import estimate, step
from vicreg.training.estimate import seconds_a_step, steps_of
from vicreg.training.step import take_step


@pytest.mark.parametrize("preset", ABLATIONS)
def test_a_step_of_every_preset_can_be_timed(preset):
    assert 0 < seconds_a_step(presets("coloured-digits")[preset], "cpu") < 30


def test_a_training_has_a_step_for_every_full_batch_of_every_epoch():
    config = presets("coloured-digits")["vicreg"]
    assert steps_of(config, 10_376) == 40 * config.epochs
    with pytest.raises(ValueError, match="batch_size 256 needs at least as many train images, got 100"):
        steps_of(config, 100)


def test_slow_steps_are_fewer_and_the_one_that_warms_up_never_counts(monkeypatch):
    steps = []
    real = take_step
    monkeypatch.setattr(step, "take_step", lambda *given: steps.append(1) or real(*given))
    seconds_a_step(presets("coloured-digits")["vicreg"], "cpu")
    assert len(steps) == 1 + estimate.STEPS
    monkeypatch.setattr(estimate, "SLOW", 0.0)
    assert seconds_a_step(presets("coloured-digits")["vicreg"], "cpu") > 0
    assert len(steps) == 1 + estimate.STEPS + 2

    ticks = iter([0.0, 60.0, 60.0, 61.0, 61.0, 63.0, 63.0, 66.0])  # a minute, 1, 2 and 3 seconds
    monkeypatch.setattr(estimate, "SLOW", 5.0)
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(ticks))
    assert seconds_a_step(presets("coloured-digits")["vicreg"], "cpu") == 2.0
