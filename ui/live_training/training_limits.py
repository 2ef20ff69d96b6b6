"""Who may train on this server, with which limits, and how long it would take. Used by the page Train."""

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
from vicreg.data.catalogue import CATALOGUE
from vicreg.jobs.record import Limits
from vicreg.jobs.status import Job
from vicreg.jobs.training_process import folder_bytes
from vicreg.presets import QUICK_IMAGES
from vicreg.storage import paths

# Limits on a hosted server, where visitors share two cores and a small disk.
HOSTED = Limits(epochs=30, seconds=900, disk_bytes=500_000_000)
KEPT_BYTES = 2_000_000_000  # total size of runs and unfinished trainings
KEPT_SECONDS = 3_600  # after this idle time, an unfinished training may be deleted to make room for another

_TIMING = threading.Lock()  # only one config is timed at a time


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


@st.cache_data(max_entries=1, show_spinner="Looking for a device")
def _device() -> tuple[str, str]:
    """The kind and the name of the device that a training would use."""
    import torch

    from vicreg.training.device import choose_device

    kind = choose_device("auto").type
    if kind == "cuda":
        return kind, f"CUDA ({torch.cuda.get_device_name()})"
    if kind == "mps":
        return kind, "an Apple GPU (MPS)"
    threads = torch.get_num_threads()
    return kind, f"the CPU ({threads} thread" + "s" * (threads > 1) + ")"


def device_told(config: Config) -> str:
    """The device, and what it means for this config: the end of a sentence."""
    kind, name = _device()
    if kind == "cuda":
        return f"{name}, which is fast enough for everything here."
    if config.encoder == "tiny":
        return f"{name}, which is enough for the `tiny` encoder."
    if kind == "mps":
        return f"{name}, which is fine for `lean` but slow for `resnet18`."
    return f"{name}, which is slow for the `{config.encoder}` encoder; a GPU is better."


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
    abandoned trainings, and raises ValueError if there is still no space.
    """
    if hosted():
        now = time.time()
        for job in jobs.find():
            if job.token and not job.active and now - jobs.told(job) > KEPT_SECONDS:  # never those of the operator
                with contextlib.suppress(ValueError, OSError):
                    jobs.discard(job, only_idle=True)
        if folder_bytes(paths.runs_folder()) + (HOSTED.disk_bytes or 0) > KEPT_BYTES:
            raise ValueError(
                f"This server is full: it keeps at most {KEPT_BYTES / 1e9:.0f} GB of trained runs. The operator can delete "
                "some. On your own machine there is no limit."
            )
    images = images_of(config, quick=quick)
    return jobs.start(config, name=name, images=images, token=token, limits=limits(), quick=quick)


def images_of(config: Config, *, quick: bool) -> int | None:
    """The number of train images of a training; None for all."""
    return min(QUICK_IMAGES, CATALOGUE[config.dataset].train_images) if quick else None


@dataclasses.dataclass(frozen=True)
class Estimate:
    """seconds: for all steps. steps: number of steps. seconds_a_step: as timed on this machine.

    range: least and most seconds for the steps, with the snapshots between them. quick: of a quick training, from start to
    end.
    """

    seconds_a_step: float
    steps: int
    range: tuple[float, float]
    quick: tuple[float, float]

    @property
    def seconds(self) -> float:
        return self.seconds_a_step * self.steps


def time_told(config: Config, found: Estimate, *, quick: bool) -> str:
    """How long a training takes, as a range in words, because the load of a machine changes."""
    device = device_told(config)
    if quick:
        told = f"**{range_told(found.quick)}** in all, evaluation included, on {device}"
        return f"{told} Training continues if you close this page."
    return (
        f"**{range_told(found.range)}** of training on {device} Maps and the final evaluation take "
        f"{CATALOGUE[config.dataset].measuring} more, longer on a busy machine. Training continues if you close this page."
    )


def range_told(seconds: tuple[float, float]) -> str:
    """Format a range of times: `20 to 80 s`, `1 to 4 minutes`, `1.0 to 4.0 hours`."""
    low, high = seconds
    if high < 90:
        return f"{low:.0f} to {high:.0f} s"
    if high < 5_400:
        return f"{max(1, round(low / 60))} to {max(2, round(high / 60))} minutes"
    return f"{low / 3600:.1f} to {high / 3600:.1f} hours"


def too_long(estimate: Estimate) -> bool:
    """Whether this server would stop it early. Snapshots and test losses add about a third to the time of the steps."""
    most = limits().seconds
    return most is not None and 1.5 * estimate.seconds > most


def estimated(config: Config, images: int) -> Estimate:
    """Estimate the training time of a config. Raises ValueError if there are fewer images than a batch."""
    from vicreg.training.estimate import span, steps_of

    plain = Config(dataset=config.dataset)
    same = (
        "encoder",
        "expander",
        "positives",
        "views",
        "batch_size",
        "optimiser",
    )  # everything that affects the time of a step
    timed = dataclasses.replace(plain, **{name: getattr(config, name) for name in same})
    seconds = _seconds_a_step(timed)
    return Estimate(
        seconds,
        steps_of(config, images),
        span(config, images, seconds, whole=False),
        span(config, images, seconds, whole=True),
    )


@st.cache_data(max_entries=64, ttl=600, show_spinner="Timing three steps on this machine")
def _seconds_a_step(config: Config) -> float:
    """Cached for all visitors; timed again after ten minutes, because the load of the machine changes."""
    from vicreg.training.device import choose_device
    from vicreg.training.estimate import seconds_a_step

    with _TIMING:
        return seconds_a_step(config, choose_device("auto"))


def short_time(seconds: float) -> str:
    """Format the time of a step: `85 ms`, `5.0 s`."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def minutes(seconds: float) -> str:
    """Format a longer time: `40 s`, `3 minutes`, `2.5 hours`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5_400 else f"{seconds / 3600:.1f} hours"
