"""The positive pairs of each training step."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vicreg.config import Config
from vicreg.training.distributed import Team
from vicreg.training.step import ORDER, VIEWS, on_device, positive_pairs, seeded


class Batches:
    """The positive pairs of every step. They depend only on the config and the step number."""

    def __init__(self, config: Config, images: np.ndarray, neighbours: np.ndarray | None, team: Team) -> None:
        self.config, self.device, self.share = config, team.device, team.share(config.batch_size)
        self.pixels = on_device(team.device, images)
        self.neighbours = None if neighbours is None else on_device(team.device, neighbours)
        self.steps_an_epoch = len(images) // config.batch_size
        self.epoch, self.order = -1, torch.empty(0)

    def views(self, step: int) -> Tensor:
        """Both views of this process's share of the batch: (2 B / W, 3, S, S) for W processes and views of S pixels."""
        epoch, position = divmod(step, self.steps_an_epoch)
        if epoch != self.epoch:
            order = torch.randperm(len(self.pixels), generator=seeded(self.config.seed, ORDER, epoch))
            self.epoch, self.order = epoch, order.to(self.device)
        size = self.config.batch_size
        rows = self.order[position * size : (position + 1) * size]
        generator = seeded(self.config.seed, VIEWS, step)
        return positive_pairs(
            self.pixels, rows, self.config, neighbours=self.neighbours, generator=generator, share=self.share
        )
