"""The progress of a training: the terms, read from the device every few steps, and reports to a callback."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vicreg.config import Config
from vicreg.method.loss import LossTerms
from vicreg.storage.json_values import JsonObject
from vicreg.training.distributed import Team
from vicreg.training.snapshots import Snapshot
from vicreg.training.state import State, TrainingError


@dataclass(frozen=True)
class Progress:
    """A report to the callback: before the first step, whenever the loss is read (see `train`), and after each epoch.

    step of steps, epoch of epochs: 1-based; both 0 before the first step, with the terms of the untrained network.
    terms: the unweighted terms and the total of the last step.
    rows: new history rows, only after an epoch. snapshot: only if one was just taken.
    seconds: training time so far, including earlier sessions. seconds_left: an estimate from this session.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    terms: dict[str, float]
    learning_rate: float
    seconds: float
    seconds_left: float
    rows: tuple[JsonObject, ...] = ()
    snapshot: Snapshot | None = None


class Meter:
    """The terms of recent steps: kept on the device until read, then added to the epoch's sums in the state."""

    def __init__(self, state: State, config: Config, team: Team) -> None:
        self._state, self._config, self._team = state, config, team
        self._unread: list[Tensor] = []  # (4,) for each step since the last reading, on the device

    @property
    def unread(self) -> int:
        """The number of steps that are not read yet."""
        return len(self._unread)

    def begin_epoch(self) -> None:
        """Reset the sums for a new epoch."""
        self._state.sums = dict.fromkeys(LossTerms._fields, 0.0)

    def add(self, terms: Sequence[Tensor]) -> None:
        """Add the terms of a step, without waiting for the device."""
        self._unread.append(torch.stack(tuple(terms)).detach())

    def read(self) -> dict[str, float]:
        """Add the unread terms to the epoch's sums and return those of the last step. Raises TrainingError."""
        values = self._team.mean(torch.stack(self._unread)).tolist()  # waits for the device
        self._unread.clear()
        for step, row in enumerate(values, start=self._state.step - len(values)):
            terms = dict(zip(LossTerms._fields, row, strict=True))
            _require_finite(terms, step, self._config)
            for name, value in terms.items():
                self._state.sums[name] += value
        return terms

    def means(self, steps: int) -> dict[str, float]:
        """The mean terms of an epoch with this many steps."""
        return {name: value / steps for name, value in self._state.sums.items()}


class Reporter:
    """Measures training time and reports progress to the callback."""

    def __init__(self, state: State, steps_an_epoch: int, epochs: int, on_progress: Callable[[Progress], None]) -> None:
        self._state, self.steps_an_epoch, self._epochs, self._tell = state, steps_an_epoch, epochs, on_progress
        self._began = self._paced = time.perf_counter()
        self._earlier, self._first = state.seconds, state.step

    def begin_pace(self) -> None:
        """Start measuring the speed of the steps."""
        self._paced = time.perf_counter()

    def seconds(self) -> float:
        """Training time so far in seconds, including earlier sessions. It is part of the saved state."""
        self._state.seconds = self._earlier + time.perf_counter() - self._began
        return self._state.seconds

    def report(
        self,
        terms: dict[str, float],
        rate: float,
        *,
        rows: tuple[JsonObject, ...] = (),
        snapshot: Snapshot | None = None,
    ) -> None:
        """Call the callback. rows, snapshot: as in Progress."""
        step, steps = self._state.step, self.steps_an_epoch * self._epochs
        seconds = self.seconds()
        pace = (time.perf_counter() - self._paced) / max(1, step - self._first)
        self._tell(
            Progress(
                step=step,
                steps=steps,
                epoch=min(self._epochs, (step - 1) // self.steps_an_epoch + 1) if step else 0,
                epochs=self._epochs,
                terms=terms,
                learning_rate=rate,
                seconds=seconds,
                seconds_left=pace * (steps - step),
                rows=rows,
                snapshot=snapshot,
            )
        )


def history_row(epoch: int, split: str, terms: dict[str, float], rate: float, seconds: float) -> JsonObject:
    """One row of the history: the terms for an epoch and split."""
    return {"epoch": epoch, "split": split, **terms, "learning_rate": rate, "seconds": round(seconds, 1)}


def _require_finite(terms: dict[str, float], step: int, config: Config) -> None:
    if math.isfinite(terms["total"]):
        return
    bad = [name for name, value in terms.items() if name != "total" and not math.isfinite(value)]
    raise TrainingError(
        f"the {' and '.join(bad) or 'total'} term is not finite at step {step + 1}. The usual cause is a learning "
        f"rate that is too high: start again with a learning rate below {config.learning_rate:g}, or with more than "
        f"{config.warmup_steps} warm-up steps. Resuming from the last saved state would fail again."
    )
