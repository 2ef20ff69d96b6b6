"""A loaded split of a data set: images, labels and their source."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

SIDE = 32  # all loaded images have SIDE x SIDE pixels
Progress = Callable[[int, int], None]


class DataError(ValueError):
    """An image file cannot be used. The message names the file, the problem and the remedy."""


class PicturesMissing(FileNotFoundError):
    """The images are not on this machine, and were not or could not be downloaded. The message names both remedies."""


@dataclass(frozen=True)
class Source:
    """Where images came from.

    description: a sentence for readers, without local paths.
    file: `<owner>/<repository>/<path in the repository>`, or what the images were generated from.
    sha256: of that file, or of the pixels if they were generated, in hexadecimal.
    """

    description: str
    file: str
    sha256: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with labels, read-only. images: (N, 32, 32, 3) uint8 RGB; labels: (N,) int64 indices into classes.

    attributes: other known properties of each image, such as the ink colour: name -> (N,) int64 indices into the
    catalogue's value names for that attribute.
    """

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    source: Source
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int | None) -> ImageSet:
        """Its first images, at most count of them; all for None."""
        if count is None or count >= len(self):
            return self
        attributes = {name: values[:count] for name, values in self.attributes.items()}
        return dataclasses.replace(self, images=self.images[:count], labels=self.labels[:count], attributes=attributes)
