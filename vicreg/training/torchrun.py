"""Read torchrun's environment variables, without importing torch."""

from __future__ import annotations

import os


def torchrun() -> tuple[int, int]:
    """(rank, number of processes) from torchrun's environment; (0, 1) without torchrun."""
    found = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR")]
    return (int(found[0]), int(found[1])) if all(found) else (0, 1)
