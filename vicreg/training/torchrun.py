"""What torchrun tells each process in its environment. Needs no torch."""

from __future__ import annotations

import os


def torchrun() -> tuple[int, int]:
    """(rank, size) as torchrun set them in the environment; (0, 1) for a process on its own."""
    found = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR")]
    return (int(found[0]), int(found[1])) if all(found) else (0, 1)
