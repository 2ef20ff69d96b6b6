"""How long a training would take on this machine, and how times are written. Used by the page Train."""

from __future__ import annotations

import dataclasses
import threading

import streamlit as st

from vicreg.config import Config
from vicreg.data.catalogue import CATALOGUE

_TIMING = threading.Lock()  # only one config is timed at a time


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
