"""Paths and file names on this machine: cache folder, runs and trainings.

The files of a finished run are described in `vicreg.runs.folder`. While a run is being trained, there is a folder
`.training-<name>` next to it, with these files:

    state.safetensors   the state to resume from
    job.json            what is trained, and the command to resume
    events.jsonl        events, one per line
    log.txt             output of the process, if a page or a program started it
    training.lock       locked by the process that trains
    neighbours.npz      the nearest images, if they are the positives; neighbours.json says which run found them
    measuring/          the run while it is measured
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

BUNDLED = Path(__file__).resolve().parents[2] / "checkpoints"

TRAINING = ".training-"  # prefix of a training's folder
CONFIG_FILE = "config.json"  # written last, so a run folder without it is unfinished
WEIGHTS_FILE = "model.safetensors"
HISTORY_FILE = "history.csv"
METRICS_FILE = "metrics.json"
STATE_FILE = "state.safetensors"
JOB_FILE = "job.json"
EVENTS_FILE = "events.jsonl"
LOG_FILE = "log.txt"
LOCK_FILE = (
    "training.lock"  # in the cache folder: the lock of the machine; in a training's folder: the lock of that training
)


def cache_folder() -> Path:
    """The folder for data that can be recomputed: VICREG_CACHE, or `vicreg` in the user's cache folder.

    It may not exist yet. The environment is read at every call.
    """
    if named := os.environ.get("VICREG_CACHE"):
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    try:
        return user_cache_path("vicreg", appauthor=False, opinion=False)
    except RuntimeError:  # a container user without a home
        return Path(tempfile.gettempdir(), "vicreg")


def runs_folder() -> Path:
    """The folder for runs trained on this machine: VICREG_RUNS, or `runs` in the cache folder."""
    named = os.environ.get("VICREG_RUNS")
    return Path(named).expanduser() if named else cache_folder() / "runs"


def training_folder(run: Path) -> Path:
    """The training folder of the run that is, or will be, in `run`."""
    return run.with_name(f"{TRAINING}{run.name}")


def run_name(folder: Path) -> str:
    """The run name of a training folder `.training-<name>`."""
    return folder.name.removeprefix(TRAINING)


def hub_cache() -> Path:
    """The cache folder of the Hugging Face Hub client."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)
