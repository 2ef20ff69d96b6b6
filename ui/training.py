"""Who may train here, how much, and how long it would take: the page `train` asks this module."""

from __future__ import annotations

import hmac
import os
import secrets

import streamlit as st

from vicreg.config import Config
from vicreg.jobs import Job, Limits
from vicreg.timing import Estimate

# On a hosted instance, where strangers share two cores and a small disk.
HOSTED = Limits(epochs=30, seconds=900, disk_bytes=500_000_000)


def hosted() -> bool:
    """Whether this is a Hugging Face Space, which says so in its environment."""
    return bool(os.environ.get("SPACE_ID"))


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
        "Coloured digits with the `tiny` encoder take a minute or two; on CIFAR-10 even `compact` takes a good part of an "
        "hour.",
    )


def token() -> str:
    """What shows that a job was started in this session."""
    return st.session_state.setdefault("_training_token", secrets.token_hex(16))


def may_command(job: Job, key: str = "") -> bool:
    """Whether this session may stop, resume or discard a job: its starter, the operator, or anybody on one's own machine.

    key: what the visitor gave as the operator's (VICREG_OPERATOR).
    """
    operator = os.environ.get("VICREG_OPERATOR", "")
    if operator and key and hmac.compare_digest(key.encode(), operator.encode()):
        return True
    if job.token and hmac.compare_digest(job.token.encode(), token().encode()):
        return True
    return not operator and not hosted()


@st.cache_data(max_entries=64, show_spinner="Timing three steps on this machine")
def estimated(config: Config, images: int) -> Estimate:
    """How long a config would take here; timed once for all visitors."""
    from vicreg.pipeline import choose_device
    from vicreg.timing import estimate

    return estimate(config, images, choose_device("auto"))


def minutes(seconds: float) -> str:
    """A time that people plan with: `40 s`, `3 minutes`, `2.5 hours`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5_400 else f"{seconds / 3600:.1f} hours"
