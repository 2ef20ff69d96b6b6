"""The two networks: an encoder (images to representations y) that is kept, and an expander (y to embeddings z) that
only the loss sees.

Encoders are made of torchvision's ResNet (He et al. 2016) with a stem for 32-pixel images: `resnet18` as SimCLR and its
followers use it on CIFAR-10 (3x3 stride-1 stem, no max-pool), `compact` with one block a stage and a 2x2 max-pool,
several times cheaper, for CPUs, and `tiny`, three narrow blocks for the data set that trains in a minute.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from vicreg.config import ENCODERS, Config

REPRESENTATION_WIDTH = 512
# Channel means and standard deviations of the CIFAR-10 train split, for values in [0, 1].
PIXEL_MEAN = (0.4914, 0.4822, 0.4465)
PIXEL_STD = (0.2470, 0.2435, 0.2616)


class Encoder(nn.Module):
    """Images to representations: (B, 3, H, W) floats in [0, 1] -> (B, 512) floats, H and W at least 8.

    name: `tiny` (0.2 M parameters), `compact` (4.9 M) or `resnet18` (11.2 M). The representation is the average of the
    last map over its positions, so any image size will do. Pixels are normalised inside.
    """

    def __init__(self, name: str = "compact") -> None:
        super().__init__()
        if name not in ENCODERS:
            raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}, got {name!r}")
        self.name = name
        self.trunk = _tiny() if name == "tiny" else _resnet(name)
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(PIXEL_STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.trunk((images - self.mean) / self.std)  # (B, 512)


def _resnet(name: str) -> ResNet:
    trunk = ResNet(BasicBlock, {"compact": [1, 1, 1, 1], "resnet18": [2, 2, 2, 2]}[name])
    trunk.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
    nn.init.kaiming_normal_(trunk.conv1.weight, mode="fan_out", nonlinearity="relu")
    trunk.maxpool = nn.MaxPool2d(2) if name == "compact" else nn.Identity()
    trunk.fc = nn.Identity()
    return trunk


def _tiny() -> nn.Sequential:
    def block(channels: int, out: int, stride: int) -> BasicBlock:
        halved = nn.Sequential(nn.Conv2d(channels, out, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(out))
        return BasicBlock(channels, out, stride, None if channels == out else halved)

    def convolution(channels: int, out: int, side: int) -> tuple[nn.Module, ...]:
        filters = nn.Conv2d(channels, out, kernel_size=side, padding=side // 2, bias=False)
        return filters, nn.BatchNorm2d(out), nn.ReLU(inplace=True)

    trunk = nn.Sequential(
        *convolution(3, 32, 3),
        nn.MaxPool2d(2),
        block(32, 32, 1),
        block(32, 64, 2),
        block(64, 80, 2),
        *convolution(80, REPRESENTATION_WIDTH, 1),  # as wide as the others, so that everything after it fits
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return trunk


class Expander(nn.Module):
    """Representations to embeddings: (B, 512) -> (B, D), three linear layers with BatchNorm and ReLU between.

    widths: the three output widths, the last being D (Bardes et al. 2022, section 4.1, use 8192 each).
    """

    def __init__(self, widths: tuple[int, int, int] = (1024, 1024, 1024)) -> None:
        super().__init__()
        hidden, second, out = widths
        self.layers = nn.Sequential(
            nn.Linear(REPRESENTATION_WIDTH, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, second, bias=False),
            nn.BatchNorm1d(second),
            nn.ReLU(inplace=True),
            nn.Linear(second, out, bias=False),
        )

    def forward(self, representations: Tensor) -> Tensor:
        return self.layers(representations)  # (B, D)


def networks(config: Config, device: torch.device) -> tuple[Encoder, Expander]:
    """The two networks as they are before the first step, decided by the config's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        encoder, expander = Encoder(config.encoder), Expander(config.expander)
    return encoder.to(device, memory_format=torch.channels_last), expander.to(device)
