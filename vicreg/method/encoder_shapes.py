"""The encoders as data, without torch: their stages, the width of their representations, their size."""

from __future__ import annotations

from typing import NamedTuple


class EncoderShape(NamedTuple):
    """stages: channels of each, halving the map from one to the next. blocks: in each stage. pool: a 2x2 max-pool after
    the stem. head: channels of a 1x1 convolution at the end, or 0. joined: whether a representation joins the means of all
    stages, or is the last alone. parameters: in millions.
    """

    stages: tuple[int, ...]
    blocks: int
    pool: bool
    head: int
    joined: bool
    parameters: float

    @property
    def width(self) -> int:
        """The number of dimensions of a representation."""
        widths = [*self.stages, *([self.head] if self.head else [])]
        return sum(widths) if self.joined else widths[-1]


ENCODER_SHAPES = {
    "tiny": EncoderShape((32, 64, 80), blocks=1, pool=True, head=512, joined=False, parameters=0.2),
    "lean": EncoderShape((64, 128, 256), blocks=1, pool=True, head=512, joined=True, parameters=1.4),
    "resnet18": EncoderShape((64, 128, 256, 512), blocks=2, pool=False, head=0, joined=True, parameters=11.2),
}
