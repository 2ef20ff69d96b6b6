"""How long a training will take on this machine, from a few of its steps on made-up pictures."""

from __future__ import annotations

import statistics
import time
import traceback
from typing import Any

import numpy as np

from vicreg.config import Config

STEPS = 3  # timed, after one that warms up
SLOW = 5.0  # seconds: timed steps that take longer together tell enough


def steps_of(config: Config, images: int) -> int:
    """How many steps a training on so many images has. Raises ValueError where they are fewer than a batch."""
    if images < config.batch_size:
        raise ValueError(f"batch_size {config.batch_size} needs at least as many train images, got {images}")
    return images // config.batch_size * config.epochs


def seconds_a_step(config: Config, device: Any) -> float:
    """The median time of a few steps of a config's training on noise; reading, snapshots and measuring come on top.

    It leaves nothing on the device, whose memory a training in another process may need. Raises torch's own error where
    the device has too little memory.
    """
    import torch

    device = torch.device(device)
    try:
        return statistics.median(_times(config, device)[1:])  # the first warms up, however long it takes
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # they hold the networks for as long as somebody holds the error
        raise
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()  # else freed blocks stay this process's own


def _times(config: Config, device: Any) -> list[float]:
    """The seconds of every step. All it makes goes with its frame."""
    import torch

    from vicreg.method.networks import networks
    from vicreg.training.optimiser import make_optimiser
    from vicreg.training.step import positive_pairs, seeded, take_step

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
        if sum(times[1:]) > SLOW:
            break
    return times
