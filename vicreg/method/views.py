"""Augmented views of a whole batch at once, on the batch's device, with different parameters for each image.

The transforms are those of torchvision (random resized crop, flip, colour jitter, greyscale, Gaussian blur), in the order
of SimCLR (Chen et al. 2020, appendix A) and with the study's strengths. Drawing the parameters and applying them are
separate steps: pages can show one transform at a time, and tests can compare each with torchvision's function. One thing
differs: torchvision draws again if a crop does not fit into the image, and we cut it to the image, so crops are larger on
average (0.64 of the image instead of 0.60, for crops of 30 to 100 %).

Crop, resize and flip are one pair of small matrices per image: rows @ image @ columns, with the weights of an antialiased
bilinear resize. On a CPU this is faster than sampling on a grid.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vicreg.config import ViewConfig

POSITIVE_NEIGHBOURS = 3  # a positive is drawn from this many nearest images, as in the study
GREY = (0.2989, 0.587, 0.114)  # torchvision's luma weights
JITTER = ("brightness", "contrast", "saturation", "hue")


class ViewParameters(NamedTuple):
    """The random parameters of B views. Factors of 1 and a hue of 0 change nothing.

    box: (B, 4) long: top, left, height, width in pixels. flip, jitter, greyscale, blur: (B,) bool.
    brightness, contrast, saturation: (B,) factors. hue: (B,) turns. sigma: (B,) pixels.
    order: the order of the four colour changes, the same for the whole batch.
    """

    box: Tensor
    flip: Tensor
    jitter: Tensor
    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    hue: Tensor
    order: tuple[int, ...]
    greyscale: Tensor
    blur: Tensor
    sigma: Tensor


def augmented_views(images: Tensor, config: ViewConfig, *, generator: torch.Generator) -> Tensor:
    """One view of every image: (B, 3, H, W) floats in [0, 1] -> (B, 3, size, size) floats in [0, 1].

    generator: a CPU generator; the same state gives the same views on every device.
    """
    height, width = images.shape[-2:]
    parameters = draw_parameters(len(images), height, width, config, generator=generator)
    return apply_views(images, parameters, config)


def neighbour_views(images: Tensor, rows: Tensor, neighbours: Tensor, *, generator: torch.Generator) -> Tensor:
    """For each image of a batch, one of its nearest images, chosen at random and not augmented: the study's positives.

    images: (N, H, W, 3), the whole split. rows: (B,), the batch. neighbours: (N, k), rows of each image's nearest images.
    generator: a CPU generator. Returns (B, H, W, 3).
    """
    choice = torch.randint(neighbours.shape[1], (len(rows),), generator=generator)
    return images[neighbours[rows, _moved(choice, rows.device)]]


def draw_parameters(
    count: int, height: int, width: int, config: ViewConfig, *, generator: torch.Generator
) -> ViewParameters:
    """Random parameters for `count` images of height x width pixels.

    It always draws the same number of random values, so that switching one transform off does not change the others.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    area = uniform(*config.crop_scale) * height * width
    ratio = torch.exp(uniform(math.log(3 / 4), math.log(4 / 3)))
    box_width = (area * ratio).sqrt().round().clamp(1, width)
    box_height = (area / ratio).sqrt().round().clamp(1, height)
    top = (uniform(0, 1) * (height - box_height + 1)).floor()
    left = (uniform(0, 1) * (width - box_width + 1)).floor()
    box = torch.stack([top, left, box_height, box_width], dim=1).long()
    if not config.crop:
        box = torch.tensor([0, 0, height, width]).expand(count, 4)
    return ViewParameters(
        box=box,
        flip=(uniform(0, 1) < 0.5) & config.flip,
        jitter=(uniform(0, 1) < config.jitter_probability) & config.jitter,
        brightness=uniform(1 - config.brightness, 1 + config.brightness),
        contrast=uniform(1 - config.contrast, 1 + config.contrast),
        saturation=uniform(1 - config.saturation, 1 + config.saturation),
        hue=uniform(-config.hue, config.hue),
        order=tuple(torch.randperm(4, generator=generator).tolist()),
        greyscale=(uniform(0, 1) < config.greyscale_probability) & config.greyscale,
        blur=(uniform(0, 1) < config.blur_probability) & config.blur,
        sigma=uniform(0.1, 2.0),
    )


def apply_views(images: Tensor, parameters: ViewParameters, config: ViewConfig) -> Tensor:
    """Apply `parameters`: (B, 3, H, W) floats in [0, 1] -> (B, 3, size, size)."""
    device = images.device
    p = ViewParameters._make(_moved(x, device) if isinstance(x, Tensor) else x for x in parameters)
    views = resized_crop(images, p.box, p.flip, config.size)
    if config.jitter:
        views = colour_jitter(views, p)
    if config.greyscale:
        views = torch.where(_column(p.greyscale), _grey(views), views)
    if config.blur:
        views = torch.where(_column(p.blur), gaussian_blur(views, p.sigma), views)
    return views


def resized_crop(images: Tensor, box: Tensor, flip: Tensor, size: int) -> Tensor:
    """Crop each image to its box, resize it to size x size (bilinear, antialiased), and mirror it if `flip` is set.

    images: (B, 3, H, W); box: (B, 4) top, left, height, width; flip: (B,) bool. Agrees with torchvision's
    `resized_crop(..., antialias=True)` to 1e-5.
    """
    rows = _resize_matrix(box[:, 0], box[:, 2], images.shape[-2], size)  # (B, size, H)
    columns = _resize_matrix(box[:, 1], box[:, 3], images.shape[-1], size)  # (B, size, W)
    columns = torch.where(flip[:, None, None], columns.flip(1), columns)
    return rows[:, None] @ images @ columns.transpose(1, 2)[:, None]


def colour_jitter(images: Tensor, parameters: ViewParameters) -> Tensor:
    """Change brightness, contrast, saturation and hue in the given order, for images with `jitter` set."""
    changes = (
        lambda x: adjust_brightness(x, parameters.brightness),
        lambda x: adjust_contrast(x, parameters.contrast),
        lambda x: adjust_saturation(x, parameters.saturation),
        lambda x: adjust_hue(x, parameters.hue),
    )
    changed = images
    for i in parameters.order:
        changed = changes[i](changed)
    return torch.where(_column(parameters.jitter), changed, images)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply each image by its factor. images: (B, 3, H, W) in [0, 1]; factor: (B,)."""
    return (images * _column(factor)).clamp(0, 1)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend each image with its mean grey. images: (B, 3, H, W) in [0, 1]; factor: (B,), 0 is grey, 1 the image."""
    mean = _grey(images).mean(dim=(-3, -2, -1), keepdim=True)
    return torch.lerp(mean, images, _column(factor)).clamp(0, 1)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Blend each image with its grey version. images: (B, 3, H, W) in [0, 1]; factor: (B,), 0 is grey, 1 the image."""
    return torch.lerp(_grey(images), images, _column(factor)).clamp(0, 1)


def adjust_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn each image's hue (in HSV) by its shift. images: (B, 3, H, W) in [0, 1]; shift: (B,) turns, -0.5 to 0.5."""
    highest, which = images.max(dim=1)  # (B, H, W)
    chroma = highest - images.amin(dim=1)
    safe = torch.where(chroma == 0, torch.ones_like(chroma), chroma)
    r, g, b = images.unbind(1)
    sector = torch.where(which == 0, (g - b) / safe, torch.where(which == 1, (b - r) / safe + 2, (r - g) / safe + 4))
    sector = sector + 6 * shift[:, None, None]
    # Channel c of a colour with hue h: value - chroma * clamp(min(k, 4 - k), 0, 1), k = (n_c + h) mod 6, n = 5, 3, 1.
    k = torch.remainder(sector[:, None] + _constants(sector, 5.0, 3.0, 1.0), 6)
    return highest[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur with a 3 x 3 Gaussian kernel, edges mirrored. images: (B, 3, H, W); sigma: (B,) pixels."""
    side = torch.exp(-0.5 / sigma.square())
    centre = _column(1 / (1 + 2 * side))
    side = _column(side / (1 + 2 * side))
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), mode="reflect")
    rows = centre * padded[..., 1:-1, :] + side * (padded[..., :-2, :] + padded[..., 2:, :])
    return centre * rows[..., 1:-1] + side * (rows[..., :-2] + rows[..., 2:])


def _moved(values: Tensor, device: torch.device) -> Tensor:
    """Copy to the device without waiting for it: copies from pinned memory are queued."""
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)


def _constants(like: Tensor, *values: float) -> Tensor:
    """(n, 1, 1), filled on the device of `like`. (`new_tensor` would copy from the host and wait for the device.)"""
    return torch.cat([like.new_full((1, 1, 1), value) for value in values])


def _column(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def _grey(images: Tensor) -> Tensor:
    return (images * _constants(images, *GREY)).sum(dim=1, keepdim=True)  # (B, 1, H, W)


def _resize_matrix(start: Tensor, length: Tensor, pixels: int, size: int) -> Tensor:
    """(B, size, pixels): row i holds the weights of the source pixels for pixel i of the crop. Rows sum to 1."""
    scale = length.float() / size  # source pixels per target pixel
    support = scale.clamp(min=1.0)[:, None, None]
    target = torch.arange(size, device=start.device) + 0.5
    centre = start[:, None] + target * scale[:, None]  # (B, size), in source pixels
    source = torch.arange(pixels, device=start.device)
    weights = (1 - ((source + 0.5) - centre[:, :, None]).abs() / support).clamp(min=0)
    inside = (source >= start[:, None]) & (source < (start + length)[:, None])  # (B, pixels)
    weights = weights * inside[:, None, :]
    return weights / weights.sum(dim=2, keepdim=True)
