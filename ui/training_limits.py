"""Who may train here, how much, and how long it would take: the page `train` asks this module."""

from __future__ import annotations

import contextlib
import dataclasses
import hmac
import os
import secrets
import threading
import time

import streamlit as st

from vicreg import jobs
from vicreg.config import Config
from vicreg.jobs.record import Limits
from vicreg.jobs.session import folder_bytes
from vicreg.jobs.status import Job
from vicreg.storage import paths

# On a hosted instance, where strangers share two cores and a small disk.
HOSTED = Limits(epochs=30, seconds=900, disk_bytes=500_000_000)
KEPT_BYTES = 2_000_000_000  # of its runs and unfinished trainings together
KEPT_SECONDS = 3_600  # an unfinished training waits so long for its starter before another visitor's takes its room

_TIMING = threading.Lock()  # steps are timed one config at a time


def hosted() -> bool:
    """Whether strangers come here: on a Hugging Face Space, which says so itself, and where there is an operator."""
    return bool(os.environ.get("SPACE_ID")) or has_operator()


def limits() -> Limits:
    """The bounds of a training on this instance."""
    return HOSTED if hosted() else Limits()


def forbidden() -> str:
    """Why nobody can train here, in a sentence; empty where it is allowed. VICREG_TRAINING is auto, on or off."""
    setting = os.environ.get("VICREG_TRAINING", "auto").strip().lower() or "auto"
    if setting == "off":
        return "Training is switched off on this instance (VICREG_TRAINING=off)."
    if setting not in ("auto", "on"):
        return "Training is off: VICREG_TRAINING must be auto, on or off. Whoever runs this instance can correct it."
    if setting == "auto" and hosted() and not has_cuda():
        return (
            "Training is off on this hosted instance: it has no GPU, and its processor is shared by all visitors. Whoever "
            "runs it can allow it with VICREG_TRAINING=on."
        )
    return ""


@st.cache_data(max_entries=1, show_spinner=False)
def has_cuda() -> bool:
    """Whether torch finds a CUDA device."""
    import torch

    return torch.cuda.is_available()


@st.cache_data(max_entries=1, show_spinner="Looking for a device")
def _device() -> tuple[str, str]:
    """The kind of device that a training would take, and its name."""
    import torch

    from vicreg.training.device import choose_device

    kind = choose_device("auto").type
    if kind == "cuda":
        return kind, f"CUDA ({torch.cuda.get_device_name()})"
    if kind == "mps":
        return kind, "MPS, Apple's graphics processor"
    threads = torch.get_num_threads()
    return kind, f"the CPU ({threads} thread" + "s" * (threads > 1) + ")"


def device_told(config: Config) -> str:
    """The device that a training would take, and what that means for this one: ends a sentence."""
    kind, name = _device()
    if kind == "cuda":
        return f"{name}, on which everything here can be trained."
    if config.encoder == "tiny":
        return f"{name}, which is enough for the `tiny` encoder."
    if kind == "mps":
        return f"{name}: fine for `lean`, while a `resnet18` takes patience."
    return f"{name}: the `{config.encoder}` encoder wants a GPU, or patience."


def token() -> str:
    """What shows that a job was started in this session."""
    return st.session_state.setdefault("_training_token", secrets.token_hex(16))


def has_operator() -> bool:
    """Whether this instance has an operator, who has a key."""
    return bool(os.environ.get("VICREG_OPERATOR"))


def is_operator(key: str) -> bool:
    """Whether this is the operator's key."""
    operator = os.environ.get("VICREG_OPERATOR", "")
    return bool(operator and key) and hmac.compare_digest(key.encode(), operator.encode())


def may_command(job: Job, key: str = "") -> bool:
    """Whether this session may stop, resume or discard a job: its starter, the operator, or anybody on one's own machine.

    key: what the visitor gave as the operator's (VICREG_OPERATOR).
    """
    if is_operator(key):
        return True
    if job.token and hmac.compare_digest(job.token.encode(), token().encode()):
        return True
    return not hosted()


def begin(config: Config, name: str) -> Job:
    """Start a job that this session may command. Raises ValueError and OSError as `jobs.start` does.

    On a hosted instance it first takes the room of trainings that nobody went on with, and raises ValueError where
    there is none left.
    """
    if hosted():
        now = time.time()
        for job in jobs.find():
            if job.token and not job.active and now - jobs.told(job) > KEPT_SECONDS:  # never the operator's own
                with contextlib.suppress(ValueError, OSError):
                    jobs.discard(job, only_idle=True)
        if folder_bytes(paths.runs_folder()) + (HOSTED.disk_bytes or 0) > KEPT_BYTES:
            raise ValueError(
                f"This instance keeps at most {KEPT_BYTES / 1e9:.0f} GB of trained runs, and they are there: whoever runs it "
                "can delete some. On a machine of your own there is no bound."
            )
    return jobs.start(config, name=name, token=token(), limits=limits())


@dataclasses.dataclass(frozen=True)
class Estimate:
    """seconds: of all steps. steps: how many. seconds_a_step: as timed on this machine."""

    seconds_a_step: float
    steps: int

    @property
    def seconds(self) -> float:
        return self.seconds_a_step * self.steps


def too_long(estimate: Estimate) -> bool:
    """Whether this instance would stop it before its end: snapshots and test losses add about a third to the steps."""
    most = limits().seconds
    return most is not None and 1.5 * estimate.seconds > most


def estimated(config: Config, images: int) -> Estimate:
    """How long a config would take here on so many train images. Raises ValueError for fewer than a batch."""
    from vicreg.training.estimate import steps_of

    plain = Config(dataset=config.dataset)
    same = ("encoder", "expander", "positives", "views", "batch_size", "optimiser")  # all that a step's time hangs on
    timed = dataclasses.replace(plain, **{name: getattr(config, name) for name in same})
    return Estimate(_seconds_a_step(timed), steps_of(config, images))


@st.cache_data(max_entries=64, ttl=600, show_spinner="Timing three steps on this machine")
def _seconds_a_step(config: Config) -> float:
    """Timed for all visitors, one config at a time, and again after ten minutes, since others may have slowed it."""
    from vicreg.training.device import choose_device
    from vicreg.training.estimate import seconds_a_step

    with _TIMING:
        return seconds_a_step(config, choose_device("auto"))


def short_time(seconds: float) -> str:
    """The time of a step: `85 ms`, `5.0 s`."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def minutes(seconds: float) -> str:
    """A time that people plan with: `40 s`, `3 minutes`, `2.5 hours`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5_400 else f"{seconds / 3600:.1f} hours"
