"""A fast first page: what it does not need is loaded after it, while its visitor reads.

Python's search for reference cycles is off until then. Imports make many objects and no cycles worth finding.
"""

from __future__ import annotations

import gc
import importlib
import threading
import time

FIRST_PAGE = threading.Event()  # set when a page has been drawn
IDLE, SENDING = 10.0, 0.3  # seconds: without a visitor; for the page to reach its visitor
MODULES = (
    "ui.ablation_panels",
    "ui.anomaly_tables",
    "ui.lesson.pictures",
    "vicreg.charts.curves",
)


def begin() -> None:
    """The server starts. Call it once."""
    gc.disable()
    threading.Thread(target=_load_the_rest, name="warm-up", daemon=True).start()


def _load_the_rest() -> None:
    try:
        if FIRST_PAGE.wait(IDLE):
            time.sleep(SENDING)
        for name in MODULES:  # pandas, Altair and most of `ui` among them
            importlib.import_module(name)
        gc.collect()
        gc.freeze()  # what is loaded stays: no later collection looks at it again
    finally:  # without collections, memory would grow
        gc.enable()
