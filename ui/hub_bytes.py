"""How much a hosted server keeps from the Hub: the files in the client's cache, and what running downloads will add."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from vicreg.storage.hub_errors import HubError
from vicreg.storage.paths import hub_cache

HUB_BYTES = 5_000_000_000  # of everything in the client's cache, visitors' choices and pictures together


@dataclass(eq=False)
class Reservation:
    """Room for a download. missing: bytes that have not arrived yet."""

    missing: int

    def progress(self, done: int, total: int) -> None:
        """What has arrived is counted in the cache from now on."""
        self.missing = max(total - done, 0)


_LOCK = threading.Lock()
_RESERVED: list[Reservation] = []  # of the downloads that run in this process


@contextlib.contextmanager
def reserved(wanted: int) -> Iterator[Reservation]:
    """Room for so many bytes while a download runs. Raises HubError where a hosted server would keep more than HUB_BYTES."""
    from ui.live_training.training_limits import hosted
    from vicreg.jobs.training_process import folder_bytes

    mine = Reservation(wanted)
    with _LOCK:  # or two that begin together would both find room for one
        coming = sum(one.missing for one in _RESERVED) + wanted
        if hosted() and folder_bytes(hub_cache()) + coming > HUB_BYTES:
            raise HubError(
                f"This server is full: it keeps at most {HUB_BYTES / 1e9:.0f} GB from the Hub. The operator can delete some. "
                "On your own machine there is no limit."
            )
        _RESERVED.append(mine)
    try:
        yield mine
    finally:
        with _LOCK:
            _RESERVED.remove(mine)
