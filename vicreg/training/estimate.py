"""Estimate the time of a training from a few steps on random images."""

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

STEPS = 3  # timed steps, after the warm-up
# The other work of a training, measured; the unit is the time of one step of the `tiny` encoder (see `span`).
START, SNAPSHOT, EPOCH, QUICK_EVALUATION = 15.0, 8.0, 1.0, 35.0
# A range around the estimate, as factors: few steps are timed, and the load changes. All of 19 quick trainings
# of 2 and 4 steps on two cores (load 8 to 25) took 0.36 to 1.15 times the estimate; 10 of them ran after it was chosen.
SPAN = 0.35, 2.0
SLOW = 5.0  # seconds; stop timing when the timed steps have taken this long


def steps_of(config: Config, images: int) -> int:
    """The number of steps of a training. Raises ValueError if there are fewer images than a batch."""
    if images < config.batch_size:
        raise ValueError(f"batch_size {config.batch_size} needs at least as many training images, got {images}")
    return images // config.batch_size * config.epochs


def span(config: Config, images: int, seconds: float, *, whole: bool) -> tuple[float, float]:
    """The least and the most seconds that a training is expected to take: its steps, and the snapshots between them.

    seconds: of a step, from `seconds_a_step`. The other work is counted in steps, because a busy machine slows both.
    whole: also count the start and the evaluation of a quick training with the `tiny` encoder.
    """
    from vicreg.training.monitor import snapshots_of

    steps = steps_of(config, images)
    others = SNAPSHOT * snapshots_of(config, steps) + EPOCH * config.epochs
    if whole:
        others += START + QUICK_EVALUATION
    low, high = SPAN
    return low * (steps + others) * seconds, high * (steps + others) * seconds


def seconds_a_step(config: Config, device: str | torch.device) -> float:
    """Seconds per training step: the median of a few steps on noise, without reading, snapshots and evaluation.

    Frees all device memory afterwards, because a training in another process may need it. Raises torch's error if the
    device has too little memory.
    """
    import torch

    device = torch.device(device)
    try:
        return statistics.median(_times(config, device)[1:])  # the first one is the warm-up
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # the traceback's frames would keep the networks alive
        raise
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()  # otherwise this process keeps the freed blocks


def _times(config: Config, device: torch.device) -> list[float]:
    """The seconds of each step. Everything it allocates is freed when it returns."""
    step = _noise_step(config, device, choose_precision(config, device))
    times = []
    for _ in range(1 + STEPS):
        times.append(_timed(step))
        if sum(times[1:]) > SLOW:
            break
    return times


def choose_precision(config: Config, device: torch.device) -> str:
    """The faster precision for this config and device: `float32` or `bfloat16`.

    After a warm-up, a few steps on noise are timed in alternation. A device without bfloat16 instructions gets float32
    without timing.
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
    """Returns a function that takes one step on noise with its own networks, and waits for it. Already warmed up."""
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
        take(views)[-1].item()  # reading the total waits for the device

    for _ in range(1 + (EAGER_STEPS if device.type == "cuda" else 0)):
        step()
    return step
