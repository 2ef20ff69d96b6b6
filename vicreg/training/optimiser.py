"""The optimiser of a config, and its learning rate at every step."""

from __future__ import annotations

import math

import torch

from vicreg.config import Config
from vicreg.method.networks import Encoder, Expander


def make_optimiser(config: Config, encoder: Encoder, expander: Expander) -> torch.optim.Optimizer:
    """The config's optimiser over both networks, with weight decay on matrices only."""
    parameters = [*encoder.parameters(), *expander.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
    try:
        from timm.optim import Lars
    except ImportError as error:
        raise ValueError("the LARS optimiser comes from timm, which is not installed: `pip install timm`") from error
    groups[0]["always_adapt"] = True  # the layer-wise rate is for matrices, with or without decay; never for the rest
    return Lars(groups, lr=config.learning_rate, momentum=0.9, trust_coeff=0.02)


def learning_rate(config: Config, step: int, steps: int) -> float:
    """The rate of a step: linear from 0 over warmup_steps, then a cosine to 0 at the last step."""
    warmup = min(config.warmup_steps, steps // 2)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def set_learning_rate(optimiser: torch.optim.Optimizer, config: Config, step: int, steps: int) -> float:
    """Give the optimiser the rate of a step, and return it."""
    rate = learning_rate(config, step, steps)
    for group in optimiser.param_groups:
        group["lr"] = rate
    return rate
