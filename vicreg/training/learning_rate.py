"""The learning rate schedule: a linear warm-up, then a cosine towards zero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from vicreg.config import Config


def learning_rate(config: Config, step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0: it rises linearly over warmup_steps, then falls to 0 as a cosine.

    The warm-up takes at most half of all steps. Step 0 has 1 / warm-up of the peak; 0 is reached after the last step.
    """
    warmup = min(config.warmup_steps, steps // 2)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def set_learning_rate(optimiser: torch.optim.Optimizer, config: Config, step: int, steps: int) -> float:
    """Set the optimiser's learning rate for a step and return it. A tensor is updated in place."""
    rate = learning_rate(config, step, steps)
    for group in optimiser.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
    return rate
