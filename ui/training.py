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
from vicreg.jobs import Job, Limits
from vicreg.runs import runs_folder
from vicreg.sitting import folder_bytes

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
def device_told() -> tuple[str, str]:
    """The device that a training would take, and what that means."""
    import torch

    from vicreg.pipeline import choose_device

    kind = choose_device("auto").type
    if kind == "cuda":
        return f"CUDA, {torch.cuda.get_device_name()}", "Everything can be trained here."
    if kind == "mps":
        return "MPS, Apple's graphics processor", "The small encoders can be trained here; a resnet18 takes patience."
    return (
        f"CPU, {torch.get_num_threads()} thread" + "s" * (torch.get_num_threads() > 1),
        "Fit for coloured digits with the `tiny` encoder; CIFAR-10 wants a GPU, or patience.",
    )


def token() -> str:
    """What shows that a job was started in this session."""
    return st.session_state.setdefault("_training_token", secrets.token_hex(16))


def has_operator() -> bool:
    """Whether this instance has an operator, who has a key."""
    return bool(os.environ.get("VICREG_OPERATOR"))


def may_command(job: Job, key: str = "") -> bool:
    """Whether this session may stop, resume or discard a job: its starter, the operator, or anybody on one's own machine.

    key: what the visitor gave as the operator's (VICREG_OPERATOR).
    """
    operator = os.environ.get("VICREG_OPERATOR", "")
    if operator and key and hmac.compare_digest(key.encode(), operator.encode()):
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
        if folder_bytes(runs_folder()) + HOSTED.disk_bytes > KEPT_BYTES:
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
    from vicreg.timing import steps_of

    plain = Config(dataset=config.dataset)
    same = ("encoder", "expander", "positives", "views", "batch_size", "optimiser")  # all that a step's time hangs on
    timed = dataclasses.replace(plain, **{name: getattr(config, name) for name in same})
    return Estimate(_seconds_a_step(timed), steps_of(config, images))


@st.cache_data(max_entries=64, show_spinner="Timing three steps on this machine")
def _seconds_a_step(config: Config) -> float:
    """Timed once for all visitors, and one at a time."""
    from vicreg.pipeline import choose_device
    from vicreg.timing import seconds_a_step

    with _TIMING:
        return seconds_a_step(config, choose_device("auto"))


def minutes(seconds: float) -> str:
    """A time that people plan with: `40 s`, `3 minutes`, `2.5 hours`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5_400 else f"{seconds / 3600:.1f} hours"
