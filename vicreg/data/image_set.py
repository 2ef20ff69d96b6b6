"""What a split of a data set is once it is loaded: pictures, labels, and where they came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

SIDE = 32  # every picture is SIDE x SIDE pixels once loaded
Progress = Callable[[int, int], None]


class DataError(ValueError):
    """A file of pictures that cannot be used; the message names the file, what is wrong with it, and the way out."""


class PicturesMissing(FileNotFoundError):
    """The pictures are not on this machine and were not, or could not be, fetched; the message says both ways out."""


@dataclass(frozen=True)
class Source:
    """Where pictures came from. description: a sentence for readers, with no path of this machine in it.

    file: `<owner>/<repository>/<path in the repository>`, or what it was made of. sha256: of that file, or of the pixels
    where they were made here, in hexadecimal.
    """

    description: str
    file: str
    sha256: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures with labels. images: (N, 32, 32, 3) uint8 RGB; labels: (N,) int64, into classes; all read-only.

    attributes: what else is known of each picture, such as the ink's colour: name -> (N,) int64, into the catalogue's
    names of that attribute's values.
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
