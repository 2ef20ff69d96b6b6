"""How long a training will take on this machine, from a few of its steps on made-up pictures."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from vicreg.config import Config

STEPS = 3  # timed, after one that warms up


@dataclass(frozen=True)
class Estimate:
    """seconds_a_step: the median of a few steps. steps: of the whole training. seconds: of all steps.

    Reading pictures, snapshots and measuring come on top of it.
    """

    seconds_a_step: float
    steps: int

    @property
    def seconds(self) -> float:
        return self.seconds_a_step * self.steps


def estimate(config: Config, images: int, device: Any) -> Estimate:
    """Time a few steps of a config's training on noise, and reckon with all of them.

    images: of the train split. Raises ValueError where the batch is larger than that, and torch's own error where the
    device has too little memory.
    """
    import torch

    from vicreg.training import make_optimiser, networks, positive_pairs, seeded, take_step

    steps = images // config.batch_size * config.epochs
    if not steps:
        raise ValueError(f"batch_size {config.batch_size} needs at least as many train images, got {images}")
    device = torch.device(device)
    encoder, expander = networks(config, device)
    optimiser = make_optimiser(config, encoder, expander)
    network = torch.nn.Sequential(encoder, expander).train()
    noise = np.random.default_rng(0).integers(0, 256, (config.batch_size, 32, 32, 3), dtype=np.uint8)
    pixels, rows = torch.from_numpy(noise).to(device), torch.arange(config.batch_size, device=device)
    others = rows.roll(1)[:, None] if config.positives == "neighbours" else None
    times = []
    for step in range(1 + STEPS):
        began = time.perf_counter()
        views = positive_pairs(pixels, rows, config, neighbours=others, generator=seeded(0, 0, step))
        take_step(network, optimiser, views, config).total.item()  # waits until the device is done
        times.append(time.perf_counter() - began)
    return Estimate(statistics.median(times[1:]), steps)
