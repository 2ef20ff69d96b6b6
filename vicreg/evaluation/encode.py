"""Encode images: the frozen encoder's output for every image, and a disk cache of it.

    y_i = f(x_i),  f in eval mode, no augmentation

After training, everything is measured on y (Bardes et al. 2022, section 4.2), except where a figure names the embeddings.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vicreg.evaluation.array_checks import check_images, checked

if TYPE_CHECKING:
    from torch import nn

CACHE_FOLDER = "representations-v1"  # change the name whenever encode() would return other values for the same key
CACHE_BYTES = 2_000_000_000


def encode(
    encoder: nn.Module,
    images: np.ndarray,
    *,
    batch_size: int = 200,
    mirrored: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The representation of every image: uint8 (N, H, W, 3) -> float32 (N, D), row i of image i. D is the encoder's width.

    encoder: a module in eval mode, (B, 3, H, W) floats in [0, 1] -> (B, D). It runs in float32 on the device of its
        parameters and is not changed.
    images: N >= 1; the array may be read-only or memory-mapped.
    mirrored: average the representations of each image and of its mirror image. No figure of this project uses it.
    batch_size: changes memory use, and values by rounding only.
    on_progress(done, total): called after each batch, in images.
    Raises ValueError for other images, a batch size below 1, and an encoder in train mode, in which BatchNorm would mix the
    images of a batch.
    """
    import torch

    check_images(images)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if encoder.training:
        raise ValueError("encoder must be in eval mode, got one in train mode: call encoder.eval() first")
    device = next((p.device for p in encoder.parameters()), torch.device("cpu"))
    representations: np.ndarray | None = None
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            # Copied because torch wants a writable array; reads only this batch of a memory-mapped file.
            batch = torch.from_numpy(np.array(images[start : start + batch_size])).to(device)  # (B, H, W, 3)
            batch = batch.permute(0, 3, 1, 2).float().div_(255)  # (B, 3, H, W), channels last in memory
            output = encoder(batch)  # (B, D)
            if mirrored:
                output = (output + encoder(batch.flip(3))) / 2
            output = output.float().cpu().numpy()
            if representations is None:
                representations = np.empty((len(images), *output.shape[1:]), dtype=np.float32)
            done = start + len(output)
            representations[start:done] = output
            if on_progress is not None:
                on_progress(done, len(images))
    assert representations is not None, "there is at least one image"
    return representations


def embed(expander: nn.Module, representations: np.ndarray, *, batch_size: int = 1000) -> np.ndarray:
    """The embedding of every representation: float32 (N, width) -> float32 (N, D), in the same order.

    expander: a module in eval mode; it runs in float32 on the device of its parameters. Raises ValueError in train mode.
    """
    import torch

    if expander.training:
        raise ValueError("expander must be in eval mode, got one in train mode: call expander.eval() first")
    device = next((p.device for p in expander.parameters()), torch.device("cpu"))
    with torch.inference_mode():
        parts = [
            expander(torch.from_numpy(np.array(representations[start : start + batch_size])).to(device)).cpu().numpy()
            for start in range(0, len(representations), batch_size)
        ]
    return np.concatenate(parts)


def cache_key(weights_sha256: str, data_sha256: str, split: str) -> str:
    """The cache's name for the representations of one split by one encoder: `<split>-<data>-<weights>`, 16 hex digits each."""
    for name, digest in (("weights_sha256", weights_sha256), ("data_sha256", data_sha256)):
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError(f"{name} must be 64 hexadecimal digits, got {digest!r}")
    return f"{split}-{data_sha256[:16]}-{weights_sha256[:16]}"


def cached_representations(
    key: str, compute: Callable[[], np.ndarray], *, folder: str | os.PathLike[str], max_bytes: int = CACHE_BYTES
) -> np.ndarray:
    """The cached array for `key`; if there is none, the result of compute(), which is then cached. float32 (N, D), read-only.

    folder: the cache folder. The file is `folder/representations-v1/<key>.npy`, opened memory-mapped, so that a hit needs
    neither torch nor memory. compute() is called on a miss and if the file is damaged; its errors are raised. If the folder
    cannot be written, the array is returned but not cached. Above max_bytes, the files that were not used for longest are
    deleted, but never the new one. Raises ValueError for a key that is not a plain file name.
    """
    if not re.fullmatch(r"\w[\w.-]{0,200}", key, flags=re.ASCII):
        raise ValueError(f"key must be letters, digits, '.', '_' and '-', at most 201, got {key!r}")
    path = Path(folder) / CACHE_FOLDER / f"{key}.npy"
    found = _open(path)
    if found is not None:
        with suppress(OSError):
            os.utime(path)  # the oldest file is then the one not used for longest
        return found
    computed = np.ascontiguousarray(checked(compute()), dtype=np.float32).view()
    computed.flags.writeable = False  # as on a hit, so that writing to it fails at once
    try:
        _write(path, computed)
    except OSError:
        return computed
    _drop_oldest(path, max_bytes)
    reopened = _open(path)
    return computed if reopened is None else reopened


def _open(path: Path) -> np.ndarray | None:
    """The file's array, memory-mapped; None if it is missing or damaged."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        size = path.stat().st_size
    except Exception:  # a damaged header can raise many errors, from ValueError to tokenize's
        return None
    if not isinstance(array, np.memmap) or array.dtype != np.float32 or array.ndim != 2:
        return None
    return array if array.flags.c_contiguous and array.offset + array.nbytes == size else None


def _write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.tmp")
    try:
        with open(unfinished, "xb") as file:
            np.save(file, array)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _drop_oldest(keep: Path, max_bytes: int) -> None:
    """Delete other files in `keep`'s folder, those not used for longest first, until the rest fits into max_bytes."""
    files = []
    for path in keep.parent.iterdir():
        with suppress(OSError):  # another process may remove it meanwhile
            status = path.stat()
            files.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= max_bytes:
            break
        if path != keep:
            with suppress(OSError):  # an array in use cannot be removed on Windows
                path.unlink()
                total -= size
