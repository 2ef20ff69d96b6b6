"""Ctrl-C and other signals, as a question that training asks after every step."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

from vicreg.training.torchrun import torchrun


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C, SIGTERM and a closed terminal ask for a stop after the step in progress; a second Ctrl-C ends at once."""
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            os._exit(130)
        asked = True
        if torchrun()[0] > 0 and not joined():
            os._exit(128 + number)  # it waits for others that may never come
        if torchrun()[0] == 0:
            with contextlib.suppress(OSError):  # not by print, which a signal may have interrupted
                os.write(2, b"\nStopping after this step; Ctrl-C again quits at once, with the last saved state.\n")

    nohup = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    names = ("SIGINT", "SIGTERM", "SIGBREAK", *(() if nohup else ("SIGHUP",)))
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def joined() -> bool:
    """Whether this process has met the others that torchrun started."""
    found = sys.modules.get("torch.distributed")
    return found is not None and found.is_available() and found.is_initialized()
