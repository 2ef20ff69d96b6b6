"""Read CIFAR-10 from `cifar-10-batches-py`, the folder of the authors' archive, with torchvision.

The files are pickles, and loading a pickle can run arbitrary code. This is the only place that loads pickles. It is safe
because torchvision first compares the MD5 of every file with the original.

Krizhevsky, "Learning multiple layers of features from tiny images" (2009); https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vicreg.data.image_set import DataError

FOLDER = "cifar-10-batches-py"
FILES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}


def files(folder: Path, split: str) -> list[Path]:
    """The files of a split ("train" or "test"), in order. They may not exist."""
    return [folder / name for name in FILES[split]]


def read_batches(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of a split: (N, 32, 32, 3) uint8 RGB and (N,) int64, 0 to 9; N is 50,000 or 10,000.

    folder: `cifar-10-batches-py`. Imports torchvision and torch.
    Raises DataError, naming every file that is missing, damaged or unreadable.
    """
    from torchvision.datasets import CIFAR10

    originals = CIFAR10.train_list if split == "train" else CIFAR10.test_list

    class OneSplit(CIFAR10):  # type: ignore[misc]  # torchvision has no types
        """Requires only the files of this split."""

        base_folder = folder.name
        train_list = originals if split == "train" else []
        test_list = originals if split == "test" else []

        def _load_meta(self) -> None:
            """Do not read batches.meta: the catalogue has the class names."""

    try:
        found = OneSplit(folder.parent, train=split == "train")
    except (RuntimeError, OSError) as error:
        raise DataError(_what_is_wrong(folder, split, originals)) from error
    return np.ascontiguousarray(found.data), np.array(found.targets, dtype=np.int64)


def _what_is_wrong(folder: Path, split: str, originals: list[list[str]]) -> str:
    from torchvision.datasets.utils import check_integrity

    problems: dict[str, list[str]] = {}
    for name, md5 in originals:
        try:
            if not (folder / name).is_file():
                problems.setdefault("missing", []).append(name)
            elif not check_integrity(folder / name, md5):
                problems.setdefault("damaged (wrong MD5)", []).append(name)
        except OSError as error:
            problems.setdefault(f"not readable ({type(error).__name__}: {error.strerror})", []).append(name)
    listed = "; ".join(f"{problem}: {', '.join(names)}" for problem, names in problems.items())
    return (
        f"{folder} cannot be used as CIFAR-10's {split} split. {listed[:1].upper()}{listed[1:]}. Delete damaged files and "
        f"download them again (torchvision.datasets.CIFAR10({str(folder.parent)!r}, download=True)), or use the "
        "Hub's parquet files."
    )
