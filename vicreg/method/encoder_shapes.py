"""The shapes of the encoders: stages, representation width, number of parameters. Needs no torch."""

from __future__ import annotations

from typing import NamedTuple


class EncoderShape(NamedTuple):
    """The shape of one encoder.

    stages: channels of each stage; each stage halves the resolution of the one before. blocks: per stage.
    pool: whether a 2x2 max-pool follows the stem. head: channels of a final 1x1 convolution, or 0 for none.
    joined: whether the representation concatenates the means of all stages, or is the mean of the last one only.
    parameters: in millions.
    """

    stages: tuple[int, ...]
    blocks: int
    pool: bool
    head: int
    joined: bool
    parameters: float

    @property
    def width(self) -> int:
        """The width of the representation."""
        widths = [*self.stages, *([self.head] if self.head else [])]
        return sum(widths) if self.joined else widths[-1]


ENCODER_SHAPES = {
    "tiny": EncoderShape((32, 64, 80), blocks=1, pool=True, head=512, joined=False, parameters=0.2),
    "lean": EncoderShape((64, 128, 256), blocks=1, pool=True, head=512, joined=True, parameters=1.4),
    "resnet18": EncoderShape((64, 128, 256, 512), blocks=2, pool=False, head=0, joined=True, parameters=11.2),
}
