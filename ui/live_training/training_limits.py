"""Who may train on this server, and with which limits. Used by the page Train."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
import shutil
import time
from pathlib import Path

import streamlit as st

from ui.live_training.training_time import Estimate
from vicreg import jobs
from vicreg.config import Config
from vicreg.data.catalogue import CATALOGUE
from vicreg.jobs.record import Limits
from vicreg.jobs.status import Job
from vicreg.jobs.training_process import folder_bytes
from vicreg.presets import QUICK_IMAGES
from vicreg.storage import paths
from vicreg.storage.paths import CONFIG_FILE

# Limits on a hosted server, where visitors share two cores and a small disk.
VISITOR = "visitor"  # at the end of the names of visitors' runs, which they cannot choose there
HOSTED = Limits(epochs=30, seconds=900, disk_bytes=500_000_000)
KEPT_BYTES = 2_000_000_000  # total size of runs and unfinished trainings
KEPT_RUNS = 20  # of visitors, since every page opens all of them; the oldest finished ones make room
KEPT_SECONDS = 3_600  # after this idle time, an unfinished training may be deleted to make room for another


def hosted() -> bool:
    """Whether the server is public: a Hugging Face Space, or one with an operator."""
    return bool(os.environ.get("SPACE_ID")) or has_operator()


def limits() -> Limits:
    """The limits of a training on this server."""
    return HOSTED if hosted() else Limits()


def forbidden() -> str:
    """Why training is disabled here; empty if it is allowed. VICREG_TRAINING is auto, on or off."""
    setting = os.environ.get("VICREG_TRAINING", "auto").strip().lower() or "auto"
    if setting == "off":
        return "Training is disabled on this server (VICREG_TRAINING=off)."
    if setting not in ("auto", "on"):
        return (
            "Training is disabled: VICREG_TRAINING must be auto, on or off. The operator of this server can correct it."
        )
    if setting == "auto" and hosted() and not has_cuda():
        return (
            "Training is disabled on this server: it has no GPU, and all visitors share its CPU. The operator can enable it "
            "with VICREG_TRAINING=on."
        )
    return ""


@st.cache_data(max_entries=1, show_spinner=False)
def has_cuda() -> bool:
    """Whether torch finds a CUDA device."""
    import torch

    return torch.cuda.is_available()


def token() -> str:
    """A token that identifies the jobs of this session."""
    return st.session_state.setdefault("_training_token", secrets.token_hex(16))


def has_operator() -> bool:
    """Whether this server has an operator key."""
    return bool(os.environ.get("VICREG_OPERATOR"))


def is_operator(key: str) -> bool:
    """Whether this is the operator's key."""
    operator = os.environ.get("VICREG_OPERATOR", "")
    return bool(operator and key) and hmac.compare_digest(key.encode(), operator.encode())


def may_command(job: Job, key: str = "") -> bool:
    """Whether this session may stop, resume or discard a job. On a private machine, everybody may.

    On a public server, only the session that started it and the operator may. key: the operator's key, if entered.
    """
    if is_operator(key):
        return True
    if job.token and hmac.compare_digest(job.token.encode(), token().encode()):
        return True
    return not hosted()


def begin(config: Config, name: str, *, quick: bool = False, token: str) -> Job:
    """Start a job. Raises ValueError and OSError as `jobs.start` does.

    token: of the session that owns it. quick: train on few images and measure little. On a hosted server, it first deletes
    abandoned trainings and visitors' oldest finished runs, and raises ValueError if there is still no space.
    """
    if hosted():
        now = time.time()
        for job in jobs.find():
            if job.token and not job.active and now - jobs.told(job) > KEPT_SECONDS:  # never those of the operator
                with contextlib.suppress(ValueError, OSError):
                    jobs.discard(job, only_idle=True)
        _delete_oldest_runs()
        if folder_bytes(paths.runs_folder()) + (HOSTED.disk_bytes or 0) > KEPT_BYTES:
            raise ValueError(
                f"This server is full: it keeps at most {KEPT_BYTES / 1e9:.0f} GB of trained runs. The operator can delete "
                "some. On your own machine there is no limit."
            )
    images = images_of(config, quick=quick)
    return jobs.start(config, name=name, images=images, token=token, limits=limits(), quick=quick)


def _delete_oldest_runs() -> None:
    """Delete visitors' oldest finished runs, so that with the next one there are at most KEPT_RUNS."""
    finished: list[tuple[float, Path]] = []
    for folder in paths.runs_folder().glob("[!.]*/"):
        with contextlib.suppress(OSError):  # being written, or another user's
            if re.fullmatch(rf".*-{VISITOR}(-\d+)?", folder.name):
                finished.append(((folder / CONFIG_FILE).stat().st_mtime, folder))
    for _, folder in sorted(finished, reverse=True)[KEPT_RUNS - 1 :]:
        with contextlib.suppress(ValueError, OSError):  # the next training tries again
            job = jobs.get(folder.name)
            if job is not None and job.active:
                continue
            (folder / CONFIG_FILE).unlink()  # without it, no page looks for the rest
            shutil.rmtree(folder)
            if job is not None:
                jobs.discard(job, only_idle=True)


def images_of(config: Config, *, quick: bool) -> int | None:
    """The number of train images of a training; None for all."""
    return min(QUICK_IMAGES, CATALOGUE[config.dataset].train_images) if quick else None


def too_long(estimate: Estimate) -> bool:
    """Whether this server would stop it early. Snapshots and test losses add about a third to the time of the steps."""
    most = limits().seconds
    return most is not None and 1.5 * estimate.seconds > most
