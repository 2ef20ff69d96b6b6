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
    """The torch device for a name. `auto` prefers CUDA, then MPS, then the CPU. Raises ValueError if not available."""
    import torch

    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in here.items() if available))
    kind = name.split(":")[0]
    if not here.get(kind, False):
        usable = ", ".join(kind for kind, available in here.items() if available)
        raise ValueError(f"device {name!r} is not available on this machine; available: {usable}")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"there is no device {name!r}: use {kind} or {kind}:0") from error


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
    """Let torch use all CPUs of this process. (torchrun allows each one thread, but here only one process works.)"""
    import torch

    before = torch.get_num_threads()
    allowed = getattr(os, "sched_getaffinity", None)  # may be fewer than the host has, under SLURM or in a container
    torch.set_num_threads(len(allowed(0)) if allowed else os.cpu_count() or 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
