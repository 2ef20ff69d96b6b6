"""Choose the device of a training by name, and describe it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """The torch device for a name, such as `cpu` or `cuda:1`. `auto` prefers CUDA, then MPS, then the CPU.

    Raises ValueError if it is not available.
    """
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in here.items() if available))
    kind = name.split(":")[0]
    if not here.get(kind, False):
        usable = ", ".join(kind for kind, available in here.items() if available)
        raise ValueError(f"device {name!r} is not available on this machine; available: {usable}")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"there is no device {name!r}: use {kind} or {kind}:0") from error
    if device.type == "cuda" and device.index is not None and device.index >= (count := torch.cuda.device_count()):
        last = f" to cuda:{count - 1}" if count > 1 else ""
        raise ValueError(f"there is no device {name!r}: this machine has cuda:0{last}")
    return device


def device_title(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU (MPS)"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}, {platform.machine()}"


@contextlib.contextmanager
def every_processor() -> Iterator[None]:
    """Let torch, NumPy, SciPy and scikit-learn use all CPUs of this process.

    (torchrun allows each process one thread, but here only one process works.)
    """
    import sklearn.metrics  # noqa: F401 - loads the libraries whose threads are set: later ones would be missed
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    allowed = getattr(os, "sched_getaffinity", None)  # may be fewer than the host has, under SLURM or in a container
    threads = len(allowed(0)) if allowed else os.cpu_count() or 1
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        torch.set_num_threads(before)
