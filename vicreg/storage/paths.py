"""Where things lie on this machine: the cache folder, the runs that come with the app, the runs trained here."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

BUNDLED = Path(__file__).resolve().parents[2] / "checkpoints"


def cache_folder() -> Path:
    """Where this project keeps what it can compute again: VICREG_CACHE, else `vicreg` in the user's cache folder.

    The folder need not exist yet. Read from the environment at every call.
    """
    if named := os.environ.get("VICREG_CACHE"):
        return Path(named).expanduser()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "vicreg"
    try:
        home = Path.home()
    except RuntimeError:  # a container's user without a home
        home = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "vicreg"
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "vicreg"


def runs_folder() -> Path:
    """Where runs trained on this machine go: VICREG_RUNS, else `runs` in the user's cache folder."""
    return Path(os.environ["VICREG_RUNS"]) if os.environ.get("VICREG_RUNS") else cache_folder() / "runs"
