"""Where things lie on this machine, and the names of their files: cache folder, runs, and a training's folder.

A run's folder has the files that `vicreg.runs.folder` describes.

A run that is being trained has a folder `.training-<name>` beside its own, with these files:

    state.safetensors   what training goes on from
    job.json            what is trained, and the command that goes on with it
    events.jsonl        what happened, a line each
    log.txt             what the process printed, where a page or a program started it
    training.lock       held by the process that trains
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

BUNDLED = Path(__file__).resolve().parents[2] / "checkpoints"

TRAINING = ".training-"  # what the name of a training's folder begins with
CONFIG_FILE = "config.json"  # of a run; written last, so a folder without it is unfinished
WEIGHTS_FILE = "model.safetensors"
HISTORY_FILE = "history.csv"
METRICS_FILE = "metrics.json"
STATE_FILE = "state.safetensors"
JOB_FILE = "job.json"
EVENTS_FILE = "events.jsonl"
LOG_FILE = "log.txt"
LOCK_FILE = "training.lock"  # in the cache folder: the machine's; in a training's folder: that training's


def cache_folder() -> Path:
    """Where this project keeps what it can compute again: VICREG_CACHE, else `vicreg` in the user's cache folder.

    The folder need not exist yet. Read from the environment at every call.
    """
    if named := os.environ.get("VICREG_CACHE"):
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    try:
        return user_cache_path("vicreg", appauthor=False, opinion=False)
    except RuntimeError:  # a container's user without a home
        return Path(tempfile.gettempdir(), "vicreg")


def runs_folder() -> Path:
    """Where runs trained on this machine go: VICREG_RUNS, else `runs` in the user's cache folder."""
    return Path(os.environ["VICREG_RUNS"]) if os.environ.get("VICREG_RUNS") else cache_folder() / "runs"


def training_folder(run: Path) -> Path:
    """The folder of the training whose finished run is, or will be, in `run`."""
    return run.with_name(f"{TRAINING}{run.name}")


def run_name(folder: Path) -> str:
    """The name of the run that is trained in a folder `.training-<name>`."""
    return folder.name.removeprefix(TRAINING)


def hub_cache() -> Path:
    """The cache folder of the Hugging Face Hub's client."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)
