"""One training step: views of a batch, both networks, three terms, optimiser."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from vicreg.config import Config
from vicreg.method.loss import LossTerms, vicreg_loss
from vicreg.method.networks import Encoder, Expander
from vicreg.method.views import ViewParameters, apply_views, draw_parameters, neighbour_views
from vicreg.training.precision import autocast

TEST_BATCHES = 10  # the test loss is the mean over at most this many batches
ORDER, VIEWS, TEST_VIEWS = 1, 2, 3  # purposes of generators


def positive_pairs(
    pixels: Tensor,
    rows: Tensor,
    config: Config,
    *,
    neighbours: Tensor | None,
    generator: torch.Generator,
    share: slice = slice(None),
) -> Tensor:
    """Both sides of the batch's positive pairs: uint8 images (N, H, W, 3), rows (B,) -> floats (2 B, 3, S, S).

    S is the view size; with nearest images as positives, it is the image size.
    share: make the pairs of these rows only. Parameters are drawn for the whole batch, so pairs do not depend on it.
    """
    if neighbours is not None:
        others = neighbour_views(pixels, rows, neighbours, generator=generator)
        return to_floats(torch.cat([pixels[rows[share]], others[share]]))
    images = to_floats(pixels[rows[share]])
    height, width = images.shape[-2:]
    sides = []
    for _ in range(2):
        drawn = draw_parameters(len(rows), height, width, config.views, generator=generator)
        own = ViewParameters._make(x[share] if isinstance(x, Tensor) else x for x in drawn)
        sides.append(apply_views(images, own, config.views))
    return torch.cat(sides)


def take_step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    views: Tensor,
    config: Config,
    *,
    precision: str = "float32",
    gather: Callable[[Tensor], Tensor] | None = None,
) -> LossTerms:
    """One optimiser step on 2 B views. Returns the terms before the step.

    It does not wait for the device, except with several processes: DistributedDataParallel reads its timers in the first
    ten steps and in every hundredth step after that.
    """
    terms = loss_of(network, views, config, precision=precision, gather=gather)
    optimiser.zero_grad(set_to_none=True)
    terms.total.backward()
    optimiser.step()
    return terms


def loss_of(
    network: nn.Module,
    views: Tensor,
    config: Config,
    *,
    precision: str = "float32",
    gather: Callable[[Tensor], Tensor] | None = None,
) -> LossTerms:
    """The loss of 2 B views, both views in one pass.

    network: views to embeddings. precision: of the forward pass, one of `config.PRECISIONS`. gather: as in
    `vicreg_loss`, for several processes.
    """
    views = views.contiguous(memory_format=torch.channels_last)
    with autocast(precision, views.device):
        embeddings = network(views)
    z_a, z_b = embeddings.chunk(2)
    return vicreg_loss(
        z_a,
        z_b,
        invariance_weight=config.invariance_weight,
        variance_weight=config.variance_weight,
        covariance_weight=config.covariance_weight,
        gamma=config.gamma,
        eps=config.eps,
        gather=gather,
        check_finite=False,  # `train` checks the total when it reads it
    )


@torch.no_grad()
def test_loss(
    encoder: Encoder,
    expander: Expander,
    images: np.ndarray,
    config: Config,
    *,
    neighbours: Tensor | None = None,  # noqa: PT028 - no test
    precision: str = "float32",  # noqa: PT028
) -> dict[str, float]:
    """The terms on test images in eval mode: the mean over up to 10 batches, always with the same pairs."""
    network = nn.Sequential(encoder, expander).eval()
    device = next(encoder.parameters()).device
    size = min(config.batch_size, len(images))
    batches = min(TEST_BATCHES, len(images) // size)
    generator = seeded(config.seed, TEST_VIEWS, 0)
    sums = dict.fromkeys(LossTerms._fields, 0.0)
    pixels = on_device(device, images)
    for i in range(batches):
        rows = torch.arange(i * size, (i + 1) * size, device=device)
        views = positive_pairs(pixels, rows, config, neighbours=neighbours, generator=generator)
        for name, value in loss_of(network, views, config, precision=precision)._asdict().items():
            sums[name] += value.item()
    return {name: value / batches for name, value in sums.items()}


def on_device(device: torch.device, array: np.ndarray) -> Tensor:
    """Copy an array to the device."""
    return torch.from_numpy(np.array(array)).to(device)


def to_floats(images: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) -> float32 (B, 3, H, W) in [0, 1]. Raises ValueError for another dtype."""
    if images.dtype != torch.uint8:
        raise ValueError(f"images must be uint8, got {images.dtype}")
    return images.permute(0, 3, 1, 2).float() / 255


def seeded(seed: int, purpose: int, counter: int) -> torch.Generator:
    """A CPU generator for one purpose and counter, independent of all others."""
    entropy = np.random.SeedSequence([seed, purpose, counter]).generate_state(1, np.uint32)[0]
    return torch.Generator().manual_seed(int(entropy))
