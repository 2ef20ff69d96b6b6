"""How long a training will take on this machine, from a few of its steps on made-up pictures."""

from __future__ import annotations

import itertools
import statistics
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vicreg.config import PRECISIONS, Config

if TYPE_CHECKING:
    import torch

STEPS = 3  # timed, after some that warm up
SLOW = 5.0  # seconds: timed steps that take longer together tell enough


def steps_of(config: Config, images: int) -> int:
    """How many steps a training on so many images has. Raises ValueError where they are fewer than a batch."""
    if images < config.batch_size:
        raise ValueError(f"batch_size {config.batch_size} needs at least as many train images, got {images}")
    return images // config.batch_size * config.epochs


def seconds_a_step(config: Config, device: str | torch.device) -> float:
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


def _times(config: Config, device: torch.device) -> list[float]:
    """The seconds of every step. All it makes goes with its frame."""
    step = _noise_step(config, device, choose_precision(config, device))
    times = []
    for _ in range(1 + STEPS):
        times.append(_timed(step))
        if sum(times[1:]) > SLOW:
            break
    return times


def choose_precision(config: Config, device: torch.device) -> str:
    """The precision in which a step of the config takes less time on the device: `float32` or `bfloat16`.

    A few steps of each are timed on noise, in turns, after some that warm up. A device without bfloat16 instructions is
    not timed: float32.
    """
    from vicreg.training.precision import has_bfloat16

    if not has_bfloat16(device):
        return "float32"
    steps = {precision: _noise_step(config, device, precision) for precision in PRECISIONS}
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(STEPS):
        for precision, step in steps.items():
            seconds[precision].append(_timed(step))
        if sum(map(sum, seconds.values())) > SLOW:
            break
    return min(PRECISIONS, key=lambda precision: statistics.median(seconds[precision]))


def _timed(step: Callable[[], None]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _noise_step(config: Config, device: torch.device, precision: str) -> Callable[[], None]:
    """Takes the training's step on noise, with networks of its own, until the device is done; warmed up already."""
    import torch

    from vicreg.method.networks import networks
    from vicreg.training.graphed_step import EAGER_STEPS, step_of
    from vicreg.training.optimiser import make_optimiser
    from vicreg.training.step import positive_pairs, seeded

    encoder, expander = networks(config, device)
    optimiser = make_optimiser(config, encoder, expander, precision=precision)
    network = torch.nn.Sequential(encoder, expander).train()
    take = step_of(network, optimiser, config, device, precision=precision)
    noise = np.random.default_rng(0).integers(0, 256, (config.batch_size, 32, 32, 3), dtype=np.uint8)
    pixels, rows = torch.from_numpy(noise).to(device), torch.arange(config.batch_size, device=device)
    others = rows.roll(1)[:, None] if config.positives == "neighbours" else None
    counter = itertools.count()

    def step() -> None:
        views = positive_pairs(pixels, rows, config, neighbours=others, generator=seeded(0, 0, next(counter)))
        take(views)[-1].item()  # the total, for which it waits

    for _ in range(1 + (EAGER_STEPS if device.type == "cuda" else 0)):
        step()
    return step
