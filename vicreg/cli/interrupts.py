"""Turn Ctrl-C and other signals into a flag that training checks after every step."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

from vicreg.training.torchrun import torchrun


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C, SIGTERM or a closed terminal requests a stop after the current step; a second Ctrl-C quits immediately."""
    asked = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            os._exit(130)
        asked = True
        if torchrun()[0] > 0 and not joined():
            os._exit(128 + number)  # still waiting for processes that may never come
        if torchrun()[0] == 0:
            with contextlib.suppress(OSError):  # print is not safe in a signal handler
                os.write(2, b"\nStopping after this step. Press Ctrl-C again to quit now, without saving.\n")

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
    """Whether this process has joined the process group that torchrun started."""
    found = sys.modules.get("torch.distributed")
    return found is not None and found.is_available() and found.is_initialized()
