"""The two networks: an encoder (images to representations y), which we keep, and an expander (y to embeddings z), which
only the loss uses.

The encoders are residual networks of basic blocks (He et al. 2016) with a stem for 32-pixel images:

    resnet18  as in SimCLR and later work on CIFAR-10: 3x3 stem with stride 1, no max-pool
    lean      a tenth of the computation, for CPUs: 2x2 max-pool after the stem, three stages of one block
    tiny      three narrow blocks, for a data set that trains in a minute

For `lean` and `resnet18`, the representation concatenates the spatial means of all stages. Linear probes and neighbour
searches work better on it than on the last stage only (docs/recipe.md).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vicreg.config import ENCODERS, Config
from vicreg.method.encoder_shapes import ENCODER_SHAPES

# Channel means and standard deviations of CIFAR-10's train split, for pixel values in [0, 1].
PIXEL_MEAN = (0.4914, 0.4822, 0.4465)
PIXEL_STD = (0.2470, 0.2435, 0.2616)


class Encoder(nn.Module):
    """Images to representations: (B, 3, H, W) floats in [0, 1] -> (B, width) floats, H and W at least 8.

    name: `tiny` (0.2 M parameters, width 512), `lean` (1.4 M, width 960) or `resnet18` (11.2 M, width 960).
    Feature maps are averaged over positions, so any image size of at least 8 works. The encoder normalises pixels itself.
    """

    mean: Tensor  # buffers
    std: Tensor

    def __init__(self, name: str = "lean") -> None:
        super().__init__()
        if name not in ENCODERS:
            raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}, got {name!r}")
        self.name = name
        shape = ENCODER_SHAPES[name]
        self.joined = shape.joined
        stem = shape.stages[0]
        filters, norm, relu = _convolution(3, stem, 3)
        # ReLU after the max-pool gives the same bits, forward and backward, from a quarter of the values.
        self.stem = nn.Sequential(filters, norm, *([nn.MaxPool2d(2)] if shape.pool else []), relu)
        stages, channels = [], stem
        for stage, out in enumerate(shape.stages):
            blocks = [Block(channels, out, stride=1 if stage == 0 else 2)]
            blocks += [Block(out, out, stride=1) for _ in range(shape.blocks - 1)]
            stages.append(nn.Sequential(*blocks))
            channels = out
        if shape.head:
            stages.append(nn.Sequential(*_convolution(channels, shape.head, 1)))
        self.stages = nn.ModuleList(stages)
        for module in self.modules():
            # On the meta device, this would load torch's compiler, which takes seconds.
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(PIXEL_STD).view(3, 1, 1), persistent=False)

    @property
    def width(self) -> int:
        """The width of the representation."""
        return ENCODER_SHAPES[self.name].width

    @property
    def stage_widths(self) -> tuple[int, ...]:
        """The channels of every stage, first to last."""
        shape = ENCODER_SHAPES[self.name]
        return (*shape.stages, *([shape.head] if shape.head else []))

    def stage_means(self, images: Tensor) -> list[Tensor]:
        """The spatial mean of each stage's feature map, first to last: (B, 3, H, W) -> list of (B, channels)."""
        maps = self.stem((images - self.mean) / self.std)
        means = []
        for stage in self.stages:
            maps = stage(maps)
            means.append(maps.mean(dim=(2, 3)))
        return means

    def forward(self, images: Tensor) -> Tensor:
        means = self.stage_means(images)
        return torch.cat(means, dim=1) if self.joined else means[-1]  # (B, width)


class StageMeans(nn.Module):
    """An encoder's stages side by side, whether its representation joins them or not: images -> (B, sum of channels)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.train(encoder.training)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat(self.encoder.stage_means(images), dim=1)


def _convolution(channels: int, out: int, side: int) -> tuple[nn.Module, ...]:
    filters = nn.Conv2d(channels, out, kernel_size=side, padding=side // 2, bias=False)
    return filters, nn.BatchNorm2d(out), nn.ReLU(inplace=True)


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut: (B, channels, H, W) -> (B, out, H / stride, W / stride).

    A copy of torchvision's BasicBlock: same parameter names, same order of random weights. We do not import
    torchvision, because that takes as long as importing torch.
    """

    def __init__(self, channels: int, out: int, *, stride: int) -> None:
        super().__init__()
        shortcut = None
        if channels != out or stride != 1:
            shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = shortcut

    def forward(self, maps: Tensor) -> Tensor:
        kept = maps if self.downsample is None else self.downsample(maps)
        maps = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(maps)))))
        maps += kept
        return self.relu(maps)


class Expander(nn.Module):
    """Representations to embeddings: (B, width) -> (B, D). Three linear layers with BatchNorm and ReLU between them.

    width: of the representations (`Encoder.width`).
    widths: of the three layers; the last one is D. Bardes et al. 2022, section 4.1, use 8192 for each.
    """

    def __init__(self, width: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        hidden, second, out = widths
        self.layers = nn.Sequential(
            nn.Linear(width, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, second, bias=False),
            nn.BatchNorm1d(second),
            nn.ReLU(inplace=True),
            nn.Linear(second, out, bias=False),
        )

    def forward(self, representations: Tensor) -> Tensor:
        return self.layers(representations)  # (B, D)


def make_networks(config: Config) -> tuple[Encoder, Expander]:
    """The config's encoder and expander on torch's default device, initialised from torch's global generator."""
    encoder = Encoder(config.encoder)
    return encoder, Expander(encoder.width, config.expander)


def networks(config: Config, device: torch.device) -> tuple[Encoder, Expander]:
    """The two networks before the first step. They depend only on the config, and torch's generators stay as they were."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(config.seed)  # torch.manual_seed would also seed every CUDA device
        encoder, expander = make_networks(config)
    return encoder.to(device).to(memory_format=torch.channels_last), expander.to(device)
