"""A training of seconds, which the tests of this folder share."""

from collections.abc import Callable
from pathlib import Path

import torch
from conftest import digit_images

from vicreg.config import Config, ViewConfig
from vicreg.training.loop import Trained, train
from vicreg.training.progress import Progress

SMALL = Config(
    encoder="tiny",
    expander=(16, 16, 8),
    epochs=2,
    batch_size=16,
    warmup_steps=2,
    learning_rate=1e-3,
    views=ViewConfig(size=16),
)


def a_run(folder: Path, config: Config = SMALL, *, images: int = 56, tests: int = 40, **options) -> Trained:
    """Train on scikit-learn's digits, in float32 unless another precision is given, whatever is faster here."""
    (train_images, labels), (test_images, test_labels) = digit_images(images), digit_images(tests, first=1000)
    known = {"train_labels": labels, "test_labels": test_labels, "folder": folder}
    return train(config, train_images, test_images, **known, **{"precision": "float32", **options})


def until(step: int, seen: list[Progress] | None = None) -> dict[str, Callable]:
    """Options that stop a training after a step, and note in `seen` what it tells before."""
    seen = [] if seen is None else seen
    return {"on_progress": seen.append, "should_stop": lambda: seen[-1].step == step}


def same_weights(one: Trained, other: Trained) -> bool:
    """Whether both networks are the same bit by bit."""
    pairs = ((one.encoder, other.encoder), (one.expander, other.expander))
    return all(
        torch.equal(a, b)
        for left, right in pairs
        for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True)
    )
