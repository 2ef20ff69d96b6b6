"""The precision of a training step: float32, or bfloat16 autocast if that is faster.

We measure which is faster, because hardware with bfloat16 instructions may still be slower with them. Of two CPUs with
AVX512-BF16, one was 1.2 to 1.8 times faster in bfloat16, and the other 1.6 times slower.
"""

from __future__ import annotations

import contextlib

import torch

from vicreg.config import PRECISIONS


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The context for a forward pass in this precision. Raises ValueError for an unknown precision."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
