"""Make the first page fast: modules that it does not need are loaded afterwards, while the visitor reads.

Garbage collection is off until they are loaded, because imports create many objects, but no garbage worth collecting.
"""

from __future__ import annotations

import gc
import importlib
import threading
import time

FIRST_PAGE = threading.Event()  # set when a page has been drawn
IDLE, SENDING = 10.0, 0.3  # seconds to wait: for a first visitor; for the first page to be sent
MODULES = (
    "ui.ablation_panels",
    "ui.anomaly_tables",
    "ui.lesson.pictures",
    "vicreg.charts.curves",
)


def begin() -> None:
    """Switch garbage collection off, and load modules in the background. Call once, when the server starts."""
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
